package compat

import (
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// complaint is one entry of a list of mistakes as FastAPI servers give it,
// Mistral and vLLM among them: {"loc": ["body", "seed"], "msg": "…"}.
type complaint struct {
	At    []jsontext.Value `json:"loc"`
	Words string           `json:"msg"`
}

// complaints reads a message that is such a list, or {"detail": list}: its words,
// and the parameter that the first is about. Of anything else it says nothing.
func complaints(message jsontext.Value) (words, param string) {
	if message.Kind() == '{' {
		var v struct {
			Detail jsontext.Value `json:"detail"`
		}
		if json.Unmarshal(message, &v, duplicates) != nil {
			return "", ""
		}
		message = v.Detail
	}
	var list []complaint
	if message.Kind() != '[' || json.Unmarshal(message, &list, duplicates) != nil {
		return "", ""
	}
	for i, c := range list {
		at := c.place()
		if i == 0 {
			param = at
		} else {
			words += "; "
		}
		if at != "" {
			words += at + ": "
		}
		words += c.Words
	}
	return words, param
}

// place is where the mistake is, as OpenAI names parameters.
func (c *complaint) place() string {
	var b strings.Builder
	for i, v := range c.At {
		step := text(v)
		switch {
		case i == 0 && step == "body":
		case v.Kind() == '0':
			b.WriteString("[" + step + "]")
		default:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(step)
		}
	}
	return b.String()
}

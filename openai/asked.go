package openai

import (
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// Asked lists the fields that Present does, but for those whose value asks for
// nothing: what a provider does anyway need not be reported as dropped.
func (r *Request) Asked(e *Edits) []string {
	var list []string
	for name, v := range r.effective(e) {
		if !asksNothing(name, v) {
			list = append(list, name)
		}
	}
	return list
}

// asksNothing reports whether a value is what OpenAI takes the field for when
// it is absent. Empty objects, arrays and strings ask for nothing anywhere.
func asksNothing(name string, v jsontext.Value) bool {
	if emptyValue(v) {
		return true
	}
	switch name {
	case "stream", "stream_options":
		return true // the gateway's own business
	case "n":
		return isOne(v)
	case "logprobs", "store":
		return v.Kind() == 'f'
	case "parallel_tool_calls":
		return v.Kind() == 't'
	case "frequency_penalty", "presence_penalty", "top_logprobs":
		f, err := strconv.ParseFloat(string(v), 64)
		return err == nil && f == 0
	case "service_tier":
		return string(v) == `"auto"`
	case "tool_choice":
		return string(v) == `"auto"`
	case "modalities":
		c := v.Clone()
		return c.Compact() == nil && string(c) == `["text"]`
	}
	return false
}

func isOne(v jsontext.Value) bool {
	f, err := strconv.ParseFloat(string(v), 64)
	return err == nil && f == 1
}

package openai

import (
	"bytes"
	"cmp"
	"errors"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Completion is a whole answer of an OpenAI-shaped upstream: its bytes, and
// what a relay must see of it.
type Completion struct {
	Raw    []byte
	Usage  jsontext.Value // nil where the answer has none
	Error  jsontext.Value // nil where the answer has none
	Native string         // as Chunk's
	fields []field
	finish string
}

// ReadCompletion reads a whole answer. What is neither an answer nor an error is
// an error.
func ReadCompletion(body []byte) (*Completion, error) {
	c := &Completion{Raw: body}
	var err error
	if c.fields, err = objectFields(body); err != nil {
		return nil, err
	}
	choices := false
	for _, f := range c.fields {
		v := jsontext.Value(body[f.start:f.end])
		switch f.key {
		case "usage":
			if v.Kind() == '{' {
				c.Usage = v
			}
		case "error":
			if v.Kind() != 'n' {
				c.Error = v
			}
		case "choices":
			choices = v.Kind() == '['
			c.finish = firstFinish(v)
		}
	}
	if !choices && c.Error == nil {
		return nil, errors.New("the answer has no choices")
	}
	return c, nil
}

// objectFields reads one JSON object's members, and that nothing follows it.
func objectFields(body []byte) ([]field, error) {
	dec := jsontext.NewDecoder(bytes.NewBuffer(body), allowDuplicates)
	if k := dec.PeekKind(); k != '{' {
		if _, err := dec.ReadValue(); err != nil {
			return nil, err
		}
		return nil, errors.New("the answer is JSON but not an object")
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, err
	}
	fields := make([]field, 0, 12)
	for dec.PeekKind() != '}' {
		name, err := dec.ReadValue()
		if err != nil {
			return nil, err
		}
		f := field{name: int(dec.InputOffset()) - len(name)}
		if f.key, err = unquote(name); err != nil {
			return nil, err
		}
		v, err := dec.ReadValue()
		if err != nil {
			return nil, err
		}
		f.end = int(dec.InputOffset())
		f.start = f.end - len(v)
		fields = append(fields, f)
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, err
	}
	if len(bytes.TrimSpace(body[dec.InputOffset():])) > 0 {
		return nil, errors.New("the answer has more than one JSON value")
	}
	return fields, nil
}

func firstFinish(choices jsontext.Value) string {
	var list []struct {
		Reason *string `json:"finish_reason"`
	}
	// Only to be told of: an answer without it is still passed on.
	_ = json.Unmarshal(choices, &list, allowDuplicates)
	if len(list) == 0 || list[0].Reason == nil {
		return ""
	}
	return *list[0].Reason
}

// append writes the answer with the trailer in place of members of the same
// name; everything else keeps its bytes.
func (c *Completion) append(b []byte, t Trailer) []byte {
	b = append(b, '{')
	for _, f := range c.fields {
		switch f.key {
		case "usage", "cost", "layer":
			continue
		}
		b = append(b, c.Raw[f.name:f.end]...)
		b = append(b, ',')
	}
	b = append(b, `"usage":`...)
	b = appendValueOrNull(b, t.Usage)
	return append(t.append(b), '}')
}

// RawCompletion implements Answer: the answer's own bytes, with the trailer.
func (w *Whole) RawCompletion(c *Completion) error {
	w.raw, w.usage, w.native = c, c.Usage, cmp.Or(c.Native, c.finish)
	return nil
}

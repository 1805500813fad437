package openai

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/layergateway/layergateway/internal/rawjson"
)

// Completion is a whole answer of an OpenAI-shaped upstream: its bytes, and
// what a relay must see of it.
type Completion struct {
	Raw []byte
	Notes
	Native string // as Chunk's
	fields []field
	finish string // of the first choice
	listed bool   // choices is there, as an array
	count  int    // of its choices
}

// ReadCompletion reads a whole answer. What is neither an answer nor an error is
// an error.
func ReadCompletion(body []byte) (*Completion, error) {
	c := &Completion{Raw: body}
	var err error
	if c.fields, err = readFields(body, maxFields, c.member); err != nil {
		return nil, err
	}
	if !c.listed && c.Error == nil {
		return nil, errors.New("the answer has no choices")
	}
	return c, nil
}

// objectFields reads one JSON object's members, and that nothing follows it.
func objectFields(body []byte) ([]field, error) {
	return readFields(body, math.MaxInt, func(_ string, w *rawjson.Walk) { w.Value() })
}

// readFields is objectFields, of most at most, with a function that steps over the
// values.
func readFields(body []byte, most int, value func(key string, w *rawjson.Walk)) ([]field, error) {
	w := rawjson.Of(body)
	if w.Kind() != '{' {
		if w.Value(); w.Failed() {
			return nil, rawjson.Error(body)
		}
		return nil, errors.New("the answer is JSON but not an object")
	}
	fields := make([]field, 0, 12)
	for name := w.Enter().Member(); name != nil; name = w.Member() {
		f := field{key: unquote(name), name: w.NameAt, start: w.At}
		value(f.key, &w)
		f.end = w.At
		if fields = append(fields, f); len(fields) > most {
			return nil, fmt.Errorf("the answer has more than %d fields", most)
		}
	}
	if w.Failed() {
		return nil, rawjson.Error(body)
	}
	if len(bytes.TrimSpace(body[w.At:])) > 0 {
		return nil, errors.New("the answer has more than one JSON value")
	}
	return fields, nil
}

// member reads one of the answer's members.
func (c *Completion) member(key string, w *rawjson.Walk) {
	if key == "choices" {
		c.choices(w)
		return
	}
	v := w.Value()
	switch key {
	case "id":
		first(&c.head.id, v)
	case "object":
		first(&c.head.object, v)
	case "created":
		first(&c.head.created, v)
	case "model":
		first(&c.head.model, v)
	case "usage":
		if c.Usage != nil {
			c.Traits |= Unclear
		}
		if v.Kind() == '{' {
			c.Usage = v
		}
	case "error":
		if v.Kind() != 'n' {
			c.Error = v
		}
	case "service_tier":
		c.Tier = v
	case "x_groq":
		c.Traits |= UsageByGroq
	}
}

// choices reads the choices, as far as they are as documented: an answer that
// isn't is still passed on.
func (c *Completion) choices(w *rawjson.Walk) {
	c.finish, c.listed, c.count = "", w.Kind() == '[', 0
	if !c.listed {
		w.Value()
		return
	}
	for more := w.Enter().Element(); more; more = w.Element() {
		finish := c.choice(w)
		if c.count == 0 {
			c.finish = finish
		}
		c.count++
	}
}

// choice reads one and gives its finish_reason.
func (c *Completion) choice(w *rawjson.Walk) (finish string) {
	if w.Kind() != '{' {
		w.Value()
		return ""
	}
	legible := true
	for name := w.Enter().Member(); name != nil; name = w.Member() {
		key := rawjson.Key(name)
		if string(key) == "message" || string(key) == "delta" {
			c.message(w)
			continue
		}
		v := w.Value()
		switch {
		case string(key) == "usage" && v.Kind() == '{':
			c.Traits |= UsageInChoice
		case string(key) != "finish_reason":
		case v.Kind() == '"':
			c.Reasons = append(c.Reasons, v)
			if legible {
				finish = unquote(v)
			}
		case v.Kind() != 'n':
			legible = false
		case legible:
			finish = ""
		}
	}
	return finish
}

func (c *Completion) message(w *rawjson.Walk) {
	if w.Kind() != '{' {
		w.Value()
		return
	}
	for name := w.Enter().Member(); name != nil; name = w.Member() {
		v := w.Value()
		switch string(rawjson.Key(name)) {
		case "content":
			if v.Kind() == '[' {
				c.Traits |= ContentParts
			}
		case "reasoning":
			if v.Kind() == '"' {
				c.Traits |= ReasoningText
			}
		case "tool_calls":
			if !emptyValue(v) {
				c.Traits |= WholeCalls
			}
		}
	}
}

// append writes the answer with the trailer in place of members of the same
// name; everything else keeps its bytes.
func (c *Completion) append(b []byte, t Trailer) []byte {
	b = append(slices.Grow(b, len(c.Raw)+t.size()), '{')
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

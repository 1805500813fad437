package openai

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/internal/rawjson"
)

// ChunkReader reads chunks and reuses its memory from one to the next.
type ChunkReader struct {
	walk  rawjson.Walk
	chunk Chunk
}

var errChunk = errors.New("not a chat completion chunk")

// Read reads one chunk, which data holds whole.
func (r *ChunkReader) Read(data []byte) (*Chunk, error) {
	c := &r.chunk
	*c = Chunk{Raw: data, Notes: Notes{Reasons: c.Reasons[:0]}, choices: c.choices[:0], spoken: c.spoken[:0]}
	r.walk = rawjson.Of(data)
	err := r.object(r.top)
	if r.walk.Failed() {
		err = rawjson.Error(data)
	} else if err == nil && skipSpace(data[r.walk.At:]) < len(data)-r.walk.At {
		err = errChunk
	}
	if err != nil {
		return nil, fmt.Errorf("read chunk: %w", err)
	}
	c.tail = r.walk.At - 1
	return c, nil
}

// object calls visit for each member of the object that comes next. The name is
// quoted and, like every value, aliases the chunk.
func (r *ChunkReader) object(visit func(name []byte, at int) error) error {
	w := &r.walk
	if w.Kind() != '{' {
		w.Value()
		return errChunk
	}
	for name := w.Enter().Member(); name != nil; name = w.Member() {
		if err := visit(name, w.NameAt); err != nil {
			return err
		}
	}
	return nil
}

// value reads a member's value, given where its name begins.
func (r *ChunkReader) value(at int) (jsontext.Value, location) {
	v := r.walk.Value()
	return v, location{at, r.walk.At - len(v), r.walk.At}
}

// other reads a member whose name is none that is looked for: unless it hides one.
func (r *ChunkReader) other(name []byte) jsontext.Value {
	if bytes.IndexByte(name, '\\') >= 0 {
		r.chunk.Traits |= Unclear
	}
	return r.walk.Value()
}

func (r *ChunkReader) top(name []byte, at int) error {
	c := &r.chunk
	switch string(name) {
	case `"choices"`:
		c.listed = r.walk.Kind() == '['
		return r.array(r.choice)
	case `"id"`:
		first(&c.head.id, r.walk.Value())
	case `"object"`:
		first(&c.head.object, r.walk.Value())
	case `"created"`:
		first(&c.head.created, r.walk.Value())
	case `"model"`:
		first(&c.head.model, r.walk.Value())
	case `"usage"`:
		if c.Usage != nil {
			c.Traits |= Unclear
		}
		c.Usage, c.usage = r.value(at)
	case `"error"`:
		if v := r.walk.Value(); v.Kind() != 'n' {
			c.Error = v
		}
	case `"service_tier"`:
		c.Tier = r.walk.Value()
	case `"x_groq"`:
		c.Traits |= UsageByGroq
		r.walk.Value()
	case `"cost"`, `"layer"`:
		c.priced = true
		r.walk.Value()
	default:
		r.other(name)
	}
	return nil
}

// array calls visit for each element of the array that comes next; null is an
// empty one.
func (r *ChunkReader) array(visit func() error) error {
	if r.walk.Kind() != '[' {
		r.walk.Value()
		return nil
	}
	for more := r.walk.Enter().Element(); more; more = r.walk.Element() {
		if err := visit(); err != nil {
			return err
		}
	}
	return nil
}

func (r *ChunkReader) choice() error {
	c := &r.chunk
	if len(c.choices) >= maxChoices {
		return errChoices
	}
	if len(c.choices) < cap(c.choices) {
		c.choices = c.choices[:len(c.choices)+1]
	} else {
		c.choices = append(c.choices, choiceScan{})
	}
	s := &c.choices[len(c.choices)-1]
	*s = choiceScan{tools: s.tools[:0]}
	if err := r.object(r.choiceMember); err != nil {
		return err
	}
	if s.index < 0 || s.index >= maxChoices {
		return fmt.Errorf("choice index %d is out of range", s.index)
	}
	return nil
}

func (r *ChunkReader) current() *choiceScan { return &r.chunk.choices[len(r.chunk.choices)-1] }

func (r *ChunkReader) choiceMember(name []byte, at int) error {
	c, s := &r.chunk, r.current()
	switch string(name) {
	case `"index"`:
		if v := r.walk.Value(); v.Kind() != 'n' {
			s.index = parseIndex(v)
		}
	case `"finish_reason"`:
		if s.reason, s.finish = r.value(at); isReason(s.reason) {
			c.Reasons = append(c.Reasons, s.reason)
		}
	case `"delta"`:
		if r.walk.Kind() != '{' {
			r.walk.Value()
			return nil
		}
		s.delta = r.walk.At + 1
		return r.object(r.deltaMember)
	case `"message"`:
		c.Traits |= MessageInChunk
		r.walk.Value()
	case `"usage"`:
		if v := r.walk.Value(); v.Kind() == '{' {
			c.Traits |= UsageInChoice
		}
	default:
		r.other(name)
	}
	return nil
}

func (r *ChunkReader) deltaMember(name []byte, at int) error {
	c, s := &r.chunk, r.current()
	switch string(name) {
	case `"role"`:
		s.who, s.role = r.value(at)
		return nil
	case `"tool_calls"`:
		return r.array(r.tool)
	}
	v := r.other(name)
	s.content = s.content || !emptyValue(v)
	r.speaks(v, location{at, r.walk.At - len(v), r.walk.At})
	switch {
	case v.Kind() == '[' && string(name) == `"content"`:
		c.Traits |= ContentParts
	case v.Kind() == '"' && string(name) == `"reasoning"`:
		c.Traits |= ReasoningText
	}
	return nil
}

// speaks notes a string that the model wrote.
func (r *ChunkReader) speaks(v jsontext.Value, m location) {
	if v.Kind() == '"' && len(v) > 2 {
		r.chunk.spoken = append(r.chunk.spoken, m)
	}
}

func (r *ChunkReader) tool() error {
	s := r.current()
	if len(s.tools) >= maxCalls {
		return errCalls
	}
	s.content = true
	s.tools = append(s.tools, toolScan{n: -1, open: r.walk.At + 1})
	return r.object(r.toolMember)
}

func (r *ChunkReader) toolMember(name []byte, at int) error {
	s := r.current()
	t := &s.tools[len(s.tools)-1]
	switch string(name) {
	case `"index"`:
		var v jsontext.Value
		v, t.index = r.value(at)
		t.n = parseIndex(v)
	case `"id"`:
		_, t.id = r.value(at)
	case `"type"`:
		t.typed = true
		r.walk.Value()
	case `"function"`:
		if r.walk.Kind() == '{' {
			return r.object(r.functionMember)
		}
		r.walk.Value()
	default:
		r.other(name)
	}
	return nil
}

func (r *ChunkReader) functionMember(name []byte, at int) error {
	v := r.other(name)
	m := location{at, r.walk.At - len(v), r.walk.At}
	r.speaks(v, m)
	switch string(name) {
	case `"name"`:
		s := r.current()
		s.tools[len(s.tools)-1].name = m
	case `"arguments"`:
		if v.Kind() == '{' {
			r.chunk.Traits |= ArgumentsObject
		}
	}
	return nil
}

package openai

import (
	"bytes"
	"errors"
	"fmt"
	"iter"

	"github.com/go-json-experiment/json/jsontext"
)

// maxChoices bounds the choices of an answer: OpenAI gives at most 128.
const maxChoices = 128

// Chunk is one chunk of an OpenAI-shaped stream: its bytes, and where in them
// lies what a relay must see. It is valid until its ChunkReader reads again.
type Chunk struct {
	Raw   []byte
	Usage jsontext.Value // nil where the chunk has none; may be null
	Error jsontext.Value // nil where the chunk has none
	// Native is the provider's own finish reason where a dialect has put one of
	// OpenAI's in its place; else empty.
	Native  string
	choices []choiceScan
	spoken  []location // strings that the model wrote
	usage   location
	tail    int  // offset of the chunk's closing brace
	listed  bool // choices is there, as an array
	priced  bool // it has another gateway's cost or layer
}

// location is an object's member: raw[name:end] with its value from start.
type location struct {
	name, start, end int
}

type choiceScan struct {
	index   int
	delta   int // offset behind the delta's opening brace, 0: no delta
	role    location
	who     jsontext.Value // the role's value
	content bool
	finish  location
	reason  jsontext.Value // nil or null: not finished
	tools   []toolScan
}

// toolScan is one entry of a delta's tool_calls.
type toolScan struct {
	open  int // offset behind the opening brace
	index location
	id    location
	name  location // of the function
	typed bool
	n     int // the index as sent, -1 if there is none
}

// ChunkReader reads chunks and reuses its memory from one to the next.
type ChunkReader struct {
	dec   jsontext.Decoder
	buf   bytes.Buffer
	chunk Chunk
}

var errChunk = errors.New("not a chat completion chunk")

// Read reads one chunk, which data holds whole.
func (r *ChunkReader) Read(data []byte) (*Chunk, error) {
	r.buf = *bytes.NewBuffer(data)
	// Duplicate names in an answer hurt nobody and cost time to look for.
	r.dec.Reset(&r.buf, allowDuplicates)
	c := &r.chunk
	*c = Chunk{Raw: data, choices: c.choices[:0], spoken: c.spoken[:0]}
	err := r.object(r.top)
	end := int(r.dec.InputOffset())
	if err == nil && skipSpace(data[end:]) < len(data)-end {
		err = errChunk
	}
	if err != nil {
		return nil, fmt.Errorf("read chunk: %w", err)
	}
	c.tail = end - 1
	return c, nil
}

var allowDuplicates = jsontext.AllowDuplicateNames(true)

// object calls visit for each member of the object that comes next. The name is
// quoted and, like every value, aliases the chunk.
func (r *ChunkReader) object(visit func(name []byte, at int) error) error {
	if r.dec.PeekKind() != '{' {
		if err := r.dec.SkipValue(); err != nil {
			return err
		}
		return errChunk
	}
	if _, err := r.dec.ReadToken(); err != nil {
		return err
	}
	for r.dec.PeekKind() != '}' {
		name, err := r.dec.ReadValue()
		if err != nil {
			return err
		}
		if err := visit(name, int(r.dec.InputOffset())-len(name)); err != nil {
			return err
		}
	}
	_, err := r.dec.ReadToken()
	return err
}

// value reads a member's value, given where its name begins.
func (r *ChunkReader) value(at int) (jsontext.Value, location, error) {
	v, err := r.dec.ReadValue()
	end := int(r.dec.InputOffset())
	return v, location{at, end - len(v), end}, err
}

func (r *ChunkReader) top(name []byte, at int) (err error) {
	c := &r.chunk
	switch string(name) {
	case `"choices"`:
		c.listed = r.dec.PeekKind() == '['
		return r.array(r.choice)
	case `"usage"`:
		c.Usage, c.usage, err = r.value(at)
		return err
	case `"error"`:
		var v jsontext.Value
		if v, _, err = r.value(at); err == nil && v.Kind() != 'n' {
			c.Error = v
		}
		return err
	case `"cost"`, `"layer"`:
		c.priced = true
	}
	return r.dec.SkipValue()
}

// array calls visit for each element of the array that comes next; null is an
// empty one.
func (r *ChunkReader) array(visit func() error) error {
	if r.dec.PeekKind() != '[' {
		return r.dec.SkipValue()
	}
	if _, err := r.dec.ReadToken(); err != nil {
		return err
	}
	for r.dec.PeekKind() != ']' {
		if err := visit(); err != nil {
			return err
		}
	}
	_, err := r.dec.ReadToken()
	return err
}

func (r *ChunkReader) choice() error {
	c := &r.chunk
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
	s := r.current()
	switch string(name) {
	case `"index"`:
		v, _, err := r.value(at)
		if v.Kind() != 'n' {
			s.index = parseIndex(v)
		}
		return err
	case `"finish_reason"`:
		v, m, err := r.value(at)
		s.finish, s.reason = m, v
		return err
	case `"delta"`:
		if r.dec.PeekKind() != '{' {
			return r.dec.SkipValue()
		}
		// The token's end is known only once it is read: skip to it by hand.
		s.delta = openOffset(r.chunk.Raw, int(r.dec.InputOffset()))
		return r.object(r.deltaMember)
	}
	return r.dec.SkipValue()
}

func (r *ChunkReader) deltaMember(name []byte, at int) error {
	s := r.current()
	switch string(name) {
	case `"role"`:
		var err error
		s.who, s.role, err = r.value(at)
		return err
	case `"tool_calls"`:
		return r.array(r.tool)
	}
	v, m, err := r.value(at)
	s.content = s.content || !emptyValue(v)
	r.speaks(v, m)
	return err
}

// speaks notes a string that the model wrote.
func (r *ChunkReader) speaks(v jsontext.Value, m location) {
	if v.Kind() == '"' && len(v) > 2 {
		r.chunk.spoken = append(r.chunk.spoken, m)
	}
}

// speak lets a listener hear what the model wrote.
func (c *Chunk) speak(w Listener) {
	for _, m := range c.spoken {
		text := c.text(m)
		if bytes.IndexByte(text, '\\') >= 0 {
			// It is valid: it has been read as JSON.
			text, _ = jsontext.AppendUnquote(nil, c.Raw[m.start:m.end])
		}
		_, _ = w.Write(text) // it only listens
	}
}

// emptyValue reports values that say nothing: null, "", [], {}.
func emptyValue(v jsontext.Value) bool {
	switch v.Kind() {
	case 'n':
		return true
	case '"':
		return len(v) == 2
	case '[', '{':
		return len(bytes.TrimSpace(v[1:len(v)-1])) == 0
	}
	return false
}

func (r *ChunkReader) tool() error {
	s := r.current()
	s.content = true
	s.tools = append(s.tools, toolScan{n: -1, open: openOffset(r.chunk.Raw, int(r.dec.InputOffset()))})
	return r.object(r.toolMember)
}

func (r *ChunkReader) toolMember(name []byte, at int) error {
	s := r.current()
	t := &s.tools[len(s.tools)-1]
	switch string(name) {
	case `"index"`:
		v, m, err := r.value(at)
		t.index, t.n = m, parseIndex(v)
		return err
	case `"id"`:
		var err error
		_, t.id, err = r.value(at)
		return err
	case `"type"`:
		t.typed = true
	case `"function"`:
		if r.dec.PeekKind() == '{' {
			return r.object(r.functionMember)
		}
	}
	return r.dec.SkipValue()
}

func (r *ChunkReader) functionMember(name []byte, at int) error {
	v, m, err := r.value(at)
	r.speaks(v, m)
	if string(name) == `"name"` {
		s := r.current()
		s.tools[len(s.tools)-1].name = m
	}
	return err
}

// text is what a member's string holds, as it is written; empty where the member
// is missing or no string.
func (c *Chunk) text(m location) []byte {
	if v := c.Raw[m.start:m.end]; len(v) > 2 && v[0] == '"' {
		return v[1 : len(v)-1]
	}
	return nil
}

// parseIndex reads a small number; anything else is -1.
func parseIndex(v jsontext.Value) int {
	n := 0
	for _, c := range v {
		if c < '0' || c > '9' || n > 1<<20 {
			return -1
		}
		n = n*10 + int(c-'0')
	}
	return n
}

// openOffset is the offset behind the next opening brace, from is behind the
// token before it.
func openOffset(raw []byte, from int) int {
	return from + bytes.IndexByte(raw[from:], '{') + 1
}

// Listed reports whether the chunk has choices, as an array, though it be empty.
func (c *Chunk) Listed() bool { return c.listed }

// Choices gives each choice's index and whether the chunk finishes it.
func (c *Chunk) Choices() iter.Seq2[int, bool] {
	return func(yield func(int, bool) bool) {
		for i := range c.choices {
			if !yield(c.choices[i].index, isReason(c.choices[i].reason)) {
				return
			}
		}
	}
}

package openai

import (
	"bytes"
	"fmt"
	"iter"

	"github.com/go-json-experiment/json/jsontext"
)

// maxChoices bounds the choices of an answer: OpenAI gives at most 128.
const maxChoices = 128

// errChoices is an answer that would take many times its bytes.
var errChoices = fmt.Errorf("the answer has more than %d choices", maxChoices)

// Chunk is one chunk of an OpenAI-shaped stream: its bytes, and where in them
// lies what a relay must see. It is valid until its ChunkReader reads again.
type Chunk struct {
	Raw   []byte
	Notes // whose Usage may be null
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

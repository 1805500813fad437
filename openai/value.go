package openai

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

// Value is a top-level field as the edits leave it; false where it is not there.
func (r *Request) Value(e *Edits, name string) (jsontext.Value, bool) {
	if x, ok := e.find(name); ok {
		return bytes.Join(x.parts, nil), len(x.parts) > 0
	}
	return r.Field(name)
}

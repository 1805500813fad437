package gate

import (
	"bytes"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Written is a gate's JSON as it was written, found as Lookup finds the gate. It is the caller's own.
func (t *Table) Written(ref string) (jsontext.Value, bool) {
	s := t.current.Load()
	ref = strings.TrimSpace(ref)
	key := reference{name: ref}
	if id, ok := parseUUID(ref); ok {
		key = reference{id: id}
	} else if ref == "" {
		return nil, false
	}
	i, ok := s.find(key)
	if !ok {
		return nil, false
	}
	e := s.entries[i]
	return bytes.Clone(s.sources[e.source].data[e.start:e.end]), true
}

package gate

import (
	"bytes"
	"errors"
	"slices"
)

// ErrTaken says that another gate has the id or name already.
var ErrTaken = errors.New("taken")

// takenError is ErrTaken in words.
type takenError struct{ error }

func (takenError) Is(target error) bool { return target == ErrTaken }

// DecodeError turns an error of the JSON decoder into a FieldError; nil stays nil.
func DecodeError(err error) error {
	if err == nil {
		return nil
	}
	return fieldError(err)
}

// storeSource is how errors and Gate.Source call the gates that were made at run time.
const storeSource = "store"

// SetStored replaces the gates that were made at run time, each given as JSON. Those that can't be served, or that have
// the id or name of a gate of the configuration or its files, are left out; see Left. It reports whether the table changed.
func (t *Table) SetStored(gates [][]byte) (changed bool) {
	made := source{name: storeSource, made: true}
	var spans []span
	for _, data := range gates {
		start := uint32(len(made.data))
		made.data = append(made.data, data...)
		spans = append(spans, span{start, uint32(len(made.data))})
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	if t.made.made && bytes.Equal(made.data, t.made.data) && slices.Equal(spans, t.madeSpans) {
		return false
	}
	t.made, t.madeSpans = made, spans
	// What the configuration and its files declare has passed already, and mistakes of the store's gates are none of the
	// table's.
	return t.swap(t.declared, t.declaredSpans) == nil
}

// Left are the mistakes of gates that were made at run time and are left out, each with the gate and the field.
func (t *Table) Left() []error { return t.current.Load().left }

// CheckStored reports why a gate that is made at run time could not be found or served: FieldErrors, joined, which wrap
// ErrTaken where the gate's id or name is that of a gate of the configuration or its files.
func (t *Table) CheckStored(c *Config) error {
	if err := c.Check(t.options.Resolve); err != nil {
		return err
	}
	s := t.current.Load()
	id, _ := parseUUID(c.ID)
	return s.taken(id, c.Name, s.made)
}

package openai

import (
	"bytes"
	"iter"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// Edits are changes to a request's top-level fields. They are made on the
// client's bytes each time a body is written, so that every attempt starts from
// what the client sent, and writing twice gives the same bytes.
type Edits struct {
	list []edit
}

// edit gives a field the concatenation of parts as its value; no parts delete
// the field.
type edit struct {
	name  string
	parts [][]byte
}

// Set gives a field a value, whether the request has it or not.
func (e *Edits) Set(name string, value ...[]byte) {
	for i := range e.list {
		if e.list[i].name == name {
			e.list[i].parts = value
			return
		}
	}
	e.list = append(e.list, edit{name, value})
}

// Delete leaves a field out.
func (e *Edits) Delete(name string) { e.Set(name) }

// Rename gives what is set under one name another.
func (e *Edits) Rename(from, to string) {
	for i := range e.list {
		if e.list[i].name == from {
			e.list[i].name = to
		}
	}
}

// Clone gives edits that can grow on their own.
func (e *Edits) Clone() *Edits {
	return &Edits{list: append(make([]edit, 0, len(e.list)+4), e.list...)}
}

func (e *Edits) find(name string) (edit, bool) {
	for _, x := range e.list {
		if x.name == name {
			return x, true
		}
	}
	return edit{}, false
}

// Has reports whether the field is there once the edits are made, with a value
// other than null.
func (r *Request) Has(e *Edits, name string) bool {
	if x, ok := e.find(name); ok {
		return len(x.parts) > 0
	}
	v, ok := r.Field(name)
	return ok && v.Kind() != 'n'
}

// Append writes the request with the edits, and without the gateway's own
// fields, to dst. Values that no edit touches keep their bytes.
func (r *Request) Append(dst []byte, e *Edits) []byte {
	dst = slices.Grow(dst, len(r.raw)+512)
	r.splice(e, func(piece []byte) { dst = append(dst, piece...) })
	return dst
}

// What stands around and between members.
var opening, comma, closing = []byte("{"), []byte(","), []byte("}")

// splice gives the pieces of what Append writes to emit.
func (r *Request) splice(e *Edits, emit func([]byte)) {
	emit(opening)
	first := true
	next := func() {
		if !first {
			emit(comma)
		}
		first = false
	}
	for _, f := range r.fields {
		if isGatewayField(f.key) {
			continue
		}
		x, edited := e.find(f.key)
		switch {
		case !edited:
			next()
			emit(r.raw[f.name:f.end])
		case len(x.parts) > 0:
			next()
			emit(r.raw[f.name:f.start])
			x.emit(emit)
		}
	}
	for _, x := range e.list {
		if _, exists := r.Field(x.name); exists || len(x.parts) == 0 {
			continue
		}
		next()
		emit(append(AppendString(nil, x.name), ':'))
		x.emit(emit)
	}
	emit(closing)
}

func (x *edit) emit(emit func([]byte)) {
	for _, p := range x.parts {
		emit(p)
	}
}

// Added is how many bytes the edits add to the request, at most: what they make
// shorter or leave out is not taken off.
func (r *Request) Added(e *Edits) (n int) {
	for _, x := range e.list {
		size := 0
		for _, p := range x.parts {
			size += len(p)
		}
		old, there := r.Field(x.name)
		if size > 0 && !there {
			size += len(x.name)
		}
		n += max(0, size-len(old))
	}
	return n
}

func isGatewayField(name string) bool {
	for _, g := range gatewayFields {
		if g == name {
			return true
		}
	}
	return false
}

// Int gives the first of the fields that, as the edits leave the request, is a
// whole number.
func (r *Request) Int(e *Edits, names ...string) (int64, bool) {
	for _, name := range names {
		v, _ := r.Field(name)
		if x, ok := e.find(name); ok {
			v = bytes.Join(x.parts, nil)
		}
		if len(v) == 0 {
			continue // of which strconv would make an error, with an allocation
		}
		if n, err := strconv.ParseInt(string(v), 10, 64); err == nil {
			return n, true
		}
	}
	return 0, false
}

// Present lists the fields of the request, as the edits leave it, that have a
// value other than null, in the request's order and without the gateway's own.
func (r *Request) Present(e *Edits) []string {
	var list []string
	for name := range r.effective(e) {
		list = append(list, name)
	}
	return list
}

// effective gives the names that Present lists, with their values.
func (r *Request) effective(e *Edits) iter.Seq2[string, jsontext.Value] {
	return func(yield func(string, jsontext.Value) bool) {
		for _, f := range r.fields {
			v := r.value(f)
			if x, ok := e.find(f.key); ok {
				v = bytes.Join(x.parts, nil)
			}
			if len(v) == 0 || v.Kind() == 'n' || isGatewayField(f.key) {
				continue
			}
			if !yield(f.key, v) {
				return
			}
		}
		for _, x := range e.list {
			if _, exists := r.Field(x.name); !exists && len(x.parts) > 0 && !yield(x.name, bytes.Join(x.parts, nil)) {
				return
			}
		}
	}
}

// PrependMessage is the value of messages with m, a message's JSON, in front.
func (r *Request) PrependMessage(m []byte) [][]byte {
	v, _ := r.Field("messages")
	rest := v[1:]
	return [][]byte{[]byte("["), m, []byte(","), rest}
}

// ReplaceSystem is the value of messages with m in place of every system and
// developer message.
func (r *Request) ReplaceSystem(m []byte) [][]byte {
	parts := [][]byte{[]byte("["), m}
	for _, s := range r.messages {
		if !s.system {
			parts = append(parts, []byte(","), r.raw[s.start:s.end])
		}
	}
	return append(parts, []byte("]"))
}

// HasSystem reports whether any message is a system or developer message.
func (r *Request) HasSystem() bool {
	for _, s := range r.messages {
		if s.system {
			return true
		}
	}
	return false
}

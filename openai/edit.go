package openai

import (
	"bytes"
	"slices"

	"github.com/go-json-experiment/json"
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
	dst = append(dst, '{')
	first := true
	comma := func() {
		if !first {
			dst = append(dst, ',')
		}
		first = false
	}
	for _, f := range r.fields {
		if isGatewayField(f.key) {
			continue
		}
		x, edited := e.find(f.key)
		if edited && len(x.parts) == 0 {
			continue
		}
		comma()
		if !edited {
			dst = append(dst, r.raw[f.name:f.end]...)
			continue
		}
		dst = append(dst, r.raw[f.name:f.start]...)
		for _, p := range x.parts {
			dst = append(dst, p...)
		}
	}
	for _, x := range e.list {
		if _, exists := r.Field(x.name); exists || len(x.parts) == 0 {
			continue
		}
		comma()
		dst = append(AppendString(dst, x.name), ':')
		for _, p := range x.parts {
			dst = append(dst, p...)
		}
	}
	return append(dst, '}')
}

func isGatewayField(name string) bool {
	for _, g := range gatewayFields {
		if g == name {
			return true
		}
	}
	return false
}

// Present lists the fields of the request, as the edits leave it, that have a
// value other than null, in the request's order and without the gateway's own.
func (r *Request) Present(e *Edits) []string {
	var list []string
	for _, f := range r.fields {
		if !isGatewayField(f.key) && r.Has(e, f.key) {
			list = append(list, f.key)
		}
	}
	for _, x := range e.list {
		if _, exists := r.Field(x.name); !exists && len(x.parts) > 0 {
			list = append(list, x.name)
		}
	}
	return list
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

// member finds a member of a JSON object, which is valid already.
func member(obj jsontext.Value, name string) (jsontext.Value, bool) {
	dec := jsontext.NewDecoder(bytes.NewBuffer(obj))
	if tok, err := dec.ReadToken(); err != nil || tok.Kind() != '{' {
		return nil, false
	}
	for dec.PeekKind() != '}' {
		key, err := dec.ReadValue()
		if err != nil {
			return nil, false
		}
		hit := string(key[1:len(key)-1]) == name
		v, err := dec.ReadValue()
		if err != nil {
			return nil, false
		}
		if hit {
			return v, true
		}
	}
	return nil, false
}

// arrayLen counts an array's elements, up to one past most.
func arrayLen(v jsontext.Value, most int) int {
	if v.Kind() != '[' {
		return 0
	}
	dec := jsontext.NewDecoder(bytes.NewBuffer(v))
	if _, err := dec.ReadToken(); err != nil {
		return 0
	}
	n := 0
	for ; n <= most && dec.PeekKind() != ']'; n++ {
		if dec.SkipValue() != nil {
			return n
		}
	}
	return n
}

// SetMember gives an object, or nothing, with one member set.
func SetMember(obj jsontext.Value, name string, value []byte) []byte {
	b := []byte("{")
	if obj.Kind() == '{' {
		if fields, err := objectFields(obj); err == nil {
			for _, f := range fields {
				if f.key != name {
					b = append(append(b, obj[f.name:f.end]...), ',')
				}
			}
		}
	}
	b = append(AppendString(b, name), ':')
	return append(append(b, value...), '}')
}

// DropMessageMembers edits the messages so that none has a member of one of the
// names, nor has any of its tool calls. Requests without such members, which is
// nearly all, are only searched.
func (r *Request) DropMessageMembers(e *Edits, drop ...string) {
	parts := [][]byte{}
	if x, ok := e.find("messages"); ok {
		parts = x.parts
	} else if v, ok := r.Field("messages"); ok {
		parts = [][]byte{v}
	}
	found := false
	for _, name := range drop {
		for _, p := range parts {
			found = found || bytes.Contains(p, []byte(`"`+name+`"`))
		}
	}
	if !found {
		return
	}
	list, err := dropMembers(bytes.Join(parts, nil), drop)
	if err == nil {
		e.Set("messages", list)
	}
}

// dropMembers writes a list of messages, or of tool calls, without members of
// the names.
func dropMembers(list jsontext.Value, drop []string) ([]byte, error) {
	var items []jsontext.Value
	if err := json.Unmarshal(list, &items); err != nil {
		return nil, err
	}
	b := []byte("[")
	for i, item := range items {
		fields, err := objectFields(item)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '{')
		first := true
		for _, f := range fields {
			if slices.Contains(drop, f.key) {
				continue
			}
			if !first {
				b = append(b, ',')
			}
			first = false
			v := item[f.start:f.end]
			if f.key == "tool_calls" && v.Kind() == '[' {
				if v, err = dropMembers(v, drop); err != nil {
					return nil, err
				}
			}
			b = append(append(b, item[f.name:f.start]...), v...)
		}
		b = append(b, '}')
	}
	return append(b, ']'), nil
}

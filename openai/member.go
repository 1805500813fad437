package openai

import (
	"bytes"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// member finds a member of a JSON object, which is valid already.
func member(obj jsontext.Value, name string) (jsontext.Value, bool) {
	dec := jsontext.NewDecoder(bytes.NewBuffer(obj))
	if tok, err := dec.ReadToken(); err != nil || tok.Kind() != '{' {
		return nil, false
	}
	for dec.PeekKind() != '}' {
		quoted, err := dec.ReadValue()
		if err != nil {
			return nil, false
		}
		key, err := unquote(quoted)
		if err != nil {
			return nil, false
		}
		v, err := dec.ReadValue()
		if err != nil {
			return nil, false
		}
		if key == name {
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
// names, nor has any of its tool calls, and lists the names that one had.
// Requests without such members, which is nearly all, are only searched.
func (r *Request) DropMessageMembers(e *Edits, drop ...string) (dropped []string) {
	if !r.more {
		return nil // most requests, and the gate's own message, have none
	}
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
		return nil
	}
	hit := make(map[string]bool)
	list, err := dropMembers(bytes.Join(parts, nil), drop, hit)
	if err == nil {
		e.Set("messages", list)
	}
	for _, name := range drop {
		if hit[name] {
			dropped = append(dropped, name)
		}
	}
	return dropped
}

// dropMembers writes a list of messages, or of tool calls, without members of
// the names, and notes those that were there.
func dropMembers(list jsontext.Value, drop []string, hit map[string]bool) ([]byte, error) {
	var items []jsontext.Value
	if err := json.Unmarshal(list, &items, allowDuplicates); err != nil {
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
				hit[f.key] = true
				continue
			}
			if !first {
				b = append(b, ',')
			}
			first = false
			v := item[f.start:f.end]
			if f.key == "tool_calls" && v.Kind() == '[' {
				if v, err = dropMembers(v, drop, hit); err != nil {
					return nil, err
				}
			}
			b = append(append(b, item[f.name:f.start]...), v...)
		}
		b = append(b, '}')
	}
	return append(b, ']'), nil
}

// DropMembers gives an object without members of the names.
func DropMembers(obj jsontext.Value, drop ...string) []byte {
	list := append(append([]byte("["), obj...), ']')
	out, err := dropMembers(list, drop, make(map[string]bool))
	if err != nil {
		return []byte("{}")
	}
	return out[1 : len(out)-1]
}

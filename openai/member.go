package openai

import (
	"bytes"
	"errors"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/internal/rawjson"
)

// member finds a member of a JSON object, which is valid already.
func member(obj jsontext.Value, name string) (jsontext.Value, bool) {
	if obj.Kind() != '{' {
		return nil, false
	}
	w := rawjson.Of(obj)
	for key := w.Enter().Member(); key != nil; key = w.Member() {
		if v := w.Value(); string(rawjson.Key(key)) == name {
			return v, true
		}
	}
	return nil, false
}

// arrayLen counts an array's elements, up to one past most.
func arrayLen(v jsontext.Value, most int) (n int) {
	if v.Kind() != '[' {
		return 0
	}
	w := rawjson.Of(v)
	for more := w.Enter().Element(); more && n <= most; more = w.Element() {
		w.Value()
		n++
	}
	return n
}

// SetMember gives an object, or nothing, with one member set.
func SetMember(obj jsontext.Value, name string, value []byte) []byte {
	b := append(make([]byte, 0, len(obj)+len(name)+len(value)+len(`{"":,}`)), '{')
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
	if list, err := dropFromAll(bytes.Join(parts, nil), drop, hit, "tool_calls"); err == nil {
		e.Set("messages", list)
	}
	for _, name := range drop {
		if hit[name] {
			dropped = append(dropped, name)
		}
	}
	return dropped
}

var errDrop = errors.New("not objects")

// dropFromAll writes a list of messages, or of tool calls, without members of
// the names, and notes those that were there.
func dropFromAll(list jsontext.Value, drop []string, hit map[string]bool, within string) ([]byte, error) {
	b := append(make([]byte, 0, len(list)), '[')
	w := rawjson.Of(list)
	for more := w.Enter().Element(); more; more = w.Element() {
		if len(b) > 1 {
			b = append(b, ',')
		}
		var err error
		if b, err = dropMembers(b, w.Value(), drop, hit, within); err != nil {
			return nil, err
		}
	}
	if w.Failed() {
		return nil, errDrop
	}
	return append(b, ']'), nil
}

// dropMembers writes an object without members of the names, nor any in the list
// that is named within: there alone, since with each list in a list all would be
// read once more. hit may be nil, and within empty.
func dropMembers(b []byte, obj jsontext.Value, drop []string, hit map[string]bool, within string) ([]byte, error) {
	if obj.Kind() != '{' {
		return nil, errDrop
	}
	b = append(b, '{')
	first := true
	w := rawjson.Of(obj)
	for name := w.Enter().Member(); name != nil; name = w.Member() {
		from, to := w.NameAt, w.At
		key, v := rawjson.Key(name), w.Value()
		if i := slices.IndexFunc(drop, func(d string) bool { return d == string(key) }); i >= 0 {
			if hit != nil {
				hit[drop[i]] = true
			}
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(b, obj[from:to]...)
		if within != "" && v.Kind() == '[' && string(key) == within {
			var err error
			if v, err = dropFromAll(v, drop, hit, ""); err != nil {
				return nil, err
			}
		}
		b = append(b, v...)
	}
	if w.Failed() {
		return nil, errDrop
	}
	return append(b, '}'), nil
}

// DropMembers gives an object without members of the names.
func DropMembers(obj jsontext.Value, drop ...string) []byte {
	b, err := dropMembers(make([]byte, 0, len(obj)), obj, drop, nil, "")
	if err != nil {
		return []byte("{}")
	}
	return b
}

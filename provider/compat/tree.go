package compat

import (
	"bytes"
	"errors"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/internal/rawjson"
	"github.com/layergateway/layergateway/openai"
)

// object is a JSON object taken apart, so that members can be changed. Members
// that nobody changes keep their bytes, and an object without changes all of
// its.
type object struct {
	raw     jsontext.Value
	members []member
	changed bool
}

type member struct {
	key   []byte
	name  []byte // as written, with the colon and what stands around it
	value jsontext.Value
}

var duplicates = jsontext.AllowDuplicateNames(true)

// parts are the memory for objects that are taken apart. It serves the next
// element of an array, and the next answer of a stream, as soon as nobody needs
// the objects of the last.
type parts struct {
	members []member
	items   []jsontext.Value
}

// maxParts bounds what is kept for the next: few answers have as many members.
const maxParts = 512

func (p *parts) reset() {
	if cap(p.members) > maxParts || cap(p.items) > maxParts {
		*p = parts{}
	}
	p.members, p.items = p.members[:0], p.items[:0]
}

// takeApart reads an object; anything else has no members.
func takeApart(v jsontext.Value) (object, error) { return new(parts).takeApart(v) }

func (p *parts) takeApart(v jsontext.Value) (object, error) {
	o := object{raw: v}
	w := rawjson.Of(v)
	if w.Kind() != '{' {
		return o, nil
	}
	if p.members == nil {
		p.members = make([]member, 0, 8)
	}
	from := len(p.members)
	for name := w.Enter().Member(); name != nil; name = w.Member() {
		m := member{key: rawjson.Key(name), name: v[w.NameAt:w.At]}
		m.value = w.Value()
		p.members = append(p.members, m)
	}
	if w.Failed() {
		return object{}, rawjson.Error(v)
	}
	if len(bytes.TrimSpace(v[w.At:])) > 0 {
		return object{}, errMore
	}
	o.members = slices.Clip(p.members[from:])
	return o, nil
}

var errMore = errors.New("the answer has more than one JSON value")

// get is a member's value, nil where there is none.
func (o *object) get(key string) jsontext.Value {
	for i := range o.members {
		if string(o.members[i].key) == key {
			return o.members[i].value
		}
	}
	return nil
}

// text is a member that is a string, else empty.
func (o *object) text(key string) string {
	if v := o.get(key); v.Kind() == '"' {
		return text(v)
	}
	return ""
}

// set gives a member a value; a new one goes to the end.
func (o *object) set(key string, value jsontext.Value) {
	o.changed = true
	for i := range o.members {
		if string(o.members[i].key) == key {
			o.members[i].value = value
			return
		}
	}
	o.members = append(o.members, newMember(key, value))
}

func newMember(key string, value jsontext.Value) member {
	return member{[]byte(key), append(openai.AppendString(nil, key), ':'), value}
}

// settle puts back what became of a member that was taken out and looked at.
func (o *object) settle(key string, value jsontext.Value, changed bool) {
	if changed {
		o.set(key, value)
	}
}

// rename gives a member another name; drop leaves it out where that is empty.
func (o *object) rename(from, to string) {
	kept := o.members[:0]
	for _, m := range o.members {
		if string(m.key) == from {
			o.changed = true
			if to == "" {
				continue
			}
			m = newMember(to, m.value)
		}
		kept = append(kept, m)
	}
	o.members = kept
}

// bytes puts the object together again.
func (o *object) bytes() jsontext.Value {
	if !o.changed {
		return o.raw
	}
	b := append(make([]byte, 0, len(o.raw)+64), '{')
	for i, m := range o.members {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(b, m.name...), m.value...)
	}
	return append(b, '}')
}

// each applies change to every object of an array, and tells whether any was
// changed. Other elements, and what is no array, stay.
func each(v jsontext.Value, change func(i int, o *object) error) (jsontext.Value, bool, error) {
	return new(parts).each(v, change)
}

func (p *parts) each(v jsontext.Value, change func(i int, o *object) error) (jsontext.Value, bool, error) {
	w := rawjson.Of(v)
	if w.Kind() != '[' {
		return v, false, nil
	}
	from := len(p.items)
	for more := w.Enter().Element(); more; more = w.Element() {
		p.items = append(p.items, w.Value())
	}
	if w.Failed() {
		return nil, false, rawjson.Error(v)
	}
	items := slices.Clip(p.items[from:])
	defer func() { p.items = p.items[:from] }()
	changed, members := false, len(p.members)
	for i, item := range items {
		if item.Kind() != '{' {
			continue
		}
		p.members = p.members[:members]
		o, err := p.takeApart(item)
		if err != nil {
			return nil, false, err
		}
		if err := change(i, &o); err != nil {
			return nil, false, err
		}
		items[i], changed = o.bytes(), changed || o.changed
	}
	if !changed {
		return v, false, nil
	}
	return list(items), true, nil
}

// list is an array of the values.
func list(items []jsontext.Value) jsontext.Value {
	size := 1
	for _, item := range items {
		size += len(item) + 1
	}
	b := append(make([]byte, 0, size), '[')
	for i, item := range items {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, item...)
	}
	return append(b, ']')
}

// quoted is a string as JSON.
func quoted(s string) jsontext.Value { return openai.AppendString(nil, s) }

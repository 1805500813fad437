package openai

import (
	"bytes"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// extraField carries what only one provider's own format can say: an object by
// provider type, whose members go into the translated request.
const extraField = "extra_body"

// Extra gives the members that the request adds for a provider type, nil if
// there are none.
func (r *Request) Extra(e *Edits, providerType string) (jsontext.Value, error) {
	if !r.Has(e, extraField) {
		return nil, nil
	}
	all, _ := r.Field(extraField)
	own, ok := member(all, providerType)
	if !ok || own.Kind() == 'n' {
		return nil, nil
	}
	if own.Kind() != '{' {
		param := extraField + "." + providerType
		return nil, Invalid("invalid_type", param, "'%s' must be an object", param)
	}
	return own, nil
}

// Names reports whether any object within v has a member of one of the names.
func Names(v jsontext.Value, names ...string) bool {
	dec := jsontext.NewDecoder(bytes.NewBuffer(v))
	for {
		tok, err := dec.ReadToken()
		if err != nil {
			return false
		}
		// In an object, every other token that is not within a value is a name.
		kind, n := dec.StackIndex(dec.StackDepth())
		if kind == '{' && n%2 == 1 && tok.Kind() == '"' && slices.Contains(names, tok.String()) {
			return true
		}
	}
}

// maxMerge is how deep objects are merged: each level reads all below it once more.
const maxMerge = 32

// Merge adds the members of more to an object, and to the objects within it, down
// to maxMerge. A member that the object has already stays: taken lists those that
// lost to one, as dotted names.
func Merge(obj, more jsontext.Value) (merged []byte, taken []string, err error) {
	return merge(obj, more, "", maxMerge)
}

func merge(obj, more jsontext.Value, path string, levels int) ([]byte, []string, error) {
	old, err := objectFields(obj)
	if err != nil {
		return nil, nil, err
	}
	add, err := objectFields(more)
	if err != nil {
		return nil, nil, err
	}
	byKey := make(map[string]field, len(add))
	for _, f := range add {
		byKey[f.key] = f
	}
	var taken []string
	there := make(map[string]bool, len(old))
	b := []byte("{")
	for _, f := range old {
		v := obj[f.start:f.end]
		there[f.key] = true
		if a, ok := byKey[f.key]; ok {
			extra := more[a.start:a.end]
			if v.Kind() == '{' && extra.Kind() == '{' && levels > 1 {
				inner, lost, err := merge(v, extra, path+f.key+".", levels-1)
				if err != nil {
					return nil, nil, err
				}
				v, taken = inner, append(taken, lost...)
			} else {
				taken = append(taken, path+f.key)
			}
		}
		b = append(b, obj[f.name:f.start]...)
		b = append(append(b, v...), ',')
	}
	for _, f := range add {
		if !there[f.key] {
			b = append(append(b, more[f.name:f.end]...), ',')
		}
	}
	if len(b) > 1 {
		b = b[:len(b)-1]
	}
	return append(b, '}'), taken, nil
}

package store

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/gate"
)

// whole are fields whose objects are values of their own: half of one schema and half of another is nobody's.
var whole = map[string]bool{"responseFormatSchema": true, "taskAnalysis": true}

// patched is an object after a merge patch (RFC 7396): what the patch has goes before, null takes a field away, objects
// are merged, but for those that are whole. version is the patch's own top-level field of that name, 0 if it has none.
func patched(doc, patch []byte) (merged []byte, version int64, err error) {
	var change map[string]jsontext.Value
	if err := json.Unmarshal(patch, &change); err != nil || change == nil {
		return nil, 0, invalid(gate.DecodeError(err), "the change")
	}
	if raw, ok := change["version"]; ok {
		if err := json.Unmarshal(raw, &version); err != nil {
			return nil, 0, wrong(ErrInvalid, "version", "must be a whole number")
		}
		delete(change, "version")
	}
	merged, err = merge(doc, change)
	return merged, version, err
}

func merge(doc jsontext.Value, change map[string]jsontext.Value) (jsontext.Value, error) {
	fields := make(map[string]jsontext.Value)
	if doc.Kind() == '{' {
		if err := json.Unmarshal(doc, &fields); err != nil {
			return nil, err
		}
	}
	for name, value := range change {
		switch {
		case value.Kind() == 'n':
			delete(fields, name)
		case value.Kind() == '{' && !whole[name]:
			var inner map[string]jsontext.Value
			if err := json.Unmarshal(value, &inner); err != nil {
				return nil, err
			}
			merged, err := merge(fields[name], inner)
			if err != nil {
				return nil, err
			}
			fields[name] = merged
		default:
			fields[name] = value
		}
	}
	return json.Marshal(fields, json.Deterministic(true))
}

// invalid makes a refusal of what a decoder or a check has found; nil is something that is no object.
func invalid(err error, what string) error {
	if err == nil {
		return wrong(ErrInvalid, "", "%s must be an object", what)
	}
	return &refusal{ErrInvalid, err}
}

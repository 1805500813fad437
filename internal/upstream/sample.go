package upstream

import (
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

var places = []string{"Paris", "Tokyo", "Lima", "Oslo"}

// sample is a JSON value that fits a schema: every property is there, in order of name, arrays have one
// element. variant tells the values of parallel calls apart.
func sample(schema map[string]any, variant int) jsontext.Value {
	s := sampler{defs: schema, variant: variant}
	s.value(schema, 0)
	return jsontext.Value(s.out)
}

type sampler struct {
	defs    map[string]any // the whole schema, for $ref
	variant int
	out     []byte
}

// value appends one value. Schemas that contain themselves end at a depth of eight.
func (s *sampler) value(schema map[string]any, depth int) {
	if depth > 8 {
		s.out = append(s.out, "null"...)
		return
	}
	if ref, ok := schema["$ref"].(string); ok {
		s.value(s.resolve(ref), depth+1)
		return
	}
	for _, key := range []string{"anyOf", "oneOf", "allOf"} {
		if options := items(schema, key); len(options) > 0 {
			first, _ := options[0].(map[string]any)
			s.value(first, depth+1)
			return
		}
	}
	if c, ok := schema["const"]; ok {
		s.plain(c)
		return
	}
	if e := items(schema, "enum"); len(e) > 0 {
		s.plain(e[s.variant%len(e)])
		return
	}
	switch typeOf(schema) {
	case "object":
		s.object(schema, depth)
	case "array":
		s.out = append(s.out, '[')
		s.value(sub(schema, "items"), depth+1)
		s.out = append(s.out, ']')
	case "integer", "number":
		n := float64(s.variant + 1)
		if low, ok := schema["minimum"].(float64); ok {
			n = max(n, low)
		}
		s.plain(n)
	case "boolean":
		s.out = append(s.out, "true"...)
	case "null":
		s.out = append(s.out, "null"...)
	default:
		s.plain(places[s.variant%len(places)])
	}
}

func (s *sampler) object(schema map[string]any, depth int) {
	properties := sub(schema, "properties")
	s.out = append(s.out, '{')
	for i, name := range sortedKeys(properties) {
		if i > 0 {
			s.out = append(s.out, ',')
		}
		s.plain(name)
		s.out = append(s.out, ':')
		p, _ := properties[name].(map[string]any)
		s.value(p, depth+1)
	}
	s.out = append(s.out, '}')
}

func (s *sampler) plain(v any) {
	switch v := v.(type) {
	case string:
		s.out, _ = jsontext.AppendQuote(s.out, v) // decoded JSON: valid UTF-8
	case float64:
		s.out = strconv.AppendFloat(s.out, v, 'f', -1, 64)
	case bool:
		s.out = strconv.AppendBool(s.out, v)
	default:
		s.out = append(s.out, "null"...)
	}
}

// resolve follows a reference within the schema: #/$defs/name. An unknown one is an empty schema.
func (s *sampler) resolve(ref string) map[string]any {
	at := s.defs
	for part := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
		if part != "#" {
			at = sub(at, part)
		}
	}
	return at
}

// typeOf is a schema's type in lower case; of several the first that is not null.
func typeOf(schema map[string]any) string {
	switch t := schema["type"].(type) {
	case string:
		return strings.ToLower(t)
	case []any:
		if i := slices.IndexFunc(t, func(v any) bool { return v != "null" }); i >= 0 {
			name, _ := t[i].(string)
			return name
		}
	}
	if has(schema, "properties") {
		return "object"
	}
	return ""
}

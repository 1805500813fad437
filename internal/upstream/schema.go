package upstream

import (
	"slices"
	"strings"
)

// strictFault is what is wrong with a JSON schema that the model's output is held to: where, as names of
// properties from the root, and what.
type strictFault struct {
	at   []string
	what string
}

// strictObjects checks that every object of a schema is closed, and, if all is set, requires each of its
// properties: OpenAI's rule for strict schemas.
func strictObjects(schema map[string]any, all bool) *strictFault {
	return walk(schema, nil, func(at []string, s map[string]any) *strictFault {
		if typeOf(s) != "object" {
			return nil
		}
		if closed, ok := s["additionalProperties"].(bool); !ok || closed {
			return &strictFault{at, "additionalProperties"}
		}
		for _, name := range sortedKeys(sub(s, "properties")) {
			if all && !slices.Contains(items(s, "required"), any(name)) {
				return &strictFault{at, "required " + name}
			}
		}
		return nil
	})
}

// keywordless checks that no part of a schema has one of the keywords.
func keywordless(schema map[string]any, keywords ...string) *strictFault {
	return walk(schema, nil, func(at []string, s map[string]any) *strictFault {
		for _, k := range keywords {
			if has(s, k) {
				return &strictFault{at, k}
			}
		}
		return nil
	})
}

// walk calls f for a schema and all the schemas in it, until one has a fault.
func walk(schema map[string]any, at []string, f func(at []string, s map[string]any) *strictFault) *strictFault {
	if schema == nil {
		return nil
	}
	if bad := f(at, schema); bad != nil {
		return bad
	}
	for _, group := range []string{"properties", "$defs", "definitions"} {
		named := sub(schema, group)
		for _, name := range sortedKeys(named) {
			if bad := walk(sub(named, name), append(slices.Clone(at), group, name), f); bad != nil {
				return bad
			}
		}
	}
	if bad := walk(sub(schema, "items"), append(slices.Clone(at), "items"), f); bad != nil {
		return bad
	}
	for _, group := range []string{"anyOf", "oneOf", "allOf"} {
		for _, option := range each(items(schema, group)) {
			if bad := walk(option, append(slices.Clone(at), group), f); bad != nil {
				return bad
			}
		}
	}
	return nil
}

// context writes a place in a schema as OpenAI does: ('properties', 'city').
func (f *strictFault) context() string {
	quoted := make([]string, len(f.at))
	for i, name := range f.at {
		quoted[i] = "'" + name + "'"
	}
	if len(quoted) == 1 {
		return "(" + quoted[0] + ",)"
	}
	return "(" + strings.Join(quoted, ", ") + ")"
}

package upstream

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"unicode/utf8"
)

// A rule looks at one JSON value, decoded as any, and returns what is wrong with it first. Each provider
// says the same faults in its own words.
type rule func(at *path, v any) *fault

// fault is the first thing that is wrong with a request's shape.
type fault struct {
	at   *path
	what what
	key  string   // of unknown and missing
	want string   // of wrongType: the JSON kinds that are allowed, "a|b"; of mismatch: the pattern
	got  any      // the value
	set  []string // of notAllowed and unknownTag: what is
	edge float64  // of below, above, tooShort, tooLong: the bound
}

type what int

const (
	unknown    what = iota // a key that is not in the format
	missing                // a key that must be there
	wrongType              // another JSON kind
	notAllowed             // not one of the words
	unknownTag             // no such member of a tagged union
	below                  // a number under its minimum
	above                  // a number over its maximum
	tooShort               // a string or array
	tooLong                // a string or array
	mismatch               // a string that the pattern does not match
)

// path is where a value stands: keys and indices, and the tags of unions, which only Anthropic names.
type path struct {
	up    *path
	name  string
	index int // of an array element, if name is ""
	tag   bool
}

func (p *path) key(name string) *path    { return &path{up: p, name: name} }
func (p *path) item(i int) *path         { return &path{up: p, index: i} }
func (p *path) member(name string) *path { return &path{up: p, name: name, tag: true} }

func kindOf(v any) string {
	switch n := v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case float64:
		if n == math.Trunc(n) {
			return "integer"
		}
		return "number"
	case []any:
		return "array"
	default:
		return "object"
	}
}

func ofKind(want string) rule {
	return func(at *path, v any) *fault {
		if got := kindOf(v); got != want && (want != "number" || got != "integer") {
			return &fault{at: at, what: wrongType, want: want, got: v}
		}
		return nil
	}
}

var (
	anything rule = func(*path, any) *fault { return nil }
	boolean       = ofKind("boolean")
	text          = ofKind("string")
	anyObj        = ofKind("object")
)

// sized is a string of min to max characters (max 0: no bound) that pattern matches, if there is one.
func sized(min, max int, pattern *regexp.Regexp) rule {
	return func(at *path, v any) *fault {
		s, ok := v.(string)
		if !ok {
			return &fault{at: at, what: wrongType, want: "string", got: v}
		}
		n := utf8.RuneCountInString(s)
		switch {
		case n < min:
			return &fault{at: at, what: tooShort, got: v, edge: float64(min)}
		case max > 0 && n > max:
			return &fault{at: at, what: tooLong, got: v, edge: float64(max)}
		case pattern != nil && !pattern.MatchString(s):
			return &fault{at: at, what: mismatch, want: pattern.String(), got: v}
		}
		return nil
	}
}

func enum(words ...string) rule {
	return func(at *path, v any) *fault {
		s, ok := v.(string)
		if !ok {
			return &fault{at: at, what: wrongType, want: "string", got: v}
		}
		if !slices.Contains(words, s) {
			return &fault{at: at, what: notAllowed, got: v, set: words}
		}
		return nil
	}
}

func within(kind string, min, max float64) rule {
	return func(at *path, v any) *fault {
		if f := ofKind(kind)(at, v); f != nil {
			return f
		}
		switch n := v.(float64); {
		case n < min:
			return &fault{at: at, what: below, want: kind, got: v, edge: min}
		case n > max:
			return &fault{at: at, what: above, want: kind, got: v, edge: max}
		}
		return nil
	}
}

func number(min, max float64) rule  { return within("number", min, max) }
func integer(min, max float64) rule { return within("integer", min, max) }

var noLimit = math.Inf(1)

// list is an array of min to max elements (max 0: no bound).
func list(min, max int, elem rule) rule {
	return func(at *path, v any) *fault {
		items, ok := v.([]any)
		switch {
		case !ok:
			return &fault{at: at, what: wrongType, want: "array", got: v}
		case len(items) < min:
			return &fault{at: at, what: tooShort, got: v, edge: float64(min)}
		case max > 0 && len(items) > max:
			return &fault{at: at, what: tooLong, got: v, edge: float64(max)}
		}
		for i, item := range items {
			if f := elem(at.item(i), item); f != nil {
				return f
			}
		}
		return nil
	}
}

// dict is an object whose keys are free.
func dict(elem rule) rule {
	return func(at *path, v any) *fault {
		m, ok := v.(map[string]any)
		if !ok {
			return &fault{at: at, what: wrongType, want: "object", got: v}
		}
		for _, k := range sortedKeys(m) {
			if f := elem(at.key(k), m[k]); f != nil {
				return f
			}
		}
		return nil
	}
}

// object is an object of the given fields. A null stands for an optional field that is not there.
func object(fields map[string]rule, required ...string) rule {
	return func(at *path, v any) *fault {
		m, ok := v.(map[string]any)
		if !ok {
			return &fault{at: at, what: wrongType, want: "object", got: v}
		}
		keys := sortedKeys(m)
		for _, k := range keys {
			if _, ok := fields[k]; !ok {
				return &fault{at: at, what: unknown, key: k, got: m[k]}
			}
		}
		for _, k := range required {
			if _, ok := m[k]; !ok {
				return &fault{at: at, what: missing, key: k}
			}
		}
		for _, k := range keys {
			if m[k] == nil && !slices.Contains(required, k) {
				continue
			}
			if f := fields[k](at.key(k), m[k]); f != nil {
				return f
			}
		}
		return nil
	}
}

// either picks the rule by the value's JSON kind. Kinds are given in the order errors name them.
func either(kinds ...alternative) rule {
	return func(at *path, v any) *fault {
		got, want := kindOf(v), ""
		for _, k := range kinds {
			if k.kind == got || (k.kind == "number" && got == "integer") {
				return k.rule(at, v)
			}
			if want != "" {
				want += "|"
			}
			want += k.kind
		}
		return &fault{at: at, what: wrongType, want: want, got: v}
	}
}

type alternative struct {
	kind string
	rule rule
}

// tagged is an object whose field tag says which rule it follows. Members see the whole object, so each
// lists the tag among its fields.
func tagged(tag string, members map[string]rule) rule {
	return func(at *path, v any) *fault {
		m, ok := v.(map[string]any)
		if !ok {
			return &fault{at: at, what: wrongType, want: "object", got: v}
		}
		t, ok := m[tag]
		if !ok {
			return &fault{at: at, what: missing, key: tag}
		}
		name, ok := t.(string)
		if !ok {
			return &fault{at: at.key(tag), what: wrongType, want: "string", got: t}
		}
		member, ok := members[name]
		if !ok {
			return &fault{at: at, what: unknownTag, key: tag, got: name, set: sortedKeys(members)}
		}
		return member(at.member(name), v)
	}
}

func sortedKeys[T any](m map[string]T) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// render joins a path: keys with dots, indices by the given opener and closer.
func (p *path) render(open, shut string, tags bool) string {
	if p == nil || p.up == nil {
		return ""
	}
	front := p.up.render(open, shut, tags)
	switch {
	case p.tag && !tags:
		return front
	case p.name == "" && !p.tag:
		return front + open + strconv.Itoa(p.index) + shut
	case front == "":
		return p.name
	default:
		return front + "." + p.name
	}
}

func root() *path { return &path{} }

// The getters below read what a rule has already checked; what is absent or null is zero.

func str(m map[string]any, key string) string { s, _ := m[key].(string); return s }

func truth(m map[string]any, key string) bool { b, _ := m[key].(bool); return b }

func items(m map[string]any, key string) []any { l, _ := m[key].([]any); return l }

func sub(m map[string]any, key string) map[string]any { o, _ := m[key].(map[string]any); return o }

func count(m map[string]any, key string) int { n, _ := m[key].(float64); return int(n) }

func has(m map[string]any, key string) bool { return m[key] != nil }

func each(list []any) func(func(int, map[string]any) bool) {
	return func(yield func(int, map[string]any) bool) {
		for i, v := range list {
			m, _ := v.(map[string]any)
			if !yield(i, m) {
				return
			}
		}
	}
}

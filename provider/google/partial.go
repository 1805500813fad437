package google

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/openai"
)

// Bounds of arguments that come in pieces: what a path may claim without
// sending it.
const (
	maxDepth = 256  // of a path
	maxGap   = 1024 // array elements left out
)

// node is a JSON value under construction. One without anything is null.
type node struct {
	raw     jsontext.Value // a value that is whole
	text    []byte         // a string
	isText  bool
	goesOn  bool // more of the string will come
	names   []string
	members []*node // of an object, one a name
	items   []*node // of an array
}

var errPath = errors.New("a function call's argument has a path that can't be read")

// apply puts a piece in its place.
func (n *node) apply(p *partialArg) error {
	path, err := parsePath(p.JSONPath)
	if err != nil {
		return err
	}
	for _, step := range path {
		if n, err = n.child(step); err != nil {
			return err
		}
	}
	switch {
	case p.StringValue != nil:
		if !n.goesOn {
			*n = node{isText: true}
		}
		n.text = append(n.text, *p.StringValue...)
		n.goesOn = p.WillContinue
	case p.NumberValue.Kind() == '0':
		*n = node{raw: p.NumberValue}
	case p.BoolValue.Kind() == 't', p.BoolValue.Kind() == 'f':
		*n = node{raw: p.BoolValue}
	case p.NullValue != nil:
		*n = node{raw: jsontext.Value("null")}
	}
	return nil
}

// step is one step of a path: a member's name, or an element's index.
type step struct {
	name  string
	index int // -1: a name
}

// parsePath reads the paths of RFC 9535 that name one value: $.a.b[0]['c'].
func parsePath(path string) ([]step, error) {
	rest, ok := strings.CutPrefix(path, "$")
	if !ok {
		return nil, errPath
	}
	var steps []step
	for rest != "" {
		var s step
		var err error
		switch {
		case rest[0] == '.':
			end := strings.IndexAny(rest[1:], ".[")
			if end < 0 {
				end = len(rest) - 1
			}
			s, rest = step{name: rest[1 : 1+end], index: -1}, rest[1+end:]
			if s.name == "" {
				return nil, errPath
			}
		case strings.HasPrefix(rest, "['"), strings.HasPrefix(rest, `["`):
			s, rest, err = quotedStep(rest)
		case rest[0] == '[':
			digits, after, found := strings.Cut(rest[1:], "]")
			s.index, err = strconv.Atoi(digits)
			if rest = after; !found || s.index < 0 {
				return nil, errPath
			}
		default:
			return nil, errPath
		}
		if steps = append(steps, s); err != nil || len(steps) > maxDepth {
			return nil, errPath
		}
	}
	return steps, nil
}

// quotedStep reads ['name'] or ["name"] with its escapes.
func quotedStep(s string) (step, string, error) {
	quote := s[1]
	name := []byte(`"`)
	for i := 2; i < len(s); i++ {
		switch c := s[i]; {
		case c == quote:
			text, err := jsontext.AppendUnquote(nil, append(name, '"'))
			if err != nil || !strings.HasPrefix(s[i+1:], "]") {
				return step{}, "", errPath
			}
			return step{name: string(text), index: -1}, s[i+2:], nil
		case c == '\\' && i+1 < len(s):
			i++
			if s[i] != '\'' {
				name = append(name, '\\')
			}
			name = append(name, s[i])
		case c == '"':
			name = append(name, '\\', '"')
		default:
			name = append(name, c)
		}
	}
	return step{}, "", errPath
}

// child gives the value one step down, and makes it where it is missing.
func (n *node) child(s step) (*node, error) {
	if s.index >= 0 {
		if n.items == nil {
			*n = node{items: []*node{}}
		}
		if s.index > len(n.items)+maxGap {
			return nil, fmt.Errorf("a function call's argument leaves out %d elements", s.index-len(n.items))
		}
		for len(n.items) <= s.index {
			n.items = append(n.items, new(node))
		}
		return n.items[s.index], nil
	}
	if n.names == nil {
		*n = node{names: []string{}}
	}
	// Mostly it is the newest member that goes on.
	for i := len(n.names) - 1; i >= 0; i-- {
		if n.names[i] == s.name {
			return n.members[i], nil
		}
	}
	n.names, n.members = append(n.names, s.name), append(n.members, new(node))
	return n.members[len(n.members)-1], nil
}

// object is the value as JSON, {} if it is no object.
func (n *node) object() jsontext.Value {
	if n.names == nil && n.raw.Kind() != '{' {
		return jsontext.Value("{}")
	}
	return n.append(nil)
}

func (n *node) append(b []byte) []byte {
	switch {
	case n.raw != nil:
		return append(b, n.raw...)
	case n.isText:
		return openai.AppendString(b, n.text)
	case n.names != nil:
		b = append(b, '{')
		for i, name := range n.names {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(openai.AppendString(b, name), ':')
			b = n.members[i].append(b)
		}
		return append(b, '}')
	case n.items != nil:
		b = append(b, '[')
		for i, item := range n.items {
			if i > 0 {
				b = append(b, ',')
			}
			b = item.append(b)
		}
		return append(b, ']')
	}
	return append(b, "null"...)
}

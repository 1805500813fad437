package command

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
	"go.yaml.in/yaml/v3"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/gate"
)

// GatesConvert prints the gates of a layer.config.yaml as a gates file. Such a file has a list of gates at "gates", or a
// map of them by their names, with the names of fields that gates have here too. Gates without an id get one that
// follows from their name, so that it is the same each time. The error has CodeNo if there are mistakes; each is printed
// with its line.
func GatesConvert(s Streams, name string, data []byte) error {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return no(fmt.Errorf("%s: %w", name, err))
	}
	c := &conversion{file: name, out: []byte(`{"gates":[`)}
	if len(doc.Content) > 0 {
		c.document(doc.Content[0])
	} else {
		c.mistake(&doc, "the file is empty")
	}
	told := &printer{w: s.Err}
	for _, text := range c.notes {
		told.printf("%s\n", harmless(text))
	}
	if c.bad {
		return no(told.err)
	}
	text := jsontext.Value(append(c.out, "]}"...))
	if err := text.Indent(jsontext.WithIndent("  ")); err != nil {
		return err
	}
	out := &printer{w: s.Out}
	out.printf("%s\n", text)
	return errors.Join(told.err, out.err)
}

// conversion is a file on its way.
type conversion struct {
	file  string
	out   []byte
	gates int
	notes []string
	bad   bool
	nodes int // written so far, over aliases
}

// maxNodes bounds what a few aliases of aliases can become.
const maxNodes = 1 << 17

func (c *conversion) note(at *yaml.Node, format string, args ...any) {
	c.notes = append(c.notes, fmt.Sprintf("%s:%d: ", c.file, max(at.Line, 1))+fmt.Sprintf(format, args...))
}

func (c *conversion) mistake(at *yaml.Node, format string, args ...any) {
	c.note(at, format, args...)
	c.bad = true
}

func (c *conversion) document(root *yaml.Node) {
	if root.Kind != yaml.MappingNode {
		c.mistake(root, `is no layer.config.yaml: it has a list of gates at "gates"`)
		return
	}
	found := false
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		if key.Value != "gates" {
			c.note(key, "%q is left out: only gates are converted", key.Value)
			continue
		}
		found = true
		switch value.Kind {
		case yaml.SequenceNode:
			for _, g := range value.Content {
				c.gate(g, "")
			}
		case yaml.MappingNode:
			for j := 0; j+1 < len(value.Content); j += 2 {
				c.gate(value.Content[j+1], value.Content[j].Value)
			}
		default:
			c.mistake(value, "gates must be a list, or a map of gates by their names")
		}
	}
	if !found {
		c.mistake(root, `has no "gates"`)
	}
}

// namespace is what ids that follow from names are made with.
var namespace = uuid.NewSHA1(uuid.NameSpaceURL, []byte("https://github.com/layergateway/layergateway#gates"))

// gate converts one gate. name is its key where gates are a map.
func (c *conversion) gate(node *yaml.Node, name string) {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if node.Kind != yaml.MappingNode {
		c.mistake(node, "a gate must be a map of its fields")
		return
	}
	raw, err := c.value(nil, node)
	if err != nil {
		c.mistake(node, "%v", err)
		return
	}
	fields := fieldsOf(node)
	if own := fields["name"]; own != nil {
		name = own.Value
	} else if name != "" {
		raw = withMember(raw, "name", name)
	}
	if fields["id"] == nil {
		if name == "" {
			c.mistake(node, "a gate has neither a name nor an id")
			return
		}
		raw = withMember(raw, "id", uuid.NewSHA1(namespace, []byte(name)).String())
	}
	label := strconv.Quote(name)
	if id := fields["id"]; name == "" {
		label = strconv.Quote(id.Value)
	}
	config, err := gate.Decode(raw)
	if err != nil {
		for _, one := range apart(err) {
			c.mistake(c.where(node, one), "gate %s: %v", label, one)
		}
		return
	}
	for _, model := range append([]gate.FallbackModel{{Model: config.Model}}, config.FallbackModels...) {
		if !strings.Contains(model.Model, "/") && len(cost.Builtin().Providers(model.Model)) == 0 {
			c.note(node, "gate %s: the model %q is not in the built-in list: write it as <provider>/<model>", label, model.Model)
		}
	}
	if c.gates++; c.gates > 1 {
		c.out = append(c.out, ',')
	}
	c.out = append(c.out, raw...)
}

func fieldsOf(node *yaml.Node) map[string]*yaml.Node {
	fields := map[string]*yaml.Node{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		fields[node.Content[i].Value] = node.Content[i+1]
	}
	return fields
}

// withMember puts a member in front of an object's.
func withMember(object []byte, name, text string) []byte {
	value, _ := json.Marshal(text) // a text always can be
	out := append([]byte(`{"`+name+`":`), value...)
	if rest := object[1:]; len(rest) > 1 {
		return append(append(out, ','), rest...)
	}
	return append(out, '}')
}

// where finds the line of a mistake in a field.
func (c *conversion) where(node *yaml.Node, err error) *yaml.Node {
	field, ok := errors.AsType[*gate.FieldError](err)
	if !ok {
		return node
	}
	for _, step := range strings.Split(field.Field, ".") {
		next := fieldsOf(node)[step]
		if node.Kind == yaml.SequenceNode {
			next = nil
			if i, err := strconv.Atoi(step); err == nil && i >= 0 && i < len(node.Content) {
				next = node.Content[i]
			}
		}
		if next == nil {
			break
		}
		node = next
	}
	return node
}

// value appends a node as JSON. Numbers keep their digits.
func (c *conversion) value(b []byte, node *yaml.Node) ([]byte, error) {
	if c.nodes++; c.nodes > maxNodes {
		return nil, errors.New("the file is too large, or its aliases make it so")
	}
	var err error
	switch node.Kind {
	case yaml.AliasNode:
		return c.value(b, node.Alias)
	case yaml.SequenceNode:
		b = append(b, '[')
		for i, item := range node.Content {
			if i > 0 {
				b = append(b, ',')
			}
			if b, err = c.value(b, item); err != nil {
				return nil, err
			}
		}
		return append(b, ']'), nil
	case yaml.MappingNode:
		b = append(b, '{')
		for i := 0; i+1 < len(node.Content); i += 2 {
			if i > 0 {
				b = append(b, ',')
			}
			key := node.Content[i]
			if key.Kind != yaml.ScalarNode || key.Tag == "!!merge" {
				return nil, fmt.Errorf("line %d: merged maps and keys that are no texts are not supported: write the fields out", key.Line)
			}
			if b, err = jsontext.AppendQuote(b, key.Value); err != nil {
				return nil, fmt.Errorf("line %d: %w", key.Line, err)
			}
			if b, err = c.value(append(b, ':'), node.Content[i+1]); err != nil {
				return nil, err
			}
		}
		return append(b, '}'), nil
	}
	return scalar(b, node)
}

func scalar(b []byte, node *yaml.Node) ([]byte, error) {
	switch node.Tag {
	case "!!null":
		return append(b, "null"...), nil
	case "!!bool", "!!int", "!!float":
		text := node.Value
		if node.Tag == "!!bool" {
			text = strings.ToLower(text)
		}
		if v := jsontext.Value(text); v.IsValid() && v.Kind() != '"' {
			return append(b, text...), nil
		}
		return nil, fmt.Errorf("line %d: %q must be written as JSON has it", node.Line, node.Value)
	}
	b, err := jsontext.AppendQuote(b, node.Value)
	if err != nil {
		return nil, fmt.Errorf("line %d: %w", node.Line, err)
	}
	return b, nil
}

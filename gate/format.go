package gate

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxFormatName is OpenAI's limit on the name of a response format.
const maxFormatName = 64

// namedSchema is the value of "json_schema" in OpenAI's response_format:
// https://platform.openai.com/docs/api-reference/chat/create#chat-create-response_format
type namedSchema struct {
	Name        string         `json:"name"`
	Description string         `json:"description,omitzero"`
	Strict      *bool          `json:"strict,omitzero"`
	Schema      jsontext.Value `json:"schema,omitzero"`
}

// responseFormat returns OpenAI's response_format value that the gate forces, nil if it forces none, or the mistake and
// the field in which it is.
func (c *Config) responseFormat() (format jsontext.Value, field string, err error) {
	if err := oneOf(c.ResponseFormatType, formats); err != nil {
		return nil, "responseFormatType", err
	}
	if c.ResponseFormatEnabled != nil && !*c.ResponseFormatEnabled {
		return nil, "", nil
	}
	schema := isSet(c.ResponseFormatSchema)
	switch c.ResponseFormatType {
	case "":
		if schema {
			return nil, "responseFormatType", errors.New(`is missing: with responseFormatSchema it is "json_schema"`)
		}
		if c.ResponseFormatEnabled != nil {
			return nil, "responseFormatType", errors.New("is missing: responseFormatEnabled is true")
		}
		return nil, "", nil
	case "json_schema":
		if !schema {
			return nil, "responseFormatSchema", errors.New("is missing: json_schema needs one")
		}
		named, err := c.schema()
		if err != nil {
			return nil, "responseFormatSchema", err
		}
		format, err := json.Marshal(struct {
			Type   string      `json:"type"`
			Schema namedSchema `json:"json_schema"`
		}{"json_schema", named})
		if err != nil {
			return nil, "responseFormatSchema", fmt.Errorf("is not valid JSON: %w", err)
		}
		return format, "", nil
	}
	if schema {
		return nil, "responseFormatSchema", errors.New("is only for json_schema: remove it, or change responseFormatType")
	}
	format, err = json.Marshal(map[string]string{"type": c.ResponseFormatType})
	return format, "", err
}

// schema reads responseFormatSchema, which is a JSON schema or one in OpenAI's wrapper, and names it.
func (c *Config) schema() (namedSchema, error) {
	var members map[string]jsontext.Value
	if err := json.Unmarshal(c.ResponseFormatSchema, &members); err != nil || members == nil {
		return namedSchema{}, errors.New("must be a JSON schema that is an object")
	}
	named := namedSchema{Schema: c.ResponseFormatSchema.Clone()}
	if isWrapper(members) {
		named = namedSchema{}
		if err := json.Unmarshal(c.ResponseFormatSchema, &named); err != nil {
			return named, mistakeWithin(err)
		}
		if named.Schema.Kind() != '{' {
			return named, errors.New("schema: must be a JSON schema that is an object")
		}
		if isSet(members["name"]) && !isFormatName(named.Name) {
			return named, fmt.Errorf("name: %s must be 1 to %d letters, digits, - or _", quote(named.Name), maxFormatName)
		}
	}
	if named.Name == "" {
		named.Name = formatName(c.Name)
	}
	return named, named.Schema.Compact()
}

// mistakeWithin words a decoding error of a value that is not a gate.
func mistakeWithin(err error) error { return errors.New(fieldError(err).Error()) }

// isWrapper tells OpenAI's wrapper from a bare schema: "schema" is no keyword of JSON Schema, and the wrapper has no
// other members than these.
func isWrapper(members map[string]jsontext.Value) bool {
	for name := range members {
		switch name {
		case "name", "description", "schema", "strict":
		default:
			return false
		}
	}
	_, ok := members["schema"]
	return ok
}

// formatName makes a format's name from a gate's.
func formatName(gate string) string {
	name := strings.Map(func(r rune) rune {
		if isFormatRune(r) {
			return r
		}
		return '_'
	}, gate)
	if name == "" {
		return "response"
	}
	return name[:min(len(name), maxFormatName)]
}

func isFormatName(name string) bool {
	return name != "" && len(name) <= maxFormatName &&
		!strings.ContainsFunc(name, func(r rune) bool { return !isFormatRune(r) })
}

func isFormatRune(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '_' || r == '-'
}

package schema

import (
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

func TestStrict(t *testing.T) {
	for _, c := range []struct{ in, want, refused string }{
		{`{"type":"object"}`, `{"type":"object","additionalProperties":false}`, ""},
		{`{"properties":{"b":{},"a":true}}`, `{"properties":{"b":{},"a":true},"additionalProperties":false}`, ""},
		{`{"type":["object","null"],"additionalProperties":false}`, `{"type":["object","null"],"additionalProperties":false}`, ""},
		{`{"additionalProperties":{"type":"string","minLength":1}}`, `{"additionalProperties":false}`, "additionalProperties"},
		{`{"type":"string","minLength":1,"maxLength":2,"pattern":"a"}`, `{"type":"string"}`, "minLength maxLength pattern"},
		{`{"type":"number","minimum":0,"exclusiveMaximum":1.50,"multipleOf":2}`, `{"type":"number"}`, "minimum exclusiveMaximum multipleOf"},
		{`{"type":"string","format":"date"}`, `{"type":"string","format":"date"}`, ""},
		{`{"type":"string","format":"iban"}`, `{"type":"string"}`, "format"},
		{`{"type":"array","minItems":1,"items":{"maximum":3}}`, `{"type":"array","minItems":1,"items":{}}`, "maximum"},
		{`{"type":"array","minItems":2}`, `{"type":"array"}`, "minItems"},
		{`{"oneOf":[{"type":"object"},{"type":"null"}]}`, `{"anyOf":[{"type":"object","additionalProperties":false},{"type":"null"}]}`, ""},
		{`{"anyOf":[true],"oneOf":[false]}`, `{"anyOf":[true]}`, "oneOf"},
		{`{"oneOf":[true],"anyOf":[false]}`, `{"anyOf":[true]}`, "oneOf"},
		{`{"enum":[1.0,"a",12345678901234567890],"const":{"minimum":1},"default":null}`, `{"enum":[1.0,"a",12345678901234567890],"const":{"minimum":1},"default":null}`, ""},
		{`{"$schema":"x","$comment":"y","examples":[1],"title":"T","description":"D"}`, `{"title":"T","description":"D"}`, ""},
		{`{"$defs":{"minimum":{"minimum":1}},"$ref":"#/$defs/minimum"}`, `{"$defs":{"minimum":{}},"$ref":"#/$defs/minimum"}`, "minimum"},
		{`{"not":{"type":"object"},"unheardOf":1}`, `{}`, "not unheardOf"},
		{`{"properties":"odd","items":[1]}`, `{"properties":"odd","items":[1],"additionalProperties":false}`, ""},
		{strings.Repeat(`{"items":`, 500) + `{"minimum":1}` + strings.Repeat(`}`, 500), strings.Repeat(`{"items":`, 500) + `{}` + strings.Repeat(`}`, 500), "minimum"},
	} {
		var refused []string
		got, err := Strict(jsontext.Value(c.in), func(keyword string) { refused = append(refused, keyword) })
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		if string(got) != c.want || strings.Join(refused, " ") != c.refused {
			t.Errorf("%s\nbecomes %s, refused %v\nwant    %s, refused %s", c.in, got, refused, c.want, c.refused)
		}
	}
}

func TestObject(t *testing.T) {
	for _, c := range []struct {
		in, want string
		ok       bool
	}{
		{"", `{"type":"object","properties":{}}`, true},
		{"null", `{"type":"object","properties":{}}`, true},
		{`{"properties":{"a":{}}}`, `{"properties":{"a":{}},"type":"object"}`, true},
		{`{"type":["object","null"]}`, `{"type":["object","null"]}`, true},
		{"true", "", false},
		{`"object"`, "", false},
	} {
		var in jsontext.Value
		if c.in != "" {
			in = jsontext.Value(c.in)
		}
		got, ok := Object(in)
		if ok != c.ok || ok && string(got) != c.want {
			t.Errorf("%s: %s, %v", c.in, got, ok)
		}
	}
}

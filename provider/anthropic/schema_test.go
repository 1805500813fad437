package anthropic

import (
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

func TestAdapt(t *testing.T) {
	for _, c := range []struct{ in, want, dropped string }{
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
		tr := translation{}
		got, err := tr.adapt(jsontext.Value(c.in), "s")
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		var dropped []string
		for _, d := range tr.dropped {
			dropped = append(dropped, strings.TrimPrefix(d, "s."))
		}
		if string(got) != c.want || strings.Join(dropped, " ") != c.dropped {
			t.Errorf("%s\nbecomes %s, dropped %v\nwant    %s, dropped %s", c.in, got, dropped, c.want, c.dropped)
		}
	}
}

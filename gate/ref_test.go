package gate

import (
	"strings"
	"testing"
)

func TestParseModelRef(t *testing.T) {
	for model, want := range map[string]struct {
		ref      string
		prefixed bool
	}{
		"assistant":          {"assistant", false},
		"layer/assistant":    {"assistant", true},
		"layer:assistant":    {"assistant", true},
		"layer/layer/x":      {"layer/x", true},
		"openai/gpt-4o":      {"openai/gpt-4o", false},
		"layer":              {"layer", false},
		"Layer/assistant":    {"Layer/assistant", false},
		"layer/":             {"", true},
		"layer/openai/gpt-5": {"openai/gpt-5", true},
	} {
		if ref, prefixed := ParseModelRef(model); ref != want.ref || prefixed != want.prefixed {
			t.Errorf("ParseModelRef(%q) = %q, %v; want %q, %v", model, ref, prefixed, want.ref, want.prefixed)
		}
	}
}

func TestNormalizeRef(t *testing.T) {
	const id = "7b4b2f0e-6a1c-4c1e-9a55-1f0c2d3e4f50"
	for name, test := range map[string]struct {
		ref, want string
		ok        bool
	}{
		"id":               {id, id, true},
		"upper case":       {strings.ToUpper(id), id, true},
		"braces":           {"{" + id + "}", id, true},
		"urn":              {"urn:uuid:" + id, id, true},
		"upper urn":        {"URN:UUID:" + strings.ToUpper(id), id, true},
		"padded id":        {" \t" + id + "\n", id, true},
		"name":             {"assistant", "assistant", true},
		"padded name":      {" assistant ", "assistant", true},
		"name with spaces": {"my gate", "my gate", true},
		"name with slash":  {"team/gate", "team/gate", true},
		"unicode":          {"Übersetzer", "Übersetzer", true},
		"128 bytes":        {strings.Repeat("x", 128), strings.Repeat("x", 128), true},
		// D60: rubbish.
		"empty":             {"", "", false},
		"white space":       {" \t ", "", false},
		"129 bytes":         {strings.Repeat("x", 129), strings.Repeat("x", 129), false},
		"10 KB":             {strings.Repeat("x", 10<<10), strings.Repeat("x", 10<<10), false},
		"parent":            {"../", "../", false},
		"parent in between": {"a/../b", "a/../b", false},
		"backslash parent":  {`a\..\b`, `a\..\b`, false},
		"line break":        {"a\r\nb", "a\r\nb", false},
		"NUL":               {"a\x00b", "a\x00b", false},
		"escape sequence":   {"a\x1b[31m", "a\x1b[31m", false},
		"line separator":    {"a\u2028b", "a\u2028b", false},
		"invalid UTF-8":     {"a\xff", "a\xff", false},
		"prefix":            {"layer/x", "layer/x", false},
		// Not quite an id, so a name.
		"wrong digit":     {"7b4b2f0e-6a1c-4c1e-9a55-1f0c2d3e4f5g", "7b4b2f0e-6a1c-4c1e-9a55-1f0c2d3e4f5g", true},
		"hyphens astray":  {"7b4b2f0e6-a1c-4c1e-9a55-1f0c2d3e4f50", "7b4b2f0e6-a1c-4c1e-9a55-1f0c2d3e4f50", true},
		"half of a brace": {"{" + id, "{" + id, true},
		"other braces":    {"(" + id + ")", "(" + id + ")", true},
	} {
		t.Run(name, func(t *testing.T) {
			if got, ok := NormalizeRef(test.ref); got != test.want || ok != test.ok {
				t.Errorf("NormalizeRef(%.40q) = %.40q, %v; want %.40q, %v", test.ref, got, ok, test.want, test.ok)
			}
		})
	}
}

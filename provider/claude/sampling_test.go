package claude

import (
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

func TestSample(t *testing.T) {
	for _, c := range []struct {
		model, temperature, topP string
		thinks                   bool
		want                     string // temperature, top_p; what is dropped
	}{
		{"claude-3-haiku-20240307", "0.70", "0.90", false, "0.70 0.90;"},
		{"claude-3-haiku-20240307", "1.5", "", false, "1 ;"},
		{"claude-3-haiku-20240307", "null", "null", false, " ;"},
		{"claude-sonnet-4-5", "0.5", "0.9", false, "0.5 ;top_p"},
		{"claude-sonnet-4-5", "0.5", "1.0", false, "0.5 ;"},
		{"claude-sonnet-4-5", "", "0.9", false, " 0.9;"},
		{"claude-sonnet-4-5", "0.5", "0.9", true, " ;temperature top_p"},
		{"claude-opus-4-8", "1", "0.99", false, " ;"},
		{"claude-opus-4-8", "1e400", "0", false, " ;temperature top_p"},
	} {
		temperature, topP, dropped := Of(c.model).Sample(value(c.temperature), value(c.topP), c.thinks)
		got := string(temperature) + " " + string(topP) + ";" + strings.Join(dropped, " ")
		if got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
}

func value(s string) jsontext.Value {
	if s == "" {
		return nil
	}
	return jsontext.Value(s)
}

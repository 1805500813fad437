package command

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/layergateway/layergateway/access"
)

func TestKey(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range []struct {
		name, in string
		bad      bool
	}{{name: "", in: "\n"}, {name: "web", in: " {\n\t\tname web\n\t}\n"}, {name: "the web", in: " {\n\t\tname \"the web\"\n\t}\n"}, {name: "a{b", bad: true}, {name: "a\nb", bad: true}, {name: `a"b`, bad: true}} {
		var out bytes.Buffer
		err := Key(Streams{Out: &out}, KeyOptions{Name: c.name})
		if (err != nil) != c.bad {
			t.Errorf("%q: %v", c.name, err)
		}
		if c.bad {
			continue
		}
		key := regexp.MustCompile(`^layer_[0-9a-f]{64}\n`).FindString(out.String())
		key = strings.TrimSpace(key)
		if key == "" || seen[key] || !strings.HasSuffix(out.String(), "api_key "+access.HashOf(key).String()+c.in) {
			t.Errorf("%q: %q", c.name, out.String())
		}
		seen[key] = true
	}
	var out bytes.Buffer
	if err := Key(Streams{Out: &out}, KeyOptions{Name: "web", JSON: true}); err != nil {
		t.Fatal(err)
	}
	var made struct{ Key, Hash, Name string }
	if err := json.Unmarshal(out.Bytes(), &made, json.MatchCaseInsensitiveNames(true)); err != nil || access.HashOf(made.Key).String() != made.Hash || made.Name != "web" {
		t.Errorf("%v: %s", err, out.String())
	}
}

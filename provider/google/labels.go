package google

import (
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxLabel is how many characters a label's name and its value have at most.
const maxLabel = 63

// labels makes labels, by which Google's bills can be broken down, of the
// metadata that a label can hold: small letters, digits, _ and -, and at the
// beginning of a name a letter.
func (t *translation) labels() {
	if !t.service.labels || t.asked.Metadata.Kind() != '{' {
		return
	}
	var asked map[string]jsontext.Value
	if err := json.Unmarshal(t.asked.Metadata, &asked); err != nil {
		t.drop("metadata")
		return
	}
	labels := make(map[string]string, len(asked))
	for name, v := range asked {
		var value string
		if err := json.Unmarshal(v, &value); err != nil || v.Kind() != '"' || !isLabel(name, value) {
			t.drop("metadata")
			continue
		}
		labels[name] = value
	}
	if len(labels) > 0 {
		t.body.Labels = labels
	}
}

func isLabel(name, value string) bool {
	for _, s := range []string{name, value} {
		if len(s) > maxLabel || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789_-") != "" {
			return false
		}
	}
	return name != "" && name[0] >= 'a' && name[0] <= 'z'
}

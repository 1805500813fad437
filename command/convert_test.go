package command

import (
	"bytes"
	"strings"
	"testing"
)

func TestConvert(t *testing.T) {
	const file = `# Layer's own example, and more
gates:
  - name: production
    model: gpt-4o
    description: |
      Two
      lines
    systemPrompt: You are a helpful assistant
    temperature: 0.70
    maxTokens: 1000
    topP: 1.0
    allowOverrides: true
    routingStrategy: fallback
    fallbackModels: &fallbacks
      - anthropic/claude-sonnet-4-5
      - model: openai/gpt-4o-mini
        weight: 2
    tags: [production, "2024"]
  - id: 7B4B2F0E-6A1C-4C1E-9A55-1F0C2D3E4F50
    model: a-model-of-mine
    fallbackModels: *fallbacks
    allowOverrides:
      - temperature
      - maxTokens
defaults: 1
`
	const want = `{
  "gates": [
    {
      "id": "a883c3d0-7f83-5fa6-bb14-e96d7d883663",
      "name": "production",
      "model": "gpt-4o",
      "description": "Two\nlines\n",
      "systemPrompt": "You are a helpful assistant",
      "temperature": 0.70,
      "maxTokens": 1000,
      "topP": 1.0,
      "allowOverrides": true,
      "routingStrategy": "fallback",
      "fallbackModels": [
        "anthropic/claude-sonnet-4-5",
        {
          "model": "openai/gpt-4o-mini",
          "weight": 2
        }
      ],
      "tags": [
        "production",
        "2024"
      ]
    },
    {
      "id": "7B4B2F0E-6A1C-4C1E-9A55-1F0C2D3E4F50",
      "model": "a-model-of-mine",
      "fallbackModels": [
        "anthropic/claude-sonnet-4-5",
        {
          "model": "openai/gpt-4o-mini",
          "weight": 2
        }
      ],
      "allowOverrides": [
        "temperature",
        "maxTokens"
      ]
    }
  ]
}
`
	var out, told bytes.Buffer
	s := Streams{Out: &out, Err: &told}
	if err := GatesConvert(s, "layer.config.yaml", []byte(file)); err != nil {
		t.Fatal(err)
	}
	if out.String() != want {
		t.Errorf("got:\n%s", out.String())
	}
	const notes = "layer.config.yaml:19: gate \"7B4B2F0E-6A1C-4C1E-9A55-1F0C2D3E4F50\": the model \"a-model-of-mine\" is not in the built-in list: write it as <provider>/<model>\n" +
		"layer.config.yaml:25: \"defaults\" is left out: only gates are converted\n"
	if told.String() != notes {
		t.Errorf("told:\n%s", told.String())
	}
	// What comes out is what the gateway reads.
	if err := GatesCheck(s, []string{write(t, "gates.json", out.String())}, nil); err != nil {
		t.Error(err, told.String())
	}
}

func TestConvertMap(t *testing.T) {
	var out bytes.Buffer
	if err := GatesConvert(Streams{Out: &out, Err: &out}, "f", []byte("gates:\n  one: {model: openai/gpt-4o}\n  two: {name: second, model: openai/gpt-4o}\n")); err != nil {
		t.Fatal(err)
	}
	got := strings.Join(strings.Fields(out.String()), "")
	if !strings.Contains(got, `"name":"one","model":"openai/gpt-4o"`) || !strings.Contains(got, `"name":"second","model":"openai/gpt-4o"`) || strings.Count(got, `"id":`) != 2 {
		t.Error(got)
	}
}

func TestConvertMistakes(t *testing.T) {
	for name, c := range map[string]struct{ file, want string }{
		"empty":            {"", "f:1: the file is empty"},
		"no YAML":          {"gates: [", "f: yaml:"},
		"no gates":         {"x: 1", `has no "gates"`},
		"a text":           {"hello", "f:1: is no layer.config.yaml"},
		"gates of another": {"gates: 3", "f:1: gates must be a list"},
		"a gate of texts":  {"gates:\n  - hello", "f:2: a gate must be a map"},
		"without a name":   {"gates:\n  - model: a/b", "f:2: a gate has neither a name nor an id"},
		"out of range":     {"gates:\n  - name: x\n    model: a/b\n    temperature: 3", `f:4: gate "x": temperature`},
		"in a list":        {"gates:\n  - name: x\n    model: a/b\n    fallbackModels:\n      - a/b\n      - {model: c/d, weight: 0}", `f:6: gate "x": fallbackModels`},
		"an unknown field": {"gates:\n  - name: x\n    modle: a/b", "modle"},
		"twice":            {"gates:\n  - name: x\n    model: a/b\n    model: c/d", "model"},
		"no number":        {"gates:\n  - name: x\n    model: a/b\n    maxTokens: 0x10", `line 4: "0x10" must be written as JSON has it`},
		"merged":           {"gates:\n  - &a {name: x, model: a/b}\n  - <<: *a", "line 3: merged maps"},
		"a loop":           {"gates:\n  - &a\n    name: x\n    tags: [*a]", "f:"},
		"a bomb":           {"gates:\n  - name: x\n    a: &a [" + strings.Repeat("1,", 100) + "]\n    b: &b [" + strings.Repeat("*a,", 100) + "]\n    c: &c [" + strings.Repeat("*b,", 100) + "]\n    d: [" + strings.Repeat("*c,", 100) + "]", "too large"},
	} {
		t.Run(name, func(t *testing.T) {
			var out, told bytes.Buffer
			err := GatesConvert(Streams{Out: &out, Err: &told}, "f", []byte(c.file))
			if code, tell := ExitCode(err); code != CodeNo {
				t.Errorf("code %d, %v", code, err)
			} else if tell {
				told.WriteString(err.Error())
			}
			if out.Len() > 0 || !strings.Contains(told.String(), c.want) {
				t.Errorf("out %q, told %q, want %q", out.String(), told.String(), c.want)
			}
		})
	}
}

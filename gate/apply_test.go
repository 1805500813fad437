package gate

import (
	"slices"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/openai"
)

func TestApply(t *testing.T) {
	const hi = `{"role":"user","content":"hi"}`
	target := []Target{{Provider: "openai", Model: "gpt-4o", Weight: 1}}
	all := Overrides{Temperature: true, MaxTokens: true, TopP: true}
	tests := []struct {
		name       string
		gate       Gate
		model      string
		in, out    string
		overridden []string
		override   string
	}{
		{name: "defaults fill what is missing or null",
			gate: Gate{Overrides: all, Temperature: jsontext.Value("0.70"), TopP: jsontext.Value("1"), MaxTokens: 5},
			in:   `{"messages":[` + hi + `],"top_p":null}`,
			out:  `{"messages":[` + hi + `],"top_p":1,"temperature":0.70,"max_completion_tokens":5}`},
		{name: "the request wins where it may",
			gate: Gate{Overrides: all, Temperature: jsontext.Value("0.7"), MaxTokens: 5},
			in:   `{"temperature":0.10,"max_tokens":7,"messages":[` + hi + `]}`,
			out:  `{"temperature":0.10,"max_tokens":7,"messages":[` + hi + `]}`},
		{name: "refused fields become the gate's or none",
			gate: Gate{Temperature: jsontext.Value("0.7"), MaxTokens: 5},
			in:   `{"temperature":0.1,"max_tokens":7,"top_p":0.5,"messages":[` + hi + `]}`,
			out:  `{"temperature":0.7,"max_tokens":5,"messages":[` + hi + `]}`, overridden: []string{"temperature", "max_tokens", "top_p"}},
		{name: "a model refused", gate: Gate{Overrides: all}, model: "o3",
			in: `{"messages":[` + hi + `]}`, out: `{"messages":[` + hi + `]}`, overridden: []string{"model"}},
		{name: "a model allowed", gate: Gate{Overrides: Overrides{Model: true}}, model: "o3", override: "o3",
			in: `{"messages":[` + hi + `]}`, out: `{"messages":[` + hi + `]}`},
		{name: "the gate's own model is no override", gate: Gate{}, model: "openai/gpt-4o",
			in: `{"messages":[` + hi + `]}`, out: `{"messages":[` + hi + `]}`},
		{name: "prompt in front", gate: Gate{SystemPrompt: `be "kind"`, SystemPromptMode: Prepend},
			in:  `{"messages": [{"role":"system","content":"own"}, ` + hi + `]}`,
			out: `{"messages": [{"role":"system","content":"be \"kind\""},{"role":"system","content":"own"}, ` + hi + `]}`},
		{name: "prompt only by default", gate: Gate{SystemPrompt: "x", SystemPromptMode: Default},
			in:  `{"messages":[{"role":"developer","content":"own"},` + hi + `]}`,
			out: `{"messages":[{"role":"developer","content":"own"},` + hi + `]}`},
		{name: "prompt instead", gate: Gate{SystemPrompt: "x", SystemPromptMode: Replace},
			in:  `{"messages":[{"role":"system","content":"own"},` + hi + `,{"role":"developer","content":"more"}]}`,
			out: `{"messages":[{"role":"system","content":"x"},` + hi + `]}`},
		{name: "a provider's own fields", gate: Gate{Overrides: Overrides{Temperature: true}},
			in:  `{"extra_body":{"google":{"generationConfig":{"temperature":1,"topK":3}}},"messages":[` + hi + `]}`,
			out: `{"messages":[` + hi + `]}`},
		{name: "a provider's own name for what the gate keeps", gate: Gate{Overrides: Overrides{Temperature: true}},
			in:  `{"extra_body":{"google":{"generationConfig":{"maxOutputTokens":1}}},"messages":[` + hi + `]}`,
			out: `{"messages":[` + hi + `]}`, overridden: []string{"extra_body"}},
		{name: "forced format", gate: Gate{ResponseFormat: jsontext.Value(`{"type":"json_object"}`)},
			in:  `{"response_format":{"type":"text"},"gateId":"a","layer":{},"messages":[` + hi + `]}`,
			out: `{"response_format":{"type":"json_object"},"messages":[` + hi + `]}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r, err := openai.ParseChat([]byte(test.in))
			if err != nil {
				t.Fatal(err)
			}
			test.gate.Targets = target
			e := test.gate.Apply(r, test.model)
			if got := string(r.Append(nil, e.Edits)); got != test.out {
				t.Errorf("got  %s\nwant %s", got, test.out)
			}
			if !slices.Equal(e.Overridden, test.overridden) || e.Model != test.override {
				t.Errorf("overridden %v, model %q", e.Overridden, e.Model)
			}
		})
	}
}

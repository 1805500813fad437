package compat

import (
	"bytes"
	"slices"
	"testing"

	"github.com/layergateway/layergateway/internal/recorded"
	"github.com/layergateway/layergateway/provider"
)

// unrecorded are the servers of which there is no recording.
var unrecorded = []string{"azure", "fireworks", "together", "vllm"}

// load gives recordings of a server. The index leaves out cached tokens that
// are not in prompt_tokens_details: TestUsageHabits has those.
func load(t *testing.T, names ...string) []recorded.Case {
	t.Helper()
	cases := recorded.Load(t, names...)
	for i := range cases {
		c := &cases[i]
		if c.Expect.Usage != nil && *c.Expect.Usage.Cached == 0 && !bytes.Contains(c.Body, []byte(`"prompt_tokens_details"`)) {
			c.Expect.Usage.Cached = nil
		}
	}
	return cases
}

// Every recording of a server of the table gives what the index says.
func TestServersRecordings(t *testing.T) {
	for i := range servers {
		s := &servers[i]
		if slices.Contains(unrecorded, s.Name) {
			continue
		}
		t.Run(s.Name, func(t *testing.T) {
			recorded.Play(t, load(t, s.Name), func(recorded.Case) provider.Chat { return New(Options{Server: s})() })
		})
	}
}

// So it does at a server that nobody has described.
func TestAnyServerRecordings(t *testing.T) {
	for _, c := range load(t, "openai-compatible", "alibaba", "cerebras", "deepseek", "groq", "mistral", "moonshot", "ollama",
		"openrouter", "perplexity", "xai") {
		t.Run(c.ID, func(t *testing.T) {
			chat := New(Options{})()
			switch {
			case c.Status >= 400:
				c.CheckError(t, chat.Error(c.Status, c.Header, c.Body))
			case c.Stream:
				c.Check(t, c.StreamToStream(t, chat))
				c.Check(t, c.StreamToWhole(t, New(Options{})()))
			default:
				c.Check(t, c.WholeToWhole(t, chat))
				c.Check(t, c.WholeToStream(t, New(Options{})()))
			}
		})
	}
}

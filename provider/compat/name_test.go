package compat

import (
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/provider"
)

// TestNameIsReported: a name that a server refuses is not lost in silence.
func TestNameIsReported(t *testing.T) {
	for _, server := range []string{"mistral", "groq", "perplexity"} {
		r, err := openai.ParseChat([]byte(`{"model":"x","messages":[{"role":"user","name":"bob","content":"hi"}]}`))
		if err != nil {
			t.Fatal(err)
		}
		c := New(Options{Server: Lookup(server)})()
		req, err := c.Request(t.Context(), &provider.Call{Provider: &provider.Provider{BaseURL: "https://a.test/v1"}, Model: "m", Request: r, Edits: new(openai.Edits)})
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(req.Body)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(body), "bob") || !slices.Equal(c.Dropped(), []string{"messages.name"}) {
			t.Errorf("%s: sent %s, dropped %v", server, body, c.Dropped())
		}
	}
}

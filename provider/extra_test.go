package provider_test

import (
	"context"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/provider"
	"github.com/layergateway/layergateway/provider/anthropic"
	"github.com/layergateway/layergateway/provider/bedrock"
	"github.com/layergateway/layergateway/provider/cohere"
	"github.com/layergateway/layergateway/provider/compat"
	"github.com/layergateway/layergateway/provider/google"
)

// TestExtraBody: a provider's own fields reach it in the form that its dialect
// sends, and nobody else's do.
func TestExtraBody(t *testing.T) {
	const request = `{"model":"g","temperature":0.50,"messages":[{"role":"user","content":"hi"}],"extra_body":{
		"anthropic":{"top_k":5,"max_tokens":1},"bedrock":{"additionalModelRequestFields":{"top_k":20.0}},
		"cohere":{"k":5},"google":{"generationConfig":{"topK":5,"temperature":2}},"openai":{"top_k":5}}}`
	for _, test := range []struct {
		name, model string
		chat        func() provider.Chat
		want        string
		dropped     []string
	}{
		{"anthropic", "claude-sonnet-4-5", anthropic.New(anthropic.Options{}), `"top_k":5`, []string{"extra_body.anthropic.max_tokens"}},
		{"bedrock", "anthropic.claude-3-haiku-20240307-v1:0", bedrock.New(bedrock.Options{}), `"additionalModelRequestFields":{"top_k":20.0}`, nil},
		{"cohere", "command-a-03-2025", cohere.New, `"k":5`, nil},
		{"google", "gemini-2.5-flash", google.New, `"topK":5`, []string{"extra_body.google.generationConfig.temperature"}},
		{"openai", "gpt-4o", compat.New(compat.Options{}), `"top_k":5`, nil},
		{"mistral", "x", compat.New(compat.Options{}), `"temperature":0.50`, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, err := openai.ParseChat([]byte(request))
			if err != nil {
				t.Fatal(err)
			}
			chat := test.chat()
			p := &provider.Provider{Name: "p", Type: test.name, BaseURL: "https://example.com/v1"}
			req, err := chat.Request(context.Background(), &provider.Call{Provider: p, Key: "k", Model: test.model, Request: r, Edits: new(openai.Edits)})
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(req.Body)
			if err != nil {
				t.Fatal(err)
			}
			if got := string(body); !strings.Contains(got, test.want) || strings.Contains(got, "extra_body") || strings.Count(got, "top") > 1 || int64(len(got)) != req.ContentLength {
				t.Errorf("sent %s", got)
			}
			if !slices.Equal(chat.Dropped(), test.dropped) {
				t.Errorf("dropped %v", chat.Dropped())
			}
		})
	}
}

// Package conformance holds what all dialects must do alike: a conversation can
// move from one to any other and back, and an answer is the same however it is
// sent and asked for.
package conformance

import (
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/provider"
	"github.com/layergateway/layergateway/provider/anthropic"
	"github.com/layergateway/layergateway/provider/bedrock"
	"github.com/layergateway/layergateway/provider/cohere"
	"github.com/layergateway/layergateway/provider/compat"
	"github.com/layergateway/layergateway/provider/google"
)

// dialect is a way to speak to models, with a model that thinks and has tools.
type dialect struct {
	name, model, path string
	chat              func() provider.Chat
	// whole and stream are an answer as the provider would write it.
	whole  func(said) []byte
	stream func(said, cutter) []byte
	// noReasoning: the wire format has no place for thoughts.
	noReasoning bool
	// planned: text beside tool calls is a plan of its own.
	planned bool
}

func dialects() []dialect {
	server := func(name string) func() provider.Chat {
		return compat.New(compat.Options{Server: compat.Lookup(name)})
	}
	return []dialect{
		{name: "openai", model: "gpt-5-mini", path: "/openai/v1", chat: compat.New(compat.Options{Strict: true}),
			whole: openAIWhole, stream: openAIStream, noReasoning: true},
		{name: "anthropic", model: "claude-sonnet-4-5", path: "/anthropic/v1", chat: anthropic.New(anthropic.Options{}),
			whole: anthropicWhole, stream: anthropicStream},
		{name: "google", model: "gemini-3-pro-preview", path: "/google/v1beta", chat: google.New,
			whole: googleWhole, stream: googleStream},
		{name: "mistral", model: "magistral-medium-latest", path: "/mistral", chat: server("mistral"),
			whole: mistralWhole, stream: mistralStream},
		{name: "deepseek", model: "deepseek-reasoner", path: "/deepseek", chat: server("deepseek"),
			whole: deepseekWhole, stream: deepseekStream},
		{name: "cohere", model: "command-a-reasoning-08-2025", path: "/cohere", chat: cohere.New,
			whole: cohereWhole, stream: cohereStream, planned: true},
		{name: "bedrock", model: "amazon.nova-2-lite-v1:0", path: "/bedrock", chat: bedrock.New(bedrock.Options{Now: time.Now}),
			whole: bedrockWhole, stream: bedrockStream},
	}
}

// said is an answer, whatever the wire format. Counts are OpenAI's: input has
// cached in it, and output reasoning.
type said struct {
	thinking, signature string
	text                string
	calls               []call
	finish              string // OpenAI's
	input, cached       int64
	output, reasoning   int64
}

type call struct{ id, name, arguments string }

// cutter cuts what a stream sends in pieces.
type cutter func(string) []string

// inTwo cuts in the middle.
func inTwo(s string) []string {
	r := []rune(s)
	if len(r) < 2 {
		return []string{s}
	}
	return []string{string(r[:len(r)/2]), string(r[len(r)/2:])}
}

// object is JSON in the making.
type object = map[string]any

func encode(v any) []byte {
	b, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		panic(err) // of a test's own making
	}
	return b
}

// request makes the upstream request of a client's body, as the relay does.
func (d *dialect) request(t testing.TB, chat provider.Chat, body []byte, key string) *http.Request {
	t.Helper()
	r, err := openai.ParseChat(body)
	if err != nil {
		t.Fatalf("the client's request: %v", err)
	}
	call := &provider.Call{
		Provider: &provider.Provider{Name: d.name, Type: d.name, BaseURL: "http://upstream" + d.path},
		Key:      key, Model: d.model, Request: r, Edits: new(openai.Edits), Stream: r.Stream,
	}
	req, err := chat.Request(context.Background(), call)
	if err != nil {
		t.Fatalf("%s does not take the conversation: %v\n%s", d.name, err, body)
	}
	return req
}

func bodyOf(t testing.TB, req *http.Request) []byte {
	t.Helper()
	r, err := req.GetBody()
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

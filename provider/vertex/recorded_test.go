package vertex

import (
	"context"
	"slices"
	"testing"

	"github.com/layergateway/layergateway/internal/recorded"
	"github.com/layergateway/layergateway/provider"
)

// cutOff are recordings of answers that are none; package google has tests of
// what becomes of them.
var cutOff = []string{
	"vertexai-sdk-test-data/vertex/streaming-failure-invalid-json.stream",
	"vertexai-sdk-test-data/vertex/streaming-success-quotes-escaped.stream",
}

// asked is a chat that has made its request, and so knows the model's protocol.
func asked(t *testing.T, model string) provider.Chat {
	c := New(Options{Project: "p"})()
	if _, err := c.Request(context.Background(), newCall(t, BaseURL(""), "k", model, hello)); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestRecorded(t *testing.T) {
	cases := slices.DeleteFunc(recorded.Load(t, "vertex"), func(c recorded.Case) bool { return slices.Contains(cutOff, c.ID) })
	recorded.Play(t, cases, func(recorded.Case) provider.Chat { return asked(t, "gemini-2.5-flash") })
}

// Claude's answers are the same as at Anthropic.
func TestRecordedClaude(t *testing.T) {
	recorded.Play(t, recorded.Load(t, "anthropic"), func(recorded.Case) provider.Chat { return asked(t, "claude-sonnet-4-5") })
}

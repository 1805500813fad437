package conformance

import (
	"slices"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/internal/recorded"
	"github.com/layergateway/layergateway/provider/anthropic"
	"github.com/layergateway/layergateway/provider/bedrock"
)

// What Claude thought on one platform goes back to it on another one as it was,
// and to nobody else.
func TestClaudeMoves(t *testing.T) {
	platforms := []dialect{
		{name: "anthropic", model: "claude-sonnet-4-5", chat: anthropic.New(anthropic.Options{}), whole: anthropicWhole},
		{name: "bedrock", model: "eu.anthropic.claude-sonnet-4-5-20250929-v1:0", chat: bedrock.New(bedrock.Options{Now: time.Now}), whole: bedrockWhole},
	}
	s := said{thinking: "hm", signature: "RXFRQitB/w==", text: "Let me see.", finish: "tool_calls", calls: []call{{"toolu_1", "weather", `{"city":"Paris"}`}}}
	for _, from := range platforms {
		chat := from.chat()
		question := object{"role": "user", "content": "Weather?"}
		from.request(t, chat, encode(object{"model": "gate", "messages": []any{question}}), "k")
		answer := recorded.Case{Body: from.whole(s)}
		var v struct {
			Choices []struct {
				Message jsontext.Value `json:"message"`
			} `json:"choices"`
		}
		if err := json.Unmarshal(answer.WholeToWhole(t, chat).Bytes, &v); err != nil {
			t.Fatal(err)
		}
		body := encode(object{"model": "gate", "tools": tools, "reasoning_effort": "low", "max_completion_tokens": 8000, "messages": []any{
			question, v.Choices[0].Message,
			object{"role": "tool", "tool_call_id": "toolu_1", "content": "18 degrees"},
		}})
		for _, to := range platforms {
			sent := bodyOf(t, to.request(t, to.chat(), body, "k"))
			if got := states(sent); !slices.Equal(got, []string{s.signature}) {
				t.Errorf("from %s to %s: the signatures are %q: %s", from.name, to.name, got, sent)
			}
		}
		for _, to := range dialects() {
			sent := bodyOf(t, to.request(t, to.chat(), body, "k"))
			if got := states(sent); to.name != "anthropic" && len(got) > 0 {
				t.Errorf("from %s to %s: the signatures are %q: %s", from.name, to.name, got, sent)
			}
		}
	}
}

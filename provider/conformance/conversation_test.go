package conformance

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/internal/recorded"
	"github.com/layergateway/layergateway/internal/upstream"
)

// A conversation goes on wherever the gate sends it: tool calls in parallel,
// answered in another order, from one provider to another and back. What the
// client sends back is what it had from the gateway, and no more.
func TestConversations(t *testing.T) {
	for _, first := range dialects() {
		for _, second := range dialects() {
			for _, stream := range []bool{false, true} {
				name := fmt.Sprintf("%s, %s/stream=%v", first.name, second.name, stream)
				t.Run(name, func(t *testing.T) {
					c := newConversation(stream)
					c.say("user", "[[calls=2,rounds=3,preface]] What is the weather?")
					for i, d := range []dialect{first, second, first} {
						m := c.ask(t, d)
						if len(m.ToolCalls) != 2 || m.ToolCalls[0].ID == m.ToolCalls[1].ID {
							t.Fatalf("round %d: the calls are %+v, want two", i, m.ToolCalls)
						}
						c.results(m.ToolCalls)
					}
					if m := c.ask(t, second); len(m.ToolCalls) > 0 || m.Content == "" {
						t.Fatalf("the answer is %+v, want text", m)
					}
					c.say("user", "[[calls=2,rounds=1]] [[on=anthropic,redacted]] And again?")
					c.results(c.ask(t, first).ToolCalls)
					if m := c.ask(t, first); len(m.ToolCalls) > 0 || m.Content == "" {
						t.Fatalf("the last answer is %+v, want text", m)
					}
				})
			}
		}
	}
}

// conversation is a client's, and the providers that it speaks with.
type conversation struct {
	stream   bool
	messages []any
	upstream *upstream.Server
	strict   map[string]*strict
	states   map[string][]string // the reasoning states that each provider gave
}

func newConversation(stream bool) *conversation {
	return &conversation{stream: stream, upstream: upstream.New(), strict: map[string]*strict{}, states: map[string][]string{}}
}

func (c *conversation) say(role, text string) {
	c.messages = append(c.messages, object{"role": role, "content": text})
}

// results answers the calls, the last one first.
func (c *conversation) results(calls []toolCall) {
	for _, x := range slices.Backward(calls) {
		c.messages = append(c.messages, object{"role": "tool", "tool_call_id": x.ID, "content": "18 degrees"})
	}
}

// message is what the test wants to know of an answer.
type message struct {
	Content   string     `json:"content"`
	ToolCalls []toolCall `json:"tool_calls"`
}

type toolCall struct {
	ID string `json:"id"`
}

var tools = jsontext.Value(`[{"type":"function","function":{"name":"weather","parameters":{"type":"object","properties":{"city":{"type":"string"}}}}}]`)

// state is what a provider wants back as it was.
var state = regexp.MustCompile(`"(?:signature|thoughtSignature|data)":\s*"([^"]+)"`)

func states(b []byte) (list []string) {
	for _, m := range state.FindAllSubmatch(b, -1) {
		if s := string(m[1]); s != "skip_thought_signature_validator" {
			list = append(list, s)
		}
	}
	return list
}

// ask asks a provider for the next message, and adds it to the conversation as
// a client does: with all that it has.
func (c *conversation) ask(t *testing.T, d dialect) message {
	t.Helper()
	body := encode(object{"model": "gate", "messages": c.messages, "stream": c.stream, "tools": tools,
		"reasoning_effort": "medium", "max_completion_tokens": 8000})
	chat := d.chat()
	req := d.request(t, chat, body, keys[d.name])
	sent := bodyOf(t, req)
	if again := bodyOf(t, d.request(t, d.chat(), body, keys[d.name])); string(again) != string(sent) {
		t.Errorf("%s: a second translation differs:\n%s\n%s", d.name, sent, again)
	}
	if got := states(sent); !slices.Equal(got, c.states[d.name]) {
		t.Errorf("%s was sent the reasoning state\n%q, it gave\n%q", d.name, got, c.states[d.name])
	}
	answer := recorded.Case{Stream: c.stream, Body: c.serve(t, d, req, sent)}
	given := states(answer.Body)
	// Claude doesn't think in the middle of another's turn.
	asked, _ := c.messages[len(c.messages)-1].(object)
	if signs := slices.Contains([]string{"anthropic", "google", "bedrock"}, d.name); asked["role"] == "user" && signs != (len(given) > 0) {
		t.Errorf("%s gave the reasoning state %q", d.name, given)
	}
	c.states[d.name] = append(c.states[d.name], given...)
	var m jsontext.Value
	if c.stream {
		m = assembled(answer.StreamToStream(t, chat).Seen)
	} else {
		p := answer.WholeToWhole(t, chat)
		var v struct {
			Choices []struct {
				Message jsontext.Value `json:"message"`
			} `json:"choices"`
		}
		if err := json.Unmarshal(p.Bytes, &v); err != nil || p.Err != nil || len(v.Choices) != 1 {
			t.Fatalf("%s: %v, %v, %s", d.name, p.Err, err, p.Bytes)
		}
		m = v.Choices[0].Message
	}
	c.messages = append(c.messages, m)
	var seen message
	if err := json.Unmarshal(m, &seen); err != nil {
		t.Fatalf("%v: %s", err, m)
	}
	return seen
}

var keys = map[string]string{
	"openai": upstream.OpenAIKey, "anthropic": upstream.AnthropicKey, "google": upstream.GoogleKey,
	"mistral": "k", "deepseek": "k", "cohere": "k", "bedrock": "k",
}

// serve is the provider's side.
func (c *conversation) serve(t *testing.T, d dialect, req *http.Request, sent []byte) []byte {
	t.Helper()
	switch d.name {
	case "openai", "anthropic", "google":
		rec := httptest.NewRecorder()
		c.upstream.ServeHTTP(rec, req)
		if rec.Code != http.StatusOK {
			t.Fatalf("%s refuses the conversation: %s\n%s", d.name, rec.Body, sent)
		}
		return rec.Body.Bytes()
	}
	s := c.strict[d.name]
	if s == nil {
		s = &strict{d: &d, signed: map[string]string{}}
		c.strict[d.name] = s
	}
	a, err := s.answer(sent)
	if err != nil {
		t.Fatalf("%s refuses the conversation: %v\n%s", d.name, err, sent)
	}
	if c.stream {
		return d.stream(a, inTwo)
	}
	return d.whole(a)
}

// assembled is the message that a client has of a stream.
func assembled(s recorded.Seen) jsontext.Value {
	m := object{"role": "assistant", "content": s.Text}
	if s.Reasoning != "" {
		m["reasoning_content"] = s.Reasoning
	}
	for name, v := range s.Members {
		m[name] = jsontext.Value(v)
	}
	var calls []any
	for _, c := range s.Calls {
		x := object{"id": c.ID, "type": "function", "function": object{"name": c.Name, "arguments": c.Arguments}}
		if c.Extra != "" {
			x["extra_content"] = jsontext.Value(c.Extra)
		}
		calls = append(calls, x)
	}
	if calls != nil {
		m["tool_calls"] = calls
	}
	return encode(m)
}

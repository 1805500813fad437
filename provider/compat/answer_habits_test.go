package compat

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/internal/recorded"
	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/provider"
	"github.com/layergateway/layergateway/sse"
)

// answered plays an answer of a server: a whole one if it is one object, else a
// stream, an event a line.
func answered(t *testing.T, server, answer string) (seen recorded.Seen, out string, u cost.Usage, err error) {
	t.Helper()
	chat := New(Options{Server: Lookup(server)})()
	if server == "" {
		chat = New(Options{})()
	}
	trailer := func(usage []byte) openai.Trailer {
		return openai.Trailer{Usage: usage, Cost: []byte("null"), Layer: []byte("{}")}
	}
	if !strings.Contains(answer, "\n") {
		w := openai.NewWhole()
		if err := chat.Whole([]byte(answer), w); err != nil {
			return seen, "", chat.Usage(), err
		}
		out = string(w.Append(nil, trailer(w.Usage())))
		seen, err = recorded.Read([]byte(out))
	} else {
		s := openai.NewStream(true)
		for _, line := range strings.Split(strings.TrimSpace(answer), "\n") {
			if err := chat.Event(sse.Event{Data: []byte(strings.TrimSpace(line))}, s); err != nil {
				return seen, string(s.Ready()), chat.Usage(), err
			}
		}
		if err := chat.End(s); err != nil {
			return seen, "", chat.Usage(), err
		}
		s.End(trailer(s.Usage()))
		out = string(s.Ready())
		seen, err = recorded.Assemble([]byte(out))
	}
	if err != nil {
		t.Errorf("a client can't read it: %v\n%s", err, out)
	}
	return seen, out, chat.Usage(), nil
}

const (
	wholeHead = `{"id":"i","object":"chat.completion","created":7,"model":"m","choices":[`
	chunkHead = `{"id":"i","object":"chat.completion.chunk","created":7,"model":"m","choices":[`
)

// The same habits in a whole answer and in a stream.
func TestAnswerHabits(t *testing.T) {
	whole := func(message, finish string) string {
		return wholeHead + `{"index":0,"message":{"role":"assistant",` + message + `},"finish_reason":"` + finish + `"}]}`
	}
	stream := func(finish string, deltas ...string) string {
		text := ""
		for i, d := range deltas {
			if i == 0 {
				d = `"role":"assistant",` + d
			}
			text += chunkHead + `{"index":0,"delta":{` + d + `},"finish_reason":null}]}` + "\n"
		}
		return text + chunkHead + `{"index":0,"delta":{},"finish_reason":"` + finish + `"}]}` + "\n[DONE]\n"
	}
	call := []recorded.Call{{ID: "a", Name: "f", Arguments: `{"x": 1.0}`}}
	for name, c := range map[string]struct {
		servers string
		whole   string
		stream  string
		want    recorded.Seen
	}{
		"reasoning": {"groq cerebras ollama openrouter together vllm fireworks ",
			whole(`"content":"hi","reasoning":"hm, so"`, "stop"), stream("stop", `"reasoning":"hm,"`, `"reasoning":" so"`, `"content":"hi","reasoning":null`),
			recorded.Seen{Text: "hi", Reasoning: "hm, so", Finish: "stop"}},
		"reasoning, both": {"groq ",
			whole(`"content":"hi","reasoning":"hm","reasoning_content":"hm"`, "stop"), stream("stop", `"reasoning":"hm","reasoning_content":"hm"`, `"content":"hi"`),
			recorded.Seen{Text: "hi", Reasoning: "hm", Finish: "stop"}},
		"reasoning by OpenAI's name": {"deepseek moonshot xai alibaba azure mistral ",
			whole(`"content":"hi","reasoning_content":"hm"`, "stop"), stream("stop", `"reasoning_content":"hm"`, `"content":"hi"`),
			recorded.Seen{Text: "hi", Reasoning: "hm", Finish: "stop"}},
		"thinking among parts": {"mistral ",
			whole(`"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm, "},{"type":"text","text":"so"}]},{"type":"text","text":"h\u0069"}]`, "stop"),
			stream("stop", `"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm, "}]}]`, `"content":[{"type":"thinking","thinking":[{"type":"text","text":"so"}]}]`, `"content":[{"type":"text","text":"h"}]`, `"content":"i"`),
			recorded.Seen{Text: "hi", Reasoning: "hm, so", Finish: "stop"}},
		"bare calls": {"mistral ",
			whole(`"content":"","tool_calls":[{"id":"a","function":{"name":"f","arguments":{"x": 1.0}}}]`, "tool_calls"),
			stream("tool_calls", `"tool_calls":[{"id":"a","function":{"name":"f","arguments":{"x": 1.0}}}]`),
			recorded.Seen{Calls: call, Finish: "tool_calls"}},
		"model_length": {"mistral ", whole(`"content":"hi"`, "model_length"), stream("model_length", `"content":"hi"`),
			recorded.Seen{Text: "hi", Finish: "length"}},
		"eos": {"together ", whole(`"content":"hi"`, "eos"), stream("eos", `"content":"hi"`), recorded.Seen{Text: "hi", Finish: "stop"}},
		"no head": {"moonshot perplexity ",
			`{"choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}]}`,
			`{"id":"i","choices":[{"index":0,"delta":{"content":"h"}}]}` + "\n" + `{"id":"j","created":9,"object":"x","choices":[{"index":0,"delta":{"content":"i"},"finish_reason":"stop"}]}` + "\n[DONE]\n",
			recorded.Seen{Text: "hi", Finish: "stop"}},
		"finish twice": {"openrouter ", whole(`"content":"hi"`, "stop"),
			chunkHead + `{"index":0,"delta":{"content":"hi"},"finish_reason":"stop"}]}` + "\n" + chunkHead + `{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":"stop"}]}` + "\n[DONE]\n",
			recorded.Seen{Text: "hi", Finish: "stop"}},
	} {
		for _, server := range strings.Split(c.servers, " ") { // the last is any server
			t.Run(name+"/"+server, func(t *testing.T) {
				for form, answer := range map[string]string{"whole": c.whole, "stream": c.stream} {
					got, out, _, err := answered(t, server, answer)
					if err != nil {
						t.Fatalf("%s: %v", form, err)
					}
					// Null and what was not asked for is not compared.
					if diff := cmp.Diff(c.want, got, cmpopts.IgnoreFields(recorded.Seen{}, "ID", "Model", "Members", "Done")); diff != "" {
						t.Errorf("%s (-want +got):\n%s%s", form, diff, out)
					}
				}
			})
		}
	}
}

func TestUsageHabits(t *testing.T) {
	n := cost.Of
	for name, c := range map[string]struct {
		server, usage string
		want          cost.Usage
		client        string // the client's usage object, empty: as it was
	}{
		"as OpenAI's": {"groq", `{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13}`, cost.Usage{Input: n(9), Output: n(4)}, ""},
		"cached, Mistral": {"mistral", `{"prompt_tokens":9,"completion_tokens":4,"num_cached_tokens":3}`, cost.Usage{Input: n(9), Output: n(4), CachedInput: n(3)},
			`{"prompt_tokens":9,"completion_tokens":4,"num_cached_tokens":3,"prompt_tokens_details":{"cached_tokens":3}}`},
		"cached, Moonshot": {"moonshot", `{"prompt_tokens":9,"completion_tokens":4,"cached_tokens":3,"prompt_tokens_details":null}`, cost.Usage{Input: n(9), Output: n(4), CachedInput: n(3)},
			`{"prompt_tokens":9,"completion_tokens":4,"cached_tokens":3,"prompt_tokens_details":{"cached_tokens":3}}`},
		"cached, DeepSeek": {"deepseek", `{"prompt_tokens":9,"completion_tokens":4,"prompt_cache_hit_tokens":3}`, cost.Usage{Input: n(9), Output: n(4), CachedInput: n(3)},
			`{"prompt_tokens":9,"completion_tokens":4,"prompt_cache_hit_tokens":3,"prompt_tokens_details":{"cached_tokens":3}}`},
		"cached, said twice": {"deepseek", `{"prompt_tokens":9,"completion_tokens":4,"prompt_cache_hit_tokens":3,"prompt_tokens_details":{"cached_tokens":2}}`, cost.Usage{Input: n(9), Output: n(4), CachedInput: n(2)}, ""},
		"reasoning beside": {"xai", `{"prompt_tokens":12,"completion_tokens":1,"total_tokens":303,"completion_tokens_details":{"reasoning_tokens":290}}`,
			cost.Usage{Input: n(12), Output: n(291), Reasoning: n(290)}, `{"prompt_tokens":12,"completion_tokens":291,"total_tokens":303,"completion_tokens_details":{"reasoning_tokens":290}}`},
		"reasoning within": {"xai", `{"prompt_tokens":12,"completion_tokens":291,"total_tokens":303,"completion_tokens_details":{"reasoning_tokens":290}}`,
			cost.Usage{Input: n(12), Output: n(291), Reasoning: n(290)}, ""},
		"reasoning without a count": {"", `{"prompt_tokens":12,"completion_tokens":1,"total_tokens":303}`,
			cost.Usage{Input: n(12), Output: n(291)}, `{"prompt_tokens":12,"completion_tokens":291,"total_tokens":303}`},
		"no total":    {"xai", `{"prompt_tokens":12,"completion_tokens":1}`, cost.Usage{Input: n(12), Output: n(1)}, ""},
		"not numbers": {"xai", `{"prompt_tokens":"12","completion_tokens":-1,"total_tokens":1e30}`, cost.Usage{}, ""},
		"its own price": {"openrouter", `{"prompt_tokens":1,"completion_tokens":1,"cost":0.25}`, cost.Usage{Input: n(1), Output: n(1)},
			`{"prompt_tokens":1,"completion_tokens":1,"upstream_cost":0.25}`},
	} {
		t.Run(name, func(t *testing.T) {
			if c.client == "" {
				c.client = c.usage
			}
			finish := `"finish_reason":"stop"}],"usage":` + c.usage + "}"
			for form, answer := range map[string]string{
				"whole":  wholeHead + `{"index":0,"message":{"role":"assistant","content":"a"},` + finish,
				"stream": chunkHead + `{"index":0,"delta":{"role":"assistant","content":"a"},` + finish + "\n[DONE]\n",
			} {
				_, out, u, err := answered(t, c.server, answer)
				if err != nil {
					t.Fatal(err)
				}
				if u != c.want {
					t.Errorf("%s: usage is %+v, want %+v", form, u, c.want)
				}
				if !strings.Contains(out, `"usage":`+c.client+`,"cost"`) {
					t.Errorf("%s: want usage %s in\n%s", form, c.client, out)
				}
			}
		})
	}
}

// Usage that a stream hides reaches the bill and the client's usage chunk.
func TestHiddenUsage(t *testing.T) {
	const usage = `{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13}`
	for name, c := range map[string]struct{ server, last string }{
		"Groq":         {"groq", chunkHead + `{"index":0,"delta":{},"finish_reason":"stop"}],"x_groq":{"id":"r","usage":` + usage + `}}`},
		"Groq, null":   {"groq", chunkHead + `{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null,"x_groq":{"usage":` + usage + `}}`},
		"Groq, others": {"", chunkHead + `{"index":0,"delta":{},"finish_reason":"stop"}],"x_groq":{"usage":` + usage + `}}`},
		"Moonshot":     {"moonshot", chunkHead + `{"index":0,"delta":{},"finish_reason":"stop","usage":` + usage + `}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			_, out, u, err := answered(t, c.server, chunkHead+`{"index":0,"delta":{"role":"assistant","content":"a"},"finish_reason":null}]}`+"\n"+c.last+"\n[DONE]\n")
			if err != nil {
				t.Fatal(err)
			}
			if want := (cost.Usage{Input: cost.Of(9), Output: cost.Of(4)}); u != want {
				t.Errorf("usage is %+v", u)
			}
			if !strings.Contains(out, `"choices":[],"usage":`+usage+`,"cost":`) {
				t.Errorf("the client's usage chunk is not in\n%s", out)
			}
		})
	}
}

// The provider's own word for a finish reason is not lost, in any form.
func TestNativeFinish(t *testing.T) {
	whole := []byte(wholeHead + `{"index":0,"message":{"role":"assistant","content":"a"},"finish_reason":"model_length"}]}`)
	chunk := sse.Event{Data: []byte(chunkHead + `{"index":0,"delta":{"role":"assistant","content":"a"},"finish_reason":"model_length"}]}`)}
	chat := func() provider.Chat { return New(Options{Server: Lookup("mistral")})() }
	s, toStream, w, toWhole := openai.NewStream(false), openai.NewStream(false), openai.NewWhole(), openai.NewWhole()
	if err := errors.Join(chat().Event(chunk, s), chat().Whole(whole, toStream), chat().Whole(whole, w), chat().Event(chunk, toWhole)); err != nil {
		t.Fatal(err)
	}
	for i, native := range []string{s.NativeFinish(), toStream.NativeFinish(), w.NativeFinish(), toWhole.NativeFinish()} {
		if native != "model_length" {
			t.Errorf("form %d: %q", i, native)
		}
	}
}

func TestFailedFinish(t *testing.T) {
	for server, c := range map[string]struct {
		reason string
		kind   provider.Kind
	}{
		"mistral":    {"error", provider.Failed},
		"openrouter": {"error", provider.Failed},
		"vllm":       {"abort", provider.Failed},
		"deepseek":   {"insufficient_system_resource", provider.Overloaded},
	} {
		for form, answer := range map[string]string{
			"whole":  wholeHead + `{"index":0,"message":{"role":"assistant","content":"a"},"finish_reason":"` + c.reason + `"}],"usage":{"prompt_tokens":3,"completion_tokens":1}}`,
			"stream": chunkHead + `{"index":0,"delta":{"role":"assistant","content":"a"},"finish_reason":"` + c.reason + `"}],"usage":{"prompt_tokens":3,"completion_tokens":1}}` + "\n",
		} {
			_, _, u, err := answered(t, server, answer)
			var failed *provider.Error
			if !errors.As(err, &failed) || failed.Kind != c.kind || !strings.Contains(failed.Message, c.reason) {
				t.Errorf("%s, %s: error is %+v", server, form, err)
			}
			if u.Input.N() != 3 {
				t.Errorf("%s, %s: what it used is lost: %+v", server, form, u)
			}
		}
	}
}

func TestFaults(t *testing.T) {
	for name, c := range map[string]struct {
		server string
		status int
		body   string
		want   provider.Error
	}{
		"Azure, key":          {"azure", 401, `{"error":{"code":"401","message":"Access denied"}}`, provider.Error{Kind: provider.Auth, Code: "401", Message: "Access denied"}},
		"Azure, gateway's":    {"azure", 401, `{"statusCode":401,"message":"Access denied"}`, provider.Error{Kind: provider.Auth, Message: "Access denied"}},
		"Azure, rate":         {"azure", 429, `{"error":{"code":"429","message":"Requests have exceeded"}}`, provider.Error{Kind: provider.RateLimited, Code: "429", Message: "Requests have exceeded"}},
		"Azure, deployment":   {"azure", 404, `{"error":{"code":"DeploymentNotFound","message":"no such"}}`, provider.Error{Kind: provider.ModelNotFound, Code: "DeploymentNotFound", Message: "no such"}},
		"Azure, filter":       {"azure", 400, `{"error":{"message":"filtered","type":null,"param":"prompt","code":"content_filter","status":400,"innererror":{"code":"ResponsibleAIPolicyViolation"}}}`, provider.Error{Kind: provider.Invalid, Code: "content_filter", Param: "prompt", Message: "filtered"}},
		"Mistral, extra":      {"mistral", 422, `{"object":"error","message":{"detail":[{"type":"extra_forbidden","loc":["body","seed"],"msg":"Extra inputs are not permitted","input":1},{"loc":["body","messages",0,"user","name"],"msg":"no"}]},"type":"invalid_request_error","param":null,"code":null}`, provider.Error{Kind: provider.Invalid, Param: "seed", Message: "seed: Extra inputs are not permitted; messages[0].user.name: no"}},
		"Mistral, key":        {"mistral", 401, `{"detail":"Unauthorized"}`, provider.Error{Kind: provider.Auth, Message: "Unauthorized"}},
		"Groq, too much":      {"groq", 413, `{"error":{"message":"Request too large on tokens per minute","type":"tokens","code":"rate_limit_exceeded"}}`, provider.Error{Kind: provider.RateLimited, Code: "rate_limit_exceeded", Message: "Request too large on tokens per minute"}},
		"Groq, too large":     {"groq", 413, `{"error":{"message":"too large","code":"request_too_large"}}`, provider.Error{Kind: provider.Invalid, Code: "request_too_large", Message: "too large"}},
		"Groq, flex":          {"groq", 498, `{"error":{"message":"capacity"}}`, provider.Error{Kind: provider.Overloaded, Message: "capacity"}},
		"Groq, bad call":      {"groq", 400, `{"error":{"message":"bad call","type":"invalid_request_error","code":"tool_use_failed"}}`, provider.Error{Kind: provider.Invalid, Code: "tool_use_failed", Message: "bad call"}},
		"xAI, key":            {"xai", 400, `{"code":"Client specified an invalid argument","error":"Incorrect API key provided: xx"}`, provider.Error{Kind: provider.Auth, Code: "Client specified an invalid argument", Message: "Incorrect API key provided: xx"}},
		"OpenRouter, credits": {"openrouter", 402, `{"error":{"message":"Insufficient credits","code":402}}`, provider.Error{Kind: provider.QuotaSpent, Code: "402", Message: "Insufficient credits"}},
		"OpenRouter, flagged": {"openrouter", 403, `{"error":{"message":"Your input was flagged","code":403}}`, provider.Error{Kind: provider.Invalid, Code: "403", Message: "Your input was flagged"}},
		"OpenRouter, key":     {"openrouter", 403, `{"error":{"message":"Key limit","code":403}}`, provider.Error{Kind: provider.Auth, Code: "403", Message: "Key limit"}},
		"Moonshot, quota":     {"moonshot", 429, `{"error":{"message":"no balance","type":"exceeded_current_quota_error"}}`, provider.Error{Kind: provider.QuotaSpent, Message: "no balance"}},
		"Fireworks, account":  {"fireworks", 412, `suspended`, provider.Error{Kind: provider.Auth, Message: "suspended"}},
	} {
		t.Run(name, func(t *testing.T) {
			c.want.Status, c.want.RetryAfter = c.status, 2*time.Second
			got := New(Options{Server: Lookup(c.server)})().Error(c.status, http.Header{"Retry-After": {"2"}}, []byte(c.body))
			if diff := cmp.Diff(&c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	_, _, _, err := answered(t, "groq", `{"error":{"message":"bad call","type":"invalid_request_error","code":"tool_use_failed","status_code":400}}`+"\n")
	var failed *provider.Error
	if !errors.As(err, &failed) || failed.Kind != provider.Invalid {
		t.Errorf("in a stream: %+v", err)
	}
}

// W4: Azure's first chunk goes out as it is, and the role still comes.
func TestAzureFirstChunk(t *testing.T) {
	const first = `{"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[{"prompt_index":0}]}`
	chat := New(Options{Server: Lookup("azure")})()
	s := openai.NewStream(false)
	for _, data := range []string{first, chunkHead + `{"index":0,"delta":{"content":"a"},"content_filter_results":{}}]}`} {
		if err := chat.Event(sse.Event{Data: []byte(data)}, s); err != nil {
			t.Fatal(err)
		}
	}
	want := "data: " + first + "\n\ndata: " + chunkHead + `{"index":0,"delta":{"role":"assistant","content":"a"},"content_filter_results":{}}]}` + "\n\n"
	if diff := cmp.Diff(want, string(s.Ready())); diff != "" {
		t.Error(diff)
	}
}

// A chunk that no habit concerns costs no memory at any server.
func TestServersAllocs(t *testing.T) {
	ev := sse.Event{Data: []byte(chunkHead + `{"index":0,"delta":{"content":" word"},"logprobs":null,"finish_reason":null}],"usage":null}`)}
	for i := range servers {
		chat := New(Options{Server: &servers[i]})()
		s := openai.NewStream(false)
		relay := func() {
			if err := chat.Event(ev, s); err != nil {
				t.Fatal(err)
			}
			s.Ready()
		}
		relay()
		if n := testing.AllocsPerRun(100, relay); n != 0 {
			t.Errorf("%s: %v allocations an event", servers[i].Name, n)
		}
	}
}

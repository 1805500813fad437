package cohere

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/internal/golden"
	"github.com/layergateway/layergateway/internal/recorded"
	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/provider"
	"github.com/layergateway/layergateway/sse"
)

// sseOf makes a stream of events.
func sseOf(events ...string) []byte {
	return []byte("data: " + strings.Join(events, "\n\ndata: ") + "\n\n")
}

const (
	begin = `{"type":"message-start","id":"m","delta":{"message":{"role":"assistant","content":[],"tool_calls":[],"citations":[]}}}`
	hello = `{"type":"content-delta","index":0,"delta":{"message":{"content":{"text":"Hello"}}}}`
)

func TestFinish(t *testing.T) {
	const call = `"tool_calls":[{"id":"a","function":{"name":"f","arguments":"{}"}}],`
	for _, c := range []struct{ native, calls, want string }{
		{"COMPLETE", "", "stop"},
		{"STOP_SEQUENCE", "", "stop"},
		{"MAX_TOKENS", "", "length"},
		{"MAX_TOKENS", call, "length"},
		{"TOOL_CALL", call, "tool_calls"},
		{"COMPLETE", call, "tool_calls"},
		{"TOOL_CALL", "", "stop"}, // a client would wait for calls that never come
		{"SOMETHING_NEW", "", "stop"},
	} {
		whole := recorded.Case{Body: []byte(`{"id":"m","message":{` + c.calls + `"role":"assistant"},"finish_reason":"` + c.native + `"}`)}
		p := whole.WholeToWhole(t, newChat())
		agree(t, p, whole.WholeToStream(t, newChat()))
		if p.Finish != c.want || p.Native != c.native {
			t.Errorf("%s with %d calls is %s (%s), want %s", c.native, len(p.Calls), p.Finish, p.Native, c.want)
		}
	}
}

func TestArguments(t *testing.T) {
	for want, pieces := range map[string][]string{
		`{}`:           {},
		`{"a":null}`:   {"", `{"a":`, `null}`},
		` {"a":1}`:     {" ", `{"a":1}`},
		`nul`:          {"nul"}, // cut off: for the client to judge
		`{"a":"null"}`: {`{"a":"null"}`},
		`nullify`:      {"n", "u", "llify"},
	} {
		events := []string{begin, `{"type":"tool-call-start","index":0,"delta":{"message":{"tool_calls":{"id":"a","type":"function","function":{"name":"f","arguments":""}}}}}`}
		for _, s := range pieces {
			events = append(events, `{"type":"tool-call-delta","index":0,"delta":{"message":{"tool_calls":{"function":{"arguments":`+string(openai.AppendString(nil, s))+`}}}}}`)
		}
		// Some streams end without the call's own end.
		stream := recorded.Case{Body: sseOf(append(events, `{"type":"message-end","delta":{"finish_reason":"TOOL_CALL"}}`)...)}
		p := stream.StreamToStream(t, newChat())
		agree(t, stream.StreamToWhole(t, newChat()), p)
		if len(p.Calls) != 1 || p.Calls[0].Arguments != want {
			t.Errorf("%q gives %+v, want %s", pieces, p.Calls, want)
		}
	}
}

func TestStreamFaults(t *testing.T) {
	for name, c := range map[string]struct {
		stream []byte
		kind   provider.Kind
		words  string // of the provider's error; empty: an error of another kind
	}{
		"an error at its end":  {sseOf(begin, hello, `{"type":"message-end","delta":{"error":"no more","finish_reason":"ERROR"}}`), provider.Failed, "no more"},
		"an error alone":       {sseOf(begin, hello, `{"type":"message-end","delta":{"error":"no more"}}`), provider.Failed, "no more"},
		"an error unexplained": {sseOf(begin, `{"type":"message-end","delta":{"finish_reason":"ERROR"}}`), provider.Failed, "broke off"},
		"too slow":             {sseOf(begin, `{"type":"message-end","delta":{"finish_reason":"TIMEOUT"}}`), provider.TimedOut, "too long"},
		"an error's body":      {sseOf(begin, hello, `{"message":"internal server error","id":"x"}`), provider.Failed, "internal server error"},
		"an error first":       {[]byte("event: error\ndata: {\"message\":\"overloaded\"}\n\n"), provider.Failed, "overloaded"},
		"no reason":            {sseOf(begin, hello, `{"type":"message-end","delta":{}}`), 0, ""},
		"no JSON":              {sseOf(begin, hello, `{"type":7}`), 0, ""},
		"a nameless call":      {sseOf(begin, hello, `{"type":"tool-call-start","delta":{"message":{"tool_calls":{"id":"a"}}}}`), 0, ""},
		"arguments of nothing": {sseOf(begin, `{"type":"tool-call-delta","delta":{"message":{"tool_calls":{"function":{"arguments":"{}"}}}}}`), 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := (&recorded.Case{Body: c.stream}).StreamToStream(t, newChat())
			var e *provider.Error
			if !errors.As(p.Err, &e) {
				if c.words != "" || p.Err == nil || errors.Is(p.Err, io.ErrUnexpectedEOF) {
					t.Errorf("error is %v", p.Err)
				}
			} else if e.Kind != c.kind || c.words == "" || !strings.Contains(e.Message, c.words) {
				t.Errorf("kind %d, %v", e.Kind, e)
			}
			if bytes.Contains(c.stream, []byte("Hello")) && p.Text != "Hello" {
				t.Errorf("the text before it is %q", p.Text)
			}
		})
	}
}

// D26, D28: only message-end ends a stream.
func TestStreamEnds(t *testing.T) {
	const end = `{"type":"message-end","delta":{"finish_reason":"COMPLETE","usage":{"tokens":{"input_tokens":3,"output_tokens":1}}}}`
	for name, c := range map[string]struct {
		stream []byte
		whole  bool
	}{
		"at once":               {nil, false},
		"before its end":        {sseOf(begin, hello), false},
		"with a mark alone":     {sseOf(begin, hello, "[DONE]"), false},
		"inside an event":       {[]byte(string(sseOf(begin, hello)) + `data: {"type":"message-en`), false},
		"as it should":          {sseOf(begin, hello, end), true},
		"without a blank line":  {bytes.TrimRight(sseOf(begin, hello, end), "\n"), true},
		"without a beginning":   {sseOf(hello, end), true},
		"with more behind it":   {sseOf(begin, hello, end, hello, end, "no JSON"), true},
		"named, without a type": {[]byte("event: content-delta\ndata: {\"delta\":{\"message\":{\"content\":{\"text\":\"Hello\"}}}}\n\n" + string(sseOf(end))), true},
		"with what is unknown":  {sseOf(begin, `{"type":"debug","prompt":"x"}`, " ", hello, `{"type":"content-end","index":0}`, end), true},
	} {
		t.Run(name, func(t *testing.T) {
			chat := newChat()
			p := (&recorded.Case{Body: c.stream}).StreamToStream(t, chat)
			switch {
			case chat.Done() != c.whole:
				t.Errorf("done is %v", chat.Done())
			case !c.whole && !errors.Is(p.Err, io.ErrUnexpectedEOF):
				t.Errorf("error is %v", p.Err)
			case !c.whole && p.Usage != (cost.Usage{}):
				t.Errorf("usage is %+v, though none was told", p.Usage)
			case c.whole && (p.Err != nil || p.Text != "Hello" || p.Finish != "stop" || p.ID == "" || p.Usage.Input != cost.Of(3)):
				t.Errorf("%+v", p)
			}
		})
	}
}

func TestWholeFaults(t *testing.T) {
	for body, words := range map[string]string{
		`{"message":"internal server error"}`:                               "internal server error",
		`{"id":"m","message":{"role":"assistant"},"finish_reason":"ERROR"}`: "broke off",
		``: "", `{`: "", `[]`: "", `{}`: "",
		`{"id":"m","message":null,"finish_reason":"COMPLETE"}`:                "",
		`{"id":"m","message":{"content":7}}`:                                  "",
		`{"id":"m","message":{"role":"assistant"}}`:                           "",
		`{"message":{"tool_calls":[{"id":"a"}]},"finish_reason":"TOOL_CALL"}`: "",
	} {
		err := newChat().Whole([]byte(body), openai.NewWhole())
		var e *provider.Error
		if err == nil || errors.As(err, &e) != (words != "") || words != "" && !strings.Contains(e.Message, words) {
			t.Errorf("%s: error is %v", body, err)
		}
	}
}

func TestUsage(t *testing.T) {
	for usage, want := range map[string]cost.Usage{
		`{"tokens":{"input_tokens":10,"output_tokens":0},"billed_units":{"input_tokens":1.0,"output_tokens":0},"cached_tokens":4}`: {
			Input: cost.Of(10), Output: cost.Of(0), BilledInput: cost.Of(1), BilledOutput: cost.Of(0), CachedInput: cost.Of(4)},
		`{"tokens":{"input_tokens":10}}`:                                          {Input: cost.Of(10)},
		`{"billed_units":{"input_tokens":2,"search_units":1},"tokens":null}`:      {BilledInput: cost.Of(2)},
		`{"tokens":{"input_tokens":-1,"output_tokens":0.5},"cached_tokens":1e30}`: {},
		`null`: {},
	} {
		c := newChat()
		if err := c.Whole([]byte(`{"message":{},"finish_reason":"COMPLETE","usage":`+usage+`}`), openai.NewWhole()); err != nil {
			t.Fatal(err)
		}
		if got := c.Usage(); got != want {
			t.Errorf("%s is %+v, want %+v", usage, got, want)
		}
	}
}

func TestLogprobs(t *testing.T) {
	w := openai.NewWhole()
	err := newChat().Whole([]byte(`{"message":{"content":[{"type":"text","text":"ab"}]},"finish_reason":"COMPLETE","logprobs":[
		{"text":"a","token_ids":[1],"logprobs":[-0.10]},{"text":"","logprobs":[-1]},{"text":"x","logprobs":[-1e308,-1e308]},
		{"text":"y","logprobs":[null]},{"text":"b","token_ids":[2,3],"logprobs":[-0.5,-1]}]}`), w)
	if err != nil {
		t.Fatal(err)
	}
	const want = `"logprobs":{"content":[{"token":"a","logprob":-0.10,"bytes":[97],"top_logprobs":[]},{"token":"b","logprob":-1.5,"bytes":[98],"top_logprobs":[]}],"refusal":[]}`
	if got := string(w.Append(nil, openai.Trailer{Cost: []byte("null"), Layer: []byte("{}")})); !strings.Contains(got, want) {
		t.Errorf("the completion is %s, want %s", got, want)
	}
}

func TestError(t *testing.T) {
	header := http.Header{"Retry-After": {"7"}}
	for _, c := range []struct {
		status        int
		body          string
		kind          provider.Kind
		code, message string
	}{
		{400, `{"message":"invalid request: stop"}`, provider.Invalid, "", "invalid request: stop"},
		{400, `{"id":"x","message":"too many tokens: size limit exceeded by 5 tokens."}`, provider.Invalid, "context_length_exceeded", "too many tokens: size limit exceeded by 5 tokens."},
		{401, `{"message":"invalid api token"}`, provider.Auth, "", "invalid api token"},
		{402, `{"message":"billing limit"}`, provider.Auth, "", "billing limit"},
		{403, `{"message":"no"}`, provider.Auth, "", "no"},
		{404, `{"message":"model 'x' not found"}`, provider.ModelNotFound, "", "model 'x' not found"},
		{422, `{"message":"unknown field"}`, provider.Invalid, "", "unknown field"},
		{429, `{"message":"You are using a Trial key, which is limited to 20 API calls / minute."}`, provider.RateLimited, "", "You are using a Trial key, which is limited to 20 API calls / minute."},
		{429, `{"message":"You are using a Trial key, which is limited to 1000 API calls / month."}`, provider.QuotaSpent, "", "You are using a Trial key, which is limited to 1000 API calls / month."},
		{498, `{"message":"blocked"}`, provider.Invalid, "content_policy_violation", "blocked"},
		{499, `{"message":"request cancelled"}`, provider.Failed, "", "request cancelled"},
		{499, ``, provider.Failed, "", "the provider answered 499 "},
		{500, `{"message":"internal"}`, provider.Failed, "", "internal"},
		{501, `{"message":"not yet"}`, provider.Failed, "", "not yet"},
		{502, `<html>bad gateway</html>`, provider.Failed, "", "the provider answered 502 Bad Gateway"},
		{503, `{"message":"too busy"}`, provider.Overloaded, "", "too busy"},
		{504, `{"message":{"x":1}}`, provider.TimedOut, "", `{"message":{"x":1}}`},
	} {
		e := newChat().Error(c.status, header, []byte(c.body))
		if e.Kind != c.kind || e.Status != c.status || e.Code != c.code || e.Message != c.message || e.RetryAfter != 7*time.Second {
			t.Errorf("%d %s: %+v", c.status, c.body, e)
		}
	}
}

// A stream never breaks what a strict client relies on, whatever comes in.
func FuzzEvent(f *testing.F) {
	for _, name := range []string{"tools_stream", "thinking_stream", "logprobs_stream"} {
		f.Add(golden.Read(f, goldens, name, "upstream.sse"))
	}
	f.Add(sseOf(begin, hello, `{"type":"message-end","delta":{"error":"x","finish_reason":"ERROR"}}`))
	f.Add(sseOf(`{"message":"x"}`))
	f.Fuzz(func(t *testing.T, stream []byte) {
		events, err := recorded.Events(bytes.NewReader(stream))
		if err != nil {
			return
		}
		c, s := newChat(), openai.NewStream(false)
		for _, e := range events {
			if err = c.Event(sse.Event{Name: []byte(e.Name), Data: []byte(e.Data), Cut: e.Cut}, s); err != nil {
				break
			}
		}
		if err == nil {
			err = c.End(s)
		}
		if err == nil {
			s.End(openai.Trailer{Cost: []byte("null"), Layer: []byte("{}")})
		}
		seen, clientErr := recorded.Assemble(s.Ready())
		if clientErr != nil {
			t.Errorf("the client's stream: %v", clientErr)
		}
		if seen.Done != (err == nil) {
			t.Errorf("[DONE] is %v, the error %v", seen.Done, err)
		}
	})
}

package bedrock

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/internal/recorded"
	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/provider"
	"github.com/layergateway/layergateway/sse"
)

var trailer = openai.Trailer{Cost: []byte("null"), Layer: []byte("{}")}

func fresh() *chat { return New(Options{Now: fixed})().(*chat) }

// feed gives a chat the events of a stream: lines of name and payload.
func feed(c *chat, a openai.Answer, lines ...string) error {
	for _, line := range lines {
		name, payload, _ := strings.Cut(line, " ")
		if err := c.Event(sse.Event{Name: []byte(name), Data: []byte(payload)}, a); err != nil {
			return err
		}
	}
	return nil
}

const (
	hello    = `contentBlockDelta {"contentBlockIndex":0,"delta":{"text":"hi"}}`
	stop     = `messageStop {"stopReason":"end_turn"}`
	metadata = `metadata {"usage":{"inputTokens":3,"outputTokens":4}}`
)

// The usage comes behind the stop, or in front of it, or not at all.
func TestEnd(t *testing.T) {
	for name, c := range map[string]struct {
		lines []string
		done  bool
		err   error
		known bool
	}{
		"nothing":            {nil, false, io.ErrUnexpectedEOF, false},
		"no stop":            {[]string{hello}, false, io.ErrUnexpectedEOF, false},
		"usage but no stop":  {[]string{hello, metadata}, false, io.ErrUnexpectedEOF, true},
		"stop, no usage":     {[]string{hello, stop}, false, nil, false},
		"stop, then usage":   {[]string{hello, stop, metadata}, true, nil, true},
		"usage, then stop":   {[]string{hello, metadata, stop}, true, nil, true},
		"empty metadata":     {[]string{hello, stop, "metadata {}"}, true, nil, false},
		"more behind a stop": {[]string{hello, stop, hello, `contentBlockStart {"start":{"toolUse":{"name":"f"}}}`, stop, metadata}, true, nil, true},
		"unknown events":     {[]string{"initial-response {}", "future not JSON", hello, stop, metadata}, true, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			ch, w := fresh(), openai.NewWhole()
			if err := feed(ch, w, c.lines...); err != nil {
				t.Fatal(err)
			}
			if ch.Done() != c.done || !errors.Is(ch.End(w), c.err) || ch.Usage().Input.Known() != c.known {
				t.Errorf("done %v, end %v, usage %+v", ch.Done(), ch.End(w), ch.Usage())
			}
			if seen, err := recorded.Read(w.Append(nil, trailer)); c.err == nil && (err != nil || seen.Text != "hi" || seen.Finish != "stop") {
				t.Errorf("%+v, %v", seen, err)
			}
		})
	}
}

func TestUsage(t *testing.T) {
	of := cost.Of
	for usage, want := range map[string]cost.Usage{
		`{}`: {},
		`{"inputTokens":3,"outputTokens":4,"totalTokens":7}`:                                                                      {Input: of(3), Output: of(4)},
		`{"inputTokens":3,"cacheReadInputTokens":100,"cacheWriteInputTokens":20}`:                                                 {Input: of(123), CachedInput: of(100), CacheWrite: of(20)},
		`{"inputTokens":0,"outputTokens":0,"cacheReadInputTokens":0}`:                                                             {Input: of(0), Output: of(0), CachedInput: of(0)},
		`{"outputTokens":4,"cacheReadInputTokens":1}`:                                                                             {Output: of(4), CachedInput: of(1)},
		`{"inputTokens":3,"outputTokens":4},"serviceTier":{"type":"flex"}`:                                                        {Input: of(3), Output: of(4), Service: "flex"},
		`{"inputTokens":-3,"outputTokens":-1}`:                                                                                    {},
		`{"inputTokens":null,"outputTokens":4,"serverToolUsage":{},"cacheDetails":null}`:                                          {Output: of(4)},
		`{"inputTokens":1,"cacheWriteInputTokens":10,"cacheDetails":[{"ttl":"1h","inputTokens":7},{"ttl":"5m","inputTokens":3}]}`: {Input: of(11), CacheWrite: of(3), CacheWrite1h: of(7)},
		`{"inputTokens":1,"cacheWriteInputTokens":10,"cacheDetails":[{"ttl":"1h","inputTokens":70}]}`:                             {Input: of(11), CacheWrite: of(0), CacheWrite1h: of(10)},
		`{"inputTokens":1,"cacheWriteInputTokens":-1,"cacheDetails":[{"ttl":"1h","inputTokens":7}]}`:                              {Input: of(1)},
	} {
		ch := fresh()
		if err := feed(ch, openai.NewWhole(), "metadata "+`{"usage":`+usage+`}`); err != nil {
			t.Fatal(err)
		}
		if got := ch.Usage(); got != want {
			t.Errorf("%s: %+v, want %+v", usage, got, want)
		}
	}
}

func TestFinish(t *testing.T) {
	const call = `contentBlockStart {"contentBlockIndex":1,"start":{"toolUse":{"toolUseId":"t","name":"f"}}}`
	for _, c := range []struct {
		native, want string
		lines        []string
	}{
		{"end_turn", "stop", nil},
		{"stop_sequence", "stop", nil},
		{"max_tokens", "length", nil},
		{"max_tokens", "length", []string{call}},
		{"model_context_window_exceeded", "length", nil},
		{"tool_use", "tool_calls", []string{call}},
		{"end_turn", "tool_calls", []string{call}},
		{"tool_use", "stop", nil},
		{"guardrail_intervened", "content_filter", nil},
		{"content_filtered", "content_filter", nil},
		{"malformed_tool_use", "stop", nil},
		{"something_new", "stop", nil},
	} {
		ch, w := fresh(), openai.NewWhole()
		if err := feed(ch, w, append(c.lines, `messageStop {"stopReason":"`+c.native+`"}`)...); err != nil {
			t.Fatal(err)
		}
		seen, err := recorded.Read(w.Append(nil, trailer))
		if err != nil || seen.Finish != c.want || w.NativeFinish() != c.native {
			t.Errorf("%s becomes %s, %s, %v", c.native, seen.Finish, w.NativeFinish(), err)
		}
	}
}

// What is no answer is none, whatever the status.
func TestBroken(t *testing.T) {
	for _, body := range []string{``, `{`, `[]`, `{}`, `{"output":{"message":{"content":[{"text":"hi"}]}}}`,
		`{"Output":{"__type":"com.amazon.coral.service#UnknownOperationException"},"Version":"1.0"}`,
		`{"output":{"message":{"content":[{"toolUse":{"toolUseId":"t"}}]}},"stopReason":"tool_use"}`} {
		if err := fresh().Whole([]byte(body), openai.NewWhole()); err == nil {
			t.Errorf("%s is an answer", body)
		}
	}
	for _, line := range []string{
		`contentBlockDelta {"delta":`, `contentBlockDelta []`, `messageStop {}`,
		`contentBlockStart {"start":{"toolUse":{"toolUseId":"t"}}}`,
		`contentBlockDelta {"contentBlockIndex":3,"delta":{"toolUse":{"input":"{}"}}}`,
		`contentBlockDelta {"delta":{"reasoningContent":{"redactedContent":"no base64"}}}`,
	} {
		if err := feed(fresh(), openai.NewStream(false), line); err == nil {
			t.Errorf("%s is an event", line)
		}
	}
}

// Some models give a tool's input as text, some in no block's order, and some
// end blocks that they have not begun.
func TestOddTools(t *testing.T) {
	for body, want := range map[string]string{
		`{"toolUseId":"t","name":"f","input":"{\"a\": 1}"}`:  `{"a": 1}`,
		`{"toolUseId":"t","name":"f","input":null}`:          `{}`,
		`{"toolUseId":"t","name":"f"}`:                       `{}`,
		`{"toolUseId":"t","name":"f","input":{ "a": 1.50 }}`: `{"a":1.50}`,
	} {
		w := openai.NewWhole()
		if err := fresh().Whole([]byte(`{"output":{"message":{"content":[{"toolUse":`+body+`}]}},"stopReason":"tool_use"}`), w); err != nil {
			t.Fatal(err)
		}
		seen, err := recorded.Read(w.Append(nil, trailer))
		if err != nil || len(seen.Calls) != 1 || seen.Calls[0].Arguments != want {
			t.Errorf("%s: %+v, %v", body, seen.Calls, err)
		}
	}
	w := openai.NewWhole()
	err := feed(fresh(), w, `contentBlockStop {"contentBlockIndex":9}`,
		`contentBlockStart {"contentBlockIndex":5,"start":{"toolUse":{"toolUseId":"a","name":"f"}}}`,
		`contentBlockStart {"contentBlockIndex":2,"start":{"toolUse":{"toolUseId":"b","name":"g"}}}`,
		`contentBlockDelta {"contentBlockIndex":5,"delta":{"toolUse":{"input":"{\"a\":1}"}}}`,
		`contentBlockStart {"contentBlockIndex":5,"start":{"toolUse":{"toolUseId":"c","name":"f"}}}`,
		`messageStop {"stopReason":"tool_use"}`)
	seen, readErr := recorded.Read(w.Append(nil, trailer))
	if err != nil || readErr != nil || len(seen.Calls) != 3 || seen.Calls[0].Arguments != `{"a":1}` || seen.Calls[1].Arguments != "{}" || seen.Calls[2].Arguments != "{}" {
		t.Errorf("%+v, %v, %v", seen.Calls, err, readErr)
	}
}

// FuzzEvents checks that whatever a stream holds, nothing panics and the client
// gets a stream that a strict client takes.
func FuzzEvents(f *testing.F) {
	for _, lines := range [][]string{
		{"messageStart {}", hello, `contentBlockStop {"contentBlockIndex":0}`, stop, metadata},
		{`contentBlockDelta {"contentBlockIndex":0,"delta":{"reasoningContent":{"text":"t","signature":"c2ln"}}}`, stop},
		{`contentBlockDelta {"contentBlockIndex":0,"delta":{"reasoningContent":{"redactedContent":"AAEC"}}}`, hello, stop},
		{`contentBlockStart {"contentBlockIndex":1,"start":{"toolUse":{"toolUseId":"t","name":"f"}}}`, `contentBlockDelta {"contentBlockIndex":1,"delta":{"toolUse":{"input":"{"}}}`, stop},
		{`contentBlockStart {"contentBlockIndex":1,"start":{"toolUse":{"toolUseId":"t","name":"answer"}}}`, stop},
		{hello, `exception:throttlingException {"message":"slow"}`},
	} {
		f.Add(strings.Join(lines, "\n"))
	}
	f.Fuzz(func(t *testing.T, lines string) {
		c, s := fresh(), openai.NewStream(false)
		c.answer.schemaTool = "answer"
		err := feed(c, s, strings.Split(lines, "\n")...)
		if err == nil {
			err = c.End(s)
		}
		if err == nil {
			s.End(trailer)
		} else {
			s.Fail(&openai.Error{Message: "failed", Type: openai.TypeAPI})
		}
		seen, bad := recorded.Assemble(bytes.Clone(s.Ready()))
		if bad != nil || seen.Done != (err == nil) {
			t.Errorf("%v, done %v after %v", bad, seen.Done, err)
		}
	})
}

func TestExceptions(t *testing.T) {
	for line, want := range map[string]provider.Error{
		`exception:throttlingException {"message":"Too many requests"}`:                {Kind: provider.RateLimited, Status: 429, Code: "ThrottlingException", Message: "Too many requests"},
		`exception:validationException {"message":"Bad field"}`:                        {Kind: provider.Invalid, Status: 400, Code: "ValidationException", Message: "Bad field"},
		`exception:modelStreamErrorException {"message":"x","originalStatusCode":500}`: {Kind: provider.Failed, Status: 424, Code: "ModelStreamErrorException", Message: "x"},
		`exception:internalServerException {"message":"x"}`:                            {Kind: provider.Failed, Status: 500, Code: "InternalServerException", Message: "x"},
		`exception:serviceUnavailableException {"message":"x"}`:                        {Kind: provider.Overloaded, Status: 503, Code: "ServiceUnavailableException", Message: "x"},
		`exception:futureException no JSON`:                                            {Kind: provider.Failed, Code: "FutureException", Message: "the provider answered FutureException"},
		`exception: {}`:                                                                {Kind: provider.Failed, Message: "the provider's stream failed"},
	} {
		s := openai.NewStream(false)
		err := feed(fresh(), s, hello, line)
		var e *provider.Error
		if !errors.As(err, &e) || *e != want {
			t.Errorf("%s: %+v, want %+v", line, e, want)
		}
		if !s.Content() {
			t.Error("the text before the exception is lost")
		}
	}
}

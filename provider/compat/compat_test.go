package compat

import (
	"bytes"
	"context"
	stdjson "encoding/json"
	"errors"
	"io"
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

// upstream builds the upstream request of a client's request.
func upstream(t *testing.T, o Options, body string, edit func(*openai.Edits)) (*http.Request, string) {
	t.Helper()
	r, err := openai.ParseChat([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	e := new(openai.Edits)
	if edit != nil {
		edit(e)
	}
	call := &provider.Call{
		Provider: &provider.Provider{BaseURL: "https://api.test/v1"}, Key: "sk-1", Model: "up/stream", Request: r, Edits: e, Stream: r.Stream,
	}
	bodies := [2]string{}
	var req *http.Request
	for i := range bodies {
		if req, err = New(o)().Request(context.Background(), call); err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(req.Body)
		if err != nil {
			t.Fatal(err)
		}
		bodies[i] = string(b)
	}
	if bodies[0] != bodies[1] {
		t.Errorf("the second attempt differs:\n%s\n%s", bodies[0], bodies[1])
	}
	return req, bodies[0]
}

func TestRequestHeaders(t *testing.T) {
	req, _ := upstream(t, Options{Organization: "org", Project: "proj"}, `{"messages":[{"role":"user","content":"hi"}]}`, nil)
	if req.Method != http.MethodPost || req.URL.String() != "https://api.test/v1/chat/completions" {
		t.Error(req.Method, req.URL)
	}
	want := http.Header{"Content-Type": {"application/json"}, "Authorization": {"Bearer sk-1"}, "Openai-Organization": {"org"}, "Openai-Project": {"proj"}}
	if diff := cmp.Diff(want, req.Header); diff != "" {
		t.Error(diff)
	}
	call := &provider.Call{Provider: &provider.Provider{BaseURL: "http://localhost:1/v1"}, Edits: new(openai.Edits)}
	call.Request, _ = openai.ParseChat([]byte(`{"messages":[{"role":"user","content":"hi"}]}`))
	req, err := New(Options{})().Request(context.Background(), call)
	if err != nil || len(req.Header) != 1 {
		t.Errorf("without a key: %v, %v", req.Header, err)
	}
}

func TestRequestBody(t *testing.T) {
	const m = `"messages":[{"role":"user","content":"hi"}]`
	limit := func(e *openai.Edits) { e.Set("max_completion_tokens", []byte("5")) }
	for name, c := range map[string]struct {
		strict   bool
		edit     func(*openai.Edits)
		in, want string
	}{
		"model replaced":       {in: `{"model":"layer/x",` + m + `}`, want: `{"model":"up/stream",` + m + `}`},
		"model added":          {in: `{` + m + `}`, want: `{` + m + `,"model":"up/stream"}`},
		"gateway fields":       {in: `{"gateId":"g","gate\u005fid":"g","layer":{},"model":"m",` + m + `}`, want: `{"model":"up/stream",` + m + `}`},
		"W11 digits":           {in: `{"model":"m",` + m + `,"metadata":{ "a" : 12345678901234567890, "b":1.0},"x":[1e2 ]}`, want: `{"model":"up/stream",` + m + `,"metadata":{ "a" : 12345678901234567890, "b":1.0},"x":[1e2 ]}`},
		"usage asked":          {in: `{"model":"m","stream":true,` + m + `}`, want: `{"model":"up/stream","stream":true,` + m + `,"stream_options":{"include_usage":true}}`},
		"options kept":         {in: `{"model":"m","stream":true,"stream_options":{"include_usage":false,"include_obfuscation":false},` + m + `}`, want: `{"model":"up/stream","stream":true,"stream_options":{"include_obfuscation":false,"include_usage":true},` + m + `}`},
		"options hidden":       {in: `{"model":"m","stream":true,"stream_options":{"include\u005fusage":false},` + m + `}`, want: `{"model":"up/stream","stream":true,"stream_options":{"include_usage":true},` + m + `}`},
		"options null":         {in: `{"model":"m","stream":true,"stream_options":null,` + m + `}`, want: `{"model":"up/stream","stream":true,"stream_options":{"include_usage":true},` + m + `}`},
		"gate's limit, OpenAI": {strict: true, edit: limit, in: `{"model":"m",` + m + `}`, want: `{"model":"up/stream",` + m + `,"max_completion_tokens":5}`},
		"gate's limit, others": {edit: limit, in: `{"model":"m",` + m + `}`, want: `{"model":"up/stream",` + m + `,"max_tokens":5}`},
		"null in its place":    {edit: limit, in: `{"model":"m","max_tokens":null,` + m + `}`, want: `{"model":"up/stream","max_tokens":5,` + m + `}`},
		"the client's own":     {edit: limit, in: `{"model":"m","max_completion_tokens":9,` + m + `}`, want: `{"model":"up/stream","max_completion_tokens":5,` + m + `}`},
		"state for others": {in: `{"model":"m","messages":[{"role":"assistant","content":"a","reasoning_content":"r"}]}`,
			want: `{"model":"up/stream","messages":[{"role":"assistant","content":"a","reasoning_content":"r"}]}`},
		"state for OpenAI": {strict: true,
			in:   `{"model":"m","messages":[{"role":"user","content":"say \"reasoning_content\""},{"reasoning_content":"r","role":"assistant","content":"a","reasoning_details":[],"extra_content":{},"tool_calls":[{"id":"1","type":"function","extra_content":{"google":{"thought_signature":"s"}},"function":{"name":"f","arguments":"{}"}}]}]}`,
			want: `{"model":"up/stream","messages":[{"role":"user","content":"say \"reasoning_content\""},{"role":"assistant","content":"a","tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{}"}}]}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			_, got := upstream(t, Options{Strict: c.strict}, c.in, c.edit)
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestUsage(t *testing.T) {
	n := cost.Of
	for name, c := range map[string]struct {
		raw  string
		want cost.Usage
	}{
		"OpenAI": {`{"prompt_tokens":9,"completion_tokens":5,"total_tokens":14,"prompt_tokens_details":{"cached_tokens":2,"cache_write_tokens":3,"audio_tokens":1},"completion_tokens_details":{"reasoning_tokens":4,"audio_tokens":0}}`,
			cost.Usage{Input: n(9), Output: n(5), CachedInput: n(2), CacheWrite: n(3), AudioInput: n(1), Reasoning: n(4), AudioOutput: n(0)}},
		"bare":       {`{"prompt_tokens":9,"completion_tokens":0}`, cost.Usage{Input: n(9), Output: n(0)}},
		"nulls":      {`{"prompt_tokens":9,"completion_tokens":null,"prompt_tokens_details":null,"completion_tokens_details":{"reasoning_tokens":null}}`, cost.Usage{Input: n(9)}},
		"DeepSeek":   {`{"prompt_tokens":9,"completion_tokens":1,"prompt_cache_hit_tokens":4,"prompt_cache_miss_tokens":5}`, cost.Usage{Input: n(9), Output: n(1), CachedInput: n(4)}},
		"Moonshot":   {`{"prompt_tokens":9,"completion_tokens":1,"cached_tokens":4}`, cost.Usage{Input: n(9), Output: n(1), CachedInput: n(4)}},
		"both":       {`{"prompt_tokens":9,"prompt_cache_hit_tokens":4,"prompt_tokens_details":{"cached_tokens":3}}`, cost.Usage{Input: n(9), CachedInput: n(3)}},
		"OpenRouter": {`{"prompt_tokens":9,"completion_tokens":1,"server_tool_use":{"web_search_requests":2}}`, cost.Usage{Input: n(9), Output: n(1), Searches: n(2)}},
		"Perplexity": {`{"prompt_tokens":9,"completion_tokens":1,"citation_tokens":5,"num_search_queries":2,"reasoning_tokens":40,"upstream_cost":{"request_cost":0.006}}`,
			cost.Usage{Input: n(9), Output: n(41), Reasoning: n(40), Citation: n(5), Searches: n(2), BilledRequest: cost.FeeOf(6_000_000_000)}},
		"reasoning named twice": {`{"prompt_tokens":9,"completion_tokens":50,"reasoning_tokens":40}`, cost.Usage{Input: n(9), Output: n(50)}},
		"odd additions":         {`{"prompt_tokens":9,"completion_tokens":1,"reasoning_tokens":"x","server_tool_use":[],"upstream_cost":{"request_cost":-1}}`, cost.Usage{Input: n(9), Output: n(1)}},
		"a tier":                {`{"prompt_tokens":9,"completion_tokens":1},"service_tier":"flex"`, cost.Usage{Input: n(9), Output: n(1), Service: "flex"}},
		"no tier":               {`{"prompt_tokens":9,"completion_tokens":1},"service_tier":null`, cost.Usage{Input: n(9), Output: n(1)}},
		"an odd tier":           {`{"prompt_tokens":9,"completion_tokens":1},"service_tier":7`, cost.Usage{Input: n(9), Output: n(1)}},
		"empty":                 {`{}`, cost.Usage{}},
		"no numbers":            {`{"prompt_tokens":"many"}`, cost.Usage{}},
	} {
		for how, play := range map[string]func(provider.Chat) error{
			"whole": func(p provider.Chat) error {
				return p.Whole([]byte(`{"choices":[],"usage":`+c.raw+`}`), openai.NewWhole())
			},
			"stream": func(p provider.Chat) error {
				return p.Event(sse.Event{Data: []byte(`{"choices":[],"usage":` + c.raw + `}`)}, openai.NewStream(true))
			},
		} {
			chat := New(Options{})()
			if diff := cmp.Diff(cost.Usage{}, chat.Usage(), cmpopts.EquateComparable(cost.Usage{})); diff != "" {
				t.Errorf("before anything came: %s", diff)
			}
			if err := play(chat); err != nil {
				t.Fatal(err)
			}
			if got := chat.Usage(); got != c.want {
				t.Errorf("%s, %s: %+v, want %+v", name, how, got, c.want)
			}
		}
	}
}

func TestError(t *testing.T) {
	for name, c := range map[string]struct {
		status               int
		body                 string
		kind                 provider.Kind
		message, code, param string
	}{
		"OpenAI":         {400, `{"error":{"message":"m","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}`, provider.Invalid, "m", "context_length_exceeded", "messages"},
		"nulls":          {400, `{"error":{"message":"m","type":null,"param":null,"code":null}}`, provider.Invalid, "m", "", ""},
		"401":            {401, `{"error":{"message":"m","code":"invalid_api_key"}}`, provider.Auth, "m", "invalid_api_key", ""},
		"404":            {404, `{"error":{"message":"m","code":"model_not_found"}}`, provider.ModelNotFound, "m", "model_not_found", ""},
		"400 model":      {400, `{"error":{"message":"m","code":"model_not_found"}}`, provider.ModelNotFound, "m", "model_not_found", ""},
		"429":            {429, `{"error":{"message":"m","type":"tokens","code":"rate_limit_exceeded"}}`, provider.RateLimited, "m", "rate_limit_exceeded", ""},
		"D04 quota":      {429, `{"error":{"message":"m","type":"insufficient_quota","code":"insufficient_quota"}}`, provider.QuotaSpent, "m", "insufficient_quota", ""},
		"billing":        {429, `{"error":{"message":"m","type":"billing_not_active"}}`, provider.QuotaSpent, "m", "", ""},
		"overloaded":     {500, `{"error":{"message":"m","type":"overloaded_error"}}`, provider.Overloaded, "m", "", ""},
		"numeric code":   {400, `{"error":{"message":"m","code":400}}`, provider.Invalid, "m", "400", ""},
		"string error":   {422, `{"error":"m"}`, provider.Invalid, "m", "", ""},
		"string, words":  {500, `{"error":"Internal","message":"m"}`, provider.Failed, "m", "", ""},
		"on top":         {429, `{"object":"error","message":"m","type":"rate_limited","param":null,"code":"1300"}`, provider.RateLimited, "m", "1300", ""},
		"message object": {422, `{"message":{"detail":[1]}}`, provider.Invalid, `{"detail":[1]}`, "", ""},
		"detail":         {401, `{"detail":"Unauthorized"}`, provider.Auth, "Unauthorized", "", ""},
		"detail list":    {422, `{"detail":[{"msg":"m"}]}`, provider.Invalid, "m", "", ""},
		"array":          {400, `[{"error":{"message":"m","code":400,"status":"INVALID_ARGUMENT"}}]`, provider.Invalid, "m", "400", ""},
		"no words":       {400, `{"error":{"code":"bad"}}`, provider.Invalid, `{"code":"bad"}`, "bad", ""},
		"names twice":    {400, `{"error":{"message":"a","message":"m"}}`, provider.Invalid, "m", "", ""},
		"D06 page":       {503, `<html>busy</html>`, provider.Overloaded, "the provider answered 503 Service Unavailable", "", ""},
		"empty":          {500, ``, provider.Failed, "the provider answered 500 Internal Server Error", "", ""},
		"bare string":    {500, `"boom"`, provider.Failed, `"boom"`, "", ""},
		"empty array":    {500, `[]`, provider.Failed, `[]`, "", ""},
		"empty object":   {500, `{}`, provider.Failed, `{}`, "", ""},
		"null":           {500, `{"error":null}`, provider.Failed, `{"error":null}`, "", ""},
		"very long":      {400, `{"error":{"message":"` + strings.Repeat("é", 100_000) + `"}}`, provider.Invalid, strings.Repeat("é", maxMessage/2), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			e := New(Options{})().Error(c.status, http.Header{"Retry-After": {"2"}}, []byte(c.body))
			if e.Status != c.status || e.Kind != c.kind || e.Message != c.message || e.Code != c.code || e.Param != c.param || e.RetryAfter != 2*time.Second {
				t.Errorf("%+v", e)
			}
		})
	}
}

func TestRecordings(t *testing.T) {
	recorded.Play(t, recorded.Load(t, "openai"), func(recorded.Case) provider.Chat { return New(Options{Strict: true})() })
}

// TestRecordingsPassThrough plays everything OpenAI-shaped and finds each value
// of a whole answer in what the client gets, byte by byte, and each chunk of
// OpenAI's own streams but for its usage.
func TestRecordingsPassThrough(t *testing.T) {
	trailer := openai.Trailer{Usage: []byte(`{"prompt_tokens":1}`), Cost: []byte("null"), Layer: []byte("{}")}
	for _, c := range recorded.Load(t, openaiShaped...) {
		t.Run(c.ID, func(t *testing.T) {
			if c.Failed() {
				return
			}
			if !c.Stream {
				w := openai.NewWhole()
				if err := New(Options{Strict: true})().Whole(c.Body, w); err != nil {
					t.Fatal(err)
				}
				out := w.Append(nil, trailer)
				var before, after map[string]stdjson.RawMessage
				if err := errors.Join(stdjson.Unmarshal(c.Body, &before), stdjson.Unmarshal(out, &after)); err != nil {
					t.Fatal(err)
				}
				for name, v := range before {
					if name != "usage" && !bytes.Equal(v, after[name]) {
						t.Errorf("%s is %s, want %s", name, after[name], v)
					}
				}
				return
			}
			s := openai.NewStream(false)
			chat := New(Options{})()
			events, err := recorded.Events(bytes.NewReader(c.Body))
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range events {
				if err := chat.Event(e.SSE(), s); err != nil {
					t.Fatalf("%s: %v", e.Data, err)
				}
			}
			if err := chat.End(s); err != nil {
				t.Fatal(err)
			}
			s.End(trailer)
			out := bytes.Clone(s.Ready())
			if c.Provider != "openai" {
				return // with their own habits: only that they pass
			}
			for _, e := range events {
				chunk := strings.Replace(e.Data, `,"usage":null`, "", 1)
				if !bytes.Contains(out, []byte(strings.TrimSuffix(chunk, "}"))) && !strings.Contains(chunk, `"usage":{`) {
					t.Errorf("changed: %s", chunk)
				}
			}
		})
	}
}

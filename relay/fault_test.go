package relay

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/layergateway/layergateway/health"
	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/provider"
	"github.com/layergateway/layergateway/sse"
)

// TestFaults goes through what an upstream can do before the first content:
// alone, and with another target behind it.
func TestFaults(t *testing.T) {
	const errorBody = `{"error":{"message":"no good","type":"t","param":"messages","code":"c"}}`
	tests := []struct {
		id      string
		a       answer
		status  int
		typ     string
		code    string
		retry   string // Retry-After
		noRetry bool
		final   bool // another target is not tried
		outcome Outcome
	}{
		{id: "D01", a: answer{status: 429, header: http.Header{"Retry-After": {"2"}}, body: errorBody}, status: 429, typ: "rate_limit_error", code: "provider_rate_limited", retry: "2"},
		{id: "D04", a: answer{status: 429, body: `{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}`}, status: 429, typ: "insufficient_quota", code: "insufficient_quota", noRetry: true},
		{id: "D05", a: answer{status: 529, body: errorBody}, status: 503, typ: "api_error", code: "provider_overloaded", retry: "1"},
		{id: "D06", a: answer{status: 500, typ: "text/html", body: "<html>" + strings.Repeat("x", 200<<10)}, status: 502, typ: "api_error", code: "provider_error"},
		{id: "D07 502", a: answer{status: 502, body: errorBody}, status: 502, typ: "api_error", code: "provider_error"},
		{id: "D07 503", a: answer{status: 503, body: errorBody}, status: 503, typ: "api_error", code: "provider_overloaded", retry: "1"},
		{id: "D07 504", a: answer{status: 504, body: errorBody}, status: 504, typ: "api_error", code: "provider_timeout", outcome: Timeout},
		{id: "D08", a: answer{status: 400, body: `{"error":{"message":"too long","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}`}, status: 400, typ: "invalid_request_error", code: "context_length_exceeded", final: true, outcome: Rejected},
		{id: "422", a: answer{status: 422, body: `{"detail":"extra"}`}, status: 422, typ: "invalid_request_error", code: "provider_error", final: true, outcome: Rejected},
		{id: "413", a: answer{status: 413, body: errorBody}, status: 413, typ: "invalid_request_error", code: "c", final: true, outcome: Rejected},
		{id: "D09 401", a: answer{status: 401, body: errorBody}, status: 502, typ: "api_error", code: "provider_auth"},
		{id: "D09 402", a: answer{status: 402, body: errorBody}, status: 502, typ: "api_error", code: "provider_auth"},
		{id: "D09 403", a: answer{status: 403, body: errorBody}, status: 502, typ: "api_error", code: "provider_auth"},
		{id: "D10", a: answer{status: 404, body: errorBody}, status: 502, typ: "api_error", code: "provider_model_not_found"},
		{id: "D11", a: answer{err: syscall.ECONNREFUSED}, status: 502, typ: "api_error", code: "provider_error"},
		{id: "D12", a: answer{err: &net.DNSError{Name: "secret.internal"}}, status: 502, typ: "api_error", code: "provider_error"},
		{id: "redirect", a: answer{status: 302, body: ""}, status: 502, typ: "api_error", code: "provider_error"},
		{id: "D17", a: answer{typ: "text/html", body: "<html>sk-secret-a</html>"}, status: 502, typ: "api_error", code: "provider_error"},
		{id: "D18", a: answer{read: io.MultiReader(strings.NewReader(good[:40]), failing{io.ErrUnexpectedEOF})}, status: 502, typ: "api_error", code: "provider_error"},
		{id: "D19", a: answer{body: `{"choices":`}, status: 502, typ: "api_error", code: "provider_error"},
		{id: "D20", a: answer{body: ``}, status: 502, typ: "api_error", code: "provider_error"},
		{id: "D21", a: answer{body: `{"error":{"message":"slow down","code":429}}`}, status: 429, typ: "rate_limit_error", code: "provider_rate_limited"},
		{id: "encoding", a: answer{header: http.Header{"Content-Encoding": {"br"}}, body: good}, status: 502, typ: "api_error", code: "provider_error"},
		{id: "D30", a: answer{typ: "text/event-stream", body: events(`{"error":{"message":"busy","type":"overloaded_error"}}`, "[DONE]")}, status: 503, typ: "api_error", code: "provider_overloaded", retry: "1"},
		{id: "no content", a: answer{typ: "text/event-stream", body: events(`{"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}`)}, status: 502, typ: "api_error", code: "provider_error"},
	}
	for _, test := range tests {
		for _, stream := range []bool{false, true} {
			body, name := hi, test.id
			if stream {
				body, name = hiStream, test.id+" stream"
			}
			t.Run(name, func(t *testing.T) {
				a := &upstream{answers: []answer{test.a}}
				w, rec := ask(setup(t, a, nil, gateJSON(``)), body, nil)
				if w.Code != test.status {
					t.Fatalf("status %d: %s", w.Code, w.Body)
				}
				e := errorOf(t, w.Body.Bytes())
				if e.Type != test.typ || e.Code == nil || *e.Code != test.code {
					t.Errorf("error %s", w.Body)
				}
				if strings.Contains(w.Body.String(), "<html") || strings.Contains(w.Body.String(), "secret") {
					t.Errorf("the error says too much: %s", w.Body)
				}
				if got := w.Header().Get("Retry-After"); got != test.retry {
					t.Errorf("Retry-After %q", got)
				}
				if got := w.Header().Get("X-Should-Retry") == "false"; got != test.noRetry {
					t.Errorf("x-should-retry: false is %v", got)
				}
				want := test.outcome
				if want == "" {
					want = ProviderError
				}
				if rec.Outcome != want || len(rec.Tries) != 1 || len(a.got) != 1 || rec.Bill.Total != 0 {
					t.Errorf("record %+v", rec)
				}
			})
			t.Run(name+" fb", func(t *testing.T) {
				b := &upstream{answers: []answer{{body: good}}}
				if stream {
					b.answers[0] = answer{typ: "text/event-stream", body: goodStream}
				}
				r := setup(t, &upstream{answers: []answer{test.a}}, b, gateJSON(`"routingStrategy":"fallback","fallbackModels":["b/m"]`))
				w, rec := ask(r, body, nil)
				if test.final {
					if w.Code != test.status || len(b.got) != 0 {
						t.Errorf("%d, %d requests to b", w.Code, len(b.got))
					}
					return
				}
				if w.Code != 200 || rec.Outcome != OK || rec.Provider != "b" || len(rec.Tries) != 2 || !rec.Tries[0].Failed {
					t.Errorf("%d %+v", w.Code, rec)
				}
				if w.Header().Get("X-Layer-Provider") != "b" || w.Header().Get("X-Layer-Attempts") != "2" {
					t.Errorf("headers %v", w.Header())
				}
			})
		}
	}
}

// TestMadeUpModels: names that a provider doesn't know take no room where those
// are remembered that it has.
func TestMadeUpModels(t *testing.T) {
	a := &upstream{answers: []answer{{status: 404, body: `{"error":{"message":"no such model","code":"model_not_found"}}`}}}
	r := setup(t, a, nil, gateJSON(`"allowOverrides":true`))
	for range 6 {
		w, _ := ask(r, `{"gateId":"assistant","model":"a/made-up","messages":[{"role":"user","content":"hi"}]}`, nil)
		if w.Code != 502 || *errorOf(t, w.Body.Bytes()).Code != "provider_model_not_found" {
			t.Errorf("%d: %s", w.Code, w.Body)
		}
	}
	p := r.Providers["a"]
	if rows := p.Health.Snapshot(p.Keys.Values()); len(rows) != 1 || len(a.got) != 6 {
		t.Errorf("asked %d times, remembered %+v", len(a.got), rows)
	}
}

// TestHeadroom: what a provider says of its own limits is kept, of an answer and of
// a refusal.
func TestHeadroom(t *testing.T) {
	left := func(n string) http.Header {
		return http.Header{"X-Ratelimit-Limit-Requests": {"100"}, "X-Ratelimit-Remaining-Requests": {n}}
	}
	a := &upstream{answers: []answer{
		{header: left("99"), body: good}, {typ: "text/event-stream", header: left("98"), body: goodStream},
		{status: 500, header: left("97"), body: `{}`},
	}}
	r := setup(t, a, nil, gateJSON(``))
	p := r.Providers["a"]
	for i, body := range []string{hi, hiStream, hi} {
		ask(r, body, nil)
		rows := p.Health.Snapshot(p.Keys.Values())
		want := []health.Headroom{{What: "requests", Remaining: int64(99 - i), Limit: 100}}
		if len(rows) != 2 || !slices.Equal(rows[1].Headroom, want) || rows[1].Told.IsZero() {
			t.Errorf("after %d: %+v", i+1, rows)
		}
	}
}

// failing is a reader that only fails.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// TestBroken goes through what can happen to a stream once the client has some
// of it.
func TestBroken(t *testing.T) {
	list := strings.SplitAfter(goodStream, "\n\n")
	half := list[0] + list[1]
	done := goodStream[:strings.Index(goodStream, "data: [DONE]")]
	tests := []struct {
		id      string
		body    io.Reader
		outcome Outcome
		code    string // of the error event, "" is [DONE]
	}{
		{"D26", strings.NewReader(half), Truncated, "provider_error"},
		{"D26 inside an event", strings.NewReader(half + list[2][:40]), Truncated, "provider_error"},
		{"D27", io.MultiReader(strings.NewReader(half), failing{syscall.ECONNRESET}), Truncated, "provider_error"},
		{"D28", strings.NewReader(done), OK, ""},
		{"D28 reset", io.MultiReader(strings.NewReader(done), failing{syscall.ECONNRESET}), OK, ""},
		{"D29", strings.NewReader(half + events(`{"error":{"message":"rate","type":"rate_limit_error"}}`)), ProviderError, "provider_rate_limited"},
		{"W07", strings.NewReader(half + events(`{"error":{"message":"boom"}}`, "[DONE]")), ProviderError, "provider_error"},
		{"garbage", strings.NewReader(half + events(`{"choices":`, "[DONE]")), ProviderError, "provider_error"},
		{"D36", strings.NewReader(half + events(strings.Repeat("x", sse.DefaultMaxEvent+1))), ProviderError, "event_too_large"},
	}
	for _, test := range tests {
		t.Run(test.id, func(t *testing.T) {
			b := &upstream{answers: []answer{{typ: "text/event-stream", body: goodStream}}}
			r := setup(t, &upstream{answers: []answer{{typ: "text/event-stream", read: test.body}}}, b,
				gateJSON(`"routingStrategy":"fallback","fallbackModels":["b/m"]`))
			w, rec := ask(r, hiStream, nil)
			out := w.Body.String()
			if w.Code != 200 || !strings.Contains(out, `"hel"`) || len(b.got) != 0 || rec.Outcome != test.outcome {
				t.Fatalf("%d %s, b asked %d times: %s", w.Code, rec.Outcome, len(b.got), out)
			}
			if ended := strings.HasSuffix(out, "data: [DONE]\n\n"); ended != (test.code == "") {
				t.Errorf("ends with %q", out[len(out)-60:])
			}
			if test.code != "" {
				last := out[strings.LastIndex(out, "data: ")+len("data: "):]
				if e := errorOf(t, []byte(last)); *e.Code != test.code {
					t.Errorf("got %s", last)
				}
			}
		})
	}
}

// TestClientGone lets the client leave at each stage: the upstream request ends
// with it and no other target is tried.
func TestClientGone(t *testing.T) {
	for _, stage := range []string{"before headers", "before content", "in the stream", "whole"} {
		t.Run(stage, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				leaving := silent(func() context.Context { return ctx })
				first := goodStream[:strings.Index(goodStream, "\n\n")+2]
				var a answer
				body := hiStream
				switch stage {
				case "before headers":
					a = answer{hang: true}
				case "before content":
					a = answer{typ: "text/event-stream", read: io.MultiReader(strings.NewReader(first), leaving)}
				case "in the stream":
					a = answer{typ: "text/event-stream", read: io.MultiReader(strings.NewReader(goodStream[:400]), leaving)}
				case "whole":
					a, body = answer{read: io.MultiReader(strings.NewReader(good[:20]), leaving)}, hi
				}
				b := &upstream{answers: []answer{{body: good}}}
				r := setup(t, &upstream{answers: []answer{a}}, b, strings.Replace(gateJSON(`"routingStrategy":"fallback","fallbackModels":["b/m"]`), `"maxRetries":0`, `"maxRetries":3`, 1))
				time.AfterFunc(time.Second, cancel)
				start := time.Now()
				w, rec := askContext(ctx, r, body, nil)
				if rec.Outcome != ClientGone || len(b.got) != 0 || len(rec.Tries) != 1 {
					t.Errorf("%s, b asked %d times, %d tries", rec.Outcome, len(b.got), len(rec.Tries))
				}
				if time.Since(start) != time.Second {
					t.Errorf("took %s", time.Since(start))
				}
				// Who has closed its own side alone must not take an empty 200 for the answer.
				if stage != "in the stream" && (w.Code != 499 || *errorOf(t, w.Body.Bytes()).Code != "client_gone" || rec.Status != 0) {
					t.Errorf("wrote %d %s, recorded %d", w.Code, w.Body, rec.Status)
				}
				r.Gates.Close()
			})
		})
	}
}

// TestPanic (D86): a fault of the gateway's own stays a fault of one request.
func TestPanic(t *testing.T) {
	for _, begun := range []bool{false, true} {
		// A byte at a time, so that what came before the fault has gone out.
		a := answer{typ: "text/event-stream", read: iotest.OneByteReader(strings.NewReader(goodStream))}
		r := setup(t, &upstream{answers: []answer{a}}, nil, gateJSON(``))
		p := r.Providers["a"]
		inner := p.NewChat
		p.NewChat = func() provider.Chat { return &panicking{Chat: inner(), late: begun} }
		w, rec := ask(r, hiStream, nil)
		out := w.Body.String()
		if rec.Outcome != GatewayError || !strings.Contains(rec.Fault, "sk-boom") || strings.Contains(out, "boom") || strings.Contains(out, "goroutine") {
			t.Errorf("%s: %s", rec.Outcome, out)
		}
		if e := errorOf(t, []byte(out[strings.LastIndex(out, `{"error"`):])); *e.Code != "gateway_error" {
			t.Errorf("got %s", out)
		}
		if want := map[bool]int{false: 500, true: 200}[begun]; w.Code != want {
			t.Errorf("status %d", w.Code)
		}
	}
}

type panicking struct {
	provider.Chat
	late  bool
	count int
}

func (p *panicking) Event(ev sse.Event, a openai.Answer) error {
	if p.count++; !p.late || p.count == 4 {
		panic("sk-boom")
	}
	return p.Chat.Event(ev, a)
}

func TestOutcomeOfUnknownErrors(t *testing.T) {
	if got := outcomeOf(context.Background(), errors.New("x"), false); got != GatewayError {
		t.Error(got)
	}
}

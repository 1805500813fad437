package relay

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/layergateway/layergateway/cost"
)

// traced sends a body through the relay inside of a server's span, and returns
// that span and those of the attempts, in the order in which these began.
func traced(ctx context.Context, t *testing.T, r *Relay, body string) (server string, attempts []string) {
	t.Helper()
	sink := tracetest.NewInMemoryExporter()
	tracing := sdktrace.NewTracerProvider(sdktrace.WithSyncer(sink))
	ctx, span := tracing.Tracer("test").Start(ctx, "server", trace.WithSpanKind(trace.SpanKindServer))
	askContext(ctx, r, body, http.Header{"X-Layer-Session-Id": {"s1"}})
	span.End()
	stubs := sink.GetSpans()
	slices.SortStableFunc(stubs, func(a, b tracetest.SpanStub) int { return a.StartTime.Compare(b.StartTime) })
	for _, s := range stubs {
		if s.EndTime.Before(s.StartTime) {
			t.Errorf("%s has no end", s.Name)
		}
		if s.SpanContext.SpanID() == span.SpanContext().SpanID() {
			server = spanText(s)
			continue
		}
		if s.Parent.SpanID() != span.SpanContext().SpanID() {
			t.Errorf("%s is not the request's", s.Name)
		}
		attempts = append(attempts, spanText(s))
	}
	return server, attempts
}

// spanText has all of a span but its ids and times.
func spanText(s tracetest.SpanStub) string {
	var set []string
	for _, a := range s.Attributes {
		if a.Key != attrRequestID && a.Key != attrFirstChunk {
			set = append(set, fmt.Sprintf("%s=%s", a.Key, a.Value.String()))
		}
	}
	slices.Sort(set)
	text := fmt.Sprintf("%s %q %s", s.SpanKind, s.Name, s.Status.Code)
	if s.Status.Description != "" {
		text += " " + s.Status.Description
	}
	return text + "\n" + strings.Join(set, "\n")
}

func spanOf(lines ...string) string { return strings.Join(lines, "\n") }

// asksA are the attributes that every attempt at the target a/m begins with.
var asksA = []string{"gen_ai.conversation.id=s1", "gen_ai.operation.name=chat", "gen_ai.provider.name=openai", "gen_ai.request.model=m"}

func TestSpans(t *testing.T) {
	failover := gateJSON(`"routingStrategy":"fallback","fallbackModels":["b/m"]`)
	cutStream := strings.TrimSuffix(goodStream, events(`[DONE]`))[:400]
	for name, row := range map[string]struct {
		a        answer
		gate     string
		body     string
		server   string
		attempts []string
	}{
		"whole": {a: answer{body: good}, gate: gateJSON(``), body: hi,
			server: spanOf(`server "server" Unset`, "gen_ai.conversation.id=s1", "gen_ai.operation.name=chat", "gen_ai.provider.name=openai",
				"gen_ai.request.model=assistant", "gen_ai.response.model=m", "layer_gateway.attempts=1", "layer_gateway.cost_usd=1.4e-05",
				"layer_gateway.gate=assistant", "layer_gateway.gate_id="+assistantID, "layer_gateway.key=k", "layer_gateway.outcome=ok",
				"layer_gateway.provider=a"),
			attempts: []string{spanOf(append(append([]string{`client "chat m" Unset`}, asksA...), `gen_ai.response.finish_reasons=["stop"]`,
				"gen_ai.usage.input_tokens=10", "gen_ai.usage.output_tokens=2", "http.response.status_code=200", "layer_gateway.cost_usd=1.4e-05",
				"layer_gateway.provider=a", "layer_gateway.result=ok", "server.address=a", "server.port=80")...)}},
		"failover": {a: answer{status: 500, body: `{"error":{"message":"a secret word"}}`}, gate: failover, body: hi,
			server: spanOf(`server "server" Unset`, "gen_ai.conversation.id=s1", "gen_ai.operation.name=chat", "gen_ai.provider.name=openai",
				"gen_ai.request.model=assistant", "gen_ai.response.model=m", "layer_gateway.attempts=2", "layer_gateway.cost_usd=1.4e-05",
				"layer_gateway.gate=assistant", "layer_gateway.gate_id="+assistantID, "layer_gateway.key=k", "layer_gateway.outcome=ok",
				"layer_gateway.provider=b"),
			attempts: []string{
				spanOf(append(append([]string{`client "chat m" Error failed`, "error.type=failed"}, asksA...), "http.response.status_code=500",
					"layer_gateway.cost_usd=0", "layer_gateway.provider=a", "layer_gateway.result=failed", "server.address=a", "server.port=80")...),
				spanOf(append(append([]string{`client "chat m" Unset`}, asksA...), `gen_ai.response.finish_reasons=["stop"]`,
					"gen_ai.usage.input_tokens=10", "gen_ai.usage.output_tokens=2", "http.response.status_code=200", "layer_gateway.cost_usd=1.4e-05",
					"layer_gateway.provider=b", "layer_gateway.result=ok", "server.address=b", "server.port=80")...)}},
		"no key": {gate: strings.Replace(gateJSON(``), "a/m", "keyless/m", 1), body: hi,
			server: spanOf(`server "server" Error provider_error`, "error.type=provider_error", "gen_ai.conversation.id=s1", "gen_ai.operation.name=chat",
				"gen_ai.provider.name=openai", "gen_ai.request.model=assistant", "gen_ai.response.model=m", "layer_gateway.attempts=1",
				"layer_gateway.cost_usd=0", "layer_gateway.gate=assistant", "layer_gateway.gate_id="+assistantID, "layer_gateway.key=k",
				"layer_gateway.outcome=provider_error", "layer_gateway.provider=keyless"),
			attempts: []string{spanOf(append(append([]string{`client "chat m" Error auth`, "error.type=auth"}, asksA...),
				"layer_gateway.cost_usd=0", "layer_gateway.provider=keyless", "layer_gateway.result=auth", "server.address=keyless", "server.port=80")...)}},
		"refused": {gate: gateJSON(``), body: `{"model":"other","messages":[{"role":"user","content":"a secret word"}]}`,
			server: spanOf(`server "server" Unset`, "error.type=gate_not_found", "gen_ai.conversation.id=s1", "gen_ai.operation.name=chat",
				"gen_ai.request.model=other", "layer_gateway.attempts=0", "layer_gateway.cost_usd=0", "layer_gateway.key=k", "layer_gateway.outcome=rejected")},
		"truncated": {a: answer{typ: "text/event-stream", body: cutStream}, gate: gateJSON(``), body: hiStream,
			server: spanOf(`server "server" Error truncated`, "error.type=truncated", "gen_ai.conversation.id=s1", "gen_ai.operation.name=chat",
				"gen_ai.provider.name=openai", "gen_ai.request.model=assistant", "gen_ai.response.model=m", "layer_gateway.attempts=1",
				"layer_gateway.cost_usd=1.1e-05", "layer_gateway.gate=assistant", "layer_gateway.gate_id="+assistantID, "layer_gateway.key=k",
				"layer_gateway.outcome=truncated", "layer_gateway.provider=a"),
			attempts: []string{spanOf(append(append([]string{`client "chat m" Error failed`, "error.type=failed"}, asksA...), "gen_ai.request.stream=true",
				"gen_ai.usage.input_tokens=9", "gen_ai.usage.output_tokens=1", "http.response.status_code=200", "layer_gateway.cost_usd=1.1e-05",
				"layer_gateway.estimated=true", "layer_gateway.provider=a", "layer_gateway.result=failed", "server.address=a", "server.port=80")...)}},
	} {
		t.Run(name, func(t *testing.T) {
			server, attempts := traced(t.Context(), t, setup(t, &upstream{answers: []answer{row.a}}, nil, row.gate), row.body)
			if server != row.server {
				t.Errorf("the server's span:\n%s\nwant\n%s", server, row.server)
			}
			if got, want := strings.Join(attempts, "\n\n"), strings.Join(row.attempts, "\n\n"); got != want {
				t.Errorf("the attempts' spans:\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// To lose, and to leave, are no errors.
func TestSpansWithoutFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := setup(t, &upstream{answers: []answer{{hang: true}}}, nil, gateJSON(`"routingStrategy":"fallback","fallbackModels":["b/m"],"hedge":"1s"`))
		_, attempts := traced(t.Context(), t, r, hi)
		if len(attempts) != 2 || !strings.Contains(attempts[0], "Unset") || !strings.Contains(attempts[0], "layer_gateway.result=lost") ||
			!strings.Contains(attempts[1], "layer_gateway.hedge=true") || !strings.Contains(attempts[1], "layer_gateway.result=ok") {
			t.Errorf("a hedge: %s", strings.Join(attempts, "\n\n"))
		}
	})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		server, attempts := traced(ctx, t, setup(t, &upstream{answers: []answer{{hang: true}}}, nil, gateJSON(``)), hi)
		if !strings.Contains(server, "Unset") || !strings.Contains(server, "layer_gateway.outcome=client_gone") ||
			len(attempts) != 1 || !strings.Contains(attempts[0], "Unset") || !strings.Contains(attempts[0], "layer_gateway.result=client_gone") {
			t.Errorf("a client that left:\n%s\n\n%s", server, strings.Join(attempts, "\n\n"))
		}
	})
}

// The id of a trace goes to nobody, and the texts of others are bounded.
func TestSpansKeepToThemselves(t *testing.T) {
	a := &upstream{answers: []answer{{body: good}}}
	seen := make(chan http.Header, 1)
	r := setup(t, a, nil, gateJSON(`"allowOverrides":["model"]`))
	r.Providers["a"].Transport = transportFunc(func(req *http.Request) (*http.Response, error) {
		seen <- req.Header
		return a.RoundTrip(req)
	})
	long := strings.Repeat("m", 3*maxAttribute) + "\xff"
	_, attempts := traced(t.Context(), t, r, `{"gateId":"assistant","model":"a/`+long[:3*maxAttribute]+`","messages":[{"role":"user","content":"hi"}]}`)
	for name := range <-seen {
		if strings.Contains(strings.ToLower(name), "trace") || strings.EqualFold(name, "baggage") {
			t.Errorf("the provider got the header %s", name)
		}
	}
	if len(attempts) != 1 || strings.Contains(attempts[0], long[:maxAttribute+1]) {
		t.Errorf("spans %q", attempts)
	}
	if got := clipped(long[2*maxAttribute:]); len(got) != maxAttribute {
		t.Errorf("%q", got)
	}
}

type transportFunc func(*http.Request) (*http.Response, error)

func (f transportFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// An attempt's span has the numbers that are asked for, the gate's own included, and nothing that was said.
func TestSpansOfRequests(t *testing.T) {
	for body, want := range map[string]string{
		`"max_tokens":5,"n":1,"top_p":null,"stop":["secret"]`:                                         "max_tokens=5 temperature=0.5",
		`"max_completion_tokens":7,"max_tokens":5,"n":2,"seed":-3,"temperature":1,"top_p":0.25`:       "choice.count=2 max_tokens=7 seed=-3 temperature=1 top_p=0.25",
		`"frequency_penalty":-2,"presence_penalty":1e-1,"seed":123456789012345678901,"user":"secret"`: "frequency_penalty=-2 presence_penalty=0.1 temperature=0.5",
	} {
		r := setup(t, &upstream{answers: []answer{{body: good}}}, nil, gateJSON(`"temperature":0.5`))
		_, attempts := traced(t.Context(), t, r, `{"model":"assistant","messages":[{"role":"user","content":"secret"}],`+body+`}`)
		if len(attempts) != 1 || strings.Contains(attempts[0], "secret") {
			t.Fatalf("%s: %q", body, attempts)
		}
		var got []string
		for line := range strings.SplitSeq(attempts[0], "\n") {
			if name, ok := strings.CutPrefix(line, "gen_ai.request."); ok && name != "model=m" {
				got = append(got, name)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %s, want %s", body, got, want)
		}
	}
}

// Without a trace that is recorded there is no span and no cost.
func TestNoSpans(t *testing.T) {
	x := &exchange{rec: &Record{}, r: mustRequest(t)}
	a := &attempt{exchange: x}
	if n := testing.AllocsPerRun(100, func() {
		a.beginSpan()
		a.endSpan(nil)
		x.relay.Describe(x.r.Context(), x.rec)
	}); n != 0 || a.span != nil {
		t.Errorf("%v allocations, span %v", n, a.span)
	}
}

func mustRequest(t *testing.T) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestUsageAttributes(t *testing.T) {
	got := attribute.NewSet(usageAttributes(usageOf(t, `{"input":10,"cached_input":1,"cache_write":2,"cache_write_1h":3,"audio_input":4,"image_input":5,"output":20,"reasoning":6,"audio_output":7,"image_output":8}`))...)
	want := "gen_ai.usage.audio.input_tokens=4,gen_ai.usage.audio.output_tokens=7,gen_ai.usage.cache_read.input_tokens=1,gen_ai.usage.cache_write.input_tokens=5," +
		"gen_ai.usage.image.input_tokens=5,gen_ai.usage.image.output_tokens=8,gen_ai.usage.input_tokens=10,gen_ai.usage.output_tokens=20,gen_ai.usage.reasoning.output_tokens=6"
	if text := got.Encoded(attribute.DefaultEncoder()); text != want {
		t.Errorf("%s\nwant %s", text, want)
	}
	for base, want := range map[string]string{"https://api.openai.com/v1": "api.openai.com 443 true", "http://localhost:11434/v1": "localhost 11434 true",
		"http://[::1]/x": "::1 80 true", "": " 0 false"} {
		host, port, ok := address(base)
		if text := fmt.Sprint(host, " ", port, " ", ok); text != want {
			t.Errorf("%q is %s, want %s", base, text, want)
		}
	}
	for kind, want := range map[string]string{"openai": "openai", "google": "gcp.gemini", "bedrock": "aws.bedrock", "ollama": "ollama"} {
		if got := providerName(kind); got != want {
			t.Errorf("%s is %s", kind, got)
		}
	}
}

func usageOf(t *testing.T, text string) (u cost.Usage) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &u); err != nil {
		t.Fatal(err)
	}
	return u
}

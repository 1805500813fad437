package layergateway

import (
	"context"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/contrib/exporters/autoexport"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"
)

// spanSink keeps what Caddy's tracer exports.
type spanSink struct {
	mu    sync.Mutex
	spans []sdktrace.ReadOnlySpan
}

func (s *spanSink) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spans = append(s.spans, spans...)
	return nil
}

func (s *spanSink) Shutdown(context.Context) error { return nil }

func (s *spanSink) take() []sdktrace.ReadOnlySpan {
	s.mu.Lock()
	defer s.mu.Unlock()
	spans := s.spans
	s.spans = nil
	return spans
}

// spanSinkOnce registers the exporter "test", which can be done once in a process.
var spanSinkOnce = sync.OnceValue(func() *spanSink {
	sink := new(spanSink)
	autoexport.RegisterSpanExporter("test", func(context.Context) (sdktrace.SpanExporter, error) { return sink, nil })
	return sink
})

// In Caddy's own trace a request has its span, and each attempt one below that; the provider is told of none.
func TestTraces(t *testing.T) {
	u, _, gates := providers(t)
	sink := spanSinkOnce()
	t.Setenv("OTEL_TRACES_EXPORTER", "test")
	block := func(before string) string { return before + "\nlayer_gateway {\napi_key k\n" + gates + "}\n" }
	s := start(t, block("tracing {\nspan gateway\n}"))
	const parent = "0af7651916cd43dd8448eb211c80319c"
	if got := s.chat("anthropic", "canary_prompt", "Traceparent", "00-"+parent+"-b7ad6b7169203331-01"); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if got := s.do(s.client, "POST", chatPath, "{}", "Authorization", "Bearer canary_key"); got.status != 401 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	// Without the handler its tracer ends, and exports what it has.
	if err := s.reload(block("")); err != nil {
		t.Fatal(err)
	}
	var server, client, refused sdktrace.ReadOnlySpan
	spans := sink.take()
	for _, span := range spans {
		switch kind := span.SpanKind(); {
		case kind == oteltrace.SpanKindClient:
			client = span
		case span.SpanContext().TraceID().String() == parent:
			server = span
		default:
			refused = span
		}
		for _, a := range span.Attributes() {
			if strings.Contains(a.Value.String(), "canary") {
				t.Errorf("%s: %s=%s", span.Name(), a.Key, a.Value.String())
			}
		}
	}
	if len(spans) != 3 || server == nil || client == nil || refused == nil {
		t.Fatalf("spans: %v", spans)
	}
	if client.SpanContext().TraceID().String() != parent || client.Parent().SpanID() != server.SpanContext().SpanID() {
		t.Errorf("the spans are not one below the other in the client's trace: %v %v", server, client)
	}
	for span, want := range map[sdktrace.ReadOnlySpan]map[string]string{
		server:  {"layer_gateway.gate": "anthropic", "layer_gateway.outcome": "ok", "gen_ai.request.model": "anthropic"},
		refused: {"layer_gateway.outcome": "rejected", "error.type": "invalid_api_key"},
		client:  {"gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5", "layer_gateway.result": "ok"},
	} {
		for _, a := range span.Attributes() {
			if value, ok := want[string(a.Key)]; ok {
				if delete(want, string(a.Key)); a.Value.String() != value {
					t.Errorf("%s: %s is %s, want %s", span.Name(), a.Key, a.Value.String(), value)
				}
			}
		}
		if len(want) > 0 {
			t.Errorf("%s lacks %v", span.Name(), want)
		}
	}
	for _, e := range u.Journal().Entries() {
		for name := range e.Header {
			if strings.Contains(strings.ToLower(name), "trace") || name == "Baggage" || name == "B3" {
				t.Errorf("%s got the header %s", e.Provider, name)
			}
		}
	}
	if got := s.chat("anthropic", "hi"); got.status != 200 || len(sink.take()) != 0 {
		t.Errorf("without tracing: %d", got.status)
	}
}

package compat

import (
	"fmt"
	"strings"
	"testing"

	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/sse"
)

// usual are the kinds of chunks that a stream has, in their order.
var usual = []struct{ name, data string }{
	{"content", streamHead + `[{"index":0,"delta":{"content":" word"},"logprobs":null,"finish_reason":null}],"usage":null}`},
	{"reasoning", streamHead + `[{"index":0,"delta":{"reasoning":" word"},"logprobs":null,"finish_reason":null}],"usage":null}`},
	{"call", streamHead + `[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"f","arguments":""}}]},"logprobs":null,"finish_reason":null}],"usage":null}`},
	{"arguments", streamHead + `[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\":"}}]},"logprobs":null,"finish_reason":null}],"usage":null}`},
	{"usage", streamHead + `[],"usage":` + usualUsage + `}`},
	// Last, since more is looked for in all that follows it.
	{"finish", streamHead + `[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}],"usage":null}`},
}

const (
	streamHead = `{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"gpt-4o","service_tier":"default","system_fingerprint":"fp_1","choices":`
	usualUsage = `{"prompt_tokens":19,"completion_tokens":10,"total_tokens":29,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}`
)

// BenchmarkEvent is each kind of chunk, on its way from the upstream's bytes to
// the client's.
func BenchmarkEvent(b *testing.B) {
	for _, c := range usual {
		b.Run(c.name, func(b *testing.B) {
			one := []byte("data: " + c.data + "\n\n")
			chat := New(Options{})()
			s := openai.NewStream(false)
			first := func(i int) { // what comes before it
				if err := chat.Event(sse.Event{Data: []byte(usual[i].data)}, s); err != nil {
					b.Fatal(err)
				}
			}
			first(0)
			first(2)
			b.ReportAllocs()
			b.SetBytes(int64(len(one)))
			r := sse.NewReader(&repeated{one: one}, 0)
			for b.Loop() {
				ev, err := r.Next()
				if err != nil {
					b.Fatal(err)
				}
				if err := chat.Event(ev, s); err != nil {
					b.Fatal(err)
				}
				s.Ready()
			}
		})
	}
}

// BenchmarkWhole is a whole answer, on its way likewise, and its usage.
func BenchmarkWhole(b *testing.B) {
	for _, size := range []int{600, 200_000} {
		body := fmt.Appendf(nil, `{"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"gpt-4o","choices":[{"index":0,"message":{"role":"assistant","content":"%s","refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"stop"}],"usage":%s,"service_tier":"default","system_fingerprint":"fp_1"}`,
			strings.Repeat(`twenty bytes, \"so\"\n`, size/20), usualUsage)
		b.Run(fmt.Sprint(len(body)), func(b *testing.B) {
			newChat := New(Options{})
			trailer := openai.Trailer{Usage: []byte(usualUsage), Cost: []byte("0.001"), Layer: []byte(`{"request_id":"r","gate":"g"}`)}
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				chat, w := newChat(), openai.NewWhole()
				if err := chat.Whole(body, w); err != nil {
					b.Fatal(err)
				}
				w.Append(nil, trailer)
				if !chat.Usage().Output.Known() {
					b.Fatal("no usage")
				}
			}
		})
	}
}

// repeated gives the same event again and again, one a read.
type repeated struct{ rest, one []byte }

func (r *repeated) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		r.rest = r.one
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

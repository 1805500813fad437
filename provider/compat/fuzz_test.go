package compat

import (
	"bytes"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/sse"
)

// Whatever a server with every habit sends, nobody panics, and what goes out is
// JSON. A second chunk meets what the first has left.
func FuzzMend(f *testing.F) {
	for _, seed := range []string{
		chunkHead + `{"index":0,"delta":{"reasoning":"hm","content":null,"tool_calls":[{"id":"a","function":{"name":"f","arguments":{}}}]}}]}`,
		chunkHead + `{"index":0,"delta":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]},{"type":"text","text":"a"}]},"finish_reason":"model_length","usage":{"prompt_tokens":1}}]}`,
		`{"choices":[{"message":{"content":[],"tool_calls":[{}]}}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":9,"cached_tokens":1},"x_groq":{"usage":{}}}`,
		`{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"id":null,"created":-1,"error":{"message":"m"}}`,
		`{"choices":[],"created":0,"id":""}`,
	} {
		f.Add([]byte(seed), []byte(seed))
	}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		chat, s := New(Options{})(), openai.NewStream(true)
		for _, data := range [][]byte{first, second} {
			if chat.Event(sse.Event{Data: bytes.Clone(data)}, s) != nil {
				break
			}
		}
		s.End(openai.Trailer{Usage: s.Usage(), Cost: []byte("null"), Layer: []byte("{}")})
		for _, event := range bytes.Split(s.Ready(), []byte("\n\n")) {
			data := bytes.TrimPrefix(event, []byte("data: "))
			if v := jsontext.Value(data); len(data) > 0 && string(data) != "[DONE]" && !v.IsValid(duplicates) {
				t.Errorf("not JSON: %s", data)
			}
		}
		w := openai.NewWhole()
		if New(Options{})().Whole(bytes.Clone(first), w) == nil {
			out := w.Append(nil, openai.Trailer{Cost: []byte("null"), Layer: []byte("{}")})
			if v := jsontext.Value(out); !v.IsValid(duplicates) {
				t.Errorf("not JSON: %s", out)
			}
		}
	})
}

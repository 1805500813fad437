package google

import (
	"context"
	"errors"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/openai"
)

func FuzzTranslate(f *testing.F) {
	f.Add("gemini-3-pro", `[{"role":"user","content":"hi"},{"role":"assistant","tool_calls":[{"id":"a","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"a","content":"{}"}]`, `"tools":[{"google_search":{}}]`)
	f.Add("gemini-2.5-pro", `[{"role":"user","content":[{"type":"image_url","image_url":"data:image/png,%ff"}]}]`, `"temperature":1e2`)
	f.Fuzz(func(t *testing.T, model, messages, more string) {
		r, err := openai.ParseChat([]byte(`{"messages":` + messages + `,` + more + `}`))
		if err != nil {
			return
		}
		call := newCall(t, []byte(`{"messages":[{"role":"user","content":"x"}]}`))
		call.Request, call.Model = r, model
		var first []byte
		for range 2 {
			req, err := New().Request(context.Background(), call)
			var e *openai.Error
			if err != nil {
				if !errors.As(err, &e) {
					t.Fatalf("error is not the caller's to mend: %v", err)
				}
				return
			}
			b := readBody(t, req)
			if !jsontext.Value(b).IsValid() || first != nil && string(b) != string(first) {
				t.Fatalf("not valid, or not the same twice: %s", b)
			}
			first = b
		}
	})
}

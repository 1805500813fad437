package upstream

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// start serves the fakes for one test.
func start(t *testing.T) (*Server, string) {
	t.Helper()
	s := New()
	web := httptest.NewServer(s)
	t.Cleanup(web.Close)
	return s, web.URL
}

// paths is where each provider's main operation is, for a model.
func opPath(provider, model string, stream bool) string {
	switch {
	case provider == "openai":
		return "/openai/v1/chat/completions"
	case provider == "anthropic":
		return "/anthropic/v1/messages"
	case stream:
		return "/google/v1beta/models/" + model + ":streamGenerateContent?alt=sse"
	default:
		return "/google/v1beta/models/" + model + ":generateContent"
	}
}

func credentials(h http.Header, provider string) {
	h.Set("Content-Type", "application/json")
	switch provider {
	case "openai":
		h.Set("Authorization", "Bearer "+OpenAIKey)
	case "anthropic":
		h.Set("X-Api-Key", AnthropicKey)
		h.Set("Anthropic-Version", "2023-06-01")
	case "google":
		h.Set("X-Goog-Api-Key", GoogleKey)
	}
}

// post sends a body with good credentials, then whatever change makes of the request.
func post(t *testing.T, url, provider, model string, stream bool, body string, change func(*http.Request)) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+opPath(provider, model, stream), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	credentials(r.Header, provider)
	if change != nil {
		change(r)
	}
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Body.Close()
	got, err := io.ReadAll(w.Body)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatal(err)
	}
	return w, string(got)
}

// parse decodes a JSON object.
func parse(t *testing.T, body string) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(body), &m); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return m
}

// dig follows keys and indices into a decoded value; nil where it ends.
func dig(v any, path ...any) any {
	for _, p := range path {
		switch p := p.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[p]
		case int:
			l, _ := v.([]any)
			if p < 0 {
				p += len(l)
			}
			if p < 0 || p >= len(l) {
				return nil
			}
			v = l[p]
		}
	}
	return v
}

// events are the data of a stream's events, in order.
func events(t *testing.T, stream string) []map[string]any {
	t.Helper()
	var all []map[string]any
	for line := range strings.Lines(strings.ReplaceAll(stream, "\r\n", "\n")) {
		data, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "data: ")
		if ok && data != "[DONE]" {
			all = append(all, parse(t, data))
		}
	}
	return all
}

func marshal(t *testing.T, v any) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.MarshalWrite(&b, v, json.Deterministic(true), jsontext.EscapeForHTML(false)); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

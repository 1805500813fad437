package vertex

import (
	"context"
	"net/http"
	"testing"

	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/provider"
)

func newCall(t testing.TB, base, key, model, body string) *provider.Call {
	t.Helper()
	r, err := openai.ParseChat([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	p := &provider.Provider{Name: "vertex", BaseURL: base}
	return &provider.Call{Provider: p, Key: key, Model: model, Request: r, Edits: new(openai.Edits), Stream: r.Stream}
}

const (
	hello       = `{"model":"m","messages":[{"role":"user","content":"Hello"}]}`
	helloStream = `{"model":"m","messages":[{"role":"user","content":"Hello"}],"stream":true}`
)

func TestAddress(t *testing.T) {
	const (
		global = "https://aiplatform.googleapis.com/v1/projects/p/locations/global/"
		paris  = "https://europe-west9-aiplatform.googleapis.com/v1/projects/p/locations/europe-west9/"
		eu     = "https://aiplatform.eu.rep.googleapis.com/v1/projects/p/locations/eu/"
		us     = "https://aiplatform.us.rep.googleapis.com/v1/projects/p/locations/us/"
		google = "publishers/google/models/"
		claude = "publishers/anthropic/models/"
	)
	inProject := func(location string) Options { return Options{Project: "p", Location: location} }
	tests := map[string]struct {
		options       Options
		model         string
		whole, stream string
	}{
		"default location": {inProject(""), "gemini-2.5-flash",
			global + google + "gemini-2.5-flash:generateContent", global + google + "gemini-2.5-flash:streamGenerateContent?alt=sse"},
		"global": {inProject("global"), "gemini-2.5-flash",
			global + google + "gemini-2.5-flash:generateContent", global + google + "gemini-2.5-flash:streamGenerateContent?alt=sse"},
		"a region": {inProject("europe-west9"), "gemini-2.5-flash",
			paris + google + "gemini-2.5-flash:generateContent", paris + google + "gemini-2.5-flash:streamGenerateContent?alt=sse"},
		"regions of Europe": {inProject("eu"), "gemini-2.5-flash",
			eu + google + "gemini-2.5-flash:generateContent", eu + google + "gemini-2.5-flash:streamGenerateContent?alt=sse"},
		"Claude": {inProject("global"), "claude-sonnet-4-5@20250929",
			global + claude + "claude-sonnet-4-5@20250929:rawPredict", global + claude + "claude-sonnet-4-5@20250929:streamRawPredict"},
		"Claude in a region": {inProject("europe-west9"), "claude-opus-4-7@default",
			paris + claude + "claude-opus-4-7@default:rawPredict", paris + claude + "claude-opus-4-7@default:streamRawPredict"},
		"Claude in regions of America": {inProject("us"), "claude-haiku-4-5",
			us + claude + "claude-haiku-4-5:rawPredict", us + claude + "claude-haiku-4-5:streamRawPredict"},
		"with its publisher": {inProject(""), "publishers/google/models/gemini-2.5-flash",
			global + google + "gemini-2.5-flash:generateContent", global + google + "gemini-2.5-flash:streamGenerateContent?alt=sse"},
		"Claude with its publisher": {inProject(""), "publishers/anthropic/models/claude-opus-4-7",
			global + claude + "claude-opus-4-7:rawPredict", global + claude + "claude-opus-4-7:streamRawPredict"},
		"another publisher": {inProject(""), "publishers/example/models/m-1",
			global + "publishers/example/models/m-1:generateContent", global + "publishers/example/models/m-1:streamGenerateContent?alt=sse"},
		"as the Gemini API has it": {inProject(""), "models/gemini-2.5-flash",
			global + google + "gemini-2.5-flash:generateContent", global + google + "gemini-2.5-flash:streamGenerateContent?alt=sse"},
		"one segment": {inProject(""), "../a b:c?d#e",
			global + google + "..%2Fa%20b%3Ac%3Fd%23e:generateContent", global + google + "..%2Fa%20b%3Ac%3Fd%23e:streamGenerateContent?alt=sse"},
		"one segment of Claude's": {inProject(""), "claude-x/../:y",
			global + claude + "claude-x%2F..%2F%3Ay:rawPredict", global + claude + "claude-x%2F..%2F%3Ay:streamRawPredict"},
		"one segment, whatever the publisher": {inProject(""), "publishers/../models/m",
			global + google + "publishers%2F..%2Fmodels%2Fm:generateContent", global + google + "publishers%2F..%2Fmodels%2Fm:streamGenerateContent?alt=sse"},
		"express mode": {Options{}, "gemini-2.5-flash",
			"https://aiplatform.googleapis.com/v1/" + google + "gemini-2.5-flash:generateContent",
			"https://aiplatform.googleapis.com/v1/" + google + "gemini-2.5-flash:streamGenerateContent?alt=sse"},
		"a project of a domain": {Options{Project: "example.com:p"}, "gemini-2.5-flash",
			"https://aiplatform.googleapis.com/v1/projects/example.com:p/locations/global/" + google + "gemini-2.5-flash:generateContent",
			"https://aiplatform.googleapis.com/v1/projects/example.com:p/locations/global/" + google + "gemini-2.5-flash:streamGenerateContent?alt=sse"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			for body, want := range map[string]string{hello: test.whole, helloStream: test.stream} {
				call := newCall(t, BaseURL(test.options.Location), "secret-key", test.model, body)
				req, err := New(test.options)().Request(context.Background(), call)
				if err != nil {
					t.Fatal(err)
				}
				if got := req.URL.String(); req.Method != http.MethodPost || got != want {
					t.Errorf("%s %s, want %s", req.Method, got, want)
				}
				if req.Header.Get("X-Goog-Api-Key") != "secret-key" || req.Header.Get("Authorization") != "" || req.Header.Get("X-Api-Key") != "" {
					t.Errorf("header %v, want the key as x-goog-api-key alone", req.Header)
				}
			}
		})
	}
}

// The operator's address comes before the location's.
func TestBaseURLOfOperator(t *testing.T) {
	call := newCall(t, "http://localhost:1/v1", "k", "gemini-2.5-flash", hello)
	req, err := New(Options{Project: "p", Location: "eu"})().Request(context.Background(), call)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := req.URL.String(), "http://localhost:1/v1/projects/p/locations/eu/publishers/google/models/gemini-2.5-flash:generateContent"; got != want {
		t.Errorf("URL %s, want %s", got, want)
	}
}

package relay

import (
	"bytes"
	"compress/gzip"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/layergateway/layergateway/access"
)

const otherID = "0d5f8a3c-2b1e-4f60-8a7d-9c3b2a1f0e4d"

// TestRefusals: what never reaches a provider.
func TestRefusals(t *testing.T) {
	const msgs = `"messages":[{"role":"user","content":"hi"}]`
	tests := []struct {
		name, body string
		header     http.Header
		status     int
		code       string
		param      string // "" is null
	}{
		{name: "no gate", body: `{` + msgs + `}`, status: 400, code: "missing_field", param: "gateId"},
		{name: "empty names", body: `{"gateId":"","model":"",` + msgs + `}`, status: 400, code: "missing_field", param: "gateId"},
		{name: "unknown gate", body: `{"model":"nobody",` + msgs + `}`, status: 404, code: "gate_not_found", param: "gateId"},
		{name: "another key's gate", body: `{"model":"other",` + msgs + `}`, status: 404, code: "gate_not_found", param: "gateId"},
		{name: "another key's gate by id", body: `{"gateId":"` + otherID + `",` + msgs + `}`, status: 404, code: "gate_not_found", param: "gateId"},
		{name: "10 kB of name", body: `{"gateId":"` + strings.Repeat("a", 10<<10) + `",` + msgs + `}`, status: 404, code: "gate_not_found", param: "gateId"},
		{name: "path for a name", body: `{"gateId":"../../etc",` + msgs + `}`, status: 404, code: "gate_not_found", param: "gateId"},
		{name: "not JSON", body: `hello`, status: 400, code: "invalid_json"},
		{name: "cut", body: `{"model":"assistant",`, status: 400, code: "invalid_json"},
		{name: "empty", body: ``, status: 400, code: "invalid_json", param: "messages"},
		{name: "no messages", body: `{"model":"assistant"}`, status: 400, code: "missing_field", param: "messages"},
		{name: "messages is text", body: `{"model":"assistant","messages":"x"}`, status: 400, code: "invalid_type", param: "messages"},
		{name: "a hot temperature", body: `{"model":"assistant","temperature":"hot",` + msgs + `}`, status: 400, code: "invalid_type", param: "temperature"},
		{name: "a model twice", body: `{"model":"assistant","model":"other",` + msgs + `}`, status: 400, code: "invalid_json", param: "model"},
		{name: "too large", body: `{"model":"assistant","messages":[{"role":"user","content":"` + strings.Repeat("x", 1<<20) + `"}]}`, status: 413, code: "request_too_large"},
		{name: "not gzip", body: `{` + msgs + `}`, header: http.Header{"Content-Encoding": {"gzip"}}, status: 400, code: "invalid_json"},
		{name: "gzip cut off", body: zipped("{" + msgs + "}")[:30], header: http.Header{"Content-Encoding": {"gzip"}}, status: 400, code: "invalid_json"},
		{name: "brotli", body: `{` + msgs + `}`, header: http.Header{"Content-Encoding": {"br"}}, status: 415, code: "unsupported_encoding"},
		{name: "a bomb", body: zipped(strings.Repeat(" ", 64<<20)), header: http.Header{"Content-Encoding": {"gzip"}}, status: 413, code: "request_too_large"},
		{name: "paused", body: `{"model":"paused",` + msgs + `}`, status: 503, code: "gate_paused"},
		{name: "an unknown model", body: `{"gateId":"free","model":"nowhere/x",` + msgs + `}`, status: 400, code: "model_not_found", param: "model"},
		{name: "strict by header", body: `{"gateId":"assistant","model":"b/m",` + msgs + `}`, header: http.Header{"X-Layer-Strict": {"true"}}, status: 400, code: "unsupported_parameter", param: "model"},
		{name: "strict by gate", body: `{"model":"strict","temperature":1,` + msgs + `}`, status: 400, code: "unsupported_parameter", param: "temperature"},
		{name: "no key for the provider", body: `{"model":"keyless",` + msgs + `}`, status: 502, code: "provider_auth"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := &upstream{answers: []answer{{body: good}}}
			w, rec := askAll(semantics(t, a), test.body, test.header)
			if w.Code != test.status || len(a.got) != 0 {
				t.Fatalf("%d, upstream asked %d times: %s", w.Code, len(a.got), w.Body)
			}
			e := errorOf(t, w.Body.Bytes())
			param := ""
			if e.Param != nil {
				param = *e.Param
			}
			if *e.Code != test.code || param != test.param {
				t.Errorf("got %s", w.Body)
			}
			if want := map[bool]Outcome{true: ProviderError, false: Rejected}[test.code == "provider_auth"]; rec.Outcome != want {
				t.Errorf("outcome %s", rec.Outcome)
			}
			if test.name == "no key for the provider" && !strings.Contains(e.Message, "{env.NO_KEY}") {
				t.Errorf("the placeholder is not named: %s", e.Message)
			}
		})
	}
}

// semantics is a relay with a gate for each rule.
func semantics(t *testing.T, a *upstream) *Relay {
	id := func(n string) string { return `"id":"00000000-0000-4000-8000-00000000000` + n + `",` }
	return setup(t, a, nil, gateJSON(``),
		`{"id":"`+otherID+`","name":"other","model":"a/m"}`,
		`{`+id("1")+`"name":"paused","model":"a/m","paused":true}`,
		`{`+id("2")+`"name":"strict","model":"a/m","strict":true,"allowOverrides":false}`,
		`{`+id("3")+`"name":"free","model":"a/m","allowOverrides":true}`,
		`{`+id("4")+`"name":"keyless","model":"keyless/m"}`)
}

// askAll asks with a key that may use all gates but one.
func askAll(r *Relay, body string, h http.Header) (*httptest.ResponseRecorder, *Record) {
	return askAs(context.Background(), r, body, h, &access.Key{Name: "k", Gates: []string{"assistant", "paused", "strict", "free", "keyless"}})
}

func zipped(s string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(s))
	_ = z.Close()
	return b.String()
}

// TestNaming: which of the places that name a gate wins, and what model the
// request then asks for.
func TestNaming(t *testing.T) {
	const msgs = `"messages":[{"role":"user","content":"hi"}]}`
	header := http.Header{"X-Layer-Gate-Id": {"free"}}
	for _, test := range []struct {
		name, body string
		header     http.Header
		gate       string
		model      string // upstream
		overridden string
	}{
		{"model", `{"model":"assistant",` + msgs, nil, "assistant", "m", "[]"},
		{"model with prefix", `{"model":"layer/assistant",` + msgs, nil, "assistant", "m", "[]"},
		{"model with colon", `{"model":"layer:assistant",` + msgs, nil, "assistant", "m", "[]"},
		{"id in upper case", `{"model":"` + strings.ToUpper(assistantID) + `",` + msgs, nil, "assistant", "m", "[]"},
		{"gateId before header and model", `{"gateId":"assistant","model":"a/x",` + msgs, header, "assistant", "m", `["model"]`},
		{"gate_id", `{"gate_id":"assistant",` + msgs, header, "assistant", "m", "[]"},
		{"header before model", `{"model":"a/x",` + msgs, header, "free", "x", "[]"},
		{"the same gate twice", `{"gateId":"assistant","model":"layer/assistant",` + msgs, nil, "assistant", "m", "[]"},
		{"the gate's own model", `{"gateId":"assistant","model":"m",` + msgs, nil, "assistant", "m", "[]"},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := &upstream{answers: []answer{{body: good}}}
			w, rec := askAll(semantics(t, a), test.body, test.header)
			if w.Code != 200 || rec.Gate != test.gate {
				t.Fatalf("%d, gate %s: %s", w.Code, rec.Gate, w.Body)
			}
			if !strings.Contains(a.got[0], `"model":"`+test.model+`"`) || strings.Contains(a.got[0], "gate") {
				t.Errorf("upstream got %s", a.got[0])
			}
			if !strings.Contains(w.Body.String(), `"overridden":`+test.overridden) {
				t.Errorf("got %s", w.Body)
			}
		})
	}
	r := semantics(t, &upstream{answers: []answer{{body: good}}})
	r.DefaultGate = "assistant"
	if w, rec := askAll(r, `{`+msgs, nil); w.Code != 200 || rec.Gate != "assistant" {
		t.Errorf("the default gate: %d %s", w.Code, w.Body)
	}
	if w, _ := askAll(r, zipped(`{`+msgs), http.Header{"Content-Encoding": {"gzip"}}); w.Code != 200 {
		t.Errorf("a gzip body: %d %s", w.Code, w.Body)
	}
}

// TestRoundRobin: a true cycle, and failover to the rest.
func TestRoundRobin(t *testing.T) {
	a, b := &upstream{answers: []answer{{body: good}}}, &upstream{answers: []answer{{body: good}}}
	r := setup(t, a, b, gateJSON(`"routingStrategy":"round-robin","fallbackModels":[{"model":"b/m","weight":2}]`))
	served := ""
	for range 6 {
		_, rec := ask(r, hi, nil)
		served += rec.Provider
	}
	if strings.Count(served, "a") != 2 || served[:3] != served[3:] {
		t.Errorf("served by %s", served)
	}
	b.answers[0].status = 500
	for range 6 {
		if w, rec := ask(r, hi, nil); w.Code != 200 || rec.Provider != "a" {
			t.Errorf("%d by %s", w.Code, rec.Provider)
		}
	}
}

// TestEachAttemptFromTheClient (W34): a second target gets the client's own
// body, not what was made of it for the first.
func TestEachAttemptFromTheClient(t *testing.T) {
	a, b := &upstream{answers: []answer{{status: 500}}}, &upstream{answers: []answer{{body: good}}}
	r := setup(t, a, b, gateJSON(`"routingStrategy":"fallback","fallbackModels":["b/other"],"systemPrompt":"be kind"`))
	if w, _ := ask(r, `{"model":"assistant","messages":[{"role":"user","content":"hi"}],"x":1.0}`, nil); w.Code != 200 {
		t.Fatal(w.Body)
	}
	if want := strings.Replace(a.got[0], `"m"`, `"other"`, 1); b.got[0] != want {
		t.Errorf("got  %s\nwant %s", b.got[0], want)
	}
}

func TestModels(t *testing.T) {
	r := semantics(t, nil)
	w := httptest.NewRecorder()
	r.Models(w, &access.Key{Gates: []string{"assistant", otherID}})
	var list struct {
		Object string `json:"object"`
		Data   []struct {
			ID     string `json:"id"`
			Object string `json:"object"`
			Gate   string `json:"gate"`
		} `json:"data"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil {
		t.Fatal(err)
	}
	if list.Object != "list" || len(list.Data) != 2 || list.Data[0].ID != "assistant" || list.Data[1].Gate != "other" || list.Data[0].Object != "model" {
		t.Errorf("got %s", w.Body)
	}
	for ref, status := range map[string]int{"assistant": 200, assistantID: 200, "layer/other": 200, "paused": 404, "nobody": 404} {
		w := httptest.NewRecorder()
		r.Model(w, &access.Key{Gates: []string{"assistant", otherID}}, ref)
		if w.Code != status {
			t.Errorf("%s: %d", ref, w.Code)
		}
	}
}

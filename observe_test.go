package layergateway

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/layergateway/layergateway/internal/upstream"
)

// providers starts the providers of tests, and returns them with the Caddyfile that calls them, each by a gate of its
// type's name. No key is in it: they come from the environment.
func providers(t *testing.T) (*upstream.Server, *httptest.Server, string) {
	t.Helper()
	u := upstream.New()
	server := httptest.NewServer(u)
	t.Cleanup(server.Close)
	t.Setenv("TEST_OPENAI_KEY", upstream.OpenAIKey)
	t.Setenv("TEST_ANTHROPIC_KEY", upstream.AnthropicKey)
	t.Setenv("TEST_GOOGLE_KEY", upstream.GoogleKey)
	var text strings.Builder
	for i, p := range []struct{ name, path, model string }{
		{"openai", "/openai/v1", "gpt-4o"},
		{"anthropic", "/anthropic/v1", "claude-sonnet-4-5"},
		{"google", "/google/v1beta", "gemini-2.5-flash"},
	} {
		fmt.Fprintf(&text, "provider %s {\nbase_url %s%s\napi_key {env.TEST_%s_KEY}\n}\n", p.name, server.URL, p.path, strings.ToUpper(p.name))
		fmt.Fprintf(&text, "gate %08d-0000-4000-8000-000000000000 {\nname %s\nmodel %s/%s\n}\n", i, p.name, p.name, p.model)
	}
	return u, server, text.String()
}

// What became of a request is in headers, in the access log, in the log and in the metrics, and is the same everywhere.
func TestObserved(t *testing.T) {
	_, _, gates := providers(t)
	s := start(t, `
		log
		header {
			>X-Test "{http.layer_gateway.gate} {http.layer_gateway.provider} {http.layer_gateway.model} {http.layer_gateway.attempts} {http.layer_gateway.request_id}"
			>X-Bill "{http.layer_gateway.cost} {http.layer_gateway.prompt_tokens} {http.layer_gateway.completion_tokens}"
			defer
		}
		layer_gateway {
			api_key k {
				name tester
			}
			`+gates+`
		}
	`)
	got := s.chat("anthropic", "one two", "X-Layer-Session-Id", "a\u202eb\u2028c"+strings.Repeat("d", 200))
	if got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	var body struct {
		Cost  json.Number
		Usage struct {
			PromptTokens     int `json:"prompt_tokens"`
			CompletionTokens int `json:"completion_tokens"`
		}
	}
	if err := json.Unmarshal([]byte(got.body), &body); err != nil {
		t.Fatal(err)
	}
	if body.Cost == "" || body.Cost == "0" || body.Usage.CompletionTokens == 0 {
		t.Fatalf("no cost or usage in %s", got.body)
	}
	id := got.header.Get("X-Layer-Request-Id")
	if want := "anthropic anthropic claude-sonnet-4-5 1 " + id; got.header.Get("X-Test") != want {
		t.Errorf("header of placeholders %q, want %q", got.header.Get("X-Test"), want)
	}
	bill := fmt.Sprintf("%s %d %d", body.Cost, body.Usage.PromptTokens, body.Usage.CompletionTokens)
	if got.header.Get("X-Bill") != bill {
		t.Errorf("header of placeholders %q, want %q", got.header.Get("X-Bill"), bill)
	}

	line, access := s.lines("request"), s.lines("handled request")
	if len(line) != 1 || len(access) != 1 {
		t.Fatalf("%d lines and %d access log lines, want one of each\n%s", len(line), len(access), s.log())
	}
	field, _ := access[0][directive].(map[string]any)
	for name, want := range map[string]string{
		"request_id": id, "key": "tester", "gate": "anthropic", "gate_id": "00000001-0000-4000-8000-000000000000",
		"provider": "anthropic", "model": "claude-sonnet-4-5", "outcome": "ok", "status": "200", "attempts": "1", "stream": "false",
		"session":       "a?b?c" + strings.Repeat("d", 128-len("a\u202eb\u2028c")) + "…",
		"prompt_tokens": fmt.Sprint(body.Usage.PromptTokens), "completion_tokens": fmt.Sprint(body.Usage.CompletionTokens),
		"cost": body.Cost.String(), "cost_status": "exact",
	} {
		for where, fields := range map[string]map[string]any{"log": line[0], "access log": field} {
			if got := fmt.Sprint(fields[name]); got != want {
				t.Errorf("%s: %s is %q, want %q", where, name, got, want)
			}
		}
	}
	if line[0]["logger"] != "http.handlers.layer_gateway" || line[0]["level"] != "info" || line[0]["latency"] == nil || line[0]["ttft"] == nil {
		t.Errorf("line: %v", line[0])
	}
	cost, err := body.Cost.Float64()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]float64{"requests_total": 1, "cost_usd_total": cost,
		"tokens_total": float64(body.Usage.PromptTokens + body.Usage.CompletionTokens)} {
		if got := s.metric("layer_gateway_"+name, `gate="anthropic"`); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
}

// Refused requests are seen too; what a client made up is no label.
func TestObservedRefusals(t *testing.T) {
	s := start(t, `
		layer_gateway {
			api_key k
			provider echo
			gate `+helloID+` {
				name hello
				model echo/words
				allow_overrides model
			}
		}
	`)
	s.do(s.client, "POST", chatPath, "{}")
	s.chat("made-up-gate", "hi")
	s.do(s.client, "POST", chatPath, `{"gateId":"hello","model":"echo/made-up-model","messages":[{"role":"user","content":"hi"}]}`, "Authorization", "Bearer k")
	s.do(s.client, "GET", modelsPath, "")
	var got []string
	for _, line := range s.lines("request") {
		got = append(got, fmt.Sprintf("%v %v %v %v", line["outcome"], line["status"], line["model"], line["error"]))
	}
	if want := "[rejected 401 <nil> invalid_api_key rejected 404 <nil> gate_not_found ok 200 made-up-model <nil>]"; fmt.Sprint(got) != want {
		t.Errorf("lines %v, want %v", got, want)
	}
	for labels, want := range map[string]float64{
		`gate="",model="",outcome="rejected",provider=""`:         2,
		`gate="hello",model="other",outcome="ok",provider="echo"`: 1,
		"made-up": 0,
	} {
		if got := s.metric("layer_gateway_requests_total", labels); got != want {
			t.Errorf("%v requests with %s, want %v", got, labels, want)
		}
	}
}

// Secrets and what was said are nowhere but where they belong.
func TestSecrets(t *testing.T) {
	u, _, gates := providers(t)
	t.Setenv("TEST_CLIENT_KEY", "canary_client_placeholder")
	s := newSite(t)
	file := s.write("secret", "canary_header_file\r\n")
	if err := s.reload(`
		log
		layer_gateway {
			api_key canary_client_literal
			api_key {env.TEST_CLIENT_KEY}
			` + strings.Replace(gates, "api_key {", "header X-Token {file."+file+"}\napi_key {", 1) + `
		}
	`); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"canary_client_literal", "canary_client_placeholder", "canary_client_wrong"} {
		for _, gate := range []string{"openai", "anthropic", "google", "canary_gate"} {
			for _, stream := range []bool{false, true} {
				for _, prompt := range []string{"canary_prompt", "[[status=401]] canary_prompt", "[[status=400]] canary_prompt"} {
					got := s.do(s.client, "POST", chatPath, question(gate, prompt, stream), "Authorization", "Bearer "+key)
					for _, secret := range []string{"canary_client", "canary_header", upstream.OpenAIKey, upstream.AnthropicKey, upstream.GoogleKey} {
						if strings.Contains(got.body+fmt.Sprint(got.header), secret) {
							t.Errorf("answer to %s about %s has %s: %v", key, gate, secret, got)
						}
					}
				}
			}
		}
	}
	sent := u.Journal().Entries()
	if len(sent) == 0 || sent[0].Header.Get("X-Token") != "canary_header_file" {
		t.Errorf("the header from a file did not arrive: %v", sent)
	}
	for _, e := range sent {
		if strings.Contains(fmt.Sprint(e.Header, string(e.Body), e.Path, e.Query), "canary_client") {
			t.Errorf("a client's key went to %s", e.Provider)
		}
	}
	config := s.do(s.admin, "GET", "http://127.0.0.1/config/", "")
	if config.status != 200 || !strings.Contains(config.body, "{env.TEST_CLIENT_KEY}") {
		t.Fatalf("configuration: %+v", config)
	}
	for where, text := range map[string]string{
		"/config/": config.body,
		"/metrics": s.do(s.admin, "GET", "http://127.0.0.1/metrics", "").body,
		"log":      s.log(),
	} {
		for _, secret := range []string{"canary", upstream.OpenAIKey, upstream.AnthropicKey, upstream.GoogleKey} {
			if i := strings.Index(text, secret); i >= 0 {
				t.Errorf("%s has %s: …%s…", where, secret, text[max(0, i-100):min(len(text), i+100)])
			}
		}
	}
}

package layergateway

import (
	"bufio"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

// api asks the admin API on Caddy's admin endpoint, reads the answer, whose status must be this one, and returns it.
func (s *site) api(status int, into any, method, path, body string, header ...string) answer {
	s.t.Helper()
	a := s.do(s.admin, method, "http://127.0.0.1"+adminPrefix+path, body, header...)
	if a.status != status {
		s.t.Fatalf("%s %s: %d %s, want %d", method, path, a.status, a.body, status)
	}
	if into != nil {
		if err := json.Unmarshal([]byte(a.body), into); err != nil {
			s.t.Fatalf("%s %s: %s: %v", method, path, a.body, err)
		}
	}
	return a
}

// What programs make on Caddy's admin endpoint is served at once, and what came of it can be read there.
func TestAdminAPI(t *testing.T) {
	s := start(t, storedBlock)
	var made struct{ ID string }
	s.api(201, &made, "POST", "/v1/gates", `{"name":"made","model":"echo/one","fallbackModels":["other/two"],"routingStrategy":"fallback"}`)
	s.wantAnswer("made", "k", 200, "one")
	var key struct{ ID, Key, KeyPrefix string }
	s.api(201, &key, "POST", "/v1/keys", `{"name":"web","gates":["made"]}`)
	s.wantAnswer("made", key.Key, 200, "one")
	s.api(200, nil, "PATCH", "/v1/gates/made", `{"model":"echo/three"}`, "If-Match", `"1"`)
	s.wantAnswer("made", key.Key, 200, "three")

	var gates []struct {
		Name, Source     string
		ReadOnly, Served bool
	}
	s.api(200, &gates, "GET", "/v1/gates", "")
	if len(gates) != 2 || gates[0].Name != "hello" || !gates[0].ReadOnly || gates[0].Source != "config" || gates[1].Name != "made" || !gates[1].Served {
		t.Errorf("gates: %+v", gates)
	}
	if a := s.api(409, nil, "PATCH", "/v1/gates/hello", `{"model":"echo/x"}`); a.code() != "read_only" {
		t.Errorf("changed what is declared: %s", a.body)
	}
	s.api(422, nil, "POST", "/v1/gates", `{"name":"x","model":"nobody/x"}`)
	s.api(405, nil, "PUT", "/v1/gates", `{}`)

	if err := s.reload(strings.Replace(storedBlock, "api_key k", "api_key k\nmax_body 1MiB", 1)); err != nil {
		t.Fatal(err)
	}
	s.api(200, nil, "GET", "/v1/gates/made", "")
	s.flush()
	var logs []struct{ ID, GateName, ModelUsed, KeyID, KeyName string }
	s.api(200, &logs, "GET", "/v1/logs?keyId="+key.ID, "")
	if len(logs) != 2 || logs[0].ModelUsed != "echo/three" || logs[0].KeyName != "web" || logs[0].GateName != "made" {
		t.Errorf("logs: %+v", logs)
	}
	s.api(200, nil, "GET", "/v1/logs/"+logs[0].ID, "")
	s.api(200, nil, "POST", "/v1/keys/"+key.ID+"/revoke", "")
	s.wantAnswer("made", key.Key, 401, "invalid_api_key")
	for _, path := range []string{"/v1/keys", "/v1/overview", "/v1/spend?by=gate", "/v1/providers", "/v1/models", "/v1/gates/made/history", "/openapi.json"} {
		if a := s.api(200, nil, "GET", path, ""); strings.Contains(a.body, key.Key) {
			t.Errorf("%s tells the key", path)
		}
	}
	if strings.Contains(s.log(), key.Key) {
		t.Error("the key is in the log")
	}
	s.api(204, nil, "DELETE", "/v1/gates/made", "")
	s.wantAnswer("made", "k", 404, "gate_not_found")
}

// flush waits until the ledger has all rows of what has been answered.
func (s *site) flush() {
	s.t.Helper()
	app, err := caddy.ActiveContext().App(directive)
	if err != nil {
		s.t.Fatal(err)
	}
	l, done := app.(*App).books.opened()
	defer done()
	if err := l.Flush(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

const testedBlock = `
	layer_gateway {
		api_key k
		provider echo
		provider broken openai {
			base_url http://127.0.0.1:1/v1
			api_key sk-secret
		}
		gate ` + helloID + ` {
			name hello
			model broken/x
			fallback echo/first echo/second
			strategy round-robin
			system_prompt "Be brief."
			max_tokens 4
			paused
		}
	}
	handle_path /admin* {
		layer_dashboard {
			admin_key an-admin-key-for-the-tests
		}
	}
`

// Each target of a gate is asked by itself, also of one that is paused and has no store.
func TestAdminTest(t *testing.T) {
	s := start(t, testedBlock)
	var tried struct {
		OK      bool
		Targets []struct {
			Provider, Model, RequestID, CostStatus string
			OK                                     bool
			Status                                 int
			CostUsd                                *float64
			Error                                  *struct{ Code, Message string }
		}
	}
	check := func(who string) {
		t.Helper()
		if tried.OK || len(tried.Targets) != 3 {
			t.Fatalf("%+v", tried)
		}
		for i, want := range []string{"x", "first", "second"} {
			got := tried.Targets[i]
			if got.Model != want || got.OK != (i > 0) || (got.Error != nil) != (i == 0) || got.OK && (got.CostUsd == nil || got.CostStatus != "exact") {
				t.Errorf("target %d: %+v", i, got)
			}
			s.flush()
			var log struct {
				KeyName  string
				Attempts int
				GateID   string
			}
			if s.api(200, &log, "GET", "/v1/logs/"+got.RequestID, ""); log.KeyName != who || log.Attempts != 1 || log.GateID != helloID {
				t.Errorf("its log: %+v", log)
			}
		}
		if code := tried.Targets[0].Error.Code; code != "provider_error" {
			t.Errorf("the broken one: %s", code)
		}
	}
	s.api(200, &tried, "POST", "/v1/gates/hello/test", "")
	check("admin")
	s.wantAnswer("hello", "k", 503, "gate_paused") // and the gate is what it was

	const at = "http://localhost/admin/api/v1/gates/hello/test"
	for name, header := range map[string][]string{"no key": nil, "an application's key": {"Authorization", "Bearer k"}} {
		if a := s.do(s.client, "POST", at, "", header...); a.status != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	admin := []string{"Authorization", "Bearer an-admin-key-for-the-tests"}
	if a := s.do(s.client, "POST", at, "", append(admin, "Origin", "http://evil.example")...); a.status != http.StatusForbidden {
		t.Errorf("from another site: %d %s", a.status, a.body)
	}
	a := s.do(s.client, "POST", at, "", admin...)
	if err := json.Unmarshal([]byte(a.body), &tried); err != nil || a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	check("dashboard")
	if a := s.api(409, nil, "POST", "/v1/gates", `{"model":"echo/x"}`); a.code() != "no_store" {
		t.Errorf("without a store: %s", a.body)
	}
}

// A gate whose answers are JSON can be tried where the provider wants a message to speak of it.
func TestAdminTestInJSON(t *testing.T) {
	_, _, gates := providers(t)
	s := start(t, "layer_gateway {\napi_key k\n"+strings.Replace(gates, "name openai", "name openai\nresponse_format json_object", 1)+"}")
	var tried struct{ OK bool }
	if a := s.api(200, &tried, "POST", "/v1/gates/openai/test", ""); !tried.OK {
		t.Error(a.body)
	}
}

// A stream of logs on Caddy's endpoint ends when the configuration does.
func TestAdminStream(t *testing.T) {
	s := start(t, storedBlock)
	resp := s.open(s.admin, "GET", "http://127.0.0.1"+adminPrefix+"/v1/logs/stream", "")
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Scan() // it has begun
	s.wantAnswer("hello", "k", 200, "hello")
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "data: ") {
		continue
	}
	if !strings.Contains(lines.Text(), `"modelUsed":"echo/hello"`) {
		t.Errorf("%q", lines.Text())
	}
	if err := s.reload(strings.Replace(storedBlock, "api_key k", "api_key k\nmax_body 1MiB", 1)); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() {
		continue
	}
	if err := lines.Err(); err != nil {
		t.Errorf("it was cut: %v", err)
	}
}

// Without a gateway there is nothing to manage.
func TestAdminWithoutGateway(t *testing.T) {
	s := start(t, "respond hello")
	s.api(404, nil, "GET", "/v1/gates", "")
}

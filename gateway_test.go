package layergateway

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/layergateway/layergateway/access"
)

// formatted spares the tests of other things Caddy's warning.
func formatted(text string) string { return string(caddyfile.Format([]byte(text))) }

const (
	helloID = "11111111-1111-4111-8111-111111111111"
	otherID = "22222222-2222-4222-8222-222222222222"
)

const twoGates = `
	provider echo
	gate ` + helloID + ` {
		name hello
		model echo/words
	}
	gate ` + otherID + ` {
		name team/other
		model echo/words
	}
`

func TestServe(t *testing.T) {
	s := start(t, `
		layer_gateway {
			api_key k
			api_key narrow {
				gates hello
			}
			api_key old {
				expires 2020-01-01
			}
			api_key `+access.HashOf("hashed").String()+`
			max_body 1KB
			`+twoGates+`
		}
		respond "site"
	`)
	ask := question("hello", "one two", false)
	for _, test := range []struct {
		name, method, path, body, key string
		status                        int
		want                          string // an error's code, or part of the body
	}{
		{"chat", "POST", chatPath, ask, "k", 200, `"content":"one two"`},
		{"by id", "POST", chatPath, question("{"+strings.ToUpper(otherID)+"}", "hi", false), "k", 200, `"content":"hi"`},
		{"stream", "POST", chatPath, question("hello", "hi", true), "k", 200, "data: [DONE]"},
		{"query", "POST", chatPath + "?x=1", ask, "k", 200, `"content":"one two"`},
		{"key by hash", "POST", chatPath, ask, "hashed", 200, `"content":"one two"`},
		{"key for this gate", "POST", chatPath, ask, "narrow", 200, `"content":"one two"`},
		{"key for another gate", "POST", chatPath, question("team/other", "hi", false), "narrow", 404, "gate_not_found"},
		{"no such gate", "POST", chatPath, question("nope", "hi", false), "k", 404, "gate_not_found"},
		{"no gate", "POST", chatPath, question("", "hi", false), "k", 400, "missing_field"},
		{"no key", "POST", chatPath, ask, "", 401, "invalid_api_key"},
		{"wrong key", "POST", chatPath, ask, "K", 401, "invalid_api_key"},
		{"the hash as key", "POST", chatPath, ask, access.HashOf("k").String(), 401, "invalid_api_key"},
		{"expired key", "POST", chatPath, ask, "old", 401, "invalid_api_key"},
		{"not JSON, no key", "POST", chatPath, "{", "", 401, "invalid_api_key"},
		{"not JSON", "POST", chatPath, "{", "k", 400, "invalid_json"},
		{"too large", "POST", chatPath, question("hello", strings.Repeat("x", 1000), false), "k", 413, "request_too_large"},
		{"GET chat", "GET", chatPath, "", "k", 405, "method_not_allowed"},
		{"OPTIONS chat", "OPTIONS", chatPath, "", "", 405, "method_not_allowed"},
		{"PUT chat", "PUT", chatPath, ask, "k", 405, "method_not_allowed"},
		{"POST models", "POST", modelsPath, "{}", "k", 405, "method_not_allowed"},
		{"DELETE model", "DELETE", modelsPath + "/hello", "", "k", 405, "method_not_allowed"},
		{"models", "GET", modelsPath, "", "k", 200, `"id":"team/other"`},
		{"models, no key", "GET", modelsPath, "", "", 401, "invalid_api_key"},
		{"model", "GET", modelsPath + "/hello", "", "k", 200, `"gate_id":"` + helloID},
		{"model by id", "GET", modelsPath + "/" + otherID, "", "k", 200, `"gate":"team/other"`},
		{"model with a slash", "GET", modelsPath + "/team/other", "", "k", 200, `"gate_id":"` + otherID},
		{"model, escaped", "GET", modelsPath + "/team%2Fother", "", "k", 200, `"gate_id":"` + otherID},
		{"no such model", "GET", modelsPath + "/nope", "", "k", 404, "gate_not_found"},
		{"model of another key", "GET", modelsPath + "/team/other", "", "narrow", 404, "gate_not_found"},
		{"not ours", "POST", "/v1/completions", ask, "k", 200, "site"},
		{"longer", "POST", chatPath + "/", ask, "k", 200, "site"},
		{"prefixed", "POST", "/api" + chatPath, ask, "k", 200, "site"},
		{"other case", "POST", "/V1/chat/completions", ask, "k", 200, "site"},
		{"no model id", "GET", modelsPath + "/", "", "k", 200, "site"},
		{"root", "GET", "/", "", "", 200, "site"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var header []string
			if test.key != "" {
				header = []string{"Authorization", "Bearer " + test.key}
			}
			got := s.do(s.client, test.method, test.path, test.body, header...)
			if got.status != test.status || got.code() != test.want && !strings.Contains(got.body, test.want) {
				t.Errorf("%d %s, want %d with %q", got.status, got.body, test.status, test.want)
			}
			id := got.header.Get("X-Layer-Request-Id")
			if ours := test.want != "site"; (id != "") != ours || got.header.Get("X-Request-Id") != id {
				t.Errorf("request ids %q and %q, from the gateway: %t", id, got.header.Get("X-Request-Id"), ours)
			}
			allow := ""
			if got.status == 405 {
				allow = map[bool]string{true: "POST", false: "GET, HEAD"}[test.path == chatPath]
			}
			if got.header.Get("Allow") != allow {
				t.Errorf("Allow: %q, want %q", got.header.Get("Allow"), allow)
			}
			if got.status == 401 && got.header.Get("WWW-Authenticate") != "Bearer" {
				t.Errorf("WWW-Authenticate: %q", got.header.Get("WWW-Authenticate"))
			}
		})
	}
	head := s.do(s.client, "HEAD", modelsPath, "", "Authorization", "Bearer k")
	if head.status != 200 || head.body != "" || head.header.Get("Content-Type") != "application/json" {
		t.Errorf("HEAD of the models: %+v", head)
	}
	narrow := s.do(s.client, "GET", modelsPath, "", "Authorization", "Bearer narrow")
	if !strings.Contains(narrow.body, helloID) || strings.Contains(narrow.body, otherID) {
		t.Errorf("models of a key for hello alone: %s", narrow.body)
	}
}

// Several handlers in one configuration know nothing of each other.
func TestMounts(t *testing.T) {
	s := start(t, `
		handle_path /ai/* {
			layer_gateway {
				api_key k
				`+twoGates+`
				default_gate hello
			}
		}
		@other host other.test
		layer_gateway @other {
			anonymous
			provider loud echo
			gate `+helloID+` {
				name loud
				model loud/words
			}
		}
		respond "site"
	`)
	key := []string{"Authorization", "Bearer k"}
	for _, test := range []struct {
		name, url, gate string
		header          []string
		status          int
		want            string
	}{
		{"below a prefix", "/ai" + chatPath, "hello", key, 200, `"gate":"hello"`},
		{"default gate", "/ai" + chatPath, "", key, 200, `"gate":"hello"`},
		{"below a prefix, no key", "/ai" + chatPath, "hello", nil, 401, "invalid_api_key"},
		{"without the prefix", chatPath, "hello", key, 200, "site"},
		{"other host, no key", "http://other.test" + chatPath, "loud", nil, 200, `"provider":"loud"`},
		{"other host, some key", "http://other.test" + chatPath, "loud", key, 200, `"provider":"loud"`},
		{"other host, id", "http://other.test" + chatPath, helloID, nil, 200, `"gate":"loud"`},
		{"other host, gate of the first", "http://other.test" + chatPath, "hello", nil, 404, "gate_not_found"},
		{"other host, no default", "http://other.test" + chatPath, "", nil, 400, "missing_field"},
	} {
		got := s.do(s.client, "POST", test.url, question(test.gate, "hi", false), test.header...)
		if got.status != test.status || got.code() != test.want && !strings.Contains(got.body, test.want) {
			t.Errorf("%s: %d %s, want %d with %q", test.name, got.status, got.body, test.status, test.want)
		}
	}
	if got := s.metric("layer_gateway_gates", ""); got != 3 {
		t.Errorf("%v gates in the metrics, want 3 of both handlers", got)
	}
}

// Who may not come in costs nothing: the body is not even asked for.
func TestAuthenticationComesBeforeTheBody(t *testing.T) {
	s := start(t, "layer_gateway {\napi_key k\n"+twoGates+"}")
	unread := &endless{}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://gateway.test"+chatPath, unread)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Expect", "100-continue")
	resp, err := s.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized || unread.read {
		t.Errorf("status %d, body asked for: %t; want 401 without it", resp.StatusCode, unread.read)
	}
}

// endless is a body that notes whether it was asked for.
type endless struct{ read bool }

func (e *endless) Read(p []byte) (int, error) {
	e.read = true
	return len(p), nil
}

// The example starts without a key or network. What needs a key says which.
func TestExample(t *testing.T) {
	for _, name := range []string{"OPENAI", "ANTHROPIC", "GEMINI", "GROQ"} {
		t.Setenv(name+"_API_KEY", "")
	}
	example := readFile(t, "Caddyfile.example")
	adapted, err := adapt(t, example)
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t)
	listen, _ := json.Marshal("unix/" + s.path("http")) // a text always can be
	if err := s.load([]byte(strings.ReplaceAll(string(adapted), `":3001"`, string(listen)))); err != nil {
		t.Fatal(err)
	}
	if got := len(s.lines("a provider's key is empty")); got != 4 {
		t.Errorf("%d warnings of empty keys, want one for each of 4 providers", got)
	}
	for _, test := range []struct {
		gate   string
		status int
		want   string
	}{
		{"hello", 200, `"content":"Hello, gateway!"`},
		{"", 200, `"gate":"hello"`},
		{"assistant", 502, "{env.GEMINI_API_KEY} is empty"},
		{"fast", 502, "_API_KEY} is empty"},
	} {
		got := s.do(s.client, "POST", "http://localhost:3001"+chatPath, question(test.gate, "Hello, gateway!", false), "Authorization", "Bearer layer_dev")
		if got.status != test.status || !strings.Contains(got.body, test.want) || got.status == 502 && got.code() != "provider_auth" {
			t.Errorf("%s: %d %s, want %d with %q", test.gate, got.status, got.body, test.status, test.want)
		}
	}
	if got := s.do(s.client, "GET", "http://localhost:3001/", ""); !strings.Contains(got.body, "layer_gateway is running") {
		t.Errorf("the site: %+v", got)
	}
}

func readFile(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

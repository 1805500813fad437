package layergateway

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

func TestVertexMistakes(t *testing.T) {
	t.Setenv("TEST_EMPTY", "")
	s := newSite(t)
	for _, test := range []struct{ name, fields, want string }{
		{"nothing", `"location": "eu"`, "provider p: project is empty: name the Google Cloud project, or give an api_key"},
		{"two credentials", `"project": "p", "api_keys": ["{env.TEST_EMPTY}"], "credentials": "key.json"`, "provider p: has both an api_key and credentials: keep one of them"},
		{"empty project", `"project": "{env.TEST_EMPTY}"`, "provider p: project: {env.TEST_EMPTY} is empty"},
		{"no project's name", `"project": "a/b"`, `provider p: project: "a/b" is not a name of Google Cloud's`},
		{"no location's name", `"project": "p", "location": "eu.example.com"`, `provider p: location: "eu.example.com" is not a name of Google Cloud's`},
		{"placeholder of another kind", `"project": "p", "credentials": "{system.hostname}"`, "provider p: credentials: the placeholder {system.hostname} means nothing here"},
		{"base URL", `"project": "p", "base_url": "ftp://example.com"`, `provider p: base_url: "ftp://example.com" must begin with https://`},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := s.load(s.wrap(`"anonymous": true, "providers": {"p": {"type": "vertex", ` + test.fields + `}}`))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}

// serviceAccount writes the file of a service account whose tokens come from url.
func (s *site) serviceAccount(url string) string {
	s.t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		s.t.Fatal(err)
	}
	pemKey := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	file, err := json.Marshal(map[string]string{
		"type": "service_account", "client_email": "gateway@p.iam.gserviceaccount.com",
		"private_key": string(pemKey), "token_uri": url,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return s.write("account.json", string(file))
}

// From the client to Vertex AI and back, with each kind of credential; a lack of one is warned of, and told to
// whoever asks.
func TestVertex(t *testing.T) {
	t.Setenv("TEST_EMPTY", "")
	t.Setenv("TEST_GOOGLE_KEY", "express-key")
	var issued atomic.Int64
	google := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		credential := r.Header.Get("Authorization") + r.Header.Get("X-Goog-Api-Key")
		switch r.URL.Path {
		case "/token":
			fmt.Fprintf(w, `{"access_token":"canary-%d","expires_in":3600,"token_type":"Bearer"}`, issued.Add(1))
		case "/v1/projects/p/locations/eu/publishers/google/models/gemini-2.5-flash:generateContent",
			"/v1/publishers/google/models/gemini-2.5-flash:generateContent":
			fmt.Fprintf(w, `{"candidates":[{"content":{"parts":[{"text":%q}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":1000000,"candidatesTokenCount":0,"totalTokenCount":1000000}}`, "Gemini with "+credential)
		case "/v1/projects/p/locations/eu/publishers/anthropic/models/claude-haiku-4-5:rawPredict":
			fmt.Fprintf(w, `{"type":"message","id":"msg_1","content":[{"type":"text","text":%q}],"stop_reason":"end_turn","usage":{"input_tokens":1000000,"output_tokens":0}}`, "Claude with "+credential)
		default:
			http.NotFound(w, r)
		}
	}))
	defer google.Close()
	s := newSite(t)
	provider := func(name, fields string) string {
		return fmt.Sprintf(`%q: {"type": "vertex", "base_url": "%s/v1", %s}`, name, google.URL, fields)
	}
	gate := func(id int, name, model string) string {
		return fmt.Sprintf(`{"id": "00000000-0000-4000-8000-%012d", "name": %q, "model": %q}`, id, name, model)
	}
	err := s.load(s.wrap(`"anonymous": true, "providers": {` + strings.Join([]string{
		provider("account", `"project": "p", "location": "eu", "credentials": "`+s.serviceAccount(google.URL+"/token")+`"`),
		provider("express", `"api_keys": ["{env.TEST_GOOGLE_KEY}"]`),
		provider("later", `"project": "p", "credentials": "`+s.path("later.json")+`"`),
		provider("unset", `"project": "p", "credentials": "{env.TEST_EMPTY}"`),
		provider("keyless", `"api_keys": ["{env.TEST_EMPTY}"]`),
	}, ",") + `}, "gates": [` + strings.Join([]string{
		gate(1, "gemini", "account/gemini-2.5-flash"), gate(2, "claude", "account/claude-haiku-4-5"), gate(3, "express", "express/gemini-2.5-flash"),
		gate(4, "later", "later/gemini-2.5-flash"), gate(5, "unset", "unset/gemini-2.5-flash"), gate(6, "keyless", "keyless/gemini-2.5-flash"),
	}, ",") + `]`))
	if err != nil {
		t.Fatal(err)
	}
	if issued.Load() != 0 {
		t.Error("a token was fetched when the configuration was loaded")
	}
	for _, test := range []struct {
		gate   string
		status int
		want   []string
	}{
		{"gemini", 200, []string{"Gemini with Bearer canary-1", `"cost":0.3`}},
		{"claude", 200, []string{"Claude with Bearer canary-1", `"cost":1`}},
		{"express", 200, []string{"Gemini with express-key"}},
		{"later", 502, []string{"provider_auth", "the provider later has no access token: the file of credentials can't be read: no such file or directory"}},
		{"unset", 502, []string{"provider_auth", "the provider unset has no key: {env.TEST_EMPTY} is empty"}},
		{"keyless", 502, []string{"provider_auth", "the provider keyless has no key: {env.TEST_EMPTY} is empty"}},
	} {
		got := s.do(s.client, "POST", chatPath, question(test.gate, "hi", false))
		for _, want := range test.want {
			if got.status != test.status || !strings.Contains(got.body, want) {
				t.Errorf("%s: %d %s, want %d with %s", test.gate, got.status, got.body, test.status, want)
			}
		}
	}
	for msg, want := range map[string]string{
		"a provider's credentials can't be read": "later",
		"a provider's key is empty":              "keyless unset",
	} {
		var who []string
		for _, line := range s.lines(msg) {
			who = append(who, fmt.Sprint(line["provider"]))
		}
		if got := strings.Join(who, " "); got != want {
			t.Errorf("%q was said of %q, want %q", msg, got, want)
		}
	}
	if strings.Contains(s.log(), "canary") {
		t.Error("the log has an access token")
	}
}

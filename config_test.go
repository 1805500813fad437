package layergateway

import (
	"fmt"
	"strings"
	"testing"

	"github.com/layergateway/layergateway/access"
)

// wrap puts a handler's JSON into a whole configuration.
func (s *site) wrap(handler string) []byte {
	return fmt.Appendf(nil, `{"apps": {"http": {"servers": {"s": {"listen": ["unix/%s"], "routes": [{"handle": [{"handler": "layer_gateway", %s}]}]}}}}}`,
		s.path("http"), handler)
}

// Configurations in JSON are checked as Caddyfiles are.
func TestConfigMistakes(t *testing.T) {
	t.Setenv("TEST_EMPTY", "")
	t.Setenv("TEST_LINES", "canary\nsecond")
	const providers = `"providers": {"echo": {"type": "echo"}}`
	gate := func(fields string) string {
		return fmt.Sprintf(`"anonymous": true, %s, "gates": [{"id": %q, "name": "hello", "model": "echo/words", %s}]`, providers, helloID, fields)
	}
	provider := func(fields string) string {
		return `"anonymous": true, "providers": {"p": {"type": "openai", ` + fields + `}}`
	}
	s := newSite(t)
	for _, test := range []struct{ name, handler, want string }{
		{"nobody", providers, "add api_keys, or set anonymous"},
		{"unknown field", `"anonymous": true, "apikeys": []`, `unknown field "apikeys"`},
		{"negative body", `"anonymous": true, "max_body": -1`, "max_body is -1: it must be positive"},
		{"null key", `"api_keys": [null]`, "api_keys: number 1 is null"},
		{"empty key", `"api_keys": [{"name": "web"}]`, `api key "web": the key is empty`},
		{"empty placeholder", `"api_keys": [{"key": "{env.TEST_EMPTY}"}]`, "api key {env.TEST_EMPTY}: {env.TEST_EMPTY} is empty"},
		{"part of a key empty", `"api_keys": [{"key": "layer_{env.TEST_EMPTY}"}]`, "layer_{env.TEST_EMPTY} is empty"},
		{"missing file", `"api_keys": [{"key": "{file./missing}"}]`, "{file./missing} is empty"},
		{"other placeholder", `"api_keys": [{"key": "{system.hostname}"}]`, "{system.hostname} means nothing here"},
		{"key of two lines", `"api_keys": [{"key": "{env.TEST_LINES}"}]`, "{env.TEST_LINES} contains a line end"},
		{"bad hash", `"api_keys": [{"key": "sha256:123"}]`, "number 1: sha256: is followed by 3 characters"},
		{"one key twice", `"api_keys": [{"key": "k", "name": "a"}, {"key": "` + access.HashOf("k").String() + `", "name": "b"}]`, `the keys "a" and "b" are the same key`},
		{"key's gate", `"api_keys": [{"key": "k", "name": "web", "gates": ["helo"]}], ` + gate(`"strict": true`), `api key web: there is no gate "helo": did you mean "hello"?`},
		{"key's limits at a gate", `"api_keys": [{"key": "k", "name": "web", "at_gates": {"helo": {}}}], ` + gate(`"strict": true`), `api key web: at_gates: there is no gate "helo": did you mean "hello"?`},
		{"key's limits at a gate twice", `"api_keys": [{"key": "k", "name": "web", "at_gates": {"hello": {}, "` + helloID + `": {}}}], ` + gate(`"strict": true`), `"` + helloID + `" and "hello" are the same gate`},
		{"key's impossible gate", `"api_keys": [{"key": "k", "gates": ["a\nb"]}]`, `"a\nb" is not the name or id of a gate`},
		{"key's expiry", `"api_keys": [{"key": "k", "expires": "2027"}]`, `expires: "2027" is neither a date`},
		{"default gate", `"default_gate": "helo", ` + gate(`"strict": true`), `default_gate: there is no gate "helo": did you mean "hello"?`},
		{"null gate", `"anonymous": true, "gates": [null]`, "gates: null is not a gate"},
		{"unknown field of a gate", gate(`"sytemPrompt": "x"`), `sytemPrompt: unknown field`},
		{"gate's number", gate(`"temperature": 3`), `gate "hello": temperature: must be from 0 to 2`},
		{"gate's provider", `"anonymous": true, ` + providers + `, "gates": [{"id": "` + helloID + `", "model": "ecko/words"}]`, `model: unknown provider "ecko" in "ecko/words": did you mean "echo"?`},
		{"gate twice", `"anonymous": true, ` + providers + `, "gates": [{"id": "` + helloID + `", "model": "echo/a"}, {"id": "` + helloID + `", "model": "echo/b"}]`, "is already the id of"},
		{"gate's limit", gate(`"rateLimit": {"count": 0, "window": "1m"}`), `gate "hello": rateLimit.count: must be a whole number from 1`},
		{"gates file", `"anonymous": true, "gates_files": ["testdata/files/none.json"]`, "testdata/files/none.json"},
		{"provider's name", `"anonymous": true, "providers": {"a/b": {"type": "echo"}}`, `provider name "a/b"`},
		{"provider's type", `"anonymous": true, "providers": {"a": {"type":"acme"}}`, `provider a: unknown provider type "acme"`},
		{"provider without type", `"anonymous": true, "providers": {"a": {}}`, `unknown provider type ""`},
		{"provider's field", provider(`"apikey": "x"`), `unknown field "apikey"`},
		{"provider's key", provider(`"api_keys": ["{env.TEST_LINES}"]`), "provider p: api_key: {env.TEST_LINES} contains a line end"},
		{"base URL", provider(`"base_url": "ftp://example.com"`), `provider p: base_url: "ftp://example.com" must begin with https://`},
		{"empty base URL", provider(`"base_url": "{env.TEST_EMPTY}"`), "base_url: {env.TEST_EMPTY} is empty"},
		{"base URL with a password", provider(`"base_url": "https://u:canary@example.com"`), "base_url: has a user or password"},
		{"header", provider(`"headers": {"Connection": ["close"]}`), "header: Connection is the gateway's own to set"},
		{"header's value", provider(`"headers": {"X-A": ["a\r\nX-B: canary"]}`), "header X-A: the value contains a line end"},
		{"price", provider(`"prices": {"m": {"input": 1}}`), `provider p: price of "m": output price`},
		{"null price", provider(`"prices": {"m": null}`), `price of "m": is null`},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := s.load(s.wrap(test.handler))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
			if err != nil && strings.Contains(err.Error(), "canary") {
				t.Errorf("the error shows a secret: %v", err)
			}
		})
	}
	t.Setenv("TEST_DSN", "postgres://u:canary@db:port/x")
	for app, want := range map[string]string{
		`"prices": "testdata/files/prices_bad.json"`:                      `prices testdata/files/prices_bad.json: price file: provider "openai", model "gpt-next"`,
		`"prices": "https://example.com", "prices_every": 1`:              "the interval must be at least 1s",
		`"ledger": {"type": "postgres", "dsn": "{env.TEST_DSN}"}`:         "the ledger's postgres connection string: cannot parse",
		`"ledger": {"type": "off", "payloads": true}`:                     "ledger: off keeps nothing: remove its options",
		`"limits": {"redis": "{env.TEST_DSN}"}`:                           `limits: the Redis URL begins with "postgres"`,
		`"limits": {"redis": "redis://host", "on_store_error": "allow?"}`: `on_store_error is "allow?"`,
	} {
		err := s.load([]byte(`{"apps": {"layer_gateway": {` + app + `}}}`))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v, want %q", app, err, want)
		}
	}
}

// What only JSON can say, and what is worth a warning.
func TestConfig(t *testing.T) {
	s := newSite(t)
	if err := s.load(s.wrap(`
		"api_keys": [
			{"key": "k", "name": "plain"},
			{"key": "none", "gates": []},
			{"key": "past", "expires": "2020-01-01T00:00:00Z"}
		],
		"providers": {
			"echo": {"type": "echo"},
			"bare": {"type": "openai"},
			"local": {"type": "openai", "base_url": "http://127.0.0.1:1"},
			"plain": {"type": "openai", "api_keys": ["canary_provider"], "headers": {"X-A": ["{env.TEST_UNSET}"]}}
		},
		"gates": [
			{"id": "` + helloID + `", "name": "hello", "model": "echo/words"},
			{"id": "` + otherID + `", "name": "local", "model": "local/words", "maxRetries": 0}
		],
		"keepalive": -1, "max_body": 1000`)); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		key, gate string
		want      int
	}{{"k", "hello", 200}, {"none", "hello", 404}, {"past", "hello", 401}, {"k", "local", 502}} {
		got := s.do(s.client, "POST", chatPath, question(test.gate, "hi", false), "Authorization", "Bearer "+test.key)
		if got.status != test.want {
			t.Errorf("%s with %s: %d %s, want %d", test.gate, test.key, got.status, got.body, test.want)
		}
		// A server of one's own needs no key: it is asked, and not there.
		if test.gate == "local" && got.code() != "provider_error" {
			t.Errorf("a server without a key: %s", got.body)
		}
	}
	for msg, want := range map[string]string{
		"a client key is in the configuration as it is, where many can read it: configure its hash, or a placeholder": "plain key_" + access.HashOf("none").String()[7:15] + " key_" + access.HashOf("past").String()[7:15],
		"a client key has expired":                                  "key_" + access.HashOf("past").String()[7:15],
		"a provider's key is empty":                                 "bare",
		"a provider's header is left out, since its value is empty": "plain",
		"a provider's key is in the configuration as it is, where many can read it: use a placeholder such as {env.NAME} or {file./path}": "plain",
	} {
		var who []string
		for _, line := range s.lines(msg) {
			if name, ok := line["key"]; ok {
				who = append(who, fmt.Sprint(name))
			} else {
				who = append(who, fmt.Sprint(line["provider"]))
			}
		}
		if got := strings.Join(who, " "); got != want {
			t.Errorf("%q was said of %q, want %q", msg, got, want)
		}
	}
}

func TestModels(t *testing.T) {
	catalog, err := pricesNow("testdata/files/prices.json")
	if err != nil {
		t.Fatal(err)
	}
	known := models{catalog: catalog, types: map[string]string{
		"openai": "openai", "proxy": "openai", "claude": "anthropic", "one": "google", "two": "google"}}
	for _, test := range []struct{ model, want string }{
		{"proxy/gpt-4o", "proxy gpt-4o"},
		{"proxy/org/model:free", "proxy org/model:free"},
		{"proxy/ unknown to all", "proxy  unknown to all"},
		{"gpt-4o", "openai gpt-4o"},
		{"gpt-next", "openai gpt-next"},
		{"claude-sonnet-4-5", "claude claude-sonnet-4-5"},
		{"gemini-2.5-flash", `"gemini-2.5-flash" could be of several providers: write one/gemini-2.5-flash or two/gemini-2.5-flash`},
		{"mistral-large-latest", `"mistral-large-latest" is a model of mistral, azure: configure such a provider; configured are claude, one, openai, proxy, two`},
		{"", "it is empty: write <provider>/<model>"},
		{"openai/", `"openai/" ends at the provider's name: write <provider>/<model>`},
		{"/gpt-4o", `unknown provider "" in "/gpt-4o"; configured are claude, one, openai, proxy, two`},
		{"opnai/gpt-4o", `unknown provider "opnai" in "opnai/gpt-4o": did you mean "openai"?`},
		{"no such model", `unknown model "no such model": write it as <provider>/<model>; configured are claude, one, openai, proxy, two`},
	} {
		provider, name, err := known.resolve(test.model)
		got := provider + " " + name
		if err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%q: %s, want %s", test.model, got, test.want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "abc", 0}, {"abc", "abd", 1}, {"abc", "ac", 1}, {"kitten", "sitting", 3}} {
		if got := distance(test.a, test.b); got != test.want {
			t.Errorf("%q and %q: %d, want %d", test.a, test.b, got, test.want)
		}
	}
}

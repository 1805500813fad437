package survival

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/layergateway/layergateway/internal/faultd"
	"github.com/layergateway/layergateway/internal/faultd/badclient"
)

// nosy is what an upstream's answer may have in its header, and no client must see.
var nosy = []string{"Set-Cookie: session=upstream; Path=/", "X-Goog-Api-Key: upstream", "Authorization: Bearer upstream", "Alt-Svc: h3=\":443\"", "Access-Control-Allow-Origin: *",
	"Access-Control-Allow-Credentials: true", "Strict-Transport-Security: max-age=1", "Server: upstream", "Via: 1.1 upstream", "X-Powered-By: upstream", "OpenAI-Organization: upstream",
	"X-Request-Id: upstream", "X-Layer-Request-Id: upstream", "X-Layer-Cost: 0", "Content-Security-Policy: none", "Location: http://evil.example/", "Refresh: 0", "Link: <x>",
	"Www-Authenticate: Basic", "Clear-Site-Data: \"*\"", "Content-Disposition: attachment", "Trailer: X-Late"}

var upgrading = append([]string{"Connection: upgrade, x-layer-gate-id", "Upgrade: h2c", "Keep-Alive: timeout=1"}, nosy...)

// noseless sees that none of it came through.
func noseless(t *testing.T, c *caller, r *badclient.Reply) {
	t.Helper()
	checkAnswerHeader(t, c, r)
	if text := fmt.Sprint(r.Header); strings.Contains(text, "upstream") {
		t.Errorf("client: header %s", text)
	}
}

// secureAnswerRows are upstreams that say more than they should, and failures that could tell a secret.
var secureAnswerRows = []clientRow{
	{id: "D67 stream", scripts: []faultd.Script{{faultd.SSE(nosy...), faultd.Open(), faultd.Say(1, 5), faultd.Rest(5), faultd.End("X-Late: upstream")}},
		act: askStream, want: clientWant{status: 200, words: 5, end: "ok", asked: 1}, check: noseless},
	{id: "D67 whole", scripts: []faultd.Script{{faultd.Answer(200, "application/json", faultd.OpenAI.Whole("m", 5), nosy...)}},
		want: clientWant{status: 200, words: 5, end: "ok", asked: 1}, check: noseless},
	{id: "D67 whole with Connection: upgrade", scripts: []faultd.Script{{faultd.Answer(200, "application/json", faultd.OpenAI.Whole("m", 5), upgrading...)}},
		want: clientWant{status: 200, words: 5, end: "ok", asked: 1}, check: noseless},
	{id: "D67 refusal", scripts: []faultd.Script{{faultd.Fail(400, upgrading...)}},
		want: clientWant{status: 400, code: "provider_error", end: "rejected", asked: 1}, check: noseless},
	{id: "D67 failure", scripts: []faultd.Script{{faultd.Fail(500, upgrading...)}},
		want: clientWant{status: 502, code: "provider_error", end: "provider_error", asked: 1}, check: noseless},
	{id: "D67 redirect", scripts: []faultd.Script{{faultd.Answer(307, "text/html", []byte("there"), nosy...)}},
		want: clientWant{status: 502, code: "provider_error", end: "provider_error", asked: 1}, check: noseless},
	{id: "D67 another protocol", scripts: []faultd.Script{{faultd.Raw("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"), faultd.Silence()}},
		want: clientWant{status: 502, code: "provider_error", end: "provider_error", asked: 1, left: 1}, check: noseless},
	{id: "D67 interim answers", scripts: []faultd.Script{{faultd.Interim(103, "Link: <upstream>", "Set-Cookie: upstream=1"), faultd.Healthy(5)}},
		want: clientWant{status: 200, words: 5, end: "ok", asked: 1}, check: func(t *testing.T, c *caller, r *badclient.Reply) {
			if noseless(t, c, r); len(r.Interim) > 0 {
				t.Errorf("client: interim answers %v", r.Interim)
			}
		}},
	{id: "D67 too long a length", scripts: []faultd.Script{{faultd.Lying(200, 7, "application/json", faultd.OpenAI.Whole("m", 5)), faultd.Close()}},
		want: clientWant{status: 502, code: "provider_error", end: "provider_error", asked: 1}, check: noseless},
	{id: "D67 too short a length", scripts: []faultd.Script{{faultd.Lying(200, -7, "application/json", faultd.OpenAI.Whole("m", 5), "Connection: close")}},
		want: clientWant{status: 502, code: "provider_error", end: "provider_error", asked: 1}, check: noseless},

	// The key is a header: whatever fails, no address has it.
	{id: "D69 no such host", to: "lost", want: clientWant{status: 502, code: "provider_error", end: "provider_error"}, check: keyless},
	{id: "D69 500", to: "google", scripts: []faultd.Script{{faultd.Fail(500)}}, want: clientWant{status: 502, code: "provider_error", end: "provider_error", asked: 1}, check: keyless},
	{id: "D69 500 of another", to: "anthropic", scripts: []faultd.Script{{faultd.Fail(500)}}, want: clientWant{status: 502, code: "provider_error", end: "provider_error", asked: 1}},
	{id: "D69 the key in the error", to: "google", want: clientWant{status: 400, code: "INVALID_ARGUMENT", end: "rejected", asked: 1}, check: keyless,
		scripts: []faultd.Script{{faultd.Answer(400, "application/json", faultd.Google.Error(400, "", "no good: https://x/v1beta?key="+frontProviderKeys["google"]+" x"))}}},
	{id: "D69 silent stream", to: "google", gate: "timeout first_token 300ms", act: askStream, scripts: silent("d69-silent-stream"),
		want: clientWant{status: 504, code: "provider_timeout", end: "timeout", asked: 1, left: 1}, check: keyless},
	{id: "D69 silent", to: "google", gate: "timeout total 300ms", scripts: silent("d69-silent"),
		want: clientWant{status: 504, code: "provider_timeout", end: "timeout", asked: 1, left: 1}, check: keyless},

	// What a client writes is in no header and on no line of its own.
	{id: "D76 line breaks in model", act: bare(`{"model":"second\r\nX-Evil: 1",` + hiMessages + `}`), want: refusedBody("invalid_type", "model")},
	{id: "D76 line breaks in gateId", act: bare(`{"gateId":"second\r\nX-Evil: 1",` + hiMessages + `}`), want: refusedBody("invalid_type", "gateId")},
	{id: "D76 ANSI in gate_id", act: bare(`{"gate_id":"second\u001b[31m",` + hiMessages + `}`), want: refusedBody("invalid_type", "gate_id")},
	{id: "D76 a line separator in gateId", act: bare(`{"gateId":"second\u2028x",` + hiMessages + `}`), want: unknownGate},
	{id: "D76 user and metadata", scripts: wellSaid(5), want: clientWant{status: 200, words: 5, end: "ok", asked: 1}, check: clean76,
		act: func(c *caller) badclient.Reply {
			return c.do(c.post(`"user":"evil\r\n{\"level\":\"error\",\"msg\":\"injected\"}\u001b[31m\u0000\u009b1m\u2028"`, `"metadata":{"a\r\nb":"\u001b[2J"}`))
		}},
	{id: "D76 the session", scripts: wellSaid(5), want: clientWant{status: 200, words: 5, end: "ok", asked: 1}, check: clean76,
		act: func(c *caller) badclient.Reply {
			return c.do(c.post().With("X-Layer-Session-Id: evil\u009b31m\u2028\u202e\xff" + strings.Repeat("s", 5000)))
		}},
	{id: "D76 a model of the client's", gate: "allow_overrides model", want: clientWant{status: 502, code: "provider_error", end: "provider_error"}, check: clean76,
		act: func(c *caller) badclient.Reply {
			return c.do(badclient.Post(frontPath, frontKey, fmt.Sprintf(`{"gateId":%q,"model":"up/evil\u0085X-Evil: 1\u2028\u009b31m",%s}`, c.name, hiMessages)))
		}},
}

func keyless(t *testing.T, c *caller, r *badclient.Reply) {
	if strings.Contains(string(r.Raw), "key=AIza") || strings.Contains(string(r.Raw), "nobody.invalid") {
		t.Errorf("client: %s", r.Body)
	}
	for _, e := range c.up.Entries(c.name) {
		if e.Header.Get("X-Goog-Api-Key") != frontProviderKeys["google"] || strings.Contains(e.Query, "key") {
			t.Errorf("upstream: %s?%s %v", e.Path, e.Query, e.Header)
		}
	}
}

// clean76 looks at the row's lines in the log, and its answer's header.
func clean76(t *testing.T, c *caller, r *badclient.Reply) {
	checkAnswerHeader(t, c, r)
	found := 0
	for text := range strings.Lines(c.site.Log()) {
		if strings.Contains(text, `"msg":"injected"`) && !strings.Contains(text, `\"msg\":\"injected\"`) {
			t.Errorf("log: a line was injected: %s", text)
		}
		if !strings.Contains(text, r.Header.Get("X-Layer-Request-Id")) || !strings.Contains(text, `"msg":"request"`) {
			continue
		}
		found++
		if !strings.Contains(text, "evil") || len(text) > 4000 || strings.ContainsAny(text, "\u2028\u202e\u0085\u009b\x1b\x00") || strings.Contains(text, `\u`) {
			t.Errorf("log: %q", text)
		}
	}
	if found != 1 {
		t.Errorf("log: %d lines", found)
	}
}

// Versions that had holes stay behind.
func TestVersions(t *testing.T) {
	text, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range []struct {
		what, pattern string
		least         []int
	}{
		{"go", `(?m)^go (\d+)\.(\d+)`, []int{1, 26}},
		{"toolchain", `(?m)^toolchain go(\d+)\.(\d+)\.(\d+)$`, []int{1, 26, 1}},
		{"caddy", `(?m)^\tgithub\.com/caddyserver/caddy/v2 v(\d+)\.(\d+)\.(\d+)$`, []int{2, 11, 4}},
	} {
		found := regexp.MustCompile(one.pattern).FindSubmatch(text)
		if found == nil {
			t.Errorf("D73: go.mod names no %s", one.what)
			continue
		}
		var have []int
		for _, digits := range found[1:] {
			n, err := strconv.Atoi(string(digits))
			if err != nil {
				t.Fatal(err)
			}
			have = append(have, n)
		}
		if slices.Compare(have, one.least) < 0 {
			t.Errorf("D73: %s %v, want %v at least", one.what, have, one.least)
		}
	}
}

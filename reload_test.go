package layergateway

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// halting lets answers begin, and halts each after some writes until it is opened.
type halting struct {
	http.Handler
	open func()
	wait chan struct{}
}

func halt(next http.Handler) *halting {
	h := &halting{Handler: next, wait: make(chan struct{})}
	h.open = sync.OnceFunc(func() { close(h.wait) })
	return h
}

func (h *halting) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.Handler.ServeHTTP(&haltingWriter{ResponseWriter: w, wait: h.wait}, r)
}

type haltingWriter struct {
	http.ResponseWriter
	wait    chan struct{}
	flushes int
}

func (w *haltingWriter) Flush() {
	w.ResponseWriter.(http.Flusher).Flush()
	if w.flushes++; w.flushes == 5 {
		<-w.wait
	}
}

// A reload cuts no stream, of whatever dialect, and loses neither connections nor positions nor counts.
func TestReload(t *testing.T) {
	u, server, gates := providers(t)
	halted := halt(u)
	defer halted.open() // or the server would wait for its requests for ever
	server.Config.Handler = halted
	var connections atomic.Int64
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	block := func(i int) string {
		return fmt.Sprintf(`
			layer_gateway {
				api_key k
				keepalive %ds
				%s
				provider echo
				gate %s {
					name turns
					model echo/a
					fallback echo/b echo/c
					strategy round-robin
				}
			}
		`, 10+i, gates, helloID)
	}
	s := start(t, block(0))
	const prompt = "[[chunks=40]]"
	var streams []*reading
	for _, gate := range []string{"openai", "anthropic", "google"} {
		r := s.stream(gate, prompt)
		for r.text.Len() == 0 {
			if !r.next() {
				t.Fatalf("%s: the stream has no text", gate)
			}
		}
		streams = append(streams, r)
	}
	var turns []string
	for i := range 6 {
		if err := s.reload(block(i + 1)); err != nil {
			t.Fatal(err)
		}
		turns = append(turns, s.chat("turns", "hi").header.Get("X-Layer-Model"))
	}
	if want := "[a b c a b c]"; fmt.Sprint(turns) != want {
		t.Errorf("turns %v, want %v", turns, want)
	}
	halted.open()
	var want []string
	for i := range 40 {
		want = append(want, fmt.Sprintf("w%d", i+1))
	}
	for _, r := range streams {
		if got := strings.Fields(r.all()); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("stream over a reload: %q", got)
		}
	}
	before := connections.Load()
	if err := s.reload(block(7)); err != nil {
		t.Fatal(err)
	}
	for _, gate := range []string{"openai", "anthropic", "google"} {
		if got := s.chat(gate, "hi"); got.status != 200 {
			t.Errorf("%s: %d %s", gate, got.status, got.body)
		}
	}
	if got := connections.Load(); got != before {
		t.Errorf("%d connections to providers were made anew", got-before)
	}
	if got := s.metric("layer_gateway_requests_total", `outcome="ok"`); got != 12 {
		t.Errorf("%v requests counted over all reloads, want 12", got)
	}
}

// A configuration that can't be loaded leaves the one that runs alone, and nothing behind.
func TestFailedReload(t *testing.T) {
	s := start(t, "layer_gateway {\napi_key k\n"+twoGates+"}")
	holders := func() string {
		var all []string
		for _, key := range []any{cyclesKey{}, metricsKey{}, transportKey{"broken", "http://127.0.0.1:1"}} {
			n, _ := shared.References(key)
			all = append(all, fmt.Sprint(n))
		}
		return strings.Join(all, " ")
	}
	before := holders()
	err := s.reload("layer_gateway {\napi_key {env.TEST_UNSET_KEY}\nprovider broken openai {\nbase_url http://127.0.0.1:1\n}\n" + twoGates + "}")
	if err == nil || !strings.Contains(err.Error(), "{env.TEST_UNSET_KEY} is empty") {
		t.Errorf("error %v, want one that names the placeholder", err)
	}
	if after := holders(); after != before {
		t.Errorf("holders of what is shared: %s, before the failure %s", after, before)
	}
	if got := s.chat("hello", "hi"); got.status != 200 {
		t.Errorf("the old configuration: %d %s", got.status, got.body)
	}
}

// Files with gates need no reload. A mistake in one changes nothing but the log and the metrics.
func TestGatesFile(t *testing.T) {
	s := newSite(t)
	gate := func(name string) string {
		return fmt.Sprintf(`[{"id": %q, "name": %q, "model": "echo/words"}]`, otherID, name)
	}
	file := s.write("gates.json", gate("one"))
	if err := s.reload(`
		layer_gateway {
			api_key k {
				gates one two three
			}
			provider echo
			gates_file ` + file + `
		}
	`); err != nil {
		t.Fatal(err)
	}
	if warnings := s.lines("there is no such gate yet"); len(warnings) != 2 {
		t.Errorf("warnings of gates that are not there: %v", warnings)
	}
	eventually := func(what string, ok func() bool) {
		t.Helper()
		for end := time.Now().Add(time.Minute); !ok(); {
			if time.Now().After(end) {
				t.Fatalf("%s: not within a minute\n%s", what, s.log())
			}
		}
	}
	answers := func(name string) func() bool { return func() bool { return s.chat(name, "hi").status == 200 } }
	state := func(gates, ok, failures float64) {
		t.Helper()
		got := fmt.Sprint(s.metric("layer_gateway_gates", ""), s.metric("layer_gateway_gates_reload_ok", ""), s.metric("layer_gateway_gates_reload_failures_total", ""))
		if want := fmt.Sprint(gates, ok, failures); got != want {
			t.Errorf("gates, ok, failures: %s, want %s", got, want)
		}
	}
	eventually("the first", answers("one"))
	state(1, 1, 0)
	s.write("gates.json", gate("two"))
	eventually("an edit", answers("two"))
	if answers("one")() {
		t.Error("the gate that was renamed is still there")
	}
	s.write("gates.json", `[{"id": "no uuid", "name": "three", "model": "echo/words"}]`)
	const failed = "gates not read again: they stay as they were until the mistake is mended"
	eventually("a mistake", func() bool { return len(s.lines(failed)) > 0 })
	state(1, 0, 1)
	if !answers("two")() {
		t.Error("the last good gate is gone")
	}
	if text := fmt.Sprint(s.lines(failed)); !strings.Contains(text, "gates.json:1") || !strings.Contains(text, "must be a UUID") {
		t.Errorf("the mistake in the log: %s", text)
	}
	s.write("gates.json", gate("three"))
	eventually("the mistake mended", answers("three"))
	state(1, 1, 1)
}

// What is only validated starts nothing and leaves nothing behind.
func TestValidate(t *testing.T) {
	s := newSite(t)
	file := s.write("gates.json", `[{"id": 7}]`)
	for _, test := range []struct{ file, want string }{
		{file, "gates.json:1: gate number 1: id: must be text"},
		{s.path("missing.json"), "missing.json: no such file"},
	} {
		adapted, err := adapt(t, formatted(":80 {\nlayer_gateway {\nanonymous\nprovider openai\ngates_file "+test.file+"\n}\n}\n"))
		if err != nil {
			t.Fatal(err)
		}
		config := caddy.Config{Logging: quiet}
		if err := json.Unmarshal(adapted, &config); err != nil {
			t.Fatal(err)
		}
		if err := caddy.Validate(&config); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v, want %q", err, test.want)
		}
	}
}

package site

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

const block = `
	layer_gateway {
		api_key {env.TEST_CLIENT_KEY} {
			name tester
		}
		provider echo
		gate 11111111-1111-4111-8111-111111111111 {
			name %s
			model echo/words
		}
	}
	respond "site"
`

func config(gate string) Config {
	return Config{Block: fmt.Sprintf(block, gate), Env: []string{"TEST_CLIENT_KEY=k"}}
}

func ask(t *testing.T, client *http.Client, base, gate string) (proto string, status int) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/v1/chat/completions",
		strings.NewReader(fmt.Sprintf(`{"model":%q,"messages":[{"role":"user","content":"hi"}]}`, gate)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer k")
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp.Proto, resp.StatusCode
}

// One site over its life: protocols, what can be seen of it, reloads good and bad, and each way to its end.
func TestSite(t *testing.T) {
	s := Start(t, config("one"))
	for want, by := range map[string]struct {
		client *http.Client
		base   string
	}{
		"HTTP/1.1": {s.Client(), s.URL}, "HTTP/2.0": {s.H2(), s.TLSURL}, "HTTP/3.0": {s.H3(), s.TLSURL},
	} {
		if proto, status := ask(t, by.client, by.base, "one"); proto != want || status != http.StatusOK {
			t.Errorf("%s: %s %d", want, proto, status)
		}
	}
	Eventually(t, "a line for each request", time.Minute, func() bool { return len(s.Lines("request")) == 3 })
	if n := s.Metric("layer_gateway_requests_total", `gate="one"`); n != 3 {
		t.Errorf("%v requests counted, want 3", n)
	}
	if text := s.Admin("/config/"); !strings.Contains(text, "{env.TEST_CLIENT_KEY}") {
		t.Errorf("configuration: %s", text)
	}
	if u := s.Usage(); u.Goroutines < 5 || u.FDs < 5 || u.Heap < 1<<20 || u.RSS < u.Heap {
		t.Errorf("usage %+v", u)
	}

	if err := s.Reload(config("two")); err != nil {
		t.Fatal(err)
	}
	if _, status := ask(t, s.Client(), s.TLSURL, "two"); status != http.StatusOK {
		t.Errorf("after a reload: %d", status)
	}
	if err := s.Reload(Config{Block: "layer_gateway {\nnonsense\n}"}); err == nil || !strings.Contains(err.Error(), "nonsense") {
		t.Errorf("error %v, want one of nonsense", err)
	}
	saved, err := os.ReadFile(s.Autosave())
	if err != nil || !json.Valid(saved) || !strings.Contains(string(saved), `"name":"two"`) {
		t.Errorf("saved: %v %s", err, saved)
	}

	s.Kill()
	if _, err := net.Dial("tcp", s.addr); err == nil {
		t.Error("somebody still listens")
	}
	s.Restart()
	if _, status := ask(t, s.Client(), s.URL, "two"); status != http.StatusOK {
		t.Errorf("after a restart: %d", status)
	}
	s.Signal(syscall.SIGTERM)
	if code := s.Wait(time.Minute); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

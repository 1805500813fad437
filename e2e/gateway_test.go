// Package e2e drives the gateway as its users do: with official clients, over HTTP, in front of providers
// that are as strict as the real ones. The clients in JavaScript are in the .mjs files beside.
package e2e

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/layergateway/layergateway"
	"github.com/layergateway/layergateway/internal/upstream"
)

const clientKey = "layer_fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"

// gates are the gates of the tests: a name, and the model behind it.
var gates = []struct{ name, model string }{
	{"openai", "openai/gpt-4o"},
	{"openai-reasoning", "openai/gpt-5"},
	{"anthropic", "anthropic/claude-sonnet-4-5"},
	{"anthropic-adaptive", "anthropic/claude-opus-5"},
	{"google", "google/gemini-3-flash-preview"},
	{"google-unsigned", "google/gemini-2.5-flash"},
}

var (
	baseURL string            // of the gateway, with /v1
	journal *upstream.Journal // what the providers were asked
)

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = 1
	}
	os.Exit(code)
}

// run starts Caddy in this process, with the providers behind it, for all tests.
func run(m *testing.M) (code int, err error) {
	data, err := os.MkdirTemp("", "layer-e2e-")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(data)) }()
	for _, name := range []string{"XDG_DATA_HOME", "XDG_CONFIG_HOME"} {
		if err := os.Setenv(name, data); err != nil {
			return 1, err
		}
	}
	providers := upstream.New()
	journal = providers.Journal()
	web := httptest.NewServer(providers)
	defer web.Close()
	// A port that was free may be taken a moment later: another is tried.
	for range 5 {
		var address string
		if address, err = freeAddress(); err != nil {
			return 1, err
		}
		if err = load(address, web.URL, data); !errors.Is(err, syscall.EADDRINUSE) {
			baseURL = "http://" + address + "/v1"
			break
		}
	}
	if err != nil {
		return 1, err
	}
	code = m.Run()
	return code, caddy.Stop()
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func load(address, providers, data string) error {
	var all strings.Builder
	for i, g := range gates {
		fmt.Fprintf(&all, "gate 22222222-0000-4000-8000-%012d {\n name %s\n model %s\n}\n", i, g.name, g.model)
	}
	config, _, err := caddyconfig.GetAdapter("caddyfile").Adapt(fmt.Appendf(nil, `{
	admin off
	auto_https off
	persist_config off
	grace_period 1s
	storage file_system %s
	log {
		level ERROR
	}
}
http://%s {
	bind 127.0.0.1
	layer_gateway {
		api_key %s
		provider openai {
			base_url %[4]s/openai/v1
			api_key %[5]s
		}
		provider anthropic {
			base_url %[4]s/anthropic/v1
			api_key %[6]s
		}
		provider google {
			base_url %[4]s/google/v1beta
			api_key %[7]s
		}
		%[8]s
	}
}`, data, address, clientKey, providers, upstream.OpenAIKey, upstream.AnthropicKey, upstream.GoogleKey, all.String()),
		map[string]any{"filename": "Caddyfile"})
	if err != nil {
		return err
	}
	return caddy.Load(config, true)
}

// asked waits until n requests of a tag have an outcome, and returns them.
func asked(t *testing.T, tag, outcome string, n int) []upstream.Entry {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	found, err := journal.Wait(ctx, n, func(e upstream.Entry) bool { return e.Tag == tag && e.Outcome == outcome })
	if err != nil {
		t.Fatalf("%d requests of %s that are %s: %v; the journal has %+v", n, tag, outcome, err, ofTag(tag))
	}
	return found
}

func ofTag(tag string) []upstream.Entry {
	var found []upstream.Entry
	for _, e := range journal.Entries() {
		if e.Tag == tag {
			found = append(found, e)
		}
	}
	return found
}

// TestOthersPass asks for a path that is not the API's: it is the site's own.
func TestOthersPass(t *testing.T) {
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, strings.TrimSuffix(baseURL, "/v1")+"/hello", nil)
	if err != nil {
		t.Fatal(err)
	}
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Body.Close()
	// Caddy answers what no handler takes with an empty 200.
	if w.StatusCode != http.StatusOK || w.ContentLength > 0 || w.Header.Get("X-Layer-Request-Id") != "" {
		t.Errorf("%d %v", w.StatusCode, w.Header)
	}
}

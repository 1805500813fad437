package layergateway

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/layergateway/layergateway/store"
)

// store gives the store of the configuration that runs.
func (s *site) store() *store.Store {
	s.t.Helper()
	app, err := caddy.ActiveContext().App(directive)
	if err != nil {
		s.t.Fatal(err)
	}
	st, done, err := app.(*App).books.useStore()
	if err != nil {
		s.t.Fatal(err)
	}
	done() // the configuration holds it while it runs
	return st
}

// makeGate and makeKey make what the store is to have.
func (s *site) makeGate(text string) *store.Gate {
	s.t.Helper()
	g, err := s.store().CreateGate(s.t.Context(), store.ByAdmin, []byte(text))
	if err != nil {
		s.t.Fatal(err)
	}
	return g
}

func (s *site) makeKey(text string) (k *store.Key, secret string) {
	s.t.Helper()
	k, secret, err := s.store().CreateKey(s.t.Context(), store.ByAdmin, []byte(text))
	if err != nil {
		s.t.Fatal(err)
	}
	return k, secret
}

// ask asks a gate with a key, and returns the status and the model that answered, or the error's code.
func (s *site) ask(gate, key string) (int, string) {
	s.t.Helper()
	a := s.do(s.client, "POST", chatPath, question(gate, "hello", false), "Authorization", "Bearer "+key)
	if a.status == http.StatusOK {
		return a.status, a.header.Get("X-Layer-Model")
	}
	return a.status, a.code()
}

func (s *site) wantAnswer(gate, key string, status int, what string) {
	s.t.Helper()
	if got, text := s.ask(gate, key); got != status || text != what {
		s.t.Errorf("gate %s: %d %s, want %d %s", gate, got, text, status, what)
	}
}

const storedBlock = `
	layer_gateway {
		api_key k
		provider echo
		provider other echo
		gates_store
		default_gate later
		gate ` + helloID + ` {
			name hello
			model echo/hello
		}
	}
`

// Gates and keys are made, used, changed and taken away while the configuration runs, and outlive it.
func TestStore(t *testing.T) {
	s := start(t, storedBlock)
	if n := len(s.lines("there is no such gate yet")); n != 1 {
		t.Errorf("%d warnings of the default gate that is not there", n)
	}
	s.wantAnswer("made", "k", 404, "gate_not_found")
	g := s.makeGate(`{"name":"made","model":"echo/one"}`)
	s.wantAnswer("made", "k", 200, "one")
	s.wantAnswer(g.ID, "k", 200, "one")
	key, secret := s.makeKey(`{"name":"web","gates":["made"]}`)
	s.wantAnswer("made", secret, 200, "one")
	s.wantAnswer("hello", secret, 404, "gate_not_found")
	s.wantAnswer("made", secret[:len(secret)-1]+"x", 401, "invalid_api_key")
	if strings.Contains(s.log(), secret) {
		t.Error("the key is in the log")
	}
	if _, err := s.store().UpdateGate(t.Context(), store.ByAdmin, "made", 1, []byte(`{"model":"other/two"}`)); err != nil {
		t.Fatal(err)
	}
	s.wantAnswer("made", secret, 200, "two")
	if used, err := s.store().Key(t.Context(), key.ID); err != nil || used.LastUsed.IsZero() {
		t.Errorf("a used key was never used: %+v, %v", used, err)
	}

	if err := s.reload(strings.Replace(storedBlock, "api_key k", "api_key k\nmax_body 1MiB", 1)); err != nil {
		t.Fatal(err)
	}
	s.wantAnswer("made", secret, 200, "two")

	_, next, err := s.store().RotateKey(t.Context(), store.ByAdmin, key.ID, 0, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	s.wantAnswer("made", secret, 200, "two")
	s.wantAnswer("made", next, 200, "two")
	if _, err := s.store().RevokeKey(t.Context(), store.ByAdmin, key.ID, 0); err != nil {
		t.Fatal(err)
	}
	s.wantAnswer("made", secret, 401, "invalid_api_key")
	s.wantAnswer("made", next, 401, "invalid_api_key")
	if err := s.store().DeleteGate(t.Context(), store.ByAdmin, "made", 0); err != nil {
		t.Fatal(err)
	}
	s.wantAnswer("made", "k", 404, "gate_not_found")
}

func TestStoreKeys(t *testing.T) {
	s := start(t, storedBlock)
	_, old := s.makeKey(`{"name":"old","expires":"2020-01-01"}`)
	s.wantAnswer("hello", old, 401, "invalid_api_key")
	limited, secret := s.makeKey(`{"name":"limited","rateLimit":{"count":2,"window":"24h"}}`)
	s.wantAnswer("hello", secret, 200, "hello")
	// What was used of a limit is the key's, whatever its text and whichever configuration runs.
	_, next, err := s.store().RotateKey(t.Context(), store.ByAdmin, limited.ID, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	s.wantAnswer("hello", secret, 401, "invalid_api_key")
	s.wantAnswer("hello", next, 200, "hello")
	if err := s.reload(strings.Replace(storedBlock, "api_key k", "api_key k\nmax_body 1MiB", 1)); err != nil {
		t.Fatal(err)
	}
	s.wantAnswer("hello", next, 429, "rate_limit_exceeded")
	if _, err := s.store().UpdateKey(t.Context(), store.ByAdmin, limited.ID, 0, []byte(`{"rateLimit":null}`)); err != nil {
		t.Fatal(err)
	}
	s.wantAnswer("hello", next, 200, "hello")
	_, at := s.makeKey(`{"name":"at","atGates":{"hello":{"rateLimit":{"count":1,"window":"24h"}}}}`)
	s.wantAnswer("hello", at, 200, "hello")
	s.wantAnswer("hello", at, 429, "rate_limit_exceeded")
	_, _, err = s.store().CreateKey(t.Context(), store.ByAdmin, []byte(`{"name":"nowhere","gates":["typo"]}`))
	if !errors.Is(err, store.ErrInvalid) || len(store.Fields(err)) != 1 || store.Fields(err)[0].Field != "gates" {
		t.Errorf("a key for a gate that is not there: %v", err)
	}
}

// What the configuration declares goes before the store, and a gate of the store that can't be served takes nothing
// else down.
func TestStoreConflicts(t *testing.T) {
	s := start(t, storedBlock)
	for text, kind := range map[string]error{
		`{"name":"hello","model":"echo/x"}`:         store.ErrTaken,
		`{"id":"` + helloID + `","model":"echo/x"}`: store.ErrTaken,
		`{"model":"nobody/x"}`:                      store.ErrInvalid,
	} {
		_, err := s.store().CreateGate(t.Context(), store.ByAdmin, []byte(text))
		if fields := store.Fields(err); !errors.Is(err, kind) || len(fields) != 1 {
			t.Errorf("%s: %v (%v), want %v", text, err, fields, kind)
		}
	}
	s.makeGate(`{"name":"made","model":"echo/stored"}`)
	s.makeGate(`{"name":"lost","model":"other/stored"}`)
	s.wantAnswer("made", "k", 200, "stored")
	s.wantAnswer("lost", "k", 200, "stored")

	declared := strings.NewReplacer("provider other echo", "",
		"name hello", "name made", "default_gate later", "").Replace(storedBlock)
	if err := s.reload(declared); err != nil {
		t.Fatal(err)
	}
	s.wantAnswer("made", "k", 200, "hello")
	s.wantAnswer("lost", "k", 404, "gate_not_found")
	var left strings.Builder
	for _, line := range s.lines("a gate of the store is not served") {
		left.WriteString(line["error"].(string) + "\n")
	}
	for _, part := range []string{`gate "made" of the store is left out: name: `, `gate "lost" of the store is left out: model: `} {
		if strings.Count(left.String(), part) != 1 {
			t.Errorf("the log has not once %q:\n%s", part, left.String())
		}
	}
	models := s.do(s.client, "GET", modelsPath, "", "Authorization", "Bearer k").body
	if strings.Count(models, `"id"`) != 1 {
		t.Errorf("models: %s", models)
	}
	if err := s.reload(storedBlock); err != nil {
		t.Fatal(err)
	}
	s.wantAnswer("made", "k", 200, "stored")
	s.wantAnswer("lost", "k", 200, "stored")

	// A file with gates that comes later goes before the store too.
	s.write("gates.json", "[]")
	if err := s.reload(strings.Replace(storedBlock, "gates_store", "gates_store\ngates_file "+s.path("gates.json"), 1)); err != nil {
		t.Fatal(err)
	}
	s.wantAnswer("made", "k", 200, "stored")
	_, secret := s.makeKey(`{"name":"both","gates":["made"]}`)
	s.write("gates.json", `{"id":"00000000-0000-4000-8000-000000000009","name":"made","model":"echo/filed"}`)
	s.until("made", secret, "filed")
}

// until asks a gate until a model answers.
func (s *site) until(gate, key, model string) {
	s.t.Helper()
	for {
		status, got := s.ask(gate, key)
		if status != http.StatusOK {
			s.t.Fatalf("gate %s: %d %s", gate, status, got)
		}
		if got == model {
			return
		}
		select {
		case <-s.t.Context().Done():
			s.t.Fatal("it does not come")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Without keys of its own a site is for those of the store alone.
func TestStoreAlone(t *testing.T) {
	s := start(t, `
		layer_gateway {
			provider echo
			gates_store
		}
	`)
	s.wantAnswer("made", "k", 401, "invalid_api_key")
	s.makeGate(`{"name":"made","model":"echo/one"}`)
	_, secret := s.makeKey(`{"name":"web"}`)
	s.wantAnswer("made", secret, 200, "one")
}

func TestStoreNeedsALedger(t *testing.T) {
	s := newSite(t)
	err := s.load([]byte(`{"apps": {
		"layer_gateway": {"ledger": {"type": "off"}},
		"http": {"servers": {"s": {"routes": [{"handle": [{"handler": "layer_gateway", "gates_store": true}]}]}}}
	}}`))
	if err == nil || !strings.Contains(err.Error(), errNoStore.Error()) {
		t.Errorf("error %v", err)
	}
}

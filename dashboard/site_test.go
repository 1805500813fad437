package dashboard

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"go.uber.org/zap/zaptest"

	"github.com/layergateway/layergateway/access"
	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/gate"
	"github.com/layergateway/layergateway/health"
	"github.com/layergateway/layergateway/ledger"
	"github.com/layergateway/layergateway/store"
)

// noon is when everything in the tests happens.
var noon = time.Date(2026, 3, 14, 12, 30, 0, 0, time.UTC)

const (
	adminKey   = "an-admin-key-for-the-tests"
	gateID     = "7b4b2f0e-6a1c-4c1e-9a55-1f0c2d3e4f50"
	evil       = `"><script>alert(1)</script><img src=x onerror=alert(2)>{{.}}javascript:`
	evilGateID = "7b4b2f0e-6a1c-4c1e-9a55-1f0c2d3e4f51"
)

// site is a dashboard with a ledger and a store behind it.
type site struct {
	*Handler
	ledger *ledger.Ledger
	store  *store.Store
	door   *Door
	asked  []string // bodies that the playground sent
	ready  error
}

func newSite(t *testing.T) *site {
	t.Helper()
	clock := func() time.Time { return noon }
	l, err := ledger.Open(t.Context(), ledger.Config{Dir: t.TempDir(), Payloads: true, Now: clock, Log: zaptest.NewLogger(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close(context.Background()) })
	keys, err := store.Open(t.Context(), store.Options{Ledger: l, Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(keys.Close)
	hash := access.HashOf(adminKey)
	s := &site{ledger: l, store: keys, door: &Door{
		Admin: &hash, Sessions: new(Sessions), Named: func(r *http.Request) bool { return r.Host == "gateway.example" },
	}}
	s.Handler = New(Options{
		Door:      s.door,
		Ledger:    func() (Ledger, func()) { return l, func() {} },
		Gates:     testGates,
		Gate:      testGate,
		Keys:      testKeys,
		TraceURL:  "https://traces.example/?q={trace_id}&a=b",
		Providers: testProviders,
		Catalog:   testCatalog,
		Store:     func() (KeyStore, func(), bool) { return keys, func() {}, true },
		Chat: func(w http.ResponseWriter, r *http.Request, id string) {
			body, _ := io.ReadAll(r.Body)
			s.asked = append(s.asked, id+" "+string(body))
			io.WriteString(w, "data: [DONE]\n\n")
		},
		Ready:   func() error { return s.ready },
		Leaving: func() bool { return false },
		API:     http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "api "+r.URL.Path) }),
		Now:     clock,
		Log:     zaptest.NewLogger(t),
	})
	return s
}

func testGates() []Gate {
	price, _ := cost.ParsePrice("3", "15", "0.3", "3.75")
	return []Gate{
		{Gate: &gate.Gate{
			ID: gateID, Name: "assistant", Description: "Answers.", TaskType: "chat", Strategy: gate.Fallback, Source: "Caddyfile",
			SystemPromptMode: gate.Prepend, SystemPrompt: "You are a helpful assistant.",
			Targets:  []gate.Target{{Provider: "anthropic", Model: "claude-sonnet-4-5", Weight: 1}, {Provider: "openai", Model: "gpt-4o", Weight: 1}},
			Timeouts: gate.Timeouts{FirstToken: 20 * time.Second, Idle: 2 * time.Minute, Total: 10 * time.Minute}, MaxRetries: 1,
			Limits: gate.Limits{
				Requests: []gate.Limit{{Count: 600, Window: time.Minute}},
				Budget:   &gate.Budget{Amount: 10 * dollar, Period: gate.Daily},
			},
		}, Prices: []cost.Price{price, {}}},
		{Gate: &gate.Gate{
			ID: evilGateID, Name: evil, Description: evil, Tags: []string{evil}, TaskType: "chat", Strategy: gate.Single, Source: evil,
			Targets: []gate.Target{{Provider: "openai", Model: evil, Weight: 1}}, SystemPrompt: evil,
		}, Prices: []cost.Price{{}}},
	}
}

func testGate(id string) (Gate, bool) {
	for _, g := range testGates() {
		if g.ID == id {
			return g, true
		}
	}
	return Gate{}, false
}

func testKeys() []Key {
	return []Key{
		{ID: "key_0a1b2c3d", Name: "web", Gates: []string{"assistant"}, Limits: gate.Limits{Budget: &gate.Budget{Amount: dollar, Period: gate.Monthly}}},
		{ID: "key_evil", Name: evil, Expires: noon.Add(-time.Hour)},
	}
}

func testProviders() []Provider {
	return []Provider{
		{Name: "anthropic", Type: "anthropic", BaseURL: "https://api.anthropic.com/v1", Keys: 2, Health: []health.State{
			{Index: 0, Label: "aaaaaaaa"},
			{Index: 0, Label: "aaaaaaaa", Model: "claude-sonnet-4-5", Latency: 640 * time.Millisecond, Whole: 3 * time.Second,
				Headroom: []health.Headroom{{What: "input-tokens", Remaining: 39_120, Limit: 40_000, Reset: noon.Add(30 * time.Second)}, {What: evil, Remaining: 7}},
				Told:     noon.Add(-2 * time.Minute)},
			{Index: 1, Label: "bbbbbbbb", Reason: health.Dead, Until: noon.Add(time.Minute), Failures: 3, Last: health.Refused},
		}},
		{Name: "openai", Type: "openai", BaseURL: "https://api.openai.com/v1", Missing: "{env.OPENAI_API_KEY}"},
	}
}

func testCatalog() Catalog {
	known, _ := cost.ParsePrice("3", "15", "0.3", "3.75")
	return Catalog{Version: "genai-prices@test", Built: noon.Add(-30 * day), Source: "prices.json", Age: time.Hour, Known: true,
		Entries: func() []cost.Entry {
			list := []cost.Entry{{Provider: "anthropic", Model: "claude-sonnet-4-5", Price: known}}
			for i := range 250 {
				list = append(list, cost.Entry{Provider: "openai", Model: fmt.Sprintf("gpt-%03d", i), Price: known})
			}
			return append(list, cost.Entry{Provider: evil, Model: evil, Price: known})
		},
		Price: func(provider, _ string) cost.Price {
			if provider == "anthropic" {
				return known
			}
			return cost.Price{}
		}}
}

// row is a request of some hours ago. Its attempts are one that failed and one that answered.
func testRow(i int) *ledger.Row {
	price, _ := cost.ParsePrice("3", "15", "0.3", "3.75")
	usage := cost.Usage{Input: cost.Of(int64(1200 + i)), CachedInput: cost.Of(1000), Output: cost.Of(340), Reasoning: cost.Of(40)}
	bill := price.Bill(usage)
	prices, _ := json.Marshal(map[string]cost.Price{"anthropic/claude-sonnet-4-5": price})
	return &ledger.Row{
		ID: fmt.Sprintf("00000000-0000-4000-8000-%012d", i), Start: noon.Add(-time.Duration(i) * 17 * time.Minute),
		Key: "web", KeyID: "key_0a1b2c3d", Gate: "assistant", GateID: gateID, Session: "s1", User: "u1", Asked: "layer/assistant",
		Agent: "test/1.0", Client: "192.0.2.7", Trace: "0af7651916cd43dd8448eb211c80319c", Stream: true,
		Provider: "anthropic", Model: "claude-sonnet-4-5", Outcome: "ok", Status: 200, NativeFinish: "end_turn",
		Dropped: []string{"logprobs"}, Overridden: []string{"model"}, Usage: usage, Bill: bill, Price: prices,
		FirstToken: 900 * time.Millisecond, Total: 4 * time.Second,
		Attempts: []ledger.Attempt{
			{Provider: "openai", Model: "gpt-4o", Status: 503, Failure: "failed", Took: 300 * time.Millisecond},
			{Provider: "anthropic", Model: "claude-sonnet-4-5", Status: 200, Offset: 310 * time.Millisecond, Took: 3690 * time.Millisecond,
				FirstToken: 590 * time.Millisecond, Usage: usage, Bill: bill},
		},
	}
}

// evilRow has what a client, a provider and an operator may write where they may write.
func evilRow() *ledger.Row {
	row := testRow(0)
	row.ID, row.Start = "evil", noon.Add(-time.Minute)
	row.Key, row.KeyID, row.Gate, row.GateID, row.Session, row.User, row.Asked, row.Agent = evil, "key_evil", evil, evilGateID, evil, evil, evil, evil
	row.Client, row.Trace, row.Provider, row.Model, row.NativeFinish, row.Error = evil, evil, "openai", evil, evil, evil
	row.Dropped, row.Overridden, row.Budget = []string{evil}, []string{evil}, []string{evil}
	row.Bill = cost.Bill{Status: cost.Unpriced}
	row.Attempts[0].Model, row.Attempts[0].Failure, row.Attempts[1].Model = evil, evil, evil
	return row
}

func (s *site) fill(t *testing.T, rows ...*ledger.Row) {
	t.Helper()
	for _, row := range rows {
		if err := s.ledger.Settle(row); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.ledger.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func manyRows() []*ledger.Row {
	var rows []*ledger.Row
	for i := range 120 {
		row := testRow(i)
		switch i % 10 {
		case 7:
			row.Outcome, row.Status, row.Error = "provider_error", 502, "provider_error"
		case 8:
			row.Outcome, row.Status = "client_gone", 0
		}
		rows = append(rows, row)
	}
	return rows
}

// get asks as who is logged in.
func (s *site) get(t *testing.T, path string) *httptest.ResponseRecorder {
	t.Helper()
	return s.do(t, http.MethodGet, path, nil)
}

func (s *site) do(t *testing.T, method, path string, body io.Reader, change ...func(*http.Request)) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, body)
	r.Host = "localhost:3001"
	r.Header.Set("Authorization", "Bearer "+adminKey)
	if body != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, f := range change {
		f(r)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func (s *site) page(t *testing.T, path string) string {
	t.Helper()
	w := s.get(t, path)
	if w.Code != http.StatusOK {
		t.Fatalf("%s: %d\n%s", path, w.Code, w.Body)
	}
	return w.Body.String()
}

func wantAll(t *testing.T, html string, want ...string) {
	t.Helper()
	for _, text := range want {
		if !strings.Contains(html, text) {
			t.Errorf("the page has no %q", text)
		}
	}
}

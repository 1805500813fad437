package dashboard

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/ledger"
)

// traffic makes rows as a busy site has them: 24 keys at two gates each, twelve gates
// with a model and a fallback each, some failures, over so many days.
type traffic struct {
	random *rand.Rand
	price  cost.Price
	end    time.Time
	span   time.Duration
}

func newTraffic(end time.Time, days int) *traffic {
	price, _ := cost.ParsePrice("3", "15", "0.3", "3.75")
	return &traffic{rand.New(rand.NewPCG(1, 2)), price, end, time.Duration(days) * day}
}

// row is the i-th of n rows.
func (g *traffic) row(i, n int) *ledger.Row {
	models := []struct{ provider, model string }{
		{"anthropic", "claude-sonnet-4-5"}, {"openai", "gpt-4o"}, {"openai", "gpt-4o-mini"}, {"google", "gemini-2.5-flash"}, {"groq", "llama-3.3-70b"},
	}
	outcomes := []string{"provider_error", "timeout", "rejected", "client_gone"}
	who := g.random.IntN(24)
	at := (who + g.random.IntN(2)) % 12
	m := models[at%len(models)]
	if g.random.IntN(10) == 0 {
		m = models[(at+1)%len(models)]
	}
	usage := cost.Usage{
		Input: cost.Of(int64(g.random.ExpFloat64() * 2000)), CachedInput: cost.Of(0), Output: cost.Of(int64(g.random.ExpFloat64() * 400)),
	}
	first := time.Duration(300+g.random.ExpFloat64()*500) * time.Millisecond
	row := &ledger.Row{
		ID:    fmt.Sprintf("%08x-0000-4000-8000-%012d", g.random.Uint32(), i),
		Start: g.end.Add(-time.Duration(float64(g.span) * float64(n-i) / float64(n))), Stream: true,
		Gate: fmt.Sprintf("gate-%d", at), GateID: fmt.Sprintf("7b4b2f0e-6a1c-4c1e-9a55-%012d", at),
		Key: fmt.Sprintf("key-%d", who), KeyID: fmt.Sprintf("%016x", who), Session: fmt.Sprintf("session-%d", i/20),
		Provider: m.provider, Model: m.model, Outcome: "ok", Status: http.StatusOK, Usage: usage, Bill: g.price.Bill(usage),
		FirstToken: first, Total: first + time.Duration(usage.Output.N())*12*time.Millisecond,
	}
	if g.random.IntN(40) == 0 {
		row.Outcome, row.Status = outcomes[g.random.IntN(len(outcomes))], http.StatusBadGateway
	}
	row.Attempts = []ledger.Attempt{{
		Provider: m.provider, Model: m.model, Status: row.Status, Took: row.Total, FirstToken: first, Usage: usage, Bill: row.Bill,
	}}
	return row
}

// How long pages take with a million rows in the ledger.
func BenchmarkMillion(b *testing.B) {
	if testing.Short() {
		b.Skip("a million rows take minutes")
	}
	const n = 1_000_000
	l, err := ledger.Open(b.Context(), ledger.Config{Dir: b.TempDir(), JournalBytes: 4 << 30})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close(context.Background())
	end := noon
	g := newTraffic(end, 60)
	var last string
	for i := range n {
		row := g.row(i, n)
		last = row.ID
		if err := l.Settle(row); err != nil {
			b.Fatal(err)
		}
		if i%20_000 == 0 {
			if err := l.Flush(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	}
	if err := l.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
	h := New(Options{
		Door:   &Door{Named: func(*http.Request) bool { return true }},
		Ledger: func() (Ledger, func()) { return l, func() {} },
		Gates:  testGates, Gate: testGate, Keys: testKeys, Providers: testProviders, Catalog: testCatalog,
		Store: func() (KeyStore, func(), bool) { return nil, nil, false },
		Chat:  func(http.ResponseWriter, *http.Request, string) {}, Ready: func() error { return nil }, Leaving: func() bool { return false },
		Now: func() time.Time { return end },
	})
	for _, path := range []string{
		"/?range=24h", "/?range=7d", "/?range=30d", "/?range=90d&by=key", "/?range=90d&by=key&gate=7b4b2f0e-6a1c-4c1e-9a55-000000000003", "/?range=90d&model=gpt-4o",
		"/requests", "/requests?outcome=timeout",
		"/requests?gate=gate-3&model=gpt-4o", "/requests?min_cost=0.05", "/requests/" + last, "/gates", "/keys", "/providers", "/models",
	} {
		b.Run(path, func(b *testing.B) {
			for b.Loop() {
				w := httptest.NewRecorder()
				r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, path, http.NoBody)
				if h.ServeHTTP(w, r); w.Code != http.StatusOK {
					b.Fatalf("%s: %d", path, w.Code)
				}
			}
		})
	}
}

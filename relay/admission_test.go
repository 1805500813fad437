package relay

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/layergateway/layergateway/access"
	"github.com/layergateway/layergateway/access/limit"
	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/gate"
	"github.com/layergateway/layergateway/ledger"
	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/provider"
)

// admission is what a key with a rate limit and a budget adds in front of the
// first request to a provider and behind the last.
func admission(tb testing.TB, books *Books) func(*Record) {
	tb.Helper()
	price, err := cost.ParsePrice("1", "2", "", "")
	if err != nil {
		tb.Fatal(err)
	}
	limits := budgetOf(1 << 60)
	limits.Requests = []limit.Rate{{Count: 1 << 50, Window: time.Minute}}
	key := &access.Key{Name: "web", Hash: access.HashOf("secret")}
	if key.Limits, err = limit.ForKey(key.ID(), key.Name, &limits); err != nil {
		tb.Fatal(err)
	}
	body, err := openai.ParseChat([]byte(hi))
	if err != nil {
		tb.Fatal(err)
	}
	w := httptest.NewRecorder()
	x := &exchange{
		relay: &Relay{Now: time.Now, Providers: map[string]*provider.Provider{"a": {Name: "a", Prices: map[string]cost.Price{"m": price}}}},
		w:     w, r: httptest.NewRequest(http.MethodPost, "/v1/chat/completions", http.NoBody), req: body,
		gate: &gate.Gate{ID: assistantID}, edits: new(openai.Edits), books: books, out: newDownstream(w, 0),
	}
	targets := []gate.Target{{Provider: "a", Model: "m", Weight: 1}}
	return func(rec *Record) {
		x.rec = rec
		if _, err := x.admit(targets, key); err != nil {
			tb.Fatal(err)
		}
		x.close()
	}
}

func TestAdmissionAllocates(t *testing.T) {
	admit, rec := admission(t, &Books{Limits: limit.NewMemory(limit.Options{})}), new(Record)
	if n := testing.AllocsPerRun(1000, func() { admit(rec) }); n > 4 {
		t.Errorf("%v allocations for a request, 4 are allowed", n)
	}
}

// BenchmarkAdmission: in memory, and with a row in a ledger.
func BenchmarkAdmission(b *testing.B) {
	for _, kept := range []bool{false, true} {
		b.Run(fmt.Sprintf("ledger=%v", kept), func(b *testing.B) {
			books := &Books{Limits: limit.NewMemory(limit.Options{})}
			if kept {
				var err error
				if books.Ledger, err = ledger.Open(b.Context(), ledger.Config{Dir: b.TempDir()}); err != nil {
					b.Fatal(err)
				}
				defer books.Ledger.Close(context.Background())
			}
			admit, n := admission(b, books), 0
			b.ReportAllocs()
			for b.Loop() {
				n++
				admit(&Record{RequestID: strconv.Itoa(n), Start: time.Now()})
			}
		})
	}
}

// TestLimitsAtGate: a key's limits at a gate hold by its id or its name, and once
// where it is named by both.
func TestLimitsAtGate(t *testing.T) {
	for _, refs := range [][]string{{assistantID}, {"assistant"}, {assistantID, "assistant"}} {
		r := setup(t, &upstream{answers: []answer{{body: good}}}, nil, gateJSON(``))
		books := keepLimits(t, r, limit.Limits{})
		books.key.AtGates = make(map[string]*access.AtGate)
		for _, ref := range refs {
			books.key.AtGates[ref] = access.NewAtGate(func(gateID string) *limit.Subject {
				s, err := limit.ForKeyAtGate(books.key.ID(), "web", gateID, "assistant",
					&limit.Limits{Requests: []limit.Rate{{Count: 2, Window: time.Minute}}})
				if err != nil {
					t.Fatal(err)
				}
				return s
			})
		}
		for _, want := range []int{200, 200, 429} {
			if w, _ := askAs(t.Context(), r, hi, nil, books.key); w.Code != want {
				t.Errorf("%v: %d, want %d: %s", refs, w.Code, want, w.Body)
			}
		}
		r.Gates.Close()
	}
}

package relay

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/layergateway/layergateway/access"
	"github.com/layergateway/layergateway/access/limit"
	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/ledger"
)

// accounts are a relay's books, and the key that is held to them.
type accounts struct {
	*Books
	key     *access.Key
	subject *limit.Subject
	budget  cost.Amount
}

// keepAccounts gives the relay books with a ledger, and a key with limits.
func keepAccounts(t *testing.T, r *Relay, l limit.Limits) *accounts {
	t.Helper()
	book, err := ledger.Open(t.Context(), ledger.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := book.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	a := keepLimits(t, r, l)
	a.Ledger = book
	return a
}

// keepLimits gives the relay books without a ledger, and a key with limits.
func keepLimits(t *testing.T, r *Relay, l limit.Limits) *accounts {
	t.Helper()
	a := &accounts{Books: &Books{Limits: limit.NewMemory(limit.Options{Now: r.Now})}}
	a.key = &access.Key{Name: "web", Hash: access.HashOf("secret")}
	if !l.Empty() {
		var err error
		if a.subject, err = limit.ForKey(a.key.ID(), a.key.Name, &l); err != nil {
			t.Fatal(err)
		}
		a.key.Limits = a.subject
	}
	for _, b := range l.Budgets {
		a.budget = b.Amount
	}
	r.Books = func() (*Books, func(), error) { return a.Books, func() {}, nil }
	return a
}

// dollar is a budget of one for ever.
func dollar() limit.Limits { return budgetOf(1_000_000 * micro) }

func budgetOf(a cost.Amount) limit.Limits {
	return limit.Limits{Budgets: []limit.Budget{{Amount: a, Period: limit.Total}}}
}

// row is the one row of a request, as the database has it.
func (a *accounts) row(t *testing.T, id string) ledger.Row {
	t.Helper()
	if err := a.Ledger.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, err := range a.Ledger.All(t.Context(), ledger.Filter{}) {
		if n++; err != nil {
			t.Fatal(err)
		}
	}
	if n != 1 {
		t.Errorf("%d rows", n)
	}
	row, err := a.Ledger.Row(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return row
}

// left checks how much is left of the budget beside all that is spent and
// reserved, to the picodollar.
func (a *accounts) left(t *testing.T, want cost.Amount) {
	t.Helper()
	if want > 0 && !a.fits(t, want) {
		t.Errorf("less than %s is left of %s", want, a.budget)
	}
	if a.fits(t, max(want, 0)+1) {
		t.Errorf("more than %s is left of %s", want, a.budget)
	}
}

func (a *accounts) fits(t *testing.T, amount cost.Amount) bool {
	t.Helper()
	g, err := a.Limits.Admit(context.Background(), limit.Ask{Subjects: []*limit.Subject{a.subject}, Cost: amount})
	if err == nil {
		g.Release()
	}
	return err == nil
}

// recomputed is a row's bill made again of what the row has: each attempt's of
// its usage and the stored price.
func recomputed(t *testing.T, row *ledger.Row) (total cost.Amount) {
	t.Helper()
	prices := map[string]cost.Price{}
	if row.Price != nil {
		if err := json.Unmarshal(row.Price, &prices); err != nil {
			t.Fatal(err)
		}
	}
	for _, a := range row.Attempts {
		if a.Usage == (cost.Usage{}) {
			if a.Bill.Total != 0 {
				t.Errorf("an attempt of no usage costs %s", a.Bill.Total)
			}
			continue
		}
		bill := prices[a.Provider+"/"+a.Model].Bill(a.Usage)
		if bill != a.Bill {
			t.Errorf("an attempt's bill is %+v, made again %+v", a.Bill, bill)
		}
		total = total.Add(bill.Total)
	}
	return total
}

// TestLedgerGone (I11): where the ledger can't write, a key with a budget is
// refused, and one without goes on.
func TestLedgerGone(t *testing.T) {
	for _, test := range []struct {
		name   string
		limits limit.Limits
		status int
	}{
		{"budget", dollar(), http.StatusServiceUnavailable},
		{"budget that only alerts", limit.Limits{Budgets: []limit.Budget{{Amount: micro, Period: limit.Daily, AlertOnly: true}}}, 200},
		{"rate limit", limit.Limits{Requests: []limit.Rate{{Count: 9, Window: time.Minute}}}, 200},
		{"no limits", limit.Limits{}, 200},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := &upstream{answers: []answer{{body: good}}}
			r := setup(t, a, nil, gateJSON(``))
			books := keepAccounts(t, r, test.limits)
			if err := books.Ledger.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			w, rec := askAs(t.Context(), r, hi, nil, books.key)
			if w.Code != test.status {
				t.Fatalf("%d: %s", w.Code, w.Body)
			}
			if test.status == 200 {
				return
			}
			if e := errorOf(t, w.Body.Bytes()); *e.Code != "ledger_unavailable" || rec.Outcome != Rejected || len(a.got) != 0 {
				t.Errorf("%s, %d requests to the provider: %s", rec.Outcome, len(a.got), w.Body)
			}
			books.left(t, books.budget)
		})
	}
}

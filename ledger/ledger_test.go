package ledger

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap/zaptest"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/internal/pgtest"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		child(dir, os.Getenv(childDSN))
		return
	}
	goleak.VerifyTestMain(suite{m})
}

// postgres is the server that most tests share.
var postgres pgtest.Shared

// suite is all tests, and the end of their server.
type suite struct{ *testing.M }

func (s suite) Run() int {
	code := s.M.Run()
	if err := postgres.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// t0 is when everything in the tests happens, unless they say otherwise.
var t0 = time.Date(2026, 3, 14, 15, 9, 26, 535897932, time.UTC)

// each runs a test over both kinds of database. The config it gets is of a new,
// empty one.
func each(t *testing.T, test func(t *testing.T, c Config)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		test(t, testConfig(t))
	})
	t.Run("postgres", func(t *testing.T) {
		c := testConfig(t)
		c.Postgres = postgres.DSN(t)
		test(t, c)
	})
}

func testConfig(t *testing.T) Config {
	return Config{
		Dir: t.TempDir(),
		Now: func() time.Time { return t0 },
		Log: zaptest.NewLogger(t),
	}
}

func open(t *testing.T, c Config) *Ledger {
	t.Helper()
	l, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close(context.Background()) })
	return l
}

func mustFlush(t *testing.T, l *Ledger) {
	t.Helper()
	if err := l.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func mustSettle(t *testing.T, l *Ledger, rows ...*Row) {
	t.Helper()
	for _, r := range rows {
		if err := l.Begin(&Row{ID: r.ID, Start: r.Start, KeyID: r.KeyID, GateID: r.GateID}); err != nil {
			t.Fatal(err)
		}
		if err := l.Settle(r); err != nil {
			t.Fatal(err)
		}
	}
}

// row is a row that cost so many picodollars.
func row(id string, start time.Time, picodollars int64) *Row {
	return &Row{
		ID: id, Start: start,
		Key: "web", KeyID: "k1", Gate: "assistant", GateID: "g1",
		Provider: "openai", Model: "gpt-4o", Outcome: "ok", Status: 200,
		Usage:      cost.Usage{Input: cost.Of(10), Output: cost.Of(20)},
		Bill:       cost.Bill{Status: cost.Exact, PriceVersion: "v1", Total: cost.Amount(picodollars), Input: cost.Amount(picodollars)},
		FirstToken: 120 * time.Millisecond, Total: time.Second,
	}
}

func rows(t *testing.T, l *Ledger, f Filter) []Row {
	t.Helper()
	list, _, err := l.Rows(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestSettledRowsAreRead(t *testing.T) {
	each(t, func(t *testing.T, c Config) {
		l := open(t, c)
		var wg sync.WaitGroup
		for w := range 8 {
			wg.Go(func() {
				for i := range 50 {
					mustSettle(t, l, row(fmt.Sprintf("r%d-%d", w, i), t0.Add(time.Duration(i)*time.Second), 3))
				}
			})
		}
		wg.Wait()
		mustFlush(t, l)
		spent, err := l.Spent(t.Context(), "k1", "", time.Time{}, time.Time{})
		if err != nil || spent != 1200 {
			t.Errorf("spent %v, %v", spent, err)
		}
		if n := len(rows(t, l, Filter{Limit: 1000})); n != 400 {
			t.Errorf("%d rows", n)
		}
		sums, err := l.Summary(t.Context(), ByAll, time.Time{}, time.Time{})
		if err != nil || len(sums) != 1 || sums[0].Requests != 400 || sums[0].Cost != 1200 || sums[0].Input != 4000 {
			t.Errorf("sums %+v, %v", sums, err)
		}
		if err := l.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

package ledger

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/layergateway/layergateway/cost"
)

// typical is a row as a gateway under load has it.
func typical(id string, i int) *Row {
	r := row(id, t0.Add(-time.Duration(i)*2592*time.Millisecond), 1_234_567)
	r.KeyID, r.Key = fmt.Sprint("key", i%20), fmt.Sprint("name", i%20)
	r.GateID, r.Gate = fmt.Sprint("gate", i%10), fmt.Sprint("name", i%10)
	r.Session, r.User, r.Asked, r.Agent, r.Client = "session-1", "user-1", "assistant", "OpenAI/Python 2.1.0", "192.0.2.1"
	r.Usage = cost.Usage{Input: cost.Of(1200), CachedInput: cost.Of(1024), Output: cost.Of(350), Reasoning: cost.Of(12)}
	r.Attempts = []Attempt{{Provider: r.Provider, Model: r.Model, Status: 200, Took: time.Second, Usage: r.Usage, Bill: r.Bill}}
	r.Price = jsontext.Value(`{"version":"genai-prices@0.1.8","rates":{"input":2.5,"cached_input":1.25,"output":10}}`)
	return r
}

func benchLedger(b *testing.B) *Ledger {
	l, err := Open(b.Context(), Config{Dir: b.TempDir(), JournalBytes: 1 << 40, QueueBytes: 1 << 40})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close(context.Background()) })
	return l
}

// BenchmarkRequest is what a request waits for: intent and settlement. The
// database is held up meanwhile, so that its work is not in the time.
func BenchmarkRequest(b *testing.B) {
	l := benchLedger(b)
	l.commit.RLock()
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		id := uuid.NewString()
		intent := &Row{ID: id, Start: t0, KeyID: "k1", Key: "web", GateID: "g1", Gate: "assistant", Asked: "assistant"}
		if err := l.Begin(intent); err != nil {
			b.Fatal(err)
		}
		if err := l.Settle(typical(id, i)); err != nil {
			b.Fatal(err)
		}
		i++
	}
	l.commit.RUnlock()
}

// BenchmarkSustained is rows all the way into SQLite, as many as it takes: the
// queue is empty in the end.
func BenchmarkSustained(b *testing.B) {
	l := benchLedger(b)
	i := 0
	for b.Loop() {
		id := uuid.NewString()
		if err := l.Begin(&Row{ID: id, Start: t0}); err != nil {
			b.Fatal(err)
		}
		if err := l.Settle(typical(id, i)); err != nil {
			b.Fatal(err)
		}
		if i++; i%10_000 == 0 {
			if err := l.Flush(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	}
	if err := l.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkPages is what pages ask of a month with a million rows. They are made
// first, which takes minutes.
func BenchmarkPages(b *testing.B) {
	if testing.Short() {
		b.Skip("a million rows take minutes")
	}
	l := benchLedger(b)
	for i := range 1_000_000 {
		if err := l.Settle(typical(uuid.NewString(), i)); err != nil {
			b.Fatal(err)
		}
		if i%10_000 == 0 {
			if err := l.Flush(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	}
	if err := l.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
	month := t0.Add(-30 * day)
	check := func(b *testing.B, err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	b.Run("month by gate", func(b *testing.B) {
		for b.Loop() {
			_, err := l.Series(b.Context(), SeriesQuery{By: ByGate, From: month, Step: day})
			check(b, err)
		}
	})
	b.Run("two days by hour", func(b *testing.B) {
		for b.Loop() {
			_, err := l.Series(b.Context(), SeriesQuery{By: ByModel, From: t0.Add(-2 * day), Step: hour})
			check(b, err)
		}
	})
	b.Run("requests of a key", func(b *testing.B) {
		for b.Loop() {
			_, _, err := l.Rows(b.Context(), Filter{KeyID: "key3", To: t0.Add(-10 * day)})
			check(b, err)
		}
	})
	b.Run("spent", func(b *testing.B) {
		for b.Loop() {
			_, err := l.Spent(b.Context(), "key3", "gate3", month.Add(5*time.Minute), time.Time{})
			check(b, err)
		}
	})
}

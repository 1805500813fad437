package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/layergateway/layergateway/cost"
)

// some are rows over four days, no two alike.
func some(n int) []*Row {
	var list []*Row
	for i := range n {
		r := row(fmt.Sprintf("id-%03d", i*37%n), t0.Add(-time.Duration(i*i)*time.Minute), int64(1+i))
		r.GateID, r.Gate = fmt.Sprint("g", i%3), fmt.Sprint("gate", i%3)
		r.KeyID, r.Key = fmt.Sprint("k", i%2), fmt.Sprint("key", i%2)
		r.Provider, r.Model = []string{"openai", "anthropic"}[i%2], fmt.Sprint("m", i%4)
		r.Outcome = []string{"ok", "ok", "timeout", "client_gone"}[i%4]
		if i%5 == 0 {
			r.Session, r.User = "s", "u"
		}
		if i%6 == 0 {
			r.Bill = cost.Bill{Status: cost.Unpriced}
		}
		list = append(list, r)
	}
	return list
}

// matches is a filter as it reads.
func matches(f Filter, r *Row) bool {
	is := func(want, got string) bool { return want == "" || want == got }
	amount, priced := r.amount()
	return is(f.GateID, r.GateID) && is(f.Gate, r.Gate) && is(f.KeyID, r.KeyID) && is(f.Key, r.Key) &&
		is(f.Provider, r.Provider) && is(f.Model, r.Model) && is(f.Outcome, r.Outcome) &&
		is(f.Session, r.Session) && is(f.User, r.User) &&
		(f.MinCost == 0 || (priced && amount >= f.MinCost)) &&
		(f.From.IsZero() || !r.Start.Before(f.From)) && (f.To.IsZero() || r.Start.Before(f.To))
}

func TestRows(t *testing.T) {
	each(t, func(t *testing.T, c Config) {
		l := open(t, c)
		all := some(70)
		mustSettle(t, l, all...)
		same := *all[3] // two that began at the same time
		same.ID = "same"
		all = append(all, &same)
		mustSettle(t, l, &same)
		mustFlush(t, l)
		for name, f := range map[string]Filter{
			"all":           {},
			"gate":          {GateID: "g1"},
			"gate's name":   {Gate: "gate2"},
			"key":           {KeyID: "k0"},
			"key's name":    {Key: "key1"},
			"model":         {Provider: "anthropic", Model: "m3"},
			"ok":            {Outcome: "ok"},
			"another":       {Outcome: "timeout"},
			"session":       {Session: "s"},
			"user":          {User: "u", Session: "s", GateID: "g0"},
			"cost":          {MinCost: 30},
			"time":          {From: t0.Add(-30 * time.Hour), To: t0},
			"nothing":       {User: "'; DROP TABLE requests; --"},
			"no such model": {Model: "m\x00"},
			"together":      {Gate: "gate1", Model: "m2"},
			"never so":      {Key: "key0", Model: "m1"},
			"on some days":  {Gate: "gate2", KeyID: "k1", Outcome: "client_gone", From: t0.Add(-60 * time.Hour), To: t0.Add(-3 * time.Hour)},
		} {
			var want []*Row
			for _, r := range all {
				if matches(f, r) {
					want = append(want, r)
				}
			}
			slices.SortFunc(want, func(a, b *Row) int {
				if c := b.Start.Compare(a.Start); c != 0 {
					return c
				}
				return strings.Compare(b.ID, a.ID)
			})
			var got []string
			f.Limit = 7
			for {
				page, next, err := l.Rows(t.Context(), f)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				for i := range page {
					got = append(got, page[i].ID)
				}
				if next == "" {
					break
				}
				f.Cursor = next
			}
			var ids []string
			for _, r := range want {
				ids = append(ids, r.ID)
			}
			if diff := cmp.Diff(ids, got); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
		}
		if _, _, err := l.Rows(t.Context(), Filter{Cursor: "x"}); err == nil {
			t.Error("a cursor of nobody's is taken")
		}
	})
}

func TestRowIsFoundOnItsWay(t *testing.T) {
	var db failing
	db.set(errors.New("away"))
	c := testConfig(t)
	c.wrapInsert = db.wrap
	l := open(t, c)
	want := row("a", t0, 5)
	mustSettle(t, l, want)
	got, err := l.Row(t.Context(), "a")
	if err != nil || got.Bill != want.Bill {
		t.Errorf("on its way: %+v, %v", got, err)
	}
	if sum, err := l.Spent(t.Context(), "k1", "g1", t0, t0.Add(1)); err != nil || sum != 5 {
		t.Errorf("spent, on its way: %v, %v", sum, err)
	}
	db.set(nil)
	mustFlush(t, l)
	if got, err := l.Row(t.Context(), "a"); err != nil || got.Bill != want.Bill {
		t.Errorf("there: %+v, %v", got, err)
	}
	if _, err := l.Row(t.Context(), "b"); !errors.Is(err, sql.ErrNoRows) {
		t.Errorf("no such row: %v", err)
	}
}

// TestSpent compares sums over any time with a loop over the rows.
func TestSpent(t *testing.T) {
	each(t, func(t *testing.T, c Config) {
		l := open(t, c)
		all := some(90)
		mustSettle(t, l, all...)
		mustFlush(t, l)
		rapid.Check(t, func(rt *rapid.T) {
			key := rapid.SampledFrom([]string{"", "k0", "k1", "other"}).Draw(rt, "key")
			gate := rapid.SampledFrom([]string{"", "g0", "g2"}).Draw(rt, "gate")
			at := func(name string) time.Time {
				switch rapid.IntRange(0, 4).Draw(rt, name+" kind") {
				case 0:
					return time.Time{}
				case 1: // as a row, where the bounds are
					return rapid.SampledFrom(all).Draw(rt, name).Start
				case 2:
					return t0.Add(-time.Duration(rapid.IntRange(0, 140).Draw(rt, name)) * time.Hour).Truncate(time.Hour)
				case 3:
					return t0.AddDate(0, 0, -rapid.IntRange(-1, 6).Draw(rt, name)).Truncate(24 * time.Hour)
				}
				return t0.Add(-time.Duration(rapid.IntRange(0, 9000).Draw(rt, name)) * time.Minute)
			}
			from, to := at("from"), at("to")
			var want cost.Amount
			for _, r := range all {
				if amount, priced := r.amount(); priced && matches(Filter{KeyID: key, GateID: gate, From: from, To: to}, r) {
					want += amount
				}
			}
			got, err := l.Spent(context.Background(), key, gate, from, to)
			if err != nil || got != want {
				rt.Fatalf("%v to %v: %v, %v, want %v", from, to, got, err, want)
			}
		})
	})
}

func TestHugeSumsStayInRange(t *testing.T) {
	each(t, func(t *testing.T, c Config) {
		l := open(t, c)
		for i := range 3 {
			r := row(fmt.Sprint(i), t0, 1<<63-1)
			r.Usage = cost.Usage{Input: cost.Of(1<<63 - 1), Output: cost.Of(1<<63 - 1), CacheWrite: cost.Of(1<<63 - 1), CacheWrite1h: cost.Of(1<<63 - 1)}
			r.Total, r.FirstToken = 1<<63-1, -5
			mustSettle(t, l, r)
		}
		mustFlush(t, l)
		for _, from := range []time.Time{{}, t0} {
			sum, err := l.Spent(t.Context(), "", "", from, time.Time{})
			if err != nil || sum != 1<<63-1 {
				t.Errorf("spent %d, %v", int64(sum), err)
			}
		}
		points, err := l.Summary(t.Context(), ByGate, time.Time{}, time.Time{})
		if err != nil || points[0].Input != 3*maxAddend || points[0].Cost != 1<<63-1 {
			t.Errorf("sums %+v, %v", points, err)
		}
	})
}

func TestOff(t *testing.T) {
	var l *Ledger
	must(t, l.Begin(row("a", t0, 1)))
	must(t, l.Settle(row("a", t0, 1)))
	l.SavePayload("a", nil, nil)
	must(t, l.Err())
	must(t, l.Flush(t.Context()))
	must(t, l.Close(t.Context()))
	f := l.Follow(1)
	f.Stop()
	if _, more := <-f.Rows; more || l.Stats() != (Stats{}) {
		t.Error("a ledger that is off has something")
	}
	_, _, err := l.Rows(t.Context(), Filter{})
	_, err2 := l.Spent(t.Context(), "", "", t0, t0)
	_, err3 := l.Summary(t.Context(), ByAll, t0, t0)
	_, err4 := l.Row(t.Context(), "a")
	_, _, err5 := l.Payload(t.Context(), "a")
	for _, err := range []error{err, err2, err3, err4, err5} {
		if !errors.Is(err, ErrOff) {
			t.Errorf("got %v", err)
		}
	}
}

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

func TestSeries(t *testing.T) {
	each(t, func(t *testing.T, c Config) {
		l := open(t, c)
		all := some(80)
		mustSettle(t, l, all...)
		mustFlush(t, l)
		ids := map[Dimension]func(*Row) string{
			ByAll:      func(*Row) string { return "" },
			ByGate:     func(r *Row) string { return r.GateID },
			ByKey:      func(r *Row) string { return r.KeyID },
			ByProvider: func(r *Row) string { return r.Provider },
			ByModel:    func(r *Row) string { return r.Provider + "/" + r.Model },
			ByOutcome:  func(r *Row) string { return r.Outcome },
		}
		from := t0.Add(-72 * time.Hour).Truncate(24 * time.Hour)
		for by, id := range ids {
			for _, step := range []time.Duration{0, time.Hour, 6 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour} {
				type at struct {
					time time.Time
					id   string
				}
				want, got := map[at]Sums{}, map[at]Sums{}
				for _, r := range all {
					if r.Start.Before(from) || r.KeyID != "k0" {
						continue
					}
					v := sumsOf(r)
					var of sumValues
					key := at{id: id(r)}
					if step > 0 {
						key.time = r.Start.Truncate(step)
					}
					was := want[key]
					of.add(&v)
					s := of.sums()
					want[key] = sumOf(was, s)
				}
				q := SeriesQuery{By: by, From: from, Step: step, KeyID: "k0"}
				if step > day {
					q.Origin = 4 * day // a Monday, as with Truncate
				}
				points, err := l.Series(t.Context(), q)
				if err != nil {
					t.Fatal(err)
				}
				for _, p := range points {
					got[at{p.Time, p.ID}] = p.Sums
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("by %q, step %v: %s", by, step, diff)
				}
			}
		}
		if _, err := l.Series(t.Context(), SeriesQuery{By: ByOutcome, Step: hour, Limit: 1}); !errors.Is(err, ErrManySums) {
			t.Errorf("more than were wanted: %v", err)
		}
		if points, err := l.Series(t.Context(), SeriesQuery{Limit: 1}); err != nil || len(points) != 1 {
			t.Errorf("as many as were wanted: %v, %v", points, err)
		}
		for _, bad := range []SeriesQuery{{By: "nothing"}, {Step: time.Minute}, {Step: -time.Hour}} {
			if _, err := l.Series(t.Context(), bad); err == nil {
				t.Errorf("%+v is taken", bad)
			}
		}
	})
}

// sumOf adds sums up, field by field, by other means than the database does.
func sumOf(a, b Sums) Sums {
	a.Requests += b.Requests
	a.Failed += b.Failed
	a.Unpriced += b.Unpriced
	a.Estimated += b.Estimated
	a.Attempts += b.Attempts
	a.Input += b.Input
	a.CachedInput += b.CachedInput
	a.CacheWrite += b.CacheWrite
	a.Output += b.Output
	a.Reasoning += b.Reasoning
	a.Cost += b.Cost
	a.TotalTime += b.TotalTime
	a.FirstTime += b.FirstTime
	for i := range a.TotalTimes {
		a.TotalTimes[i] += b.TotalTimes[i]
		a.FirstTimes[i] += b.FirstTimes[i]
	}
	return a
}

func TestQuantiles(t *testing.T) {
	var h Histogram
	for i := range 1000 {
		h[bucketOf(time.Duration(i+1)*time.Millisecond)]++
	}
	for _, row := range []struct {
		q        float64
		from, to time.Duration
	}{
		{0, 0, 25 * time.Millisecond}, {0.5, 450 * time.Millisecond, 550 * time.Millisecond},
		{0.95, 800 * time.Millisecond, 1600 * time.Millisecond}, {1, 800 * time.Millisecond, 1600 * time.Millisecond},
	} {
		if got := h.Quantile(row.q); got < row.from || got > row.to {
			t.Errorf("quantile %v is %v", row.q, got)
		}
	}
	for d, want := range map[time.Duration]int{-1: 0, 0: 0, 25 * time.Millisecond: 0, 25*time.Millisecond + 1: 1,
		50 * time.Millisecond: 1, 51 * time.Millisecond: 2, time.Hour: 14, 1<<63 - 1: 14} {
		if got := bucketOf(d); got != want {
			t.Errorf("%v is in bucket %d, want %d", d, got, want)
		}
	}
	if (&Histogram{}).Quantile(0.5) != 0 {
		t.Error("nothing has a quantile")
	}
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

// TestCombinations: they add up to the sums by each dimension, whatever is left out.
func TestCombinations(t *testing.T) {
	each(t, func(t *testing.T, c Config) {
		l := open(t, c)
		mustSettle(t, l, some(120)...)
		mustFlush(t, l)
		for _, q := range []SeriesQuery{
			{}, {From: t0.Add(-day), To: t0}, {From: t0.Truncate(day).Add(-day), To: t0.Truncate(day)}, {KeyID: "k1"}, {GateID: "g1", Model: "m2", Step: hour},
		} {
			list, err := l.Combinations(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			for by, id := range map[Dimension]func(*Combination) [2]string{
				ByGate: func(c *Combination) [2]string { return [2]string{c.GateID, c.Gate} },
				ByKey:  func(c *Combination) [2]string { return [2]string{c.KeyID, c.Key} },
				ByModel: func(c *Combination) [2]string {
					return [2]string{c.Provider + "/" + c.Model, c.Model}
				},
			} {
				got, want := make(map[[2]string][3]int64), make(map[[2]string][3]int64)
				for i := range list {
					n, s := got[id(&list[i])], &list[i].Sums
					got[id(&list[i])] = [3]int64{n[0] + s.Requests, n[1] + int64(s.Cost), n[2] + s.TotalTimes.Count()}
				}
				points, err := l.Series(t.Context(), SeriesQuery{By: by, From: q.From, To: q.To, KeyID: q.KeyID, GateID: q.GateID, Model: q.Model})
				if err != nil {
					t.Fatal(err)
				}
				for _, p := range points {
					want[[2]string{p.ID, p.Name}] = [3]int64{p.Requests, int64(p.Cost), p.TotalTimes.Count()}
				}
				if d := cmp.Diff(want, got); d != "" || len(want) == 0 {
					t.Errorf("%+v by %s: %s", q, by, d)
				}
			}
		}
		if _, err := (*Ledger)(nil).Combinations(t.Context(), SeriesQuery{}); !errors.Is(err, ErrOff) {
			t.Error(err)
		}
	})
}

// TestStretches: rows of several values are looked for on the days alone on which
// the sums know of some, and many stretches of days end in one.
func TestStretches(t *testing.T) {
	each(t, func(t *testing.T, c Config) {
		l := open(t, c)
		var all []*Row
		midnight := t0.Truncate(day)
		for i := range 2*maxStretches + 20 {
			r := row(fmt.Sprintf("id-%03d", i), midnight.Add(-time.Duration(2*i)*day), 1)
			r.Gate, r.Model = "rare", "m"
			all = append(all, r)
		}
		other := row("other", midnight.Add(-day), 1)
		other.Gate, other.Model = "rare", "n"
		mustSettle(t, l, append(all, other)...)
		mustFlush(t, l)
		f := Filter{Gate: "rare", Model: "m"}
		list, err := l.stretches(t.Context(), &f)
		if err != nil || len(list) != maxStretches || list[0] != (stretch{midnight.UnixNano(), midnight.Add(day).UnixNano()}) ||
			list[maxStretches-1].from != all[len(all)-1].Start.UnixNano() {
			t.Errorf("%d stretches, %v", len(list), err)
		}
		rows, next, err := l.Rows(t.Context(), Filter{Gate: "rare", Model: "m", Limit: maxLimit})
		if err != nil || len(rows) != len(all) || next != "" {
			t.Errorf("%d rows, %v", len(rows), err)
		}
		for i := range rows {
			if rows[i].ID != all[i].ID {
				t.Fatalf("row %d is %s", i, rows[i].ID)
			}
		}
		both, err := l.stretches(t.Context(), &Filter{Gate: "rare", From: midnight.Add(-2 * day), To: midnight.Add(time.Hour)})
		if err != nil || len(both) != 1 || both[0].to-both[0].from != int64(3*day) {
			t.Errorf("neighbours: %v, %v", both, err)
		}
	})
}

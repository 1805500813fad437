package ledger

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

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
			for i, step := range []time.Duration{0, 0, time.Hour, time.Hour, 6 * time.Hour, 24 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour} {
				keyID := []string{"k0", ""}[i%2]
				type at struct {
					time time.Time
					id   string
				}
				want, got := map[at]Sums{}, map[at]Sums{}
				for _, r := range all {
					if r.Start.Before(from) || keyID != "" && r.KeyID != keyID {
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
				q := SeriesQuery{By: by, From: from, Step: step, KeyID: keyID}
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
					t.Errorf("by %q, step %v, key %q: %s", by, step, keyID, diff)
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

// TestSeriesBeginsWithTheDearest: also where costs are far below a cent.
func TestSeriesBeginsWithTheDearest(t *testing.T) {
	each(t, func(t *testing.T, c Config) {
		l := open(t, c)
		var all []*Row
		for id, amount := range map[string]int64{"cheap": 3, "dear": 2_000_000_000, "fair": 900_000_000, "less": 1_900_000_000} {
			for i := range 3 {
				if r := row(fmt.Sprint(id, i), t0, amount/3); i < 2 || id != "dear" {
					r.KeyID = id
					all = append(all, r)
				}
			}
		}
		mustSettle(t, l, all...)
		mustFlush(t, l)
		points, err := l.Series(t.Context(), SeriesQuery{By: ByKey})
		must(t, err)
		var got []string
		for _, p := range points {
			got = append(got, p.ID)
		}
		if want := []string{"less", "dear", "fair", "cheap"}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
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

// TestSummaryEndsBehindMidnight: a time is widened to hours, and not to the day that
// has just begun.
func TestSummaryEndsBehindMidnight(t *testing.T) {
	each(t, func(t *testing.T, c Config) {
		l := open(t, c)
		midnight := t0.Truncate(day)
		mustSettle(t, l, row("a", midnight.Add(-hour), 1), row("b", midnight.Add(time.Minute), 2), row("c", midnight.Add(5*hour), 4))
		mustFlush(t, l)
		points, err := l.Summary(t.Context(), ByAll, midnight.Add(-day), midnight.Add(time.Millisecond))
		if err != nil || len(points) != 1 || points[0].Cost != 3 {
			t.Errorf("got %+v, %v", points, err)
		}
	})
}

package ledger

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestBreakdown: it is what Series says of each dimension, whatever is left out and wherever the time begins and ends.
func TestBreakdown(t *testing.T) {
	each(t, func(t *testing.T, c Config) {
		l := open(t, c)
		mustSettle(t, l, some(120)...)
		mustFlush(t, l)
		midnight := t0.Truncate(day)
		for _, q := range []SeriesQuery{
			{}, {From: t0.Add(-day), To: t0}, {From: midnight.Add(-day), To: midnight}, {KeyID: "k1"}, {GateID: "g1", Model: "m2", Step: hour},
			{From: t0.Add(-100 * hour), To: t0.Add(-3 * hour)}, {From: t0.Add(-100 * hour), To: t0.Add(-3 * hour), GateID: "g1"},
			{From: midnight.Add(-3 * day), To: midnight.Add(5 * hour)}, {From: t0.Add(-50 * hour), To: midnight, Provider: "openai"},
			{From: t0.Add(-50 * hour)},
		} {
			got, err := l.Breakdown(t.Context(), q)
			must(t, err)
			for _, by := range []Dimension{ByGate, ByKey, ByProvider, ByModel} {
				series := q
				series.By, series.Step = by, hour
				points, err := l.Series(t.Context(), series)
				must(t, err)
				want := Merge(points)
				for i := range want {
					want[i].Time = time.Time{}
				}
				order := func(a, b Point) int { return strings.Compare(a.ID, b.ID) }
				slices.SortFunc(want, order)
				sorted := slices.SortedFunc(slices.Values(got[by]), order)
				if d := cmp.Diff(want, sorted); d != "" || len(want) == 0 {
					t.Errorf("%+v by %s: %d, %s", q, by, len(want), d)
				}
				if !slices.IsSortedFunc(got[by], func(a, b Point) int { return int(b.Cost - a.Cost) }) {
					t.Errorf("%+v by %s: the dearest does not come first", q, by)
				}
			}
		}
		if _, err := (*Ledger)(nil).Breakdown(t.Context(), SeriesQuery{}); !errors.Is(err, ErrOff) {
			t.Error(err)
		}
	})
}

// TestTotalsOfOlderTables: what the tables had before there were totals is in them.
func TestTotalsOfOlderTables(t *testing.T) {
	each(t, func(t *testing.T, c Config) {
		all := some(80)
		l := open(t, c)
		mustSettle(t, l, all...)
		mustFlush(t, l)
		query := func() (list [][]Point) {
			t.Helper()
			for _, by := range []Dimension{ByAll, ByGate, ByKey, ByProvider, ByModel} {
				for _, step := range []time.Duration{hour, day} {
					points, err := l.Series(t.Context(), SeriesQuery{By: by, Step: step})
					must(t, err)
					list = append(list, points)
				}
			}
			return list
		}
		want := query()
		for _, old := range []string{"DROP TABLE hour_totals", "DROP TABLE day_totals", "DELETE FROM ledger_version WHERE version > 1"} {
			_, err := l.db.write.ExecContext(t.Context(), old)
			must(t, err)
		}
		must(t, l.Close(t.Context()))
		l = open(t, c)
		if d := cmp.Diff(want, query()); d != "" {
			t.Error(d)
		}
		mustSettle(t, l, row("more", t0, 1))
		mustFlush(t, l)
		points, err := l.Series(t.Context(), SeriesQuery{})
		if must(t, err); len(points) != 1 || points[0].Requests != int64(len(all))+1 {
			t.Errorf("%+v", points)
		}
	})
}

// TestTotalsOfATimeAlone looks whether SQLite finds the totals of a time without those
// of all others, which may be years.
func TestTotalsOfATimeAlone(t *testing.T) {
	l := open(t, testConfig(t))
	for _, q := range []SeriesQuery{{From: t0.Add(-hour), To: t0}, {From: t0.Truncate(day).Add(-day), To: t0.Truncate(day)}} {
		query, args := q.totalsQuery()
		var id, parent, unused int
		var plan string
		err := l.db.read.QueryRowContext(t.Context(), "EXPLAIN QUERY PLAN "+l.db.sql(query), args...).Scan(&id, &parent, &unused, &plan)
		if err != nil || !strings.Contains(plan, "(kind=? AND bucket>? AND bucket<?)") {
			t.Errorf("%+v: %s, %v", q, plan, err)
		}
	}
}

package dashboard

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/ledger"
)

// dimensions are what sums can be told apart by, as the URL calls them.
var dimensions = []struct {
	Name  string
	Label string
	by    ledger.Dimension
}{
	{"gate", "Gates", ledger.ByGate}, {"model", "Models", ledger.ByModel}, {"provider", "Providers", ledger.ByProvider},
	{"key", "Keys", ledger.ByKey},
}

// together is what the URL calls sums that nothing tells apart.
const together = "all"

// dimensionOf is the dimension that a URL names.
func dimensionOf(q url.Values) (name string, by ledger.Dimension) {
	if q.Get("by") == together {
		return together, ledger.ByAll
	}
	for _, d := range dimensions {
		if d.Name == q.Get("by") {
			return d.Name, d.by
		}
	}
	return dimensions[0].Name, dimensions[0].by
}

type overviewPage struct {
	Span   span
	Ranges []namedRange
	By     string
	Narrow narrow
	// Narrowed is Narrow with names in place of ids.
	Narrowed narrow
	Tiles    []tile
	Charts   []chart
	Tables   []breakdown
	Budgets  []budget
	// MoreBudgets is how many there are beside those.
	MoreBudgets int
	Movers      []mover
	Empty       bool
}

// narrow leaves out all but one gate, key, provider or model.
type narrow struct {
	Gate, Key, Provider, Model string // ids, but of a model its name
}

func (n narrow) apply(q ledger.SeriesQuery) ledger.SeriesQuery {
	q.GateID, q.KeyID, q.Provider, q.Model = n.Gate, n.Key, n.Provider, n.Model
	return q
}

// Any reports whether anything is left out.
func (n narrow) Any() bool { return n != narrow{} }

// named is the same with the names of gate and key, as sums have them.
func (n narrow) named(sums ...map[ledger.Dimension][]ledger.Point) narrow {
	for _, s := range sums {
		for by, id := range map[ledger.Dimension]*string{ledger.ByGate: &n.Gate, ledger.ByKey: &n.Key} {
			for i := range s[by] {
				if p := &s[by][i]; *id != "" && p.ID == *id {
					*id = labelOf(p, by)
				}
			}
		}
	}
	return n
}

// Requests is the query of the page with the requests that the sums are of.
func (p overviewPage) Requests() string {
	n := p.Narrow
	pairs := []string{"gate_id", n.Gate, "key_id", n.Key, "provider", n.Provider, "model", n.Model, "from", p.Span.From.Format("2006-01-02T15:04")}
	if p.Narrowed.Gate != n.Gate { // so that the filter's form says what it is
		pairs = append(pairs, "gate", p.Narrowed.Gate)
	}
	if p.Narrowed.Key != n.Key {
		pairs = append(pairs, "key", p.Narrowed.Key)
	}
	if p.Span.Name == custom {
		pairs = append(pairs, "to", p.Span.To.Format("2006-01-02T15:04"))
	}
	return query(pairs...)
}

// tile is one number with what became of it.
type tile struct {
	Name, Value, Before, Change string
	Tone                        string // "better" or "worse", of numbers of which less is better
}

// breakdown is a table of sums by one dimension, the dearest first.
type breakdown struct {
	Name, Label string
	Rows        []breakdownRow
	More        int
}

type breakdownRow struct {
	ID, Label string
	// Narrow is the value with which the URL leaves out all others, and of a model its provider too, as others may have one
	// of the same name.
	Narrow, Provider string
	ledger.Sums
}

// mover is something whose cost changed much.
type mover struct {
	What, Name  string
	Now, Before cost.Amount
}

// Diff is by how much.
func (m mover) Diff() cost.Amount { return m.Now - m.Before }

const (
	maxTableRows = 10
	maxMovers    = 6
	maxBudgets   = 12
)

func (h *Handler) overview(w http.ResponseWriter, r *http.Request) {
	l, done := h.o.Ledger()
	defer done()
	q := r.URL.Query()
	p := overviewPage{
		Span: spanOf(q, h.o.Now()), Ranges: ranges,
		Narrow: narrow{q.Get("gate"), q.Get("key"), q.Get("provider"), q.Get("model")},
	}
	var by ledger.Dimension
	p.By, by = dimensionOf(q)
	if err := p.read(r.Context(), l, by); err != nil {
		h.fail(w, r, err)
		return
	}
	var err error
	if p.Budgets, err = h.budgets(r.Context(), l); err != nil {
		h.fail(w, r, err)
		return
	}
	if n := len(p.Budgets); n > maxBudgets {
		p.Budgets, p.MoreBudgets = p.Budgets[:maxBudgets], n-maxBudgets
	}
	h.render(w, r, http.StatusOK, "overview", "Overview", p)
}

// read asks the ledger's sums for all that the page shows, side by side.
func (p *overviewPage) read(ctx context.Context, l Ledger, by ledger.Dimension) error {
	s := p.Span
	var points []ledger.Point
	var now, before map[ledger.Dimension][]ledger.Point
	var errs [3]error
	var reads sync.WaitGroup
	reads.Go(func() {
		points, errs[0] = l.Series(ctx, p.Narrow.apply(ledger.SeriesQuery{By: by, From: s.From, To: s.To, Step: s.Step}))
	})
	reads.Go(func() { now, errs[1] = l.Breakdown(ctx, p.Narrow.apply(ledger.SeriesQuery{From: s.From, To: s.To})) })
	reads.Go(func() {
		before, errs[2] = l.Breakdown(ctx, p.Narrow.apply(ledger.SeriesQuery{From: s.before().From, To: s.before().To}))
	})
	reads.Wait()
	if err := errors.Join(errs[:]...); err != nil {
		return err
	}
	p.Charts = charts(s, by, points)
	for _, d := range dimensions {
		if d.by != ledger.ByProvider { // whose changes are those of its models
			p.Movers = append(p.Movers, movers(d.Name, d.by, now[d.by], before[d.by])...)
		}
		p.Tables = append(p.Tables, breakdownOf(d.Name, d.Label, d.by, now[d.by]))
	}
	slices.SortStableFunc(p.Movers, func(a, b mover) int { return cmp.Compare(magnitude(b.Diff()), magnitude(a.Diff())) })
	p.Movers = p.Movers[:min(len(p.Movers), maxMovers)]
	p.Narrowed = p.Narrow.named(now, before)
	all := total(now[ledger.ByProvider])
	p.Tiles = tiles(all, total(before[ledger.ByProvider]))
	p.Empty = all.Requests == 0
	return nil
}

func breakdownOf(name, label string, by ledger.Dimension, points []ledger.Point) breakdown {
	t := breakdown{Name: name, Label: label, More: max(len(points)-maxTableRows, 0)}
	for i := range points[:min(len(points), maxTableRows)] {
		p := &points[i]
		row := breakdownRow{ID: p.ID, Label: labelOf(p, by), Narrow: p.ID, Sums: p.Sums}
		if by == ledger.ByModel {
			row.Narrow, row.Provider = p.Name, strings.TrimSuffix(p.ID, "/"+p.Name)
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func magnitude(a cost.Amount) cost.Amount { return max(a, -a) }

func total(points []ledger.Point) (t ledger.Sums) {
	for i := range points {
		t.Add(&points[i].Sums)
	}
	return t
}

func tiles(now, before ledger.Sums) []tile {
	number := func(name string, less bool, value func(*ledger.Sums) float64, text func(*ledger.Sums) string) tile {
		n, b := value(&now), value(&before)
		t := tile{Name: name, Value: text(&now), Before: text(&before), Change: change(n, b)}
		switch {
		case !less || now.Requests == 0 || before.Requests == 0 || t.Change == noChange:
		case n > b:
			t.Tone = "worse"
		default:
			t.Tone = "better"
		}
		return t
	}
	return []tile{
		number("Spend", false, func(s *ledger.Sums) float64 { return float64(s.Cost) },
			func(s *ledger.Sums) string { return money(s.Cost) }),
		number("Requests", false, func(s *ledger.Sums) float64 { return float64(s.Requests) },
			func(s *ledger.Sums) string { return count(s.Requests) }),
		number("Tokens", false, func(s *ledger.Sums) float64 { return float64(s.Input + s.Output) },
			func(s *ledger.Sums) string { return count(s.Input + s.Output) }),
		number("Error rate", true, func(s *ledger.Sums) float64 { return ratio(s.Failed, s.Requests) },
			func(s *ledger.Sums) string { return percent(s.Failed, s.Requests) }),
		number("Latency, p95", true, func(s *ledger.Sums) float64 { return float64(s.TotalTimes.Quantile(.95)) },
			func(s *ledger.Sums) string { return p95(s.TotalTimes) }),
		number("First token, p95", true, func(s *ledger.Sums) float64 { return float64(s.FirstTimes.Quantile(.95)) },
			func(s *ledger.Sums) string { return p95(s.FirstTimes) }),
	}
}

func ratio(part, whole int64) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

// movers are those of one dimension whose cost changed.
func movers(what string, by ledger.Dimension, now, before []ledger.Point) []mover {
	former := make(map[string]cost.Amount, len(before))
	for i := range before {
		former[before[i].ID] = before[i].Cost
	}
	var list []mover
	for i := range now {
		p := &now[i]
		if m := (mover{what, labelOf(p, by), p.Cost, former[p.ID]}); m.Diff() != 0 {
			list = append(list, m)
		}
		delete(former, p.ID)
	}
	for i := range before {
		if _, gone := former[before[i].ID]; gone && before[i].Cost != 0 {
			list = append(list, mover{what, labelOf(&before[i], by), 0, before[i].Cost})
		}
	}
	return list
}

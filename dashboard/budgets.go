package dashboard

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/layergateway/layergateway/access/limit"
	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/gate"
	"github.com/layergateway/layergateway/ledger"
)

// budget is a budget and what was spent of it.
type budget struct {
	What, ID, Name string
	Amount, Spent  cost.Amount
	Period         string
	Until          time.Time // zero for one that never begins anew
	AlertOnly      bool
}

// Percent is how much of it was spent, rounded down.
func (b budget) Percent() int64 { return int64(float64(b.Spent) / float64(b.Amount) * 100) }

// Level is how near the end is, for colours.
func (b budget) Level() string {
	switch p := b.Percent(); {
	case p >= 100:
		return "over"
	case p >= 80:
		return "near"
	}
	return "fine"
}

// budgets are those of all gates and keys, and of keys at single gates, the fullest first.
func (h *Handler) budgets(ctx context.Context, l Ledger) ([]budget, error) {
	spent := spending(l)
	var list []budget
	add := func(what, name, keyID, gateID string, limits gate.Limits) error {
		b, err := h.budget(ctx, spent, what, name, keyID, gateID, limits)
		if b != nil {
			list = append(list, *b)
		}
		return err
	}
	ids := make(map[string]string) // of gates, by what they are called
	for _, g := range h.o.Gates() {
		ids[g.ID], ids[g.Label()] = g.ID, g.ID
		if err := add("gate", g.Label(), "", g.ID, g.Limits); err != nil {
			return nil, err
		}
	}
	keys, err := h.allKeys(ctx, KeyStore.Served)
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		if err := add("key", k.Name, k.ID, "", k.Limits); err != nil {
			return nil, err
		}
		for ref, limits := range k.AtGates {
			if ids[ref] == "" {
				continue // there is no such gate just now
			}
			if err := add("key at a gate", k.Name+" at "+ref, k.ID, ids[ref], limits); err != nil {
				return nil, err
			}
		}
	}
	slices.SortFunc(list, func(a, b budget) int {
		return cmp.Or(cmp.Compare(b.Percent(), a.Percent()), cmp.Compare(a.Name, b.Name), cmp.Compare(a.What, b.What))
	})
	return list, nil
}

// budget is that of one gate or key, nil if it has none.
func (h *Handler) budget(ctx context.Context, spent spender, what, name, keyID, gateID string, limits gate.Limits) (*budget, error) {
	b := limits.Budget
	if b == nil {
		return nil, nil
	}
	from, to := limit.Period(b.Period).Bounds(h.o.Now(), b.Location)
	amount, err := spent(ctx, keyID, gateID, from, to)
	if err != nil {
		return nil, err
	}
	return &budget{what, cmp.Or(keyID, gateID), name, cost.Amount(b.Amount), amount, b.Period, to, b.AlertOnly}, nil
}

// spender is what a key or gate has spent in a time, as Ledger.Spent says.
type spender func(ctx context.Context, keyID, gateID string, from, to time.Time) (cost.Amount, error)

// spending is a spender for one page: it asks for all gates, all keys, or all keys at a gate, of a period at once, as there
// may be thousands.
func spending(l Ledger) spender {
	type asked struct {
		by       ledger.Dimension
		gateID   string // "" is at all of them
		from, to time.Time
	}
	known := make(map[asked]map[string]cost.Amount)
	wholeHours := func(t time.Time) bool { return t.IsZero() || t.Equal(t.Truncate(time.Hour)) }
	return func(ctx context.Context, keyID, gateID string, from, to time.Time) (cost.Amount, error) {
		if !wholeHours(from) || !wholeHours(to) {
			return l.Spent(ctx, keyID, gateID, from, to)
		}
		by, id, at := ledger.ByKey, keyID, gateID
		if keyID == "" {
			by, id, at = ledger.ByGate, gateID, ""
		}
		ask := asked{by, at, from.UTC(), to.UTC()}
		sums, ok := known[ask]
		if !ok {
			points, err := l.Series(ctx, ledger.SeriesQuery{By: by, GateID: at, From: from, To: to})
			if err != nil {
				return 0, err
			}
			sums = make(map[string]cost.Amount, len(points))
			for i := range points {
				sums[points[i].ID] = points[i].Cost
			}
			known[ask] = sums
		}
		return sums[id], nil
	}
}

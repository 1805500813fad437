package dashboard

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/layergateway/layergateway/access/limit"
	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/gate"
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

// budgets are those of all gates and keys, the fullest first.
func (h *Handler) budgets(ctx context.Context, l Ledger) ([]budget, error) {
	var list []budget
	for _, g := range h.o.Gates() {
		if b, err := h.budget(ctx, l, "gate", g.Label(), "", g.ID, g.Limits); err != nil {
			return nil, err
		} else if b != nil {
			list = append(list, *b)
		}
	}
	keys, err := h.allKeys(ctx)
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		if b, err := h.budget(ctx, l, "key", k.Name, k.ID, "", k.Limits); err != nil {
			return nil, err
		} else if b != nil {
			list = append(list, *b)
		}
	}
	slices.SortStableFunc(list, func(a, b budget) int { return cmp.Compare(b.Percent(), a.Percent()) })
	return list, nil
}

// budget is that of one gate or key, nil if it has none.
func (h *Handler) budget(ctx context.Context, l Ledger, what, name, keyID, gateID string, limits gate.Limits) (*budget, error) {
	b := limits.Budget
	if b == nil {
		return nil, nil
	}
	from, to := limit.Period(b.Period).Bounds(h.o.Now(), b.Location)
	spent, err := l.Spent(ctx, keyID, gateID, from, to)
	if err != nil {
		return nil, err
	}
	return &budget{what, cmp.Or(keyID, gateID), name, cost.Amount(b.Amount), spent, b.Period, to, b.AlertOnly}, nil
}

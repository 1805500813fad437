package relay

import (
	"context"
	"testing"
	"time"

	"github.com/layergateway/layergateway/access/limit"
	"github.com/layergateway/layergateway/cost"
)

// settleFunc is a store of limits that tells of what is settled.
type settleFunc struct {
	limit.Store
	settled func(cost.Amount)
}

func (s *settleFunc) Admit(ctx context.Context, ask limit.Ask) (limit.Grant, error) {
	g, err := s.Store.Admit(ctx, ask)
	return &settleGrant{g, s}, err
}

type settleGrant struct {
	limit.Grant
	store *settleFunc
}

func (g *settleGrant) Settle(tokens int64, amount cost.Amount) {
	g.store.settled(amount)
	g.Grant.Settle(tokens, amount)
}

// TestLedgerKnowsFirst: what limits are told was spent is in the ledger by then,
// where a store that knows nothing of the budget will read it.
func TestLedgerKnowsFirst(t *testing.T) {
	r := setup(t, &upstream{answers: []answer{{body: good}}}, nil, gateJSON(``))
	books := keepAccounts(t, r, dollar())
	times := 0
	books.Limits = &settleFunc{books.Limits, func(amount cost.Amount) {
		times++
		if sum, err := books.Ledger.Spent(t.Context(), "", "", time.Time{}, time.Time{}); err != nil || sum != amount || sum == 0 {
			t.Errorf("the ledger has %s, %v, when the limits are told %s", sum, err, amount)
		}
	}}
	if w, _ := askAs(t.Context(), r, hi, nil, books.key); w.Code != 200 || times != 1 {
		t.Errorf("%d, settled %d times: %s", w.Code, times, w.Body)
	}
}

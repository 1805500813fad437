package dashboard

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/gate"
	"github.com/layergateway/layergateway/ledger"
)

// counted is a ledger that counts what it is asked.
type counted struct {
	Ledger
	asked int
}

func (c *counted) Series(ctx context.Context, q ledger.SeriesQuery) ([]ledger.Point, error) {
	c.asked++
	return c.Ledger.Series(ctx, q)
}

func (c *counted) Spent(ctx context.Context, keyID, gateID string, from, to time.Time) (cost.Amount, error) {
	c.asked++
	return c.Ledger.Spent(ctx, keyID, gateID, from, to)
}

// Budgets of many keys at a gate are each what the key spent there, and come with a few questions.
func TestBudgetsOfManyKeysAtAGate(t *testing.T) {
	s := newSite(t)
	here, elsewhere := spendRow("1", "a", time.Hour, 6, time.Second, "ok"), spendRow("2", "b", time.Hour, 2, time.Second, "ok")
	here.GateID, here.KeyID, elsewhere.KeyID = gateID, "key-7", "key-7"
	s.fill(t, here, elsewhere)
	s.o.Keys = func() (keys []Key) {
		for i := range 500 {
			keys = append(keys, Key{ID: fmt.Sprintf("key-%d", i), Name: fmt.Sprintf("app %d", i), AtGates: map[string]gate.Limits{
				"assistant": {Budget: &gate.Budget{Amount: 10 * dollar, Period: gate.Daily}},
			}})
		}
		return keys
	}
	l := &counted{Ledger: s.ledger}
	s.o.Ledger = func() (Ledger, func()) { return l, func() {} }
	page := s.page(t, "/")
	if got := textOf(t, page, `id="budgets">`, "</section>"); !strings.Contains(got, "app 7 at assistant key at a gate begins anew in 11 h 60% $6.00 of $10.00 daily, 60%") {
		t.Errorf("budgets: %s", got)
	}
	if l.asked > 10 {
		t.Errorf("the ledger was asked %d times", l.asked)
	}
}

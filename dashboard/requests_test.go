package dashboard

import (
	"testing"

	"github.com/layergateway/layergateway/cost"
)

// A request that was refused says why in the list, and a bill of several attempts adds up to the digit.
func TestWhyAndHowMuch(t *testing.T) {
	s := newSite(t)
	refused, twice := testRow(1), testRow(2)
	refused.Outcome, refused.Error = "rejected", "budget_exceeded"
	price, _ := cost.ParsePrice("2.5", "10", "", "")
	first, second := price.Bill(cost.Usage{Input: cost.Of(9), Output: cost.Of(4)}), price.Bill(cost.Usage{Input: cost.Of(1), Output: cost.Of(1)})
	twice.Attempts[0].Bill, twice.Attempts[1].Bill = first, second
	twice.Bill = cost.Bill{Status: cost.Exact, Total: first.Total + second.Total}
	s.ledger.SavePayload(refused.ID, []byte(`{"messages":[]}`), nil)
	s.fill(t, refused, twice)
	wantAll(t, s.page(t, "/requests/"+refused.ID), `<p class="hint" id="payload-answer">Nothing was said.</p>`)
	wantAll(t, s.page(t, "/requests"), `rejected</span><br><code class="hint">budget_exceeded</code>`)
	wantAll(t, s.page(t, "/requests/"+twice.ID), "Together: $0.000075, exact")
}

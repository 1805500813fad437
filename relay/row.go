package relay

import (
	"encoding/json"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/ledger"
)

// row is the exchange as the ledger has it.
func (x *exchange) row() *ledger.Row {
	r := x.rec
	row := &ledger.Row{
		ID: r.RequestID, Start: r.Start, Key: r.Key, KeyID: r.KeyID, Gate: r.Gate, GateID: r.GateID,
		Session: r.Session, User: r.User, Asked: r.Asked, Agent: r.Agent, Client: r.Client, Trace: r.Trace, Stream: r.Stream,
		Provider: r.Provider, Model: r.Model,
		Outcome: string(r.Outcome), Status: r.Status, Error: r.ErrorCode, NativeFinish: r.NativeFinish,
		Overridden: r.Overridden, Dropped: r.Dropped, Budget: r.Budget,
		Usage: r.Usage, Bill: r.Bill, FirstToken: r.FirstToken, Total: r.Total,
	}
	prices := make(map[string]cost.Price)
	for _, try := range r.Tries {
		row.Attempts = append(row.Attempts, ledger.Attempt{
			Provider: try.Provider, Model: try.Model, Status: try.Status, Failure: try.failure(), Hedge: try.Hedge,
			Offset: try.Start, Took: try.Took, FirstToken: try.FirstToken, Usage: try.Usage, Bill: try.Bill,
		})
		if try.price.Known() {
			prices[try.Provider+"/"+try.Model] = try.price
		}
	}
	if len(prices) > 0 {
		// Prices are what JSON can hold.
		row.Price, _ = json.Marshal(prices)
	}
	return row
}

// failure is why the attempt did not answer, empty if it did.
func (t *Try) failure() string {
	if result := t.Result(); result != "ok" {
		return result
	}
	return ""
}

package relay

import (
	"cmp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

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
	var priced []*Try
	for _, try := range r.Tries {
		row.Attempts = append(row.Attempts, ledger.Attempt{
			Provider: try.Provider, Model: try.Model, Status: try.Status, Failure: try.failure(), Hedge: try.Hedge,
			Offset: try.Start, Took: try.Took, FirstToken: try.FirstToken, Usage: try.Usage, Bill: try.Bill,
		})
		if try.price.Known() && !slices.ContainsFunc(priced, try.sameModel) {
			priced = append(priced, try)
		}
	}
	row.Price = prices(priced)
	return row
}

func (t *Try) sameModel(other *Try) bool {
	return t.Provider == other.Provider && t.Model == other.Model
}

// prices are what attempts were billed with, by their models: equal ones are
// equal as text.
func prices(tries []*Try) []byte {
	if len(tries) == 0 {
		return nil
	}
	slices.SortFunc(tries, func(a, b *Try) int {
		return cmp.Or(strings.Compare(a.Provider, b.Provider), strings.Compare(a.Model, b.Model))
	})
	b := append(make([]byte, 0, 512), '{')
	for i, try := range tries {
		if i > 0 {
			b = append(b, ',')
		}
		// The only error is invalid UTF-8, which is replaced all the same.
		b, _ = jsontext.AppendQuote(b, try.Provider+"/"+try.Model)
		b = try.price.AppendJSON(append(b, ':'))
	}
	return append(b, '}')
}

// failure is why the attempt did not answer, empty if it did.
func (t *Try) failure() string {
	if result := t.Result(); result != "ok" {
		return result
	}
	return ""
}

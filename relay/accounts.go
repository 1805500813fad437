package relay

import (
	"errors"
	"net/http"
	"slices"

	"github.com/layergateway/layergateway/access"
	"github.com/layergateway/layergateway/access/limit"
	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/gate"
	"github.com/layergateway/layergateway/ledger"
	"github.com/layergateway/layergateway/openai"
)

// Books are where requests are accounted for.
type Books struct {
	Ledger *ledger.Ledger // nil is off
	Limits limit.Store
	// WithoutStore admits requests under budgets while the store of limits is
	// away.
	WithoutStore bool
	// Payloads is whether what was said is stored.
	Payloads bool
}

// admit asks all who bound the request whether it may run, and writes that it
// will. It returns the targets that it may use.
func (x *exchange) admit(targets []gate.Target, key *access.Key) ([]gate.Target, error) {
	subjects := x.subjects(key)
	x.rec.Subjects = subjects
	budgeted, priced := false, false
	for _, s := range subjects {
		budgeted = budgeted || s.Budgeted()
		priced = priced || s.NeedsPrice()
	}
	if len(subjects) > 0 {
		if priced {
			targets = x.pricedOnly(targets)
		}
		if err := x.reserve(targets, subjects, budgeted); err != nil {
			return nil, err
		}
	}
	if x.books.Ledger == nil {
		return targets, nil
	}
	if err := x.books.Ledger.Begin(x.row()); err != nil && budgeted {
		return nil, &openai.Error{Status: http.StatusServiceUnavailable, Type: openai.TypeAPI, Code: "ledger_unavailable",
			Message: "the gateway can't account for the request right now, which has a budget: try again"}
	}
	return targets, nil
}

// subjects are all whose limits the request is under.
func (x *exchange) subjects(key *access.Key) []*limit.Subject {
	list := make([]*limit.Subject, 0, 4)
	add := func(s *limit.Subject) {
		if s != nil {
			list = append(list, s)
		}
	}
	add(key.Limits)
	at, ok := key.AtGates[x.gate.ID]
	if !ok && x.gate.Name != "" {
		at = key.AtGates[x.gate.Name]
	}
	add(at.For(x.gate.ID))
	if s, ok := x.gate.Kept.(*limit.Subject); ok {
		add(s)
	}
	return list
}

// pricedOnly leaves out targets that a budget could not count. If that leaves
// none, all stay: it is for the budget to refuse.
func (x *exchange) pricedOnly(targets []gate.Target) []gate.Target {
	unpriced := func(t gate.Target) bool { return !x.priceOf(t).Known() }
	if !slices.ContainsFunc(targets, unpriced) {
		return targets
	}
	list := slices.DeleteFunc(slices.Clone(targets), unpriced)
	if len(list) == 0 {
		return targets
	}
	return list
}

func (x *exchange) priceOf(t gate.Target) cost.Price {
	p, ok := x.relay.Providers[t.Provider]
	if !ok {
		return cost.Price{}
	}
	return x.price(p, t.Model)
}

func (x *exchange) denied(err error) error {
	var denial *limit.Denial
	if !errors.As(err, &denial) {
		return x.orGone(err)
	}
	x.rec.Refused = string(denial.Reason)
	if denial.Reason == limit.ReasonBudget {
		x.rec.Budget = append(x.rec.Budget, "exceeded")
	}
	denial.Meters.SetHeaders(x.w.Header())
	return denial.Response()
}

// orGone is the error, or that the client is gone if it is for that.
func (x *exchange) orGone(err error) error {
	if x.r.Context().Err() != nil {
		return errClientGone
	}
	return err
}

// close settles the exchange's row, and what it took from its limits. The row is
// first: a store of limits that knows nothing of a budget leaves what it is told
// to the ledger, and must find it there.
func (x *exchange) close() {
	rec := x.rec
	if x.books.Ledger != nil {
		// It says itself what it could not keep.
		_ = x.books.Ledger.Settle(x.row())
	}
	if x.budget.grant != nil {
		tokens := int64(0)
		for _, try := range rec.Tries {
			if try.Bill.Status != "" {
				tokens += try.Usage.Input.N() + try.Usage.Output.N()
			}
		}
		x.budget.grant.Settle(tokens, rec.Bill.Total)
	}
	if x.books.Ledger != nil && x.out.kept != nil && x.req != nil {
		x.books.Ledger.SavePayload(rec.RequestID, x.req.Raw(), *x.out.kept)
	}
}

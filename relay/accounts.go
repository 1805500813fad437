package relay

import (
	"context"
	"errors"
	"net/http"

	"github.com/layergateway/layergateway/access"
	"github.com/layergateway/layergateway/access/limit"
	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/cost/estimate"
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

// budget is what an exchange may spend, while it runs.
type budget struct {
	grant    limit.Grant // nil: it is under no limits
	reserved cost.Amount
	// grows: the answer has no limit, so what is reserved for it has to be more
	// the longer it gets.
	grows bool
	input int64 // tokens, as estimated
	spent bool  // the answer was cut for it
}

// errBudget ends a stream that has used up what there was to spend.
var errBudget = errors.New("the budget is spent")

// admit asks all who bound the request whether it may run, and writes that it
// will. It returns the targets that it may use.
func (x *exchange) admit(targets []gate.Target, key *access.Key) ([]gate.Target, error) {
	subjects := x.subjects(key)
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
	if err := x.books.Ledger.Begin(x.row()); err != nil && budgeted {
		return nil, &openai.Error{Status: http.StatusServiceUnavailable, Type: openai.TypeAPI, Code: "ledger_unavailable",
			Message: "the gateway can't account for the request right now, which has a budget: try again"}
	}
	return targets, nil
}

// subjects are all whose limits the request is under.
func (x *exchange) subjects(key *access.Key) []*limit.Subject {
	var list []*limit.Subject
	add := func(s *limit.Subject) {
		if s != nil {
			list = append(list, s)
		}
	}
	add(key.Limits)
	add(key.AtGates[x.gate.ID])
	if x.gate.Name != "" {
		add(key.AtGates[x.gate.Name])
	}
	if s, ok := x.gate.Kept.(*limit.Subject); ok {
		add(s)
	}
	return list
}

// pricedOnly leaves out targets that a budget could not count. If that leaves
// none, all stay: it is for the budget to refuse.
func (x *exchange) pricedOnly(targets []gate.Target) []gate.Target {
	var list []gate.Target
	for _, t := range targets {
		if x.priceOf(t).Known() {
			list = append(list, t)
		}
	}
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

// outputLimit is the most tokens that the answer may have, over all its
// choices.
func (x *exchange) outputLimit() (tokens int64, ok bool) {
	tokens, ok = x.req.Int(x.edits, "max_completion_tokens", "max_tokens")
	return tokens * x.choices(), ok && tokens >= 0
}

func (x *exchange) choices() int64 {
	if n, ok := x.req.Int(x.edits, "n"); ok && n > 1 {
		return min(n, 128)
	}
	return 1
}

// reserve takes what the request will use at worst from its limits.
func (x *exchange) reserve(targets []gate.Target, subjects []*limit.Subject, budgeted bool) error {
	input := estimate.Upper(x.req, targets[0].Model)
	output, bounded := x.outputLimit()
	tokens := output
	if !bounded {
		output, tokens = estimate.Typical(0)*x.choices(), typicalOutput*x.choices()
	}
	ask := limit.Ask{Subjects: subjects, Tokens: input + tokens, WithoutStore: x.books.WithoutStore, Unpriced: true}
	for _, t := range targets {
		if bill := x.priceOf(t).Bill(worst(input, output)); bill.Status != cost.Unpriced {
			ask.Cost, ask.Unpriced = max(ask.Cost, bill.Total), false
		}
	}
	if x.gate.Hedge > 0 && len(targets) > 1 {
		ask.Cost = ask.Cost.Add(ask.Cost) // two answers may have to be paid for
	}
	grant, err := x.books.Limits.Admit(x.r.Context(), ask)
	if err != nil {
		return x.denied(err)
	}
	grant.Meters().SetHeaders(x.w.Header())
	x.budget = budget{grant: grant, reserved: ask.Cost, grows: budgeted && !bounded, input: input}
	return nil
}

func worst(input, output int64) cost.Usage {
	return cost.Usage{Input: cost.Of(input), Output: cost.Of(output)}
}

func (x *exchange) denied(err error) error {
	var denial *limit.Denial
	if !errors.As(err, &denial) {
		return x.orGone(err)
	}
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

// afford reports whether the answer, as long as it is by now, is within what was
// reserved for it, and reserves more where it is not.
func (a *attempt) afford(ctx context.Context) bool {
	b := &a.budget
	if !b.grows {
		return true
	}
	// Ahead by what may come with the next read, so that little is spent beyond
	// the budget before the upstream has stopped.
	so := a.try.price.Bill(worst(b.input, a.heard.SoFar()+margin))
	if so.Status == cost.Unpriced || so.Total <= b.reserved {
		return true
	}
	more := a.try.price.Bill(worst(0, step)).Total
	if more = max(more, so.Total-b.reserved); !b.grant.Grow(ctx, more) {
		return false
	}
	b.reserved = b.reserved.Add(more)
	return true
}

// Tokens of output: what is reserved at once for an answer that grows, and what
// is kept in hand.
const (
	step   = 1024
	margin = 64
)

// close settles what the exchange took from its limits, and its row.
func (x *exchange) close() {
	rec := x.rec
	if x.budget.grant != nil {
		tokens := int64(0)
		for _, try := range rec.Tries {
			if try.Bill.Status != "" {
				tokens += try.Usage.Input.N() + try.Usage.Output.N()
			}
		}
		x.budget.grant.Settle(tokens, rec.Bill.Total)
	}
	// It says itself what it could not keep.
	_ = x.books.Ledger.Settle(x.row())
	if x.out.kept != nil && x.req != nil {
		x.books.Ledger.SavePayload(rec.RequestID, x.req.Raw(), *x.out.kept)
	}
}

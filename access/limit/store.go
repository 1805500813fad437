package limit

import (
	"context"
	"time"

	"github.com/layergateway/layergateway/cost"
)

// Store keeps what was used of limits, and decides over requests. It is safe for
// any number of goroutines.
type Store interface {
	// Admit checks all limits of a request at once, and takes from all of them
	// only if all let it pass. The error is a *Denial.
	Admit(ctx context.Context, ask Ask) (Grant, error)
	// Close brings what is outstanding to where it belongs. The error says what
	// could not be brought there.
	Close(ctx context.Context) error
}

// Ask is what a request needs of whom.
type Ask struct {
	// Subjects are all whose limits the request is under, each once. They must
	// not be changed until the grant is settled.
	Subjects []*Subject
	// Tokens is an estimate of all tokens of request and answer.
	Tokens int64
	// Cost is reserved of every budget: the worst case, or with Grow the first
	// part of it.
	Cost cost.Amount
	// Unpriced says that nobody knows what the model costs.
	Unpriced bool
	// WithoutStore admits a request under budgets although a shared store is
	// away. What it spends is counted when the store is back.
	WithoutStore bool
}

// Grant is an admitted request. Exactly one of Settle and Release must be
// called; whatever comes after the first of them does nothing. It is safe for
// several goroutines.
type Grant interface {
	// Meters are the tightest windows right after admission.
	Meters() Meters
	// Grow reserves that much more of every budget. False means that it does not
	// fit, or that nobody can say whether it does, and reserves nothing.
	Grow(ctx context.Context, more cost.Amount) bool
	// Settle replaces the estimates by what the request really used. It never
	// waits for anything outside of the process.
	Settle(tokens int64, amount cost.Amount)
	// Release gives reservation and token estimate back, for a request that used
	// nothing. It stays counted as a request.
	Release()
}

// Options are what a store needs of its surroundings.
type Options struct {
	// Now is the clock. Default: nil, time.Now.
	Now func() time.Time
	// SpentSince reads what a subject has spent since a time, from a ledger that
	// outlives the store; a zero from means ever. It is asked once for each
	// subject and period, before the first request in it is admitted. A request
	// belongs to the period in which it was admitted. Default: nil, nothing.
	SpentSince func(ctx context.Context, who *Subject, from time.Time) (cost.Amount, error)
	// HasLedger reports whether what is settled is in that ledger too, where a
	// store that knows nothing of a budget will read it. Default: nil, it is if
	// there is SpentSince.
	HasLedger func() bool
	// OnAlert is told of each crossed threshold once in a period, among all
	// instances. It must not block. Default: nil.
	OnAlert func(Alert)
}

func (o *Options) defaults() {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.HasLedger == nil {
		has := o.SpentSince != nil
		o.HasLedger = func() bool { return has }
	}
	if o.OnAlert == nil {
		o.OnAlert = func(Alert) {}
	}
}

// Alert says that spending has crossed a threshold of a budget.
type Alert struct {
	Subject *Subject
	Budget  *Budget
	Percent int         // the threshold
	Spent   cost.Amount // in this period, up to now
	// Start and End are the period's; zero for Total.
	Start, End time.Time
}

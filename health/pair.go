package health

import (
	"errors"
	"time"

	"github.com/sony/gobreaker/v2"
)

// How long a key cools down for a model if the provider does not say; it doubles
// up to the most, which also bounds what the provider says.
const (
	firstLimit = time.Second
	mostLimit  = time.Minute
)

// The breaker opens after so many failures in a row, or where half of at least
// so many attempts within the window failed. A while later it lets one probe
// through.
const (
	tripRow    = 5
	tripEnough = 20
	tripWindow = 30 * time.Second
	tripStep   = 3 * time.Second // the window moves on by this
	tripOpen   = 10 * time.Second
)

// What the breaker is told of attempts that weren't good.
var (
	errBad     = errors.New("bad")
	errNeutral = errors.New("neutral")
)

type breaker = gobreaker.TwoStepCircuitBreaker[struct{}]

// pairState is what is known of a key for one model.
type pairState struct {
	cool     cooldown
	last     Verdict // the newest of Bad and Limited
	failures int     // Bad ones in a row

	headroom []Headroom // as it was last told
	told     time.Time

	breaker *breaker
	closed  bool      // the breaker's state, which changes by a result alone while it is that
	tripped time.Time // when the breaker opened last
	trial   *Lease    // the attempt that has the place of an almost closed breaker
}

// reset closes the breaker and forgets what led to that it was open.
func (p *pairState) reset(clock func() time.Time) {
	p.failures, p.trial, p.closed = 0, nil, true
	p.breaker = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		MaxRequests:  1,
		Interval:     tripWindow,
		BucketPeriod: tripStep,
		Timeout:      tripOpen - 1, // so that it is over at that moment, not after it
		ReadyToTrip: func(c gobreaker.Counts) bool {
			// Rare failures in a row are more than the window holds.
			n := c.TotalSuccesses + c.TotalFailures
			return p.failures >= tripRow || n >= tripEnough && 2*c.TotalFailures >= n
		},
		OnStateChange: func(_ string, _, to gobreaker.State) {
			p.closed = to == gobreaker.StateClosed
			if to == gobreaker.StateOpen {
				p.tripped = clock()
			}
		},
		IsExcluded: func(err error) bool { return errors.Is(err, errNeutral) },
	})
}

// open is when the breaker may let something through again; false if it does so
// now.
func (p *pairState) open(now time.Time) (time.Time, bool) {
	switch {
	case p.closed:
		return time.Time{}, false
	case p.breaker.State() == gobreaker.StateOpen:
		return p.tripped.Add(tripOpen), true
	}
	return now.Add(probeTime), p.trial != nil
}

// begin takes the place of an almost closed breaker for l, if it is that and the
// place is free.
func (p *pairState) begin(l *Lease) {
	if p.closed || p.trial != nil {
		return
	}
	if settle, err := p.breaker.Allow(); err == nil { // it isn't open
		p.trial, l.settle = l, settle
	}
}

// ended takes in how an attempt with the key and model ended.
func (p *pairState) ended(l *Lease, r Result, now time.Time) {
	if len(r.Headroom) > 0 && r.Told.After(p.told) {
		p.headroom, p.told = r.Headroom, r.Told
	}
	outcome := errNeutral
	switch r.Verdict {
	case Good:
		outcome = nil
		p.cool.passed(l.start)
	case Bad:
		outcome = errBad
		p.last = Bad
	case Limited:
		p.last = Limited
		p.cool.begin(now, l.start, r.Wait, firstLimit, mostLimit)
	}
	p.count(l, outcome)
}

// count tells the breaker how an attempt ended. One that found it closed is told
// as a whole at its end: the breaker would forget one that it knew to be under
// way for longer than its window, such as a long stream.
func (p *pairState) count(l *Lease, outcome error) {
	settle := l.settle
	switch {
	case p.trial == l:
		p.trial = nil
	case errors.Is(outcome, errNeutral):
		return
	case p.closed:
		var err error
		if settle, err = p.breaker.Allow(); err != nil {
			return
		}
	case outcome == nil && !l.start.Before(p.tripped): // insisted upon, and rightly
		p.reset(l.board.now)
		return
	default:
		return
	}
	switch {
	case outcome == nil:
		p.failures = 0
	case errors.Is(outcome, errBad):
		p.failures++
	}
	settle(outcome)
}

package relay

import (
	"context"
	"errors"
	"time"

	"github.com/layergateway/layergateway/gate"
)

// errLost ends an attempt beside which another one was the first to answer.
var errLost = errors.New("another attempt answered first")

// hedged is run with a second target beside one that is silent for too long.
// The first content wins; the others are ended, and cost what they cost.
func (r *round) hedged(ctx context.Context) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(context.Canceled)
	type end struct {
		job
		hedge bool
		err   error
	}
	ends := make(chan end)
	running := 0
	start := func() {
		j, hedge := r.pop(), running > 0
		running++
		go func() {
			e := end{job: j, hedge: hedge}
			defer func() {
				if p := recover(); p != nil {
					e.err = panicked(p)
				}
				ends <- e
			}()
			e.err = r.ask(ctx, j, hedge)
		}()
	}
	// Two run at most: as many answers as there may be to pay for.
	beside := func() {
		if !r.over && running == 1 && len(r.queue) > 0 && !r.queue[0].insist && !r.claimed() && r.r.Context().Err() == nil {
			start()
		}
	}
	start()
	timer := time.NewTimer(r.gate.Hedge)
	defer timer.Stop()
	for running > 0 {
		select {
		case <-timer.C:
			beside()
		case e := <-ends:
			running--
			if r.over || !r.open(e.target) {
				continue // it is only waited for
			}
			r.beside = running
			r.took(ctx, e.job, e.err)
			switch {
			case r.over && !r.settled(e.target):
				r.over, r.last = false, nil
			case r.over:
				cancel(errLost)
			case running == 0 && len(r.queue) > 0:
				start()
				timer.Reset(r.gate.Hedge)
			case e.hedge: // the other one is silent still
				beside()
			default:
				timer.Reset(r.gate.Hedge)
			}
		}
	}
}

// open reports whether the answer may be the target's yet: it is no other's.
func (x *exchange) open(t gate.Target) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.winner == nil || x.winner.target == t
}

// settled leaves the end of the exchange to the target, so that no other one
// begins to answer behind it; false if another one has.
func (x *exchange) settled(t gate.Target) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.winner == nil {
		x.winner = &attempt{target: t}
	}
	return x.winner.target == t
}

// claim makes the attempt the one whose answer the client gets, and ends those
// beside it; false if another one was first.
func (a *attempt) claim() bool {
	x := a.exchange
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.winner == nil {
		x.winner = a
		x.name(a)
		x.rec.Dropped = a.chat.Dropped()
		for _, other := range x.running {
			if other != a {
				other.cancel(errLost)
			}
		}
	}
	return x.winner == a
}

func (x *exchange) claimed() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.winner != nil
}

// name makes the attempt the one that the record and the answer name.
func (x *exchange) name(a *attempt) { x.rec.Provider, x.rec.Model = a.provider.Name, a.target.Model }

// others waits for the attempts beside this one, which have been told to end.
func (a *attempt) others() {
	a.mu.Lock()
	var ended []<-chan struct{}
	for _, other := range a.running {
		if other != a {
			ended = append(ended, other.ended)
		}
	}
	a.mu.Unlock()
	for _, done := range ended {
		<-done
	}
}

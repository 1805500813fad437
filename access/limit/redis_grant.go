package limit

import (
	"context"
	"sync"
	"time"

	"github.com/layergateway/layergateway/cost"
)

// redisGrant is a Grant of Redis.
type redisGrant struct {
	store   *Redis
	ask     Ask
	entries []entry
	meters  Meters
	runs    []int64      // of each token window, in order
	local   *memoryGrant // if Redis was away; then it holds nothing there

	mu    sync.Mutex
	held  cost.Amount
	ended bool
}

// read takes in what Redis decided. The error is a *Denial.
func (g *redisGrant) read(reply []int64) error {
	var v verdict
	next := reply[1:]
	for _, s := range g.ask.Subjects {
		for i := range s.rates {
			used, reset, wait, run := next[0], next[1], next[2], next[3]
			next = next[4:]
			w := time.Duration(wait) * time.Microsecond
			if wait < 0 {
				w = never
			}
			v.rate(s, &s.rates[i], &g.ask, used, time.Duration(reset)*time.Microsecond, w)
			if s.rates[i].tokens {
				g.runs = append(g.runs, run)
			}
		}
	}
	for i := range g.entries {
		if e := &g.entries[i]; next[i] == 0 {
			v.budget(e.subject, e.budget.Budget, e.end)
		}
	}
	if reply[0] == replyRefused {
		return v.refusal()
	}
	g.meters, g.held = v.admitted(&g.ask), g.ask.Cost
	return nil
}

func (g *redisGrant) Meters() Meters { return g.meters }

func (g *redisGrant) Grow(ctx context.Context, more cost.Amount) bool {
	more = max(0, more)
	g.mu.Lock()
	ended := g.ended
	g.mu.Unlock()
	switch {
	case ended:
		return false
	case len(g.entries) == 0 || g.local != nil:
		return true
	}
	reply, err := g.store.decide(ctx, &Ask{}, g.entries, more)
	if err != nil {
		return g.ask.WithoutStore || !g.blocking()
	}
	if reply[0] == replyRefused {
		return false
	}
	g.mu.Lock()
	ended = g.ended
	if !ended {
		g.held = g.held.Add(more)
	}
	g.mu.Unlock()
	if ended {
		g.store.settle(g.entries, 0, more)
	}
	return !ended
}

func (g *redisGrant) blocking() bool {
	for i := range g.entries {
		if !g.entries[i].budget.AlertOnly {
			return true
		}
	}
	return false
}

func (g *redisGrant) Settle(tokens int64, amount cost.Amount) { g.end(max(0, tokens), max(0, amount)) }

func (g *redisGrant) Release() { g.end(0, 0) }

func (g *redisGrant) end(tokens int64, amount cost.Amount) {
	g.mu.Lock()
	ended, held := g.ended, g.held
	g.ended = true
	g.mu.Unlock()
	if ended {
		return
	}
	if g.local != nil {
		g.local.Settle(tokens, 0)
	} else if more := tokens - g.ask.Tokens; more != 0 {
		g.store.correct(g.ask.Subjects, g.runs, more)
	}
	g.store.settle(g.entries, amount, held)
}

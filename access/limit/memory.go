package limit

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"
)

// Memory is a Store in this process. Rates begin anew when it does; budgets go on
// from what Options.SpentSince says.
type Memory struct {
	opts  Options
	seeds seeder
	// base is where times begin: what is measured from it is not moved by a change
	// of the machine's clock, as long as Options.Now has Go's monotonic reading.
	base time.Time

	mu       sync.Mutex
	windows  map[string]*window
	accounts map[period]*account
	// The maps are swept when they reach these sizes, twice what the last sweep
	// left, so that idle subjects are forgotten at no cost to speak of.
	sweepWindows, sweepAccounts int
}

// minSweep is how many windows or budgets are kept without a look at their age.
const minSweep = 1024

// NewMemory makes a store.
func NewMemory(opts Options) *Memory {
	opts.defaults()
	return &Memory{
		opts:          opts,
		seeds:         seeder{spentSince: opts.SpentSince},
		base:          opts.Now(),
		windows:       make(map[string]*window),
		accounts:      make(map[period]*account),
		sweepWindows:  minSweep,
		sweepAccounts: minSweep,
	}
}

// Close does nothing: there is nothing outstanding.
func (m *Memory) Close(context.Context) error { return nil }

// Admit is Store's.
func (m *Memory) Admit(ctx context.Context, ask Ask) (Grant, error) {
	if d := ask.unpriced(); d != nil {
		return nil, d
	}
	ask.Tokens, ask.Cost = max(0, ask.Tokens), max(0, ask.Cost)
	var blind []period
	for {
		g, unknown, d := m.try(&ask, blind)
		switch {
		case d != nil:
			return nil, d
		case unknown == nil:
			return g, nil
		}
		err := m.open(ctx, unknown)
		switch {
		case err == nil:
		case unknown.budget.AlertOnly || ask.WithoutStore:
			blind = append(blind, unknown.period)
		default:
			return nil, &Denial{
				Reason: ReasonStore, Subject: unknown.subject, Budget: unknown.budget.Budget, RetryAfter: time.Second, Err: err,
			}
		}
	}
}

// since is a time as windows have it.
func (m *Memory) since(t time.Time) int64 { return int64(t.Sub(m.base)) }

// share admits under rates alone, at an nth of what they allow, rounded up.
func (m *Memory) share(ask *Ask, n int64) (*memoryGrant, *verdict) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.since(m.opts.Now())
	var v verdict
	m.checkRates(&v, ask, now, n)
	if v.refused() {
		return nil, &v
	}
	g := &memoryGrant{store: m, subjects: ask.Subjects, tokens: ask.Tokens, meters: v.admitted(ask)}
	m.takeRates(g, now)
	return g, &v
}

// try decides, unless it is not known yet what was spent of a budget. Of those
// of which nobody can say it, it looks away.
func (m *Memory) try(ask *Ask, blind []period) (g *memoryGrant, unknown *seeding, refusal *Denial) {
	g = &memoryGrant{store: m, subjects: ask.Subjects, tokens: ask.Tokens, held: ask.Cost}
	g.accounts = g.accounts0[:0]
	g.runs = g.runs0[:0]

	m.mu.Lock()
	defer m.mu.Unlock()
	// Read under the lock, so that requests are in the clock's order.
	wall := m.opts.Now()
	now := m.since(wall)
	var v verdict
	for _, s := range ask.Subjects {
		for i := range s.budgets {
			b := &s.budgets[i]
			a, unknown := m.account(s, b, wall)
			if unknown != nil {
				if !slices.Contains(blind, unknown.period) {
					return nil, unknown, nil
				}
				g.accounts = append(g.accounts, &account{start: unknown.start, end: unknown.end, blind: unknown.period})
				continue
			}
			if !b.AlertOnly && !a.fits(b.Amount, ask.Cost) {
				v.budget(s, b.Budget, a.end)
			}
			g.accounts = append(g.accounts, a)
		}
	}
	m.checkRates(&v, ask, now, 1)
	if v.refused() {
		return nil, nil, v.refusal()
	}
	g.meters = v.admitted(ask)
	m.takeRates(g, now)
	for _, a := range g.accounts {
		a.reserved = a.reserved.Add(ask.Cost)
	}
	return g, nil, nil
}

// checkRates looks at all windows, with each limit divided by share.
func (m *Memory) checkRates(v *verdict, ask *Ask, now, share int64) {
	for _, s := range ask.Subjects {
		for i := range s.rates {
			r := &s.rates[i]
			limit := (r.Count + share - 1) / share
			need := int64(1)
			if r.tokens {
				need = ask.Tokens
			}
			if share > 1 && need <= r.Count {
				// What is more than this share may pass alone.
				need = min(need, limit)
			}
			w := m.window(r, now)
			w.expire(now)
			v.rate(s, r, ask, w.used+r.Count-limit, w.reset(now), w.wait(now, limit, need))
		}
	}
}

// takeRates takes a request from all its windows.
func (m *Memory) takeRates(g *memoryGrant, now int64) {
	for _, s := range g.subjects {
		for i := range s.rates {
			r := &s.rates[i]
			w := m.window(r, now)
			if !r.tokens {
				w.add(now, 1)
			} else {
				g.runs = append(g.runs, w.add(now, g.tokens))
			}
		}
	}
}

func (m *Memory) window(r *rate, now int64) *window {
	w := m.windows[r.usage]
	if w == nil {
		if len(m.windows) >= m.sweepWindows {
			m.sweepWindows = sweep(m.windows, now, (*window).idle)
		}
		w = &window{length: int64(r.Window)}
		m.windows[r.usage] = w
	}
	return w
}

// correct replaces the estimate of a request's tokens. More than was estimated
// counts from now on.
func (m *Memory) correct(g *memoryGrant, tokens int64) {
	now := m.since(m.opts.Now())
	runs := g.runs
	for _, s := range g.subjects {
		for i := range s.rates {
			r := &s.rates[i]
			if !r.tokens {
				continue
			}
			w := m.window(r, now)
			w.expire(now)
			if more := tokens - g.tokens; more > 0 {
				w.add(now, more)
			} else {
				w.giveBack(runs[0], -more)
			}
			runs = runs[1:]
		}
	}
}

// sweep drops what is over, and gives the size at which to sweep again.
func sweep[K comparable, V any, T any](kept map[K]V, now T, over func(V, T) bool) int {
	maps.DeleteFunc(kept, func(_ K, v V) bool { return over(v, now) })
	return max(minSweep, 2*len(kept))
}

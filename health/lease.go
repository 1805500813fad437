package health

import (
	"strings"
	"time"
)

// Lease is one attempt under way with one key.
type Lease struct {
	Key string

	board  *Board
	pair   pair
	start  time.Time
	settle func(error) // tells the breaker; nil if it was closed
	ended  bool
}

// Done says how the attempt ended. It must be called, or a probe would never
// end; exactly one call counts, later ones do nothing, and neither does that of a
// nil lease.
func (l *Lease) Done(r Result) {
	if l == nil {
		return
	}
	b := l.board
	now := b.now()
	b.mu.Lock()
	defer b.mu.Unlock()
	if l.ended {
		return
	}
	l.ended = true
	if b.flying[l.pair.model]--; b.flying[l.pair.model] == 0 {
		delete(b.flying, l.pair.model)
	}
	if r.FirstToken > 0 {
		b.measured(series{l.pair.model, r.Stream}, now, r.FirstToken)
	}
	b.key(l.pair.key).ended(l, r, now)
	p := b.pairs.use(l.pair)
	if p == nil {
		switch r.Verdict {
		case Good, Bad, Limited:
		default:
			return
		}
		// The model's name may be a part of a whole request.
		p = b.pairs.add(pair{l.pair.key, strings.Clone(l.pair.model)})
		p.reset(b.now)
	}
	p.ended(l, r, now)
}

func (b *Board) measured(s series, now time.Time, d time.Duration) {
	a := b.latencies.use(s)
	if a == nil {
		s.model = strings.Clone(s.model)
		a = b.latencies.add(s)
	}
	a.add(now, d)
}

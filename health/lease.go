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
	asks   bool   // what it measures is not known yet
	of     series // what that is
	heard  bool   // it has measured it
}

// Ask says that the provider is asked now, so that nobody else need find out how
// fast it is. A nil lease does nothing.
func (l *Lease) Ask(stream bool) {
	if l == nil {
		return
	}
	l.board.mu.Lock()
	defer l.board.mu.Unlock()
	l.asks, l.of = true, series{l.pair.model, stream}
	l.board.asked[l.of]++
}

// Heard says how long it took until the first content, long before the end of a
// stream. A nil lease does nothing.
func (l *Lease) Heard(first time.Duration) {
	if l == nil {
		return
	}
	l.board.mu.Lock()
	defer l.board.mu.Unlock()
	if !l.asks {
		return
	}
	l.answered()
	l.heard = true
	l.board.measured(l.of, l.board.now(), first)
}

// answered takes the lease from those that may measure. The board's mutex is held.
func (l *Lease) answered() {
	if !l.asks {
		return
	}
	l.asks = false
	if l.board.asked[l.of]--; l.board.asked[l.of] == 0 {
		delete(l.board.asked, l.of)
	}
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
	l.answered()
	if r.FirstToken > 0 && !l.heard {
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

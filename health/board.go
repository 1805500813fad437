// Package health is what is known of how a provider fares just now: which of its
// keys are refused, which cool down, whether it fails, and how fast it is. It
// knows neither requests nor configuration, and outlives both.
package health

import (
	"hash/maphash"
	"slices"
	"sync"
	"time"
)

// Board is what is known of one provider's keys and models just now. Safe for
// concurrent use.
//
// Keys are told apart by a hash, so that none is kept longer than the attempt
// that is made with it.
type Board struct {
	now  func() time.Time
	seed maphash.Seed

	mu    sync.Mutex
	turns uint64 // how many leases there were
	keys  recent[uint64, keyState]
	// pairs has only what was answered, well or not, so that a name that a client
	// made up takes no room.
	pairs     recent[pair, pairState]
	latencies recent[series, average]
	asked     map[series]int // attempts under way that may measure it
}

// pair is a key for one model.
type pair struct {
	key   uint64 // its hash
	model string
}

// The most that a board remembers.
const (
	maxKeys      = 4096
	maxPairs     = 2048
	maxLatencies = 1024
)

// NewBoard makes a board that knows nothing yet. now is its clock, but that of
// the breakers is time.Now whatever now is.
func NewBoard(now func() time.Time) *Board {
	return &Board{
		now: now, seed: maphash.MakeSeed(),
		keys: newRecent[uint64, keyState](maxKeys), pairs: newRecent[pair, pairState](maxPairs),
		latencies: newRecent[series, average](maxLatencies), asked: make(map[series]int),
	}
}

func (b *Board) hash(key string) uint64 { return maphash.String(b.seed, key) }

// key is what is known of the key with this hash.
func (b *Board) key(id uint64) *keyState {
	if k := b.keys.use(id); k != nil {
		return k
	}
	return b.keys.add(id)
}

// Pick chooses a key for one attempt at model: of keys, the one that was not
// given out for longest, leaving out those in tried and those that are dead, cool
// down for this model, or whose breaker is open. Once the time of one of these
// has come, a single attempt gets it as a probe. The error is *Unavailable if
// none is left. A provider without credentials has a single empty key.
func (b *Board) Pick(keys []string, model string, tried []string) (*Lease, error) {
	return b.pick(keys, model, tried, false)
}

// Insist is Pick that also gives a key that is dead, whose breaker is open or that
// cools down for a guessed time, the one that is due soonest, but none for which
// the provider asked to wait: for when no other target is left.
func (b *Board) Insist(keys []string, model string, tried []string) (*Lease, error) {
	return b.pick(keys, model, tried, true)
}

// candidate is a key that may be given out.
type candidate struct {
	text string
	pair pair
	key  *keyState  // nil if there is no candidate
	with *pairState // nil if nothing is known of the two
	due  time.Time
}

func (b *Board) pick(keys []string, model string, tried []string, insist bool) (*Lease, error) {
	now := b.now()
	b.mu.Lock()
	defer b.mu.Unlock()
	var usable, barred candidate
	var out, used Unavailable
	for _, text := range keys {
		c := candidate{text: text, pair: pair{b.hash(text), model}}
		c.key = b.key(c.pair.key)
		c.with = b.pairs.use(c.pair)
		var reason Reason
		reason, c.due = state(c.key, c.with, now)
		switch {
		case slices.Contains(tried, text):
			if reason == Usable {
				c.due = now
			}
			used.sooner(Tried, c.due, false)
		case reason == Usable:
			if usable.key == nil || c.key.turn < usable.key.turn {
				usable = c
			}
		default:
			demanded := c.with != nil && c.with.cool.demanded(now)
			out.sooner(reason, c.due, demanded)
			if !demanded && (barred.key == nil || c.due.Before(barred.due)) {
				barred = c
			}
		}
	}
	switch {
	case usable.key != nil:
		return b.lease(usable, now), nil
	case insist && barred.key != nil:
		return b.lease(barred, now), nil
	case !out.Until.IsZero():
		return nil, out.copy()
	}
	return nil, used.copy()
}

// copy is the error to return, so that none is made where there is none.
func (e *Unavailable) copy() *Unavailable { return &Unavailable{e.Reason, e.Demanded, e.Until} }

// sooner takes another key's in if that is the sooner one.
func (e *Unavailable) sooner(reason Reason, until time.Time, demanded bool) {
	if e.Until.IsZero() || until.Before(e.Until) {
		*e = Unavailable{reason, demanded, until}
	}
}

func (b *Board) lease(c candidate, now time.Time) *Lease {
	l := &Lease{Key: c.text, board: b, pair: c.pair, start: now}
	b.turns++
	c.key.turn = b.turns
	if _, left := c.key.death(now); c.key.dead && !left {
		c.key.probe = l
	}
	if c.with != nil {
		c.with.begin(l)
	}
	return l
}

// state is whether a key may be given out for a model, and otherwise when it may
// be. Each of the two may be nil: nothing is known.
func state(k *keyState, p *pairState, now time.Time) (Reason, time.Time) {
	reason, until := Usable, time.Time{}
	bar := func(r Reason, at time.Time, barred bool) {
		if !barred {
			return
		}
		reason = r
		if at.After(until) {
			until = at
		}
	}
	if p != nil {
		at, open := p.open(now)
		bar(Tripped, at, open)
	}
	if k != nil {
		at, dead := k.death(now)
		bar(Dead, at, dead)
		bar(Cooling, k.spent.until, now.Before(k.spent.until))
	}
	if p != nil {
		bar(Cooling, p.cool.until, now.Before(p.cool.until))
	}
	return reason, until
}

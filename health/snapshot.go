package health

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"
)

// State is what is known of one key, or of one key for one model. It tells no
// secret.
type State struct {
	Index int    // of the key among the provider's
	Label string // the first 8 hex digits of the key's SHA-256; empty for no key
	Model string // empty in the row for the key as a whole
	// Reason says whether the key is given out, Until the soonest moment at which
	// it may be again. One that was dead or tripped stays that until it has
	// answered well: it may be given out from Until on to see whether it does.
	Reason Reason
	Until  time.Time
	// Failures are the Bad ones in a row, Last the newest verdict that was a
	// failure, Neutral if there was none.
	Failures int
	Last     Verdict
	// Latency is the model's time to the first content of a stream, Whole that to
	// an answer that isn't streamed, over all keys; 0 if not known.
	Latency, Whole time.Duration
	// Headroom is what the provider last said that it takes of this model, and Told
	// when it said so; none and zero if it never did.
	Headroom []Headroom
	Told     time.Time
}

// Snapshot says for pages and metrics how the keys fare: a row for each of them,
// followed by one for each model that is known with it, by name.
func (b *Board) Snapshot(keys []string) []State {
	now := b.now()
	b.mu.Lock()
	defer b.mu.Unlock()
	known := make(map[uint64][]State)
	b.pairs.all(func(id pair, p *pairState) {
		if p.abandoned(now) {
			return
		}
		row := State{Model: id.model, Failures: p.failures, Last: p.last, Headroom: p.headroom, Told: p.told}
		row.Reason, row.Until = shown(b.keys.peek(id.key), p, now)
		row.Latency, _ = b.latencies.peek(series{id.model, true}).value(now)
		row.Whole, _ = b.latencies.peek(series{id.model, false}).value(now)
		known[id.key] = append(known[id.key], row)
	})
	var rows []State
	for i, key := range keys {
		row := State{Index: i, Label: label(key)}
		id := b.hash(key)
		k := b.keys.peek(id)
		if row.Reason, row.Until = shown(k, nil, now); k != nil {
			row.Last = k.last
		}
		rows = append(rows, row)
		first := len(rows)
		for _, model := range known[id] {
			model.Index, model.Label = i, row.Label
			rows = append(rows, model)
		}
		slices.SortFunc(rows[first:], func(a, b State) int { return cmp.Compare(a.Model, b.Model) })
	}
	return rows
}

// unasked is how long nobody has asked for a model whose breaker is open until it
// is shown no more: no gate may have it any more, and nothing else would close it.
const unasked = 24 * time.Hour

func (p *pairState) abandoned(now time.Time) bool {
	return !p.closed && p.trial == nil && now.Sub(p.tripped) >= unasked
}

// shown is state, but for a key that may be given out only to see whether it is
// well again: nobody should read that it is while it is not known.
func shown(k *keyState, p *pairState, now time.Time) (Reason, time.Time) {
	reason, until := state(k, p, now)
	switch {
	case reason != Usable:
	case k != nil && k.dead:
		return Dead, k.due
	case p != nil && !p.closed:
		return Tripped, p.tripped.Add(tripOpen)
	}
	return reason, until
}

func label(key string) string {
	if key == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:4])
}

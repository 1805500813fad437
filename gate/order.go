package gate

import (
	"math"
	"math/rand/v2"
	"time"
)

// Ranker knows of targets what a gate doesn't. It must be safe for concurrent use, or be one request's own.
type Ranker interface {
	// Latency is the target's recent time to the first content; false if nothing recent is known, and nobody is about
	// to find out.
	Latency(Target) (time.Duration, bool)
	// Cost is what this request would cost there, in picodollars; false if its price is unknown.
	Cost(Target) (int64, bool)
}

// Order returns the targets in the order in which one request tries them:
//   - single: the first alone;
//   - fallback: all as they are written;
//   - round-robin: the one whose turn it is, then the others by their next turns; each call is one turn;
//   - weighted: one drawn by weight, then the others, each drawn by weight from those that are left;
//   - lowest-latency: those of unknown latency that nobody is asking, so that it gets known, then from the fastest to
//     the slowest;
//   - lowest-cost: from the cheapest to the dearest, then those whose price is unknown.
//
// Equals stay as they are written. Only lowest-latency and lowest-cost ask the Ranker, once for each target; nil is one
// that knows nothing. The slice may be shared: it must not be changed.
func (g *Gate) Order(r Ranker) []Target {
	all := g.Targets[:len(g.Targets):len(g.Targets)]
	switch {
	case g.Strategy == Single || len(all) == 1:
		return all[:1:1]
	case g.turns != nil:
		return g.turns.next(all)
	case g.Strategy == Weighted:
		return draw(all, rand.IntN)
	case g.Strategy == LowestLatency && r != nil:
		return sorted(all, func(t Target) int64 {
			if latency, ok := r.Latency(t); ok {
				return int64(latency)
			}
			return math.MinInt64
		})
	case g.Strategy == LowestCost && r != nil:
		return sorted(all, func(t Target) int64 {
			if cost, ok := r.Cost(t); ok {
				return cost
			}
			return math.MaxInt64
		})
	}
	return all
}

// draw returns the targets in random order: at each place, the chances of those that are left are their weights. random
// gives a number from 0 to below n.
func draw(targets []Target, random func(n int) int) []Target {
	order := make([]Target, len(targets))
	copy(order, targets)
	total := 0
	for _, t := range order {
		total += t.Weight
	}
	for i := range order[:len(order)-1] {
		at, n := i, random(total)
		for n >= order[at].Weight {
			n -= order[at].Weight
			at++
		}
		total -= order[at].Weight
		order[i], order[at] = order[at], order[i]
	}
	return order
}

// sorted returns the targets by ascending rank. Each is ranked once: what is known of targets changes meanwhile.
func sorted(targets []Target, rank func(Target) int64) []Target {
	order := make([]Target, len(targets))
	var ranks [maxTargets]int64
	for i, t := range targets {
		// There are few targets: insertion is stable, and needs no memory.
		r, at := rank(t), i
		for ; at > 0 && ranks[at-1] > r; at-- {
			ranks[at], order[at] = ranks[at-1], order[at-1]
		}
		ranks[at], order[at] = r, t
	}
	return order
}

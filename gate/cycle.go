package gate

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
)

// Cycles holds the position of every round-robin. It outlives the tables whose gates turn in it, so that a reload goes on
// where the gates were; what no table has any more is forgotten. It is safe for concurrent use.
type Cycles struct {
	seed maphash.Seed

	mu     sync.Mutex
	cycles map[cycleKey]*cycle
}

// cycleKey is a gate with its targets and weights: with other targets it is another cycle, which begins anew.
type cycleKey struct {
	gate    uuid
	targets uint64
}

// cycle is the position of one round-robin: how many turns there were.
type cycle struct {
	turn  atomic.Uint64
	users int // tables that have the gate; guarded by Cycles.mu
}

// NewCycles returns positions that are all at their beginning.
func NewCycles() *Cycles {
	return &Cycles{seed: maphash.MakeSeed(), cycles: make(map[cycleKey]*cycle)}
}

// key names the cycle of a gate.
func (c *Cycles) key(gate uuid, targets []Target) cycleKey {
	var h maphash.Hash
	h.SetSeed(c.seed)
	for _, t := range targets {
		maphash.WriteComparable(&h, t)
	}
	return cycleKey{gate, h.Sum64()}
}

// acquire keeps a cycle until it is released as often.
func (c *Cycles) acquire(key cycleKey) *cycle {
	c.mu.Lock()
	defer c.mu.Unlock()
	y := c.cycles[key]
	if y == nil {
		y = new(cycle)
		c.cycles[key] = y
	}
	y.users++
	return y
}

// release forgets the cycles that nobody else keeps.
func (c *Cycles) release(keys map[cycleKey]*cycle) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, y := range keys {
		if y.users--; y.users == 0 {
			delete(c.cycles, key)
		}
	}
}

// Len returns how many positions are kept.
func (c *Cycles) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.cycles)
}

// turns is the round-robin of one compiled gate: the fixed sequence in which its targets take turns, and the position in
// it, which is shared with every other compilation of the same gate.
type turns struct {
	sequence []uint8 // indexes of targets, one period
	cycle    *cycle
}

// size is what the sequence takes, in bytes.
func (t *turns) size() int64 {
	if t == nil {
		return 0
	}
	return int64(len(t.sequence))
}

// next takes one turn. Since a turn is one atomic step along a fixed sequence, the shares are exact however many
// requests run at once.
func (t *turns) next(targets []Target) []Target {
	turn := t.cycle.turn.Add(1) - 1
	start := int(turn % uint64(len(t.sequence)))
	order := make([]Target, 0, len(targets))
	var seen uint64 // a bit a target: maxTargets is below 64
	for i := start; len(order) < len(targets); i++ {
		if i == len(t.sequence) {
			i = 0
		}
		n := t.sequence[i]
		if seen&(1<<n) == 0 {
			seen |= 1 << n
			order = append(order, targets[n])
		}
	}
	return order
}

// smooth returns one period of the smooth weighted cycle, in which a heavy target's turns are spread among the others':
// at each turn every target gains its weight, the richest one has the turn, and pays what all gained. The first of equals
// comes first.
func smooth(targets []Target) []uint8 {
	divisor := 0
	for _, t := range targets {
		for a, b := divisor, t.Weight; ; a, b = b, a%b {
			if b == 0 {
				divisor = a
				break
			}
		}
	}
	period := 0
	for _, t := range targets {
		period += t.Weight / divisor
	}
	sequence := make([]uint8, period)
	riches := make([]int, len(targets))
	for i := range sequence {
		richest := 0
		for n, t := range targets {
			riches[n] += t.Weight / divisor
			if riches[n] > riches[richest] {
				richest = n
			}
		}
		riches[richest] -= period
		sequence[i] = uint8(richest)
	}
	return sequence
}

package gate

import (
	"fmt"
	"hash/maphash"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dgraph-io/ristretto/v2"
)

const (
	// missTTL is how long it is remembered that a reference is nobody's.
	missTTL = 30 * time.Second
	// missCost and aliasCost are about what such an entry takes, in bytes, beside the reference's text.
	missCost, aliasCost = 192, 192
	// gateCost is about what a compiled gate takes, in bytes, beside its texts.
	gateCost = 640
)

// cache holds compiled gates, and references that are nobody's, by reference and generation, within a size in bytes. It
// may forget any of them at any time, and takes a new one with some delay or not at all: it is never the truth.
type cache struct {
	entries *ristretto.Cache[uint64, *cached]
	seed    maphash.Seed

	// users counts who is inside, minus a bias once the cache is closed: ristretto must not be closed under anybody.
	users atomic.Int64
	once  sync.Once
}

// Lookups counts how often a reference was looked up, by whether the cache had it.
type Lookups struct {
	Hits, Misses atomic.Uint64
}

// closedBias makes users negative for good.
const closedBias = math.MinInt64 / 2

// cached is what a reference led to in a generation; gate is nil if it was nobody's. The reference is kept since entries
// are found by a hash of it, and an outsider chooses it.
type cached struct {
	generation uint64
	ref        reference
	gate       *Gate
}

// newCache makes a cache of at most size bytes. It counts what is asked for with
// an eye to so many gates, twice over for their names: its counters take memory,
// and there is a cache for each configuration that still has a stream.
func newCache(size, gates int64) (*cache, error) {
	const fewest = 1000
	counted := min(size/gateCost, max(fewest, 4*gates))
	entries, err := ristretto.NewCache(&ristretto.Config[uint64, *cached]{
		NumCounters:        10 * max(1, counted), // ten for each entry
		MaxCost:            size,
		BufferItems:        64,
		IgnoreInternalCost: true, // costs are bytes already
		KeyToHash:          func(key uint64) (uint64, uint64) { return key, 0 },
	})
	if err != nil {
		return nil, fmt.Errorf("gate cache of %d bytes: %w", size, err)
	}
	return &cache{entries: entries, seed: maphash.MakeSeed()}, nil
}

// enter reports whether the cache is open, and then keeps it so until exit.
func (c *cache) enter() bool {
	if c.users.Add(1) > 0 {
		return true
	}
	c.exit()
	return false
}

func (c *cache) exit() {
	if c.users.Add(-1) == closedBias {
		c.once.Do(c.entries.Close)
	}
}

// close lets nobody in any more. The last who is inside closes what is behind it. It must be called once.
func (c *cache) close() {
	if c.users.Add(closedBias) == closedBias {
		c.once.Do(c.entries.Close)
	}
}

// key hashes a reference as it is in one generation: a swap of the table makes all older entries unreachable at once.
func (c *cache) key(generation uint64, ref reference) uint64 {
	h := generation * 0x9e3779b97f4a7c15
	if ref.name != "" {
		return h ^ maphash.String(c.seed, ref.name)
	}
	return h ^ maphash.Bytes(c.seed, ref.id[:])
}

func (c *cache) get(generation uint64, ref reference) (*Gate, bool) {
	hit, ok := c.entries.Get(c.key(generation, ref))
	if !ok || hit.generation != generation || hit.ref != ref {
		return nil, false
	}
	return hit.gate, true
}

// set remembers a gate under a reference, at a cost in bytes.
func (c *cache) set(generation uint64, ref reference, g *Gate, cost int64) {
	c.entries.Set(c.key(generation, ref), &cached{generation, ref, g}, cost)
}

// miss remembers for a while that a reference is nobody's.
func (c *cache) miss(generation uint64, ref reference) {
	cost := missCost + int64(len(ref.name))
	c.entries.SetWithTTL(c.key(generation, ref), &cached{generation, ref, nil}, cost, missTTL)
}

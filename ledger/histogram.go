package ledger

import (
	"math"
	"math/bits"
	"time"
)

// Histogram counts requests by how long something took: the first bucket holds
// up to 25 ms, each one up to twice what the one before it does, the last what
// is longer than 204.8 s.
type Histogram [histogramBuckets]int64

const (
	histogramBuckets = 15
	histogramFirst   = 25 * time.Millisecond
)

// Finest is the least time that a Histogram tells from 0: all that took no longer is
// in its first bucket.
const Finest = histogramFirst

// bucketOf is the bucket that a duration belongs to.
func bucketOf(d time.Duration) int {
	if d <= histogramFirst {
		return 0
	}
	return min(bits.Len64(uint64((d-1)/histogramFirst)), histogramBuckets-1)
}

// Count is how many requests there are.
func (h *Histogram) Count() int64 {
	var n int64
	for _, c := range h {
		n += c
	}
	return n
}

// Quantile estimates what the fraction q of all requests did not exceed, such as
// 0.95. It is right to within the width of a bucket, and 0 if there are none.
func (h *Histogram) Quantile(q float64) time.Duration {
	rank := q * float64(h.Count())
	var below float64
	for i, c := range h {
		n := float64(c)
		if c == 0 || below+n < rank {
			below += n
			continue
		}
		upper := float64(histogramFirst) * math.Exp2(float64(i))
		lower := upper / 2
		if i == 0 {
			lower = 0
		}
		return time.Duration(lower + (upper-lower)*max(rank-below, 0)/n)
	}
	return 0
}

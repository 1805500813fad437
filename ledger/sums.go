package ledger

import (
	"fmt"
	"time"

	"github.com/layergateway/layergateway/cost"
)

// Sums is what some rows come to.
type Sums struct {
	Requests int64
	// Failed requests have an outcome other than "ok" and "client_gone".
	Failed int64
	// Unpriced requests have no cost, Estimated ones a cost that is estimated.
	Unpriced, Estimated int64
	Attempts            int64
	// Tokens by kind; unknown ones are not in them.
	Input, CachedInput, CacheWrite, Output, Reasoning int64
	Cost                                              cost.Amount
	// TotalTime and FirstTime add up Row.Total and Row.FirstToken; TotalTimes
	// and FirstTimes count them. A request without a first token is not in the
	// latter.
	TotalTime, FirstTime   time.Duration
	TotalTimes, FirstTimes Histogram
}

// The sums of a table, as its columns have them.
const (
	fixedSums = 14
	sumCount  = fixedSums + 2*histogramBuckets

	costUnit = 1_000_000_000
	// No request has more tokens, nor takes so many microseconds: what a
	// provider says beyond it must not break a sum.
	maxAddend = 1_000_000_000_000
)

type sumValues [sumCount]int64

func bounded(n int64) int64 { return min(max(n, 0), maxAddend) }

// sumsOf is what one row adds.
func sumsOf(r *Row) (v sumValues) {
	u := r.Usage
	amount, priced := r.amount()
	v[0] = 1
	v[1] = flag(r.Outcome != "ok" && r.Outcome != "client_gone")
	v[2] = flag(!priced)
	v[3] = flag(r.Bill.Status == cost.Estimated)
	v[4] = int64(len(r.Attempts))
	v[5] = bounded(u.Input.N())
	v[6] = bounded(u.CachedInput.N())
	v[7] = min(bounded(u.CacheWrite.N())+bounded(u.CacheWrite1h.N()), maxAddend)
	v[8] = bounded(u.Output.N())
	v[9] = bounded(u.Reasoning.N())
	if priced {
		v[10], v[11] = int64(amount)/costUnit, int64(amount)%costUnit
	}
	v[12] = bounded(r.Total.Microseconds())
	v[fixedSums+bucketOf(r.Total)] = 1
	if r.FirstToken > 0 {
		v[13] = bounded(r.FirstToken.Microseconds())
		v[fixedSums+histogramBuckets+bucketOf(r.FirstToken)] = 1
	}
	return v
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func (v *sumValues) add(w *sumValues) {
	for i, n := range w {
		v[i] += n
	}
}

// sums is what the columns mean.
func (v *sumValues) sums() Sums {
	s := Sums{
		Requests: v[0], Failed: v[1], Unpriced: v[2], Estimated: v[3], Attempts: v[4],
		Input: v[5], CachedInput: v[6], CacheWrite: v[7], Output: v[8], Reasoning: v[9],
		Cost:      joinCost(v[10], v[11]),
		TotalTime: time.Duration(v[12]) * time.Microsecond,
		FirstTime: time.Duration(v[13]) * time.Microsecond,
	}
	copy(s.TotalTimes[:], v[fixedSums:])
	copy(s.FirstTimes[:], v[fixedSums+histogramBuckets:])
	return s
}

// joinCost is hi billions and lo picodollars, kept within an Amount's range.
func joinCost(hi, lo int64) cost.Amount {
	hi += lo / costUnit
	const most = 1<<63 - 1
	if hi >= most/costUnit {
		return most
	}
	return cost.Amount(hi*costUnit + lo%costUnit)
}

// sumColumns are the names of a table's sums, in the order of sumValues.
func sumColumns() []string {
	names := []string{
		"requests", "failed", "unpriced", "estimated", "attempts", "input", "cached_input", "cache_write", "output",
		"reasoning", "cost_hi", "cost_lo", "total_us", "first_us",
	}
	for _, what := range []string{"total", "first"} {
		for i := range histogramBuckets {
			names = append(names, fmt.Sprintf("%s_%d", what, i))
		}
	}
	return names
}

// The lengths of a bucket of sums.
const (
	hour = time.Hour
	day  = 24 * time.Hour
)

// bucket is the number of the hour or day that a time lies in.
func bucket(t time.Time, width time.Duration) int64 {
	return floorDiv(t.Unix(), int64(width/time.Second))
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

package health

import (
	"math"
	"time"
)

const (
	halfLife = time.Minute      // after which a measurement counts half
	recently = 10 * time.Minute // for which the newest one says anything
)

// series is what latencies are measured of.
type series struct {
	model  string
	stream bool
}

// average is a mean in which measurements count less the older they are.
type average struct {
	sum, weight float64 // of nanoseconds
	at          time.Time
}

func (a *average) add(now time.Time, d time.Duration) {
	if age := now.Sub(a.at); age > 0 {
		faded := math.Exp2(-age.Seconds() / halfLife.Seconds())
		a.sum *= faded
		a.weight *= faded
		a.at = now
	}
	a.sum += float64(d)
	a.weight++
}

func (a *average) value(now time.Time) (time.Duration, bool) {
	if a == nil || now.Sub(a.at) > recently {
		return 0, false
	}
	return time.Duration(a.sum / a.weight), true
}

// Latency is the model's recent time to the first content, or to the whole
// answer where it isn't streamed, over all keys: an average that decays. It is
// false if none was measured within ten minutes and nobody is about to: one
// request finds out, and to the others the model is meanwhile as slow as it last
// was, or slower than any.
func (b *Board) Latency(model string, stream bool) (time.Duration, bool) {
	now := b.now()
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.latencies.peek(series{model, stream})
	d, ok := a.value(now)
	switch {
	case ok || b.asked[series{model, stream}] == 0:
		return d, ok
	case a == nil:
		return math.MaxInt64, true
	}
	return time.Duration(a.sum / a.weight), true
}

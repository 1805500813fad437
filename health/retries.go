package health

import "sync/atomic"

// Retries is the budget of retries: they may be a fifth of the requests under
// way, so that a failing provider isn't buried under repetitions. The zero value
// is ready; it is safe for concurrent use.
type Retries struct {
	active, running atomic.Int64
}

// fewRetries may run however few requests there are.
const fewRetries = 3

// Begin counts a request that is under way.
func (r *Retries) Begin() { r.active.Add(1) }

// End takes back a Begin.
func (r *Retries) End() { r.active.Add(-1) }

// Take reports whether one more retry may run now. If so, Give must be called
// once it has ended.
func (r *Retries) Take() bool {
	for {
		n := r.running.Load()
		if n >= max(fewRetries, r.active.Load()/5) {
			return false
		}
		if r.running.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// Give takes back a Take that was granted.
func (r *Retries) Give() { r.running.Add(-1) }

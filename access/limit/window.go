package limit

import (
	"slices"
	"time"
)

// A window remembers what was taken in runs: whatever comes within a grain, a
// 64th of the window's length, of a run's first goes to the run, which leaves
// the window as a whole when its last has. So no stretch of time as long as the
// window ever holds more than was allowed, what comes at once leaves at once,
// and memory is bounded however large the limit is.
const (
	grains = 64
	// maxRuns is reached only by a clock that is set back again and again.
	maxRuns = 2*grains + 2
)

type run struct {
	first, last int64 // nanoseconds
	n           int64
}

type window struct {
	length int64 // nanoseconds
	runs   []run // by last, oldest first; none is empty
	used   int64 // the sum of their n
}

// expire forgets what left the window before now.
func (w *window) expire(now int64) {
	// A clock that was set back must not keep the future in the window for longer
	// than the window's length: it counts as of now.
	for i := len(w.runs) - 1; i >= 0 && w.runs[i].last > now; i-- {
		w.runs[i].last = now
	}
	gone := 0
	for gone < len(w.runs) && w.runs[gone].last <= now-w.length {
		w.used -= w.runs[gone].n
		gone++
	}
	if gone > 0 {
		w.runs = slices.Delete(w.runs, 0, gone)
	}
}

// add takes n at now, and gives the run they are in. The window has expired
// what there was to.
func (w *window) add(now, n int64) (first int64) {
	if n == 0 {
		return now
	}
	w.used += n
	if i := len(w.runs) - 1; i >= 0 {
		r := &w.runs[i]
		if age := now - r.first; age >= 0 && age < w.length/grains || len(w.runs) == maxRuns {
			r.last = now
			r.n += n
			return r.first
		}
	}
	w.runs = append(w.runs, run{now, now, n})
	return now
}

// giveBack takes n out of the run that began at first, if it is still there.
func (w *window) giveBack(first, n int64) {
	for i := range w.runs {
		if r := &w.runs[i]; r.first == first {
			n = min(n, r.n)
			r.n -= n
			w.used -= n
			if r.n == 0 {
				w.runs = slices.Delete(w.runs, i, i+1)
			}
			return
		}
	}
}

// wait is how long it takes until need more fit under the limit.
func (w *window) wait(now, limit, need int64) time.Duration {
	if need > limit {
		return never
	}
	over := w.used + need - limit
	if over <= 0 {
		return 0
	}
	for _, r := range w.runs {
		if over -= r.n; over <= 0 {
			return time.Duration(r.last + w.length - now)
		}
	}
	return time.Duration(w.length)
}

// reset is how long it takes until the window is empty.
func (w *window) reset(now int64) time.Duration {
	if len(w.runs) == 0 {
		return 0
	}
	return time.Duration(w.runs[len(w.runs)-1].last + w.length - now)
}

// idle reports whether nothing is left in the window.
func (w *window) idle(now int64) bool {
	w.expire(now)
	return len(w.runs) == 0
}

package health

import (
	"sync"
	"sync/atomic"
	"testing"
)

func TestRetries(t *testing.T) {
	for _, row := range []struct{ active, allowed int }{{0, 3}, {1, 3}, {15, 3}, {19, 3}, {20, 4}, {100, 20}} {
		var r Retries
		for range row.active {
			r.Begin()
		}
		got := 0
		for r.Take() {
			got++
		}
		if got != row.allowed {
			t.Errorf("%d active: %d retries, want %d", row.active, got, row.allowed)
		}
		r.Give()
		if !r.Take() || r.Take() {
			t.Errorf("%d active: what is given back is one more", row.active)
		}
		for range row.active {
			r.End()
		}
		for range got - fewRetries + 1 {
			r.Give()
		}
		if !r.Take() || r.Take() {
			t.Errorf("%d active: the end leaves another number than %d", row.active, fewRetries)
		}
	}
}

func TestRetriesConcurrent(t *testing.T) {
	var r Retries
	for range 50 {
		r.Begin()
	}
	var running, tooMany atomic.Int64
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			for range 1000 {
				if !r.Take() {
					continue
				}
				if running.Add(1) > 10 {
					tooMany.Add(1)
				}
				running.Add(-1)
				r.Give()
			}
		})
	}
	wg.Wait()
	if tooMany.Load() > 0 || r.running.Load() != 0 {
		t.Errorf("%d times too many at once, %d left", tooMany.Load(), r.running.Load())
	}
}

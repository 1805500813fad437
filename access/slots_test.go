package access

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/layergateway/layergateway/openai"
)

func acquire(t *testing.T, s *Slots, limit int) func() {
	t.Helper()
	release, err := s.Acquire(t.Context(), limit, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	return release
}

func usage(s *Slots) (running, waiting int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.running, s.waiting.Len()
}

func isIdle(t *testing.T, s *Slots) {
	t.Helper()
	if running, waiting := usage(s); running != 0 || waiting != 0 {
		t.Errorf("%d are running and %d waiting at the end", running, waiting)
	}
}

func isOverloaded(t *testing.T, err error, msg string) {
	t.Helper()
	var e *openai.Error
	if !errors.As(err, &e) || e.Status != http.StatusServiceUnavailable || e.Type != "api_error" || e.Code != "gateway_overloaded" ||
		e.RetryAfter != time.Second || e.Message != "too many requests at once: "+msg+": send the request again later" {
		t.Errorf("error %+v, want: %s", err, msg)
	}
}

func TestSlotsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s Slots
		first := acquire(t, &s, 2)
		second := acquire(t, &s, 2)
		_, err := s.Acquire(t.Context(), 2, 0, time.Hour)
		isOverloaded(t, err, "2 requests are running and 0 waiting")
		_, err = s.Acquire(t.Context(), 2, 5, 0)
		isOverloaded(t, err, "2 requests are running and 0 waiting")

		start := time.Now()
		_, err = s.Acquire(t.Context(), 2, 1, 3*time.Second)
		isOverloaded(t, err, "none of 2 running requests has ended within 3s")
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("it waited for %v", took)
		}

		first()
		first() // counts once
		third := acquire(t, &s, 2)
		if _, err := s.Acquire(t.Context(), 2, 0, 0); err == nil {
			t.Error("a second release has made another place")
		}
		second()
		third()
		isIdle(t, &s)
	})
}

func TestSlotsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s Slots
		cause := errors.New("going down")
		ctx, cancel := context.WithCancelCause(t.Context())
		release := acquire(t, &s, 1)
		got := make(chan error)
		go func() {
			_, err := s.Acquire(ctx, 1, 1, time.Hour)
			got <- err
		}()
		synctest.Wait()
		if _, err := s.Acquire(t.Context(), 1, 1, time.Hour); err == nil {
			t.Fatal("the queue takes two")
		}
		cancel(cause)
		if err := <-got; !errors.Is(err, cause) {
			t.Errorf("error %v", err)
		}
		// Its place in the queue is free.
		go func() {
			release, err := s.Acquire(t.Context(), 1, 1, time.Hour)
			if err == nil {
				release()
			}
			got <- err
		}()
		synctest.Wait()
		release()
		if err := <-got; err != nil {
			t.Error(err)
		}
		if _, err := s.Acquire(ctx, 1, 1, time.Hour); !errors.Is(err, cause) {
			t.Errorf("error %v", err)
		}
		acquire(t, &s, 1)()
	})
}

func TestSlotsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s Slots
		release := acquire(t, &s, 1)
		var order []int // one runs at a time, so it has no lock
		for i := range 20 {
			go func() {
				release, err := s.Acquire(t.Context(), 1, 20, time.Hour)
				if err != nil {
					t.Error(err)
					return
				}
				order = append(order, i)
				release()
			}()
			synctest.Wait()
		}
		release()
		synctest.Wait()
		if len(order) != 20 || !slices.IsSorted(order) {
			t.Errorf("order %v", order)
		}
	})
}

func TestSlotsLimitChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s Slots
		var releases []func()
		var mu sync.Mutex
		enter := func(limit int) {
			go func() {
				release, err := s.Acquire(t.Context(), limit, 10, time.Hour)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				releases = append(releases, release)
			}()
			synctest.Wait()
		}
		running := func(want int) {
			t.Helper()
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			if len(releases) != want {
				t.Fatalf("%d run, want %d", len(releases), want)
			}
		}
		pop := func() {
			mu.Lock()
			defer mu.Unlock()
			releases[0]()
			releases = releases[1:]
		}
		for range 5 {
			enter(1)
		}
		running(1)
		enter(4) // lets three of those in who wait, and waits behind the last
		running(4)
		enter(2)
		running(4)
		pop()
		pop()
		running(2) // no more than two now
		pop()
		running(2)
		for range 4 {
			pop()
			synctest.Wait()
		}
		isIdle(t, &s)
	})
}

// one is a request of the property test.
type one struct {
	cancel  context.CancelFunc
	expires time.Time
	result  atomic.Pointer[result] // nil until it has one
}

type result struct {
	release func()
	err     error
}

// TestSlotsModel takes random steps, one after the other, and compares after each
// of them who runs, who waits and who was refused with a plain list.
func TestSlotsModel(t *testing.T) {
	for seed := range uint64(100) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 0))
			var s Slots
			var running, waiting []*one
			limit := 2
			admit := func() {
				for len(running) < limit && len(waiting) > 0 {
					running, waiting = append(running, waiting[0]), waiting[1:]
				}
			}
			enter := func() {
				ctx, cancel := context.WithCancel(t.Context())
				wait := time.Duration(1+r.IntN(20)) * time.Second
				o := &one{cancel: cancel, expires: time.Now().Add(wait)}
				if r.IntN(10) == 0 {
					limit = 1 + r.IntN(4)
				}
				queue := 3
				go func() {
					release, err := s.Acquire(ctx, limit, queue, wait)
					o.result.Store(&result{release, err})
				}()
				synctest.Wait()
				admit()
				switch {
				case len(running) < limit:
					running = append(running, o)
				case len(waiting) < queue:
					waiting = append(waiting, o)
				default:
					isOverloaded(t, o.result.Load().err, fmt.Sprintf("%d requests are running and %d waiting", len(running), len(waiting)))
				}
			}
			drop := func(from *[]*one) *one {
				if len(*from) == 0 {
					return nil
				}
				i := r.IntN(len(*from))
				o := (*from)[i]
				*from = slices.Delete(*from, i, i+1)
				return o
			}
			for range 200 {
				switch r.IntN(8) {
				case 0, 1, 2:
					enter()
				case 3:
					if o := drop(&waiting); o != nil {
						o.cancel()
						synctest.Wait()
						if err := o.result.Load().err; !errors.Is(err, context.Canceled) {
							t.Fatalf("seed %d: cancelled: %v", seed, err)
						}
					}
				case 4:
					// Not whole seconds, so that nothing ends at the moment of a step.
					time.Sleep(time.Duration(r.IntN(5))*time.Second + time.Millisecond)
					waiting = slices.DeleteFunc(waiting, func(o *one) bool { return time.Now().After(o.expires) })
				default:
					if o := drop(&running); o != nil {
						o.result.Load().release()
						o.result.Load().release()
						admit()
					}
				}
				synctest.Wait()
				for _, o := range running {
					if end := o.result.Load(); end == nil || end.err != nil {
						t.Fatalf("seed %d: one that should run doesn't: %+v", seed, end)
					}
				}
				for _, o := range waiting {
					if end := o.result.Load(); end != nil {
						t.Fatalf("seed %d: one that should wait doesn't: %+v", seed, end)
					}
				}
				if a, b := usage(&s); a != len(running) || b != len(waiting) {
					t.Fatalf("seed %d: %d are running and %d waiting, want %d and %d", seed, a, b, len(running), len(waiting))
				}
			}
			for len(running)+len(waiting) > 0 {
				drop(&running).result.Load().release()
				admit()
				synctest.Wait()
			}
			isIdle(t, &s)
		})
	}
}

// TestSlotsAtOnce has many come, go and give up at the same moments.
func TestSlotsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit = 3
		var s Slots
		var running, served atomic.Int64
		var wg sync.WaitGroup
		for w := range 32 {
			wg.Go(func() {
				r := rand.New(rand.NewPCG(7, uint64(w)))
				for range 200 {
					ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+r.IntN(9))*time.Millisecond)
					release, err := s.Acquire(ctx, limit, 8, time.Duration(1+r.IntN(9))*time.Millisecond)
					if err == nil {
						if n := running.Add(1); n > limit {
							t.Errorf("%d run at once", n)
						}
						served.Add(1)
						time.Sleep(time.Duration(r.IntN(4)) * time.Millisecond)
						running.Add(-1)
						release()
					}
					cancel()
					time.Sleep(time.Duration(r.IntN(9)) * time.Millisecond)
				}
			})
		}
		wg.Wait()
		isIdle(t, &s)
		if served.Load() == 0 {
			t.Error("nobody was served")
		}
	})
}

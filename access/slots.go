package access

import (
	"container/list"
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/layergateway/layergateway/openai"
)

// Slots lets a number of requests run at once; the next ones wait in the order
// in which they came. It holds the usage alone: each call says the bounds, which
// a reload may have changed. The zero value is ready; it is safe for concurrent
// use.
type Slots struct {
	mu      sync.Mutex
	limit   int // as the newest call has it
	running int
	waiting list.List // of chan struct{}, closed to let its owner in
}

// Acquire waits for a slot; release gives it back, and may be called again. No
// more than limit, which is at least 1, run at once; no more than queue wait, and
// none longer than wait. The error is a 503 in OpenAI's shape where there is no
// place, or else the context's cause.
func (s *Slots) Acquire(ctx context.Context, limit, queue int, wait time.Duration) (release func(), err error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	turn, err := s.enter(limit, queue, wait)
	if err != nil {
		return nil, err
	}
	if turn == nil {
		return s.releaser(), nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-turn.Value.(chan struct{}):
	case <-ctx.Done():
		if !s.leave(turn) { // let in at the same moment
			s.releaser()()
		}
		return nil, context.Cause(ctx)
	case <-timer.C:
		if s.leave(turn) {
			return nil, overloaded("none of %d running requests has ended within %s", limit, wait)
		}
	}
	return s.releaser(), nil
}

// enter takes a slot, or a place in the queue, which it returns.
func (s *Slots) enter(limit, queue int, wait time.Duration) (*list.Element, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limit = limit
	s.admit()
	switch {
	case s.running < s.limit: // so nobody waits
		s.running++
		return nil, nil
	case s.waiting.Len() >= queue || wait <= 0:
		return nil, overloaded("%d requests are running and %d waiting", s.running, s.waiting.Len())
	}
	return s.waiting.PushBack(make(chan struct{})), nil
}

// admit lets in whom there is room for. Whoever gives room or changes the limit
// calls it, so that nobody waits beside a free slot.
func (s *Slots) admit() {
	for s.running < s.limit && s.waiting.Len() > 0 {
		s.running++
		close(s.waiting.Remove(s.waiting.Front()).(chan struct{}))
	}
}

// leave gives the place in the queue up, false if its owner has been let in.
func (s *Slots) leave(turn *list.Element) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-turn.Value.(chan struct{}):
		return false
	default:
		s.waiting.Remove(turn)
		return true
	}
}

func (s *Slots) releaser() func() {
	released := false
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if released {
			return
		}
		released = true
		s.running--
		s.admit()
	}
}

func overloaded(format string, args ...any) *openai.Error {
	return &openai.Error{Status: http.StatusServiceUnavailable, Type: openai.TypeAPI, Code: "gateway_overloaded",
		Message: "too many requests at once: " + fmt.Sprintf(format, args...) + ": send the request again later", RetryAfter: time.Second}
}

package ledger

import (
	"sync"
	"sync/atomic"
)

// followers are those who want to see rows as they are settled.
type followers struct {
	count  atomic.Int32
	mu     sync.Mutex
	closed bool
	all    map[*Follower]struct{}
}

// Follower sees the rows that this process settles, from Follow on.
type Follower struct {
	// Rows is closed by Stop, and when the ledger is.
	Rows   <-chan Row
	rows   chan Row
	missed atomic.Uint64
	stop   func()
}

// Missed counts the rows that the follower was too slow for.
func (f *Follower) Missed() uint64 { return f.missed.Load() }

// Stop ends the following. It may be called more than once.
func (f *Follower) Stop() { f.stop() }

// Follow shows each row as it is settled. A follower who lets more than buffer
// rows wait misses those that come then: nothing waits for a follower. With the
// ledger off, none come.
func (l *Ledger) Follow(buffer int) *Follower {
	rows := make(chan Row, buffer)
	f := &Follower{Rows: rows, rows: rows, stop: func() {}}
	if l == nil {
		f.stop = sync.OnceFunc(func() { close(rows) })
		return f
	}
	f.stop = func() { l.follow.remove(f) }
	l.follow.add(f)
	return f
}

func (s *followers) add(f *Follower) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		close(f.rows)
		return
	}
	if s.all == nil {
		s.all = map[*Follower]struct{}{}
	}
	s.all[f] = struct{}{}
	s.count.Add(1)
}

func (s *followers) remove(f *Follower) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.all[f]; ok {
		delete(s.all, f)
		s.count.Add(-1)
		close(f.rows)
	}
}

func (s *followers) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for f := range s.all {
		delete(s.all, f)
		close(f.rows)
	}
}

func (s *followers) tell(r *Row) {
	if s.count.Load() == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for f := range s.all {
		select {
		case f.rows <- *r:
		default:
			f.missed.Add(1)
		}
	}
}

package ledger

import (
	"errors"
	"sync"

	"go.uber.org/zap"
)

// health is why the ledger can't write, by what can't be written.
type health struct {
	log   *zap.Logger
	alarm func(error)

	mu                          sync.Mutex
	journal, sync, store, adopt error
	failures                    uint64
}

// set notes how the last write of one part went. When that part begins to fail,
// and when the last one works again, it is told once.
func (h *health) set(part *error, err error) {
	h.mu.Lock()
	was := *part
	*part = err
	if err != nil {
		h.failures++
	}
	well := h.journal == nil && h.sync == nil && h.store == nil && h.adopt == nil
	h.mu.Unlock()
	switch {
	case was == nil && err != nil:
		h.log.Error("the ledger can't write; rows are kept as long as there is room", zap.Error(err))
	case was != nil && err == nil && well:
		h.log.Info("the ledger can write again")
	default:
		return
	}
	if h.alarm != nil {
		h.alarm(err)
	}
}

func (h *health) err() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return errors.Join(h.journal, h.sync, h.store, h.adopt)
}

// Stats is how a ledger is doing.
type Stats struct {
	// Open requests have begun and not ended.
	Open int
	// Queued rows wait for the database: in memory, where they take about
	// QueuedBytes, and Spilled ones in the journal alone.
	Queued, Spilled int
	QueuedBytes     int64
	JournalBytes    int64
	// Failures counts writes that failed, Dropped the rows and DroppedPayloads
	// the payloads that are lost.
	Failures, Dropped, DroppedPayloads uint64
}

// Stats tells how the ledger is doing, for gauges and counters.
func (l *Ledger) Stats() Stats {
	if l == nil {
		return Stats{}
	}
	l.mu.Lock()
	s := Stats{
		Open:   len(l.journal.begun),
		Queued: len(l.queue.entries), Spilled: l.queue.spilled, QueuedBytes: l.queue.bytes,
		JournalBytes:    l.journal.bytes,
		DroppedPayloads: l.payloads.dropped,
	}
	l.mu.Unlock()
	l.health.mu.Lock()
	s.Failures = l.health.failures
	l.health.mu.Unlock()
	s.Dropped = l.dropped.Load()
	return s
}

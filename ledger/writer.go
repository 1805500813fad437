package ledger

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"go.uber.org/zap"
)

const (
	// gather is how long the writer waits for more rows, so that a batch is one: a
	// transaction takes as long as dozens of rows. Followers are told at once meanwhile, and
	// Spent and Row know what is on its way; Rows and sums come this much later.
	gather = 250 * time.Millisecond
	// writeTimeout is how long the database may take for one batch.
	writeTimeout = 30 * time.Second
	// After a failure the writer waits for the first of these, then twice as
	// long each time up to the second.
	minPause, maxPause = 50 * time.Millisecond, 5 * time.Second
	// syncEvery is how much the machine's death may take.
	syncEvery = time.Second
	// keepEvery is how often what is old is removed.
	keepEvery = time.Minute
)

// write moves rows and payloads from memory into the database until the ledger
// is closed and there are none, or no time, left.
func (l *Ledger) write() {
	pause := minPause
	for {
		wrote, err := l.writeOnce()
		stopping := isClosed(l.stop)
		switch {
		case err != nil:
			if l.ctx.Err() != nil || (stopping && l.safe()) {
				return
			}
			l.wait(pause, nil)
			pause = min(2*pause, maxPause)
		case wrote:
			pause = minPause
			if !stopping && !l.behind() {
				l.wait(gather, l.hurry)
			}
		case stopping:
			return
		default:
			pause = minPause
			select {
			case <-l.wake:
				l.wait(gather, l.hurry)
			case <-l.stop:
			}
		}
	}
}

// wait lets some time pass, less if the ledger is closed or somebody hurries it.
func (l *Ledger) wait(d time.Duration, hurry <-chan struct{}) {
	t := time.NewTimer(d)
	defer t.Stop()
	stop := l.stop
	if isClosed(stop) {
		stop = nil
	}
	select {
	case <-t.C:
	case <-stop:
	case <-hurry:
	case <-l.ctx.Done():
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// safe reports whether all rows in memory are in the journal too.
func (l *Ledger) safe() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.queue.unsafe() == 0
}

// behind reports whether there is enough for a batch already.
func (l *Ledger) behind() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.queue.entries) >= maxBatch || l.queue.bytes >= maxBatchBytes || l.queue.spilled > 0 || !l.payloads.empty()
}

// writeOnce writes one batch, if there is anything to write.
func (l *Ledger) writeOnce() (wrote bool, err error) {
	l.mu.Lock()
	idle := l.queue.empty() && l.payloads.empty() && l.prepared.Load()
	l.mu.Unlock()
	if idle {
		return false, nil
	}
	if !l.prepared.Load() {
		if err := l.prepare(l.ctx); err != nil {
			return false, err
		}
		l.health.set(&l.health.adopt, l.adopt(l.ctx))
		return true, nil
	}
	err = errors.Join(l.unspill(), l.writeBatch(), l.writePayload())
	l.health.set(&l.health.store, err)
	return true, err
}

// writeBatch writes the first rows of the queue.
func (l *Ledger) writeBatch() error {
	l.mu.Lock()
	batch := l.queue.batch()
	l.mu.Unlock()
	if len(batch) == 0 {
		return nil
	}
	l.commit.Lock()
	defer l.commit.Unlock()
	if err := l.insertOrDrop(l.ctx, batch); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.journal.committed(batch)
	l.queue.remove(len(batch))
	l.progressed()
	return nil
}

// progressed wakes those that wait for the database. The mutex is held.
func (l *Ledger) progressed() {
	close(l.progress)
	l.progress = make(chan struct{})
}

// insertOrDrop inserts rows. Where the database refuses one for what it is, the
// others go in without it: it must not keep them out for ever.
func (l *Ledger) insertOrDrop(ctx context.Context, batch []*entry) error {
	short, cancel := context.WithTimeout(ctx, writeTimeout)
	err := l.insert(short, batch)
	cancel()
	if err == nil || !refused(err) {
		return err
	}
	if len(batch) == 1 {
		l.dropped.Add(1)
		l.log.Error("the ledger's database refuses a row, which is lost",
			zap.String("request_id", batch[0].row.ID), zap.Error(err))
		return nil
	}
	half := len(batch) / 2
	if err := l.insertOrDrop(ctx, batch[:half]); err != nil {
		return err
	}
	return l.insertOrDrop(ctx, batch[half:])
}

// sync makes the journal safe from the machine's death, now and then.
func (l *Ledger) sync() {
	t := time.NewTicker(syncEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-l.stop:
			return
		}
		l.mu.Lock()
		dirty := l.journal.dirty()
		l.mu.Unlock()
		var failed error
		for _, seg := range dirty {
			err := seg.f.Sync()
			if errors.Is(err, fs.ErrClosed) || errors.Is(err, os.ErrClosed) {
				continue // it is not needed any more
			}
			failed = errors.Join(failed, err)
		}
		if len(dirty) > 0 {
			l.health.set(&l.health.sync, failed)
		}
	}
}

// keep removes what is old, and takes over from processes that have died.
func (l *Ledger) keep() {
	trimmed, pause := time.Now(), minPause
	for {
		every := keepEvery
		if !l.adopted.Load() { // budgets wait for that
			every, pause = pause, min(2*pause, maxPause)
		}
		select {
		case <-time.After(every):
		case <-l.stop:
			return
		}
		if !l.prepared.Load() {
			continue
		}
		l.health.set(&l.health.adopt, l.adopt(l.ctx))
		if time.Since(trimmed) < keepEvery {
			continue
		}
		trimmed = time.Now()
		if err := l.trim(l.ctx); err != nil && l.ctx.Err() == nil {
			l.log.Warn("old ledger rows could not be removed; tried again in a minute", zap.Error(err))
		}
	}
}

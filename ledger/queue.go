package ledger

import (
	"fmt"
	"os"
	"slices"
)

// A batch has at most so many rows, of so many bytes.
const (
	maxBatch      = 2000
	maxBatchBytes = 8 << 20
)

// queue is the rows that the database does not have yet, in the order of their
// settlement. The ledger's mutex guards it.
type queue struct {
	entries []*entry
	bytes   int64
	pending map[string]*entry // by id

	// When memory is full, rows that the journal has are left to it: from that
	// settlement on all of them, until they have been read again.
	spilled int
	from    uint64 // the first settlement to be read
	at      place
}

// place is where in the journal to read on.
type place struct {
	segment uint32
	offset  int
}

// push adds an entry. It reports whether there was room for it anywhere.
func (q *queue) push(e *entry, limit int64) bool {
	full := q.bytes+e.size() > limit
	switch {
	case e.settled != nil && (full || q.spilled > 0):
		if q.spilled == 0 {
			q.from, q.at = e.seq, place{segment: e.settled.number}
		}
		q.spilled++
		return true
	case full:
		return false
	}
	q.add(e)
	return true
}

func (q *queue) add(e *entry) {
	q.entries = append(q.entries, e)
	q.bytes += e.size()
	q.pending[e.row.ID] = e
}

func (q *queue) empty() bool { return len(q.entries) == 0 && q.spilled == 0 }

// batch is the first entries. They stay in the queue until they are removed.
func (q *queue) batch() []*entry {
	n, size := 0, int64(0)
	for n < len(q.entries) && n < maxBatch && size < maxBatchBytes {
		size += q.entries[n].size()
		n++
	}
	return q.entries[:n:n]
}

// remove takes the first n entries out.
func (q *queue) remove(n int) {
	for _, e := range q.entries[:n] {
		q.bytes -= e.size()
		delete(q.pending, e.row.ID)
	}
	clear(q.entries[:n])
	if q.entries = q.entries[n:]; len(q.entries) == 0 {
		q.entries = nil // with the memory of a long queue
	}
}

// unsafe counts the rows that are in memory alone.
func (q *queue) unsafe() int {
	n := 0
	for _, e := range q.entries {
		if e.settled == nil {
			n++
		}
	}
	return n
}

// unspill reads a batch of rows again that were left to the journal, once all
// before them are written. Only the writer calls it.
func (l *Ledger) unspill() error {
	l.mu.Lock()
	if len(l.queue.entries) > 0 || l.queue.spilled == 0 {
		l.mu.Unlock()
		return nil
	}
	at, from := l.queue.at, l.queue.from
	seg := l.journal.segments[at.segment]
	l.mu.Unlock()
	var data []byte
	if seg != nil {
		var err error
		if data, err = os.ReadFile(seg.path); err != nil {
			return fmt.Errorf("reading the ledger's journal again: %w", err)
		}
	}
	var found []*entry
	size := int64(0)
	rest := data[min(at.offset, len(data)):]
	for len(found) < maxBatch && size < maxBatchBytes {
		rec, next, ok := nextFrame(rest)
		if !ok {
			break
		}
		rest = next
		if rec.kind != kindSettled || rec.seq < from {
			continue
		}
		e, err := l.reread(rec, seg)
		if err != nil {
			return err
		}
		found = append(found, e)
		size += e.size()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queue.at.offset = len(data) - len(rest)
	for _, e := range found {
		l.queue.add(e)
	}
	l.queue.spilled = max(l.queue.spilled-len(found), 0)
	if len(found) == 0 {
		l.nextSegment(at.segment)
	}
	return nil
}

// reread makes the entry again that a settlement in a segment was written for.
func (l *Ledger) reread(rec record, seg *segment) (*entry, error) {
	p, err := parseBody(rec.body)
	if err != nil {
		return nil, err
	}
	row, err := p.row()
	if err != nil {
		return nil, err
	}
	e, err := newEntry(&row)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	e.seq, e.settled, e.begun = rec.seq, seg, l.journal.segments[p.begun]
	return e, nil
}

// nextSegment reads on in the first segment behind one that has been read.
func (l *Ledger) nextSegment(read uint32) {
	var later []uint32
	for number := range l.journal.segments {
		if number > read {
			later = append(later, number)
		}
	}
	if len(later) > 0 {
		l.queue.at = place{segment: slices.Min(later)}
		return
	}
	// All has been read, so what is missing can't be: the file has been damaged.
	l.dropped.Add(uint64(l.queue.spilled))
	l.queue.spilled = 0
}

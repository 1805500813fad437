package ledger

import (
	"context"
	"database/sql"
	"time"
)

// payload is what was said in one exchange.
type payload struct {
	id                string
	created           time.Time
	request, response []byte
}

func (p *payload) size() int64 { return int64(len(p.request) + len(p.response)) }

// payloadQueue is the payloads that the database does not have yet. Unlike rows
// they are not in the journal: they may be large, and no book needs them.
type payloadQueue struct {
	list    []payload
	bytes   int64
	dropped uint64
}

func (q *payloadQueue) empty() bool { return len(q.list) == 0 }

// remove takes the first n out.
func (q *payloadQueue) remove(n int) {
	for i := range q.list[:n] {
		q.bytes -= q.list[i].size()
	}
	clear(q.list[:n])
	if q.list = q.list[n:]; len(q.list) == 0 {
		q.list = nil // with the memory of a long queue
	}
}

// maxPayload is the most that is stored of a request, and of an answer.
const maxPayload = 4 << 20

// SavePayload stores what was said in a request, if the ledger is to: without
// the values of the fields to be redacted, and no more than 4 MiB of each. The
// slices may be used again when it returns. What finds no room in memory, or is
// still there when the process dies, is lost and counted.
func (l *Ledger) SavePayload(id string, request, response []byte) {
	if l == nil || !l.config.Payloads {
		return
	}
	p := payload{
		id: cleanText(id), created: l.config.Now(),
		request:  storable(request, l.config.Redact),
		response: storable(response, l.config.Redact),
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.payloads.bytes+p.size() > l.config.QueueBytes {
		l.payloads.dropped++
		return
	}
	l.payloads.list = append(l.payloads.list, p)
	l.payloads.bytes += p.size()
	signal(l.wake)
}

// storable is a copy of what is stored of a text.
func storable(text []byte, fields []string) []byte {
	if len(fields) > 0 {
		text = redact(text, fields)
	}
	return append([]byte{}, text[:min(len(text), maxPayload)]...)
}

// writePayload writes the first payloads of their queue.
func (l *Ledger) writePayload() error {
	l.mu.Lock()
	n, size := 0, int64(0)
	for n < len(l.payloads.list) && n < maxBatch && size < maxBatchBytes {
		size += l.payloads.list[n].size()
		n++
	}
	batch := l.payloads.list[:n:n]
	l.mu.Unlock()
	if n == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(l.ctx, writeTimeout)
	defer cancel()
	err := l.db.transact(ctx, func(tx *sql.Tx) error {
		for _, p := range batch {
			_, err := tx.ExecContext(ctx, l.db.sql("INSERT INTO payloads (request_id, created, request, response) "+
				"VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING"), p.id, p.created.UnixNano(), p.request, p.response)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil && !refused(err) {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.payloads.dropped += uint64(n)
	}
	l.payloads.remove(n)
	l.progressed()
	return nil
}

// Payload is what was stored of a request and its answer, or sql.ErrNoRows.
func (l *Ledger) Payload(ctx context.Context, id string) (request, response []byte, err error) {
	if l == nil {
		return nil, nil, ErrOff
	}
	err = l.db.read.QueryRowContext(ctx, l.db.sql("SELECT request, response FROM payloads WHERE request_id = $1"), id).
		Scan(&request, &response)
	return request, response, err
}

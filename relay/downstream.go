package relay

import (
	"net/http"
	"sync"
	"time"

	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/sse"
)

// downstream is the stream to the client, which the keep-alive comments share
// with the events.
type downstream struct {
	w     http.ResponseWriter
	rc    *http.ResponseController
	stall time.Duration // how long one write may wait; 0 is for ever
	fresh time.Time     // until when a write has most of that time by the last deadline

	mu     sync.Mutex
	kept   *[]byte // what was written, where it is to be stored; nil: it isn't
	sse    *sse.Writer
	every  time.Duration
	ping   *time.Timer
	ended  bool
	whole  bool // a whole answer has been written instead
	closed bool // the last event has been written
	failed error
}

func newDownstream(w http.ResponseWriter, stall time.Duration) *downstream {
	return &downstream{w: w, rc: http.NewResponseController(w), stall: stall, sse: sse.NewWriter(w)}
}

// patience gives the next write its time: a client that reads nothing would
// hold the upstream, and what it costs, for ever. To set a deadline takes half as
// long as to translate a chunk, so one that has most of its time yet is left.
func (d *downstream) patience() {
	if d.stall <= 0 {
		return
	}
	if now := time.Now(); !now.Before(d.fresh) {
		// Where there are no deadlines, the request's total time is the bound.
		_ = d.rc.SetWriteDeadline(now.Add(d.stall))
		d.fresh = now.Add(d.stall / 8)
	}
}

// piece is how much of an answer has a write's time to itself: a client that reads
// slowly is not one that reads nothing.
const piece = 256 << 10

// push writes b.
func (d *downstream) push(b []byte, write func([]byte) (int, error)) error {
	for {
		d.patience()
		n, err := write(b[:min(len(b), piece)])
		if err != nil {
			return err
		}
		if b = b[n:]; len(b) == 0 {
			break
		}
	}
	d.rest()
	return nil
}

// rest ends the time of a write. HTTP/2 ends a stream whose deadline passes even
// if nobody writes, unless a comment puts it off before.
func (d *downstream) rest() {
	if d.stall > 0 && (d.every <= 0 || d.every >= d.stall-d.stall/8) {
		d.relax()
	}
}

// relax leaves the connection without a deadline.
func (d *downstream) relax() {
	_ = d.rc.SetWriteDeadline(time.Time{})
	d.fresh = time.Time{}
}

// keepalive starts the comments: one whenever nothing was written for so long.
func (d *downstream) keepalive(every time.Duration) {
	if every <= 0 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.every = every
	d.ping = time.AfterFunc(every, d.tick)
}

func (d *downstream) tick() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ended || d.failed != nil {
		return
	}
	d.patience()
	d.failed = d.sse.Comment("ping")
	d.rest()
	d.ping.Reset(d.every)
}

// write sends events; an error means that the client is gone.
func (d *downstream) write(events []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.failed != nil {
		return d.failed
	}
	if d.ping != nil {
		d.ping.Reset(d.every)
	}
	d.keep(events)
	d.failed = d.push(events, d.sse.Write)
	return d.failed
}

// writeWhole sends an answer in one piece, whose headers are set.
func (d *downstream) writeWhole(answer []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.whole = true
	d.keep(answer)
	d.w.WriteHeader(http.StatusOK)
	return d.push(answer, d.w.Write)
}

// maxKept bounds what is kept of an answer to be stored.
const maxKept = 4 << 20

func (d *downstream) keep(b []byte) {
	if d.kept != nil {
		*d.kept = append(*d.kept, b[:min(len(b), maxKept-len(*d.kept))]...)
	}
}

// finish sends the last events of a stream.
func (d *downstream) finish(events []byte) error {
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	return d.write(events)
}

// fail ends a stream that was left in its middle.
func (d *downstream) fail(e *openai.Error) {
	d.mu.Lock()
	open := d.sse.Begun() && !d.closed
	d.mu.Unlock()
	if open {
		// A client that is gone needs no end.
		_ = d.finish(append(e.AppendJSON([]byte("data: ")), "\n\n"...))
	}
}

// begun reports whether the client has got anything.
func (d *downstream) begun() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.whole || d.sse.Begun()
}

// stop ends the comments; none is being written once it returns.
func (d *downstream) stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ended = true
	if d.stall > 0 && d.failed == nil {
		d.relax() // the connection's next answer has its own
	}
	if d.ping != nil {
		d.ping.Stop()
	}
}

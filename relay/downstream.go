package relay

import (
	"sync"
	"time"

	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/sse"
)

// downstream is the stream to the client, which the keep-alive comments share
// with the events.
type downstream struct {
	mu     sync.Mutex
	sse    *sse.Writer
	every  time.Duration
	ping   *time.Timer
	ended  bool
	whole  bool // a whole answer has been written instead
	closed bool // the last event has been written
	failed error
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
	d.failed = d.sse.Comment("ping")
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
	_, d.failed = d.sse.Write(events)
	return d.failed
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
	if d.ping != nil {
		d.ping.Stop()
	}
}

package relay

import (
	"context"
	"io"
	"sync"
	"time"

	"github.com/layergateway/layergateway/gate"
)

// limitError is a time limit of the gate that has run out.
type limitError struct{ text string }

func (e *limitError) Error() string { return e.text }

var (
	errFirstToken = &limitError{"the provider sent no content in time"}
	errIdle       = &limitError{"the provider's stream fell silent"}
	errTotal      = &limitError{"the provider's answer took too long"}
)

// watchdog ends an attempt whose stream is silent for too long: before the first
// content by one limit, whatever else comes; then by another, for each time that
// something is waited for. While a client takes what has come, nobody waits for
// the provider.
type watchdog struct {
	cancel context.CancelCauseFunc
	idle   time.Duration

	mu    sync.Mutex
	timer *time.Timer
	heard bool // content has come
	over  bool // the stream's terminal mark has come
}

// watch ends the attempt with cancel. It waits for the first content of a
// stream; for whole answers only the total limit counts, since a reasoning model
// may think for minutes before its first byte.
func watch(cancel context.CancelCauseFunc, t gate.Timeouts, stream bool) *watchdog {
	d := &watchdog{cancel: cancel, idle: t.Idle}
	if stream {
		d.timer = time.AfterFunc(t.FirstToken, d.bark)
	}
	return d
}

func (d *watchdog) bark() {
	d.mu.Lock()
	cause := errFirstToken
	if d.heard {
		cause = errIdle
	}
	d.mu.Unlock()
	d.cancel(cause)
}

// content says that content has come: from here on, silence is what counts.
func (d *watchdog) content() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil && !d.heard {
		d.heard = true
		d.timer.Stop()
	}
}

// waits says that the provider is waited for, came that it has sent something.
func (d *watchdog) waits() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.heard && !d.over {
		d.timer.Reset(d.idle)
	}
}

func (d *watchdog) came() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.heard && !d.over {
		d.timer.Stop()
	}
}

// linger is how long a stream may stay open behind its terminal mark. Reading
// to its end lets the connection serve again, and a few providers send more.
const linger = time.Second

// done says that the stream's terminal mark has come: its end must follow soon,
// whatever else comes.
func (d *watchdog) done() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.over {
		return
	}
	d.heard, d.over = true, true
	if d.timer == nil { // a whole answer was asked for
		d.timer = time.AfterFunc(linger, d.bark)
		return
	}
	d.timer.Reset(linger)
}

// stop ends the watch.
func (d *watchdog) stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
	}
}

// watched tells the watchdog of each read.
type watched struct {
	src io.Reader
	dog *watchdog
}

func (w *watched) Read(p []byte) (int, error) {
	w.dog.waits()
	defer w.dog.came()
	return w.src.Read(p)
}

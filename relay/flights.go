package relay

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/layergateway/layergateway/openai"
)

// errStopping ends what is still under way when the process ends.
var errStopping = &openai.Error{Status: http.StatusServiceUnavailable, Type: openai.TypeAPI, Code: "gateway_stopping",
	Message: "the gateway is being stopped: send the request again", RetryAfter: time.Second}

// Flights are the exchanges that are under way. They outlive the configuration
// that they began with, and none outlives the process without a word.
type Flights struct {
	mu      sync.Mutex
	running map[*flight]struct{}
	told    int // requests that somebody is still to be told of
	stopped bool
	idle    chan struct{} // closed once all have ended after Stop
	// servers have answers that have ended after Stop, and may not be sent yet.
	servers map[*http.Server]struct{}
}

type flight struct{ cancel context.CancelCauseFunc }

// NewFlights makes an empty set.
func NewFlights() *Flights {
	return &Flights{running: make(map[*flight]struct{}), idle: make(chan struct{}), servers: make(map[*http.Server]struct{})}
}

// begin adds an exchange: its context ends with the process, or with closing
// before that unless it is nil. The function must be called once the exchange has
// its end.
func (f *Flights) begin(ctx, closing context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	one := &flight{cancel}
	forget := func() bool { return true }
	if closing != nil {
		forget = context.AfterFunc(closing, func() { cancel(errStopping) })
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stopped {
		cancel(errStopping)
	}
	f.running[one] = struct{}{}
	return ctx, func() {
		forget()
		cancel(context.Canceled)
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.running, one)
		f.signal()
	}
}

// Tell keeps the process until what became of a request is known to all who are
// told of it; the function says that it is. ctx is the request's.
func (f *Flights) Tell(ctx context.Context) (told func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.told++
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.told--
		if server, ok := ctx.Value(http.ServerContextKey).(*http.Server); ok && f.stopped {
			f.servers[server] = struct{}{}
		}
		f.signal()
	}
}

// Len is how many exchanges are under way.
func (f *Flights) Len() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.running)
}

// signal says that nothing is left to wait for.
func (f *Flights) signal() {
	if !f.stopped || len(f.running) > 0 || f.told > 0 {
		return
	}
	select {
	case <-f.idle:
	default:
		close(f.idle)
	}
}

// Stop ends all exchanges, so that streams get an error event and requests
// without an answer a 503, and waits for them, but no longer than ctx.
func (f *Flights) Stop(ctx context.Context) {
	f.mu.Lock()
	f.stopped = true
	for one := range f.running {
		one.cancel(errStopping)
	}
	f.signal()
	f.mu.Unlock()
	select {
	case <-f.idle:
	case <-ctx.Done():
	}
	f.mu.Lock()
	servers := slices.Collect(maps.Keys(f.servers))
	clear(f.servers) // they have this time alone
	f.mu.Unlock()
	for _, server := range servers {
		// A server ends an answer once its handler has returned, and knows when it
		// has. Who is not done in time is left.
		_ = server.Shutdown(ctx)
	}
}

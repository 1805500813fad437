package layergateway

import (
	"net/http"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/layergateway/layergateway/openai"
)

// lasting is something shared that requests use: it is closed once nobody holds it any more and the last request
// that uses it has ended, so that a reload takes nothing from requests of the configuration before.
type lasting[T any] struct {
	value T
	close func(T) error

	mu     sync.Mutex
	users  int
	left   bool // nobody holds it, nor has a while ago
	closed bool
}

// linger is how long what nobody holds or uses is kept all the same: Caddy does not wait for the servers of the
// configuration before, and a connection that they have accepted may bring them one more request.
const linger = 10 * time.Second

// errLeft is for a request that comes later still.
var errLeft = &openai.Error{Status: http.StatusServiceUnavailable, Type: openai.TypeAPI, Code: "ledger_unavailable",
	Message: "the gateway's configuration that this request came to is not there any more, and can't account for it: try again"}

// use gives the value for one request, which must say when it is done.
func (l *lasting[T]) use() (value T, done func(), err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return value, nil, errLeft
	}
	l.users++
	return l.value, sync.OnceFunc(l.done), nil
}

func (l *lasting[T]) done() {
	l.mu.Lock()
	l.users--
	l.mu.Unlock()
	_ = l.closeIdle() // it logs what went wrong: nobody is left to be told
}

// leave says that nobody holds it.
func (l *lasting[T]) leave() error {
	l.mu.Lock()
	l.left = true
	l.mu.Unlock()
	return l.closeIdle()
}

// closeIdle closes it, once, if nobody holds or uses it.
func (l *lasting[T]) closeIdle() error {
	l.mu.Lock()
	last := l.left && l.users == 0 && !l.closed
	l.closed = l.closed || last
	l.mu.Unlock()
	if !last {
		return nil
	}
	return l.close(l.value)
}

// Destruct implements caddy.Destructor.
func (l *lasting[T]) Destruct() error {
	if caddy.Exiting() { // servers have been waited for
		return l.leave()
	}
	time.AfterFunc(linger, func() { _ = l.leave() })
	return nil
}

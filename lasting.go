package layergateway

import "sync"

// lasting is something shared that requests use: it is closed once nobody holds it any more and the last request
// that uses it has ended, so that a reload takes nothing from requests of the configuration before.
type lasting[T any] struct {
	value T
	close func(T) error

	mu    sync.Mutex
	users int
	left  bool // nobody holds it
}

// use gives the value for one request, which must say when it is done.
func (l *lasting[T]) use() (value T, done func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.users++
	return l.value, sync.OnceFunc(l.done)
}

func (l *lasting[T]) done() {
	l.mu.Lock()
	l.users--
	last := l.left && l.users == 0
	l.mu.Unlock()
	if last {
		_ = l.close(l.value) // it logs what went wrong: nobody is left to be told
	}
}

// Destruct implements caddy.Destructor.
func (l *lasting[T]) Destruct() error {
	l.mu.Lock()
	l.left = true
	idle := l.users == 0
	l.mu.Unlock()
	if idle {
		return l.close(l.value)
	}
	return nil
}

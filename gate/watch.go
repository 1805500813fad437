package gate

import (
	"context"
	"time"
)

// Watcher reloads a table when its files change: their contents, new and removed ones, and files that were replaced by a
// rename or by another target of a symbolic link. It looks at them from time to time, which works on every file system.
type Watcher struct {
	table    *Table
	onSwap   func()
	onError  func(error)
	reported string // the last error that was reported and still stands

	cancel context.CancelFunc
	done   chan struct{}
}

// Watch looks at the table's files at an interval, which must be positive, until the context ends or Stop is called. After a change, onSwap is
// called if the table has new gates, or a mistake has been taken back. If it can't be read, onError is called once for each mistake, however long it stays,
// and the last good gates stay. Both are called one at a time; nil is ignored.
func Watch(ctx context.Context, t *Table, every time.Duration, onSwap func(), onError func(error)) *Watcher {
	ctx, cancel := context.WithCancel(ctx)
	w := &Watcher{table: t, onSwap: onSwap, onError: onError, cancel: cancel, done: make(chan struct{})}
	ticker := time.NewTicker(every)
	go func() {
		defer close(w.done)
		defer ticker.Stop()
		w.run(ctx, ticker.C)
	}()
	return w
}

// Stop ends the watching. When it returns, neither function is called any more. It must not be called from one of them.
func (w *Watcher) Stop() {
	w.cancel()
	<-w.done
}

func (w *Watcher) run(ctx context.Context, tick <-chan time.Time) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick:
			if ctx.Err() == nil {
				w.poll()
			}
		}
	}
}

// poll looks once.
func (w *Watcher) poll() {
	read, changed, err := w.table.refresh()
	if !read {
		return
	}
	if err != nil {
		if text := err.Error(); text != w.reported {
			w.reported = text
			if w.onError != nil {
				w.onError(err)
			}
		}
		return
	}
	mended := w.reported != ""
	w.reported = ""
	if (changed || mended) && w.onSwap != nil {
		w.onSwap()
	}
}

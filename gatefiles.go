package layergateway

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/layergateway/layergateway/gate"
)

// watchInterval is how often files with gates are looked at.
const watchInterval = time.Second

// gateFiles are the gates of all handlers of a configuration, and the watching of their files.
type gateFiles struct {
	mu     sync.Mutex
	tables []*gateTable
}

// gateTable is the gates of one handler.
type gateTable struct {
	*gate.Table
	files   []string
	log     *zap.Logger
	bad     atomic.Bool // whether its files have a mistake just now
	watcher *gate.Watcher
}

// watch adds the gates of a handler. Their files are watched once the configuration is started: one that is
// only validated has no use for it.
func (a *App) watch(table *gate.Table, files []string, log *zap.Logger) {
	a.gates.mu.Lock()
	defer a.gates.mu.Unlock()
	a.gates.tables = append(a.gates.tables, &gateTable{Table: table, files: files, log: log})
}

func (g *gateFiles) start(m *metrics) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, t := range g.tables {
		if len(t.files) == 0 {
			continue
		}
		swapped := func() {
			t.bad.Store(false)
			t.log.Info("gates read again", zap.Strings("files", t.files), zap.Int("gates", t.Len()))
			warnLeft(t.log, t.Table)
		}
		failed := func(err error) {
			t.bad.Store(true)
			m.reloadFailures.Inc()
			t.log.Error("gates not read again: they stay as they were until the mistake is mended", zap.Error(err))
		}
		t.watcher = gate.Watch(context.Background(), t.Table, watchInterval, swapped, failed)
	}
}

func (g *gateFiles) stop() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, t := range g.tables {
		if t.watcher != nil {
			t.watcher.Stop()
			t.watcher = nil
		}
	}
}

// count is how many gates there are.
func (g *gateFiles) count() float64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := 0
	for _, t := range g.tables {
		n += t.Len()
	}
	return float64(n)
}

// ok is 0 while a file has a mistake, else 1.
func (g *gateFiles) ok() float64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, t := range g.tables {
		if t.bad.Load() {
			return 0
		}
	}
	return 1
}

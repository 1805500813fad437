// Package store keeps gates and client keys that are made while the gateway runs, in the ledger's database. Several
// instances that share the database see each other's changes.
package store

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/layergateway/layergateway/gate"
	"github.com/layergateway/layergateway/ledger"
)

//go:embed migrations
var migrations embed.FS

// Options say where a store is.
type Options struct {
	// Ledger is whose database has the store. It must stay open until the store is closed. Required.
	Ledger *ledger.Ledger
	// Every is how often the database is asked whether another instance has changed something. Default: 500ms.
	Every time.Duration
	// Now is the clock. Default: time.Now.
	Now func() time.Time
	// Log is told of failures. Default: none.
	Log *zap.Logger
}

const (
	defaultEvery = 500 * time.Millisecond
	// usedEvery is how often it is written when keys were last used.
	usedEvery = 30 * time.Second
	// timeout is how long the database may take for what nobody waits for.
	timeout = 10 * time.Second
)

// Consumer is a configuration that serves the store's gates and keys. Its methods may be called at once, but for Apply.
type Consumer interface {
	// CheckGate reports why a gate could not be served: gate.FieldErrors, joined, one of which wraps gate.ErrTaken if
	// the configuration has such a gate itself.
	CheckGate(*gate.Config) error
	// HasGate reports whether there is a gate with this name or id, the store's included.
	HasGate(ref string) bool
	// Apply takes what the store has now. It is called one at a time, and must not change the store.
	Apply(*Snapshot)
}

// Snapshot is what the store had at one moment. It is immutable.
type Snapshot struct {
	Revision int64 // grows with each change
	Gates    []*Gate
	Keys     []*Key
}

// Store is an open store. All methods may be called at once.
type Store struct {
	db    *ledger.Database
	every time.Duration
	now   func() time.Time
	log   *zap.Logger

	current atomic.Pointer[Snapshot] // nil while it has not been read

	reading sync.Mutex // held while the database is read
	ready   bool       // whether the tables are there
	live    map[string]*Live
	failing atomic.Bool // whether the last look failed

	applying  sync.Mutex // held while a snapshot is handed on, so that none follows a later one
	mu        sync.Mutex
	consumers []Consumer

	cancel context.CancelFunc
	work   sync.WaitGroup
}

// Open makes or updates the store's tables and reads them. A PostgreSQL that can't be reached is waited for in the
// background; see Loaded.
func Open(ctx context.Context, o Options) (*Store, error) {
	db := o.Ledger.Database()
	if db == nil {
		return nil, fmt.Errorf("the store of gates and keys is in the ledger's database: %w", ledger.ErrOff)
	}
	s := &Store{db: db, every: o.Every, now: o.Now, log: o.Log, live: make(map[string]*Live)}
	if s.every <= 0 {
		s.every = defaultEvery
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = zap.NewNop()
	}
	if err := s.first(ctx); err != nil {
		if !db.Later(err) {
			return nil, err
		}
		s.tell(err)
	}
	ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	s.work.Go(func() { s.watch(ctx) })
	return s, nil
}

func (s *Store) first(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return s.refresh(ctx)
}

// Close writes when keys were last used, and ends the watching. Consumers are told nothing more.
func (s *Store) Close() {
	s.cancel()
	s.work.Wait()
	s.writeUsed(context.Background())
}

// Loaded reports whether the store has been read: before, nobody can say what is not in it.
func (s *Store) Loaded() bool { return s.current.Load() != nil }

// Attach lets a consumer have what the store has, at once and after each change, until detach is called; then it hears
// nothing more.
func (s *Store) Attach(c Consumer) (detach func()) {
	s.applying.Lock()
	defer s.applying.Unlock()
	s.mu.Lock()
	s.consumers = append(s.consumers, c)
	s.mu.Unlock()
	if now := s.current.Load(); now != nil {
		c.Apply(now)
	}
	return sync.OnceFunc(func() {
		s.applying.Lock()
		defer s.applying.Unlock()
		s.mu.Lock()
		defer s.mu.Unlock()
		i := slices.Index(s.consumers, c)
		s.consumers = slices.Delete(s.consumers, i, i+1)
	})
}

// attached are the consumers at this moment.
func (s *Store) attached() []Consumer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.consumers)
}

// watch looks for changes of others until the context ends.
func (s *Store) watch(ctx context.Context) {
	ticker := time.NewTicker(s.every)
	defer ticker.Stop()
	wrote := s.now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		s.look(ctx)
		if now := s.now(); now.Sub(wrote).Abs() >= usedEvery {
			wrote = now
			s.writeUsed(ctx)
		}
	}
}

// look reads the store if it has changed.
func (s *Store) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err := s.refresh(ctx)
	if errors.Is(err, context.Canceled) {
		return // it is being closed
	}
	s.tell(err)
}

// tell logs that the store can't be read, and that it can again.
func (s *Store) tell(err error) {
	failed := s.failing.Swap(err != nil)
	switch {
	case err != nil && !failed:
		s.log.Error("the store of gates and keys can't be read: what was read before stays in force", zap.Error(err))
	case err == nil && failed:
		s.log.Info("the store of gates and keys can be read again")
	}
}

// refresh reads the store if its revision is another one, and hands it on.
func (s *Store) refresh(ctx context.Context) error {
	s.reading.Lock()
	defer s.reading.Unlock()
	if !s.ready {
		if err := s.db.Migrate(ctx, migrations, "store_version"); err != nil {
			return err
		}
		s.ready = true
	}
	known := int64(-1)
	if now := s.current.Load(); now != nil {
		known = now.Revision
	}
	next, err := s.load(ctx, known)
	if err != nil || next == nil {
		return err
	}
	there := make(map[string]bool, len(next.Keys))
	for _, k := range next.Keys {
		there[k.ID] = true
	}
	maps.DeleteFunc(s.live, func(id string, _ *Live) bool { return !there[id] })
	s.applying.Lock()
	defer s.applying.Unlock()
	s.current.Store(next)
	for _, c := range s.attached() {
		c.Apply(next)
	}
	return nil
}

package layergateway

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.uber.org/zap"

	"github.com/layergateway/layergateway/access"
	"github.com/layergateway/layergateway/gate"
	"github.com/layergateway/layergateway/store"
)

// bookedStore is the store of gates and keys of a configuration's books, opened when somebody needs it.
type bookedStore struct {
	once  sync.Once
	err   error
	value *lasting[*store.Store]
}

var errNoStore = errors.New("gates and keys that are made at run time are in the ledger's database, and the ledger is off: switch it on")

// useStore gives the store of gates and keys for one use.
func (b *books) useStore() (*store.Store, func(), error) {
	b.store.once.Do(func() { b.store.err = b.openStore() })
	if b.store.err != nil {
		return nil, nil, b.store.err
	}
	return b.store.value.use()
}

func (b *books) openStore() (err error) {
	if b.config == nil {
		return errNoStore
	}
	if err := b.open(); err != nil {
		return err
	}
	b.store.value, err = holdNew(&b.held, storeKey{fmt.Sprintf("%+v", *b.config)}, func() (*lasting[*store.Store], error) {
		l, done, err := b.ledger.use() // for as long as the store is open
		if err != nil {
			return nil, err
		}
		ctx, cancel := context.WithTimeout(context.Background(), closing)
		defer cancel()
		s, err := store.Open(ctx, store.Options{Ledger: l, Log: b.log.Named("store")})
		if err != nil {
			done()
			return nil, err
		}
		return &lasting[*store.Store]{value: s, close: func(s *store.Store) error {
			s.Close()
			done()
			return nil
		}}, nil
	})
	return err
}

// storedHandlers are the handlers of a configuration that serve the store.
type storedHandlers struct {
	mu   sync.Mutex
	list []*stored
}

func (h *storedHandlers) add(s *stored) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.list = append(h.list, s)
}

// enter lets all of them serve what the store has.
func (h *storedHandlers) enter() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.list {
		if err := s.enter(); err != nil {
			return err
		}
	}
	return nil
}

// stored is a handler as the store knows it. It enters when the configuration starts, or with the first request if that
// is earlier: a configuration that is only validated opens no database.
type stored struct {
	gateway *Gateway

	entered atomic.Bool
	mu      sync.Mutex
	left    bool
	detach  func()

	expected []expectedGate // until the store has been heard
}

// expectedGate is a gate that the configuration refers to.
type expectedGate struct{ who, ref string }

func (g *Gateway) provisionStored() error {
	switch {
	case !g.GatesStore:
		return nil
	case g.app.books.config == nil:
		return fmt.Errorf("gates_store: %w", errNoStore)
	}
	g.stored = &stored{gateway: g}
	return nil
}

// enterStore makes sure that a request finds what the store has.
func (g *Gateway) enterStore() {
	if g.stored == nil || g.stored.entered.Load() {
		return
	}
	if err := g.stored.enter(); err != nil {
		g.log.Error("the store of gates and keys can't be opened", zap.Error(err))
	}
}

func (s *stored) enter() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left || s.detach != nil {
		return nil
	}
	st, done, err := s.gateway.app.books.useStore()
	if err != nil {
		return fmt.Errorf("gates_store: %w", err)
	}
	defer done()
	s.detach = st.Attach(s)
	s.entered.Store(true)
	return nil
}

// leave hears of no more changes.
func (s *stored) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left = true
	if s.detach != nil {
		s.detach()
	}
}

// expect notes a gate that the configuration refers to and does not declare.
func (s *stored) expect(who, ref string) { s.expected = append(s.expected, expectedGate{who, ref}) }

// CheckGate implements store.Consumer.
func (s *stored) CheckGate(c *gate.Config) error { return s.gateway.relay.Gates.CheckStored(c) }

// HasGate implements store.Consumer.
func (s *stored) HasGate(ref string) bool {
	_, ok := s.gateway.relay.Gates.Lookup(ref)
	return ok
}

// Apply implements store.Consumer.
func (s *stored) Apply(now *store.Snapshot) {
	g := s.gateway
	gates := make([][]byte, len(now.Gates))
	for i, one := range now.Gates {
		gates[i] = one.JSON
	}
	if g.relay.Gates.SetStored(gates) {
		warnLeft(g.log, g.relay.Gates)
	}
	var keys []*access.Key
	for _, k := range now.Keys {
		made, err := storedKeys(k)
		if err != nil {
			g.log.Error("a client key of the store is left out", zap.String("key", k.Name), zap.Error(err))
			continue
		}
		keys = append(keys, made...)
	}
	g.keys.SetStored(keys)
	for _, e := range s.expected {
		if !s.HasGate(e.ref) {
			g.log.Warn("there is no such gate yet", zap.String("gate", e.ref), zap.String("named_by", e.who))
		}
	}
	s.expected = nil
}

// warnLeft tells of gates of the store that are not served.
func warnLeft(log *zap.Logger, t *gate.Table) {
	for _, err := range t.Left() {
		log.Warn("a gate of the store is not served", zap.Error(err))
	}
}

// storedKeys are a key of the store as requests find it: by its text, and for a while by the one before.
func storedKeys(k *store.Key) ([]*access.Key, error) {
	key := &access.Key{
		Name: k.Name, Hash: k.Hash, Gates: k.Gates,
		Stored: k.ID, Revoked: !k.Revoked.IsZero(), LastUse: &k.Live.LastUse,
		Concurrency: k.MaxConcurrent.Concurrency(&k.Live.Slots),
	}
	var err error
	if key.Expires, err = access.ParseExpiry(k.Expires); err != nil {
		return nil, err
	}
	if err := limitKey(key, &k.LimitsConfig, k.AtGates); err != nil {
		return nil, err
	}
	if k.Previous == (access.Hash{}) {
		return []*access.Key{key}, nil
	}
	previous := *key
	previous.Hash = k.Previous
	if previous.Expires.IsZero() || k.PreviousUntil.Before(previous.Expires) {
		previous.Expires = k.PreviousUntil
	}
	return []*access.Key{key, &previous}, nil
}

// parseStore reads gates_store, which needs a ledger.
func (g *Gateway) parseStore(d *caddyfile.Dispenser, app *App) error {
	if err := noArgs(&g.GatesStore)(d); err != nil {
		return err
	}
	if app.Ledger != nil && app.Ledger.Type == ledgerOff {
		return d.Errf("gates_store: %w", errNoStore)
	}
	return nil
}

// Interface guard
var _ store.Consumer = (*stored)(nil)

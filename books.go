package layergateway

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/layergateway/layergateway/access/limit"
	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/ledger"
	"github.com/layergateway/layergateway/relay"
)

// LedgerConfig is where it is kept what became of each request, and what it cost.
type LedgerConfig struct {
	// "sqlite" is a file of the gateway's own, "postgres" a database that several instances may share, "off" keeps
	// nothing: then budgets begin anew with each start. Default: sqlite.
	Type string `json:"type,omitempty"`

	// The path of SQLite's file. Default: layer_gateway/ledger.db in Caddy's data directory.
	Path string `json:"path,omitempty"`

	// The connection string of PostgreSQL, which may have placeholders. Default: none, postgres needs one.
	DSN string `json:"dsn,omitempty"`

	// How long rows are kept. Sums by day stay. Default: 90d.
	Retention caddy.Duration `json:"retention,omitempty"`

	// How large SQLite's file may become, in bytes, before the oldest payloads, sums by hour and rows go. Default: no bound.
	MaxSize int64 `json:"max_size,omitempty"`

	// Whether requests and answers are kept as well, as they were said. Default: false.
	Payloads bool `json:"payloads,omitempty"`

	// How long they are kept. Default: as long as their rows.
	PayloadRetention caddy.Duration `json:"payload_retention,omitempty"`

	// The JSON fields whose values are left out of what is kept, wherever in it they are. Default: none.
	Redact []string `json:"redact,omitempty"`
}

// LimitsStore is where it is counted what was used of limits and budgets.
type LimitsStore struct {
	// The address of a Redis that several instances share: redis://, rediss://, redis+sentinel:// or unix://; it may
	// have placeholders. Default: none, this process counts for itself.
	Redis string `json:"redis,omitempty"`

	// What becomes of requests under a budget while Redis is away: "refuse" answers with a 503, "allow" lets them
	// through and counts them later. Default: refuse.
	OnStoreError string `json:"on_store_error,omitempty"`
}

const (
	ledgerSQLite   = "sqlite"
	ledgerPostgres = "postgres"
	ledgerOff      = "off"

	storeRefuse = "refuse"
	storeAllow  = "allow"

	defaultRetention = caddy.Duration(90 * 24 * time.Hour)
	hourRetention    = 400 * 24 * time.Hour
)

// resolve reads the configuration of a ledger; false: it is off.
func (c *LedgerConfig) resolve() (ledger.Config, bool, error) {
	if c == nil {
		c = new(LedgerConfig)
	}
	if err := c.check(); err != nil {
		return ledger.Config{}, false, err
	}
	dir := filepath.Join(caddy.AppDataDir(), directive)
	config := ledger.Config{
		Dir: dir, Retention: time.Duration(orDefault(c.Retention, defaultRetention)), HourRetention: hourRetention,
		MaxBytes: c.MaxSize, Payloads: c.Payloads, PayloadRetention: time.Duration(c.PayloadRetention), Redact: c.Redact,
	}
	switch c.Type {
	case "", ledgerSQLite:
		if c.Path != "" {
			config.SQLite = c.Path
			config.Dir = filepath.Dir(c.Path)
		}
	case ledgerPostgres:
		dsn, ok, err := resolve(c.DSN)
		if err != nil || !ok {
			return config, false, fmt.Errorf("ledger: postgres needs a connection string: %s is empty", shown(c.DSN))
		}
		if err := ledger.CheckPostgres(dsn); err != nil {
			return config, false, err
		}
		config.Postgres = dsn
	case ledgerOff:
		return config, false, nil
	default:
		return config, false, fmt.Errorf("ledger: unknown type %q: it can be sqlite, postgres, off", c.Type)
	}
	return config, true, nil
}

// minSize is the least that a ledger may be bounded to: a smaller one would keep no rows.
const minSize = 1 << 20

// check says what is wrong with the options, and which of them would change nothing.
func (c *LedgerConfig) check() error {
	switch {
	case c.Type == ledgerOff && (c.Retention != 0 || c.MaxSize != 0 || c.Payloads || c.PayloadRetention != 0 || c.Redact != nil):
		return errors.New("ledger: off keeps nothing: remove its options")
	case c.Type == ledgerPostgres && c.MaxSize != 0:
		return errors.New("ledger: max_size is for sqlite: with postgres, rows go by their retention alone")
	case c.Retention < 0 || c.PayloadRetention < 0 || c.MaxSize < 0:
		return errors.New("ledger: retention, payload_retention and max_size must not be negative")
	case c.MaxSize != 0 && c.MaxSize < minSize:
		return errors.New("ledger: max_size must be at least 1MiB")
	}
	return nil
}

// resolve reads the address of the store of limits, empty for this process's memory.
func (c *LimitsStore) resolve() (redis string, allow bool, err error) {
	if c == nil {
		return "", false, nil
	}
	if c.OnStoreError != "" && c.OnStoreError != storeRefuse && c.OnStoreError != storeAllow {
		return "", false, fmt.Errorf("limits: on_store_error is %q: it can be refuse, allow", c.OnStoreError)
	}
	if c.Redis == "" {
		return "", false, nil
	}
	redis, ok, err := resolve(c.Redis)
	if err != nil || !ok {
		return "", false, fmt.Errorf("limits: redis needs an address: %s is empty", shown(c.Redis))
	}
	if err := limit.CheckURL(redis); err != nil {
		return "", false, fmt.Errorf("limits: %w", err)
	}
	return redis, c.OnStoreError == storeAllow, nil
}

// Keys of what the books share over reloads.
type (
	ledgerKey struct{ config string }
	storeKey  struct{ config string }
	limitsKey struct{ redis string }
)

// books are a configuration's ledger and its store of limits. They are opened when the configuration starts, or by
// the first request if that is earlier: a configuration that is only validated opens nothing.
type books struct {
	log        *zap.Logger
	config     *ledger.Config // nil: off
	redis      string
	allow      bool
	alert      func(limit.Alert)
	redisState func(away bool)

	once   sync.Once
	err    error
	held   holds
	ledger *lasting[*ledger.Ledger]
	limits *lasting[*limits]
	store  bookedStore
}

// limits is a store of limits with those of its surroundings that change with a reload.
type limits struct {
	limit.Store

	mu sync.Mutex
	of []*books // of the configurations that are there, the newest last
	// last is the newest there ever was: requests may outlive all configurations.
	last *books
}

// enter makes a configuration's books those that are asked and told.
func (l *limits) enter(b *books) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.of, l.last = append(l.of, b), b
}

// leave gives way to the configuration before, if there still is one: the newest may have failed to start.
func (l *limits) leave(b *books) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.of = slices.DeleteFunc(l.of, func(other *books) bool { return other == b })
	if n := len(l.of); n > 0 {
		l.last = l.of[n-1]
	}
}

func (l *limits) current() *books {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

// open opens what is not open yet.
func (b *books) open() error {
	b.once.Do(func() { b.err = b.openAll() })
	return b.err
}

func (b *books) openAll() error {
	if b.config != nil {
		l, err := holdNew(&b.held, ledgerKey{fmt.Sprintf("%+v", *b.config)}, b.openLedger)
		if err != nil {
			return fmt.Errorf("ledger: %w", err)
		}
		b.ledger = l
	}
	l, err := holdNew(&b.held, limitsKey{b.redis}, b.openLimits)
	if err != nil {
		return fmt.Errorf("limits: %w", err)
	}
	l.value.enter(b)
	b.limits = l
	return nil
}

// close lets go of what is open.
func (b *books) close() error {
	if b.limits != nil {
		b.limits.value.leave(b)
	}
	return b.held.release()
}

// closing is how long the end of a ledger or store may take.
const closing = 20 * time.Second

func (b *books) openLedger() (*lasting[*ledger.Ledger], error) {
	config := *b.config
	config.Log = b.log.Named("ledger")
	ctx, cancel := context.WithTimeout(context.Background(), closing)
	defer cancel()
	l, err := ledger.Open(ctx, config)
	if err != nil {
		return nil, err
	}
	return &lasting[*ledger.Ledger]{value: l, close: func(l *ledger.Ledger) error {
		ctx, cancel := context.WithTimeout(context.Background(), closing)
		defer cancel()
		return l.Close(ctx)
	}}, nil
}

func (b *books) openLimits() (*lasting[*limits], error) {
	l := new(limits)
	options := limit.Options{
		SpentSince: func(ctx context.Context, who *limit.Subject, from time.Time) (cost.Amount, error) {
			return l.current().spent(ctx, who, from)
		},
		HasLedger: func() bool { return l.current().ledger != nil },
		OnAlert:   func(a limit.Alert) { l.current().alert(a) },
	}
	if b.redis == "" {
		l.Store = limit.NewMemory(options)
	} else {
		store, err := limit.OpenRedis(limit.RedisOptions{Options: options, URL: b.redis, Log: b.log.Named("limits"), OnState: b.redisState})
		if err != nil {
			return nil, err
		}
		l.Store = store
	}
	return &lasting[*limits]{value: l, close: func(l *limits) error {
		ctx, cancel := context.WithTimeout(context.Background(), closing)
		defer cancel()
		return l.Close(ctx)
	}}, nil
}

// spent is what the ledger knows of a subject; without one, nothing was spent.
func (b *books) spent(ctx context.Context, who *limit.Subject, from time.Time) (cost.Amount, error) {
	if b.ledger == nil {
		return 0, nil
	}
	l, done, err := b.ledger.use()
	if err != nil {
		return 0, err
	}
	defer done()
	return l.Spent(ctx, who.KeyID, who.GateID, from, time.Time{})
}

// use gives the books to one request.
func (b *books) use() (*relay.Books, func(), error) {
	if err := b.open(); err != nil {
		return nil, nil, err
	}
	store, leave, err := b.limits.use()
	if err != nil {
		return nil, nil, err
	}
	r := &relay.Books{Limits: store, WithoutStore: b.allow}
	if b.ledger == nil {
		return r, leave, nil
	}
	r.Payloads = b.config.Payloads
	l, done, err := b.ledger.use()
	if err != nil {
		leave()
		return nil, nil, err
	}
	r.Ledger = l
	return r, func() { done(); leave() }, nil
}

// opened is the ledger, nil if it is off or not open yet.
func (b *books) opened() (*ledger.Ledger, func()) {
	if b.config == nil || b.open() != nil {
		return nil, func() {}
	}
	l, done, err := b.ledger.use()
	if err != nil {
		return nil, func() {}
	}
	return l, done
}

func (b *books) stats() ledger.Stats {
	l, done := b.opened()
	defer done()
	return l.Stats()
}

func (b *books) ledgerErr() error {
	l, done := b.opened()
	defer done()
	return l.Err()
}

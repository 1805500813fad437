// Package ledger keeps what became of each request: one row for every one that
// passed authentication, whatever happened to it.
//
// A request's intent is written before its first upstream call and its
// settlement after its end, each with one write into a journal in the data
// directory, so the death of the process loses neither. From memory, rows go in
// batches into the database, SQLite or PostgreSQL, and nobody waits for that.
package ledger

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

var (
	// ErrOff is what queries of a nil Ledger fail with.
	ErrOff = errors.New("the ledger is off")
	// ErrClosed says that the ledger has been closed.
	ErrClosed = errors.New("the ledger is closed")
	// ErrNotReady is what Spent fails with as long as it would tell too little.
	ErrNotReady = errors.New("the ledger does not have all rows yet that were left in its journal: try again")
)

// Config says where a ledger keeps its rows, and for how long.
type Config struct {
	// Dir is the folder for the journal and for SQLite's file. Several
	// processes may share it. Default: none; it must be given.
	Dir string
	// SQLite is the database's path. Default: ledger.db in Dir.
	SQLite string
	// Postgres is the connection string of a PostgreSQL database, which takes
	// the place of SQLite's. Default: none.
	Postgres string

	// Retention is how long rows are kept. Default: 0, for ever.
	Retention time.Duration
	// HourRetention is how long the sums by hour are kept; those by day, which
	// Spent needs, are kept for ever. Default: 0, for ever.
	HourRetention time.Duration
	// MaxBytes is how large SQLite's database may become before the oldest
	// payloads, then sums by hour that no budget needs, and then all but a few
	// rows go. Default: 0, without limit.
	MaxBytes int64
	// QueueBytes is about how much memory rows may take while the database
	// does not take them. Beyond it, rows are read again from the journal, and
	// lost if that can't be written either. Default: 64 MiB.
	QueueBytes int64
	// JournalBytes is how large the journal may become. Beyond it Begin fails.
	// Default: 1 GiB.
	JournalBytes int64

	// Payloads switches on the storing of requests and answers. Default: false.
	Payloads bool
	// PayloadRetention is how long they are kept. Default: 0, for as long as
	// their rows.
	PayloadRetention time.Duration
	// Redact names the JSON fields whose values are replaced before a payload
	// is stored, wherever in it they are. Default: none.
	Redact []string

	// Alarm is called when the ledger can't write, with the reason, and with
	// nil when it can again. It must not wait for the ledger. Default: none;
	// both are logged in any case.
	Alarm func(error)
	// Now is the clock. Default: time.Now.
	Now func() time.Time
	// Log is told of failures. Default: none.
	Log *zap.Logger

	// Tests make these fail.
	openFile   func(path string) (file, error)
	wrapInsert func(insertFunc) insertFunc
}

// insertFunc inserts rows into a database.
type insertFunc func(context.Context, []*entry) error

func (c *Config) fill() {
	if c.SQLite == "" {
		c.SQLite = filepath.Join(c.Dir, "ledger.db")
	}
	if c.QueueBytes == 0 {
		c.QueueBytes = 64 << 20
	}
	if c.JournalBytes == 0 {
		c.JournalBytes = 1 << 30
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = zap.NewNop()
	}
	if c.openFile == nil {
		c.openFile = openFile
	}
	if c.wrapInsert == nil {
		c.wrapInsert = func(f insertFunc) insertFunc { return f }
	}
}

// Ledger is an open ledger. A nil one is off: it takes everything and keeps
// nothing, and its queries fail with ErrOff. All methods may be called at once.
type Ledger struct {
	config Config
	log    *zap.Logger
	db     *database
	insert insertFunc

	health  health
	dropped atomic.Uint64

	mu       sync.Mutex
	journal  *journal
	queue    queue
	payloads payloadQueue
	progress chan struct{} // closed, and made anew, whenever the database has taken something
	closed   bool

	// commit is held while a batch moves from memory into the database, so
	// that a sum over both counts nothing twice.
	commit   sync.RWMutex
	prepared atomic.Bool

	// adopting is held while journals are adopted; adopted is whether all that
	// were left behind by now once were: until then sums are too low.
	adopting sync.Mutex
	adopted  atomic.Bool

	follow followers

	ctx    context.Context // of all work in the background; its end gives up
	cancel context.CancelFunc
	stop   chan struct{} // closed when the background is to finish
	wake   chan struct{} // there is something to write
	hurry  chan struct{} // and more is not to be waited for
	work   sync.WaitGroup
	once   sync.Once
	ended  error
}

// Open opens a ledger, makes or updates its tables, and brings in what
// processes that died have left in their journals. It fails where the
// configuration must be changed. A PostgreSQL that can't be reached is waited
// for in the background, while the journal takes the rows; see Err.
func Open(ctx context.Context, config Config) (*Ledger, error) {
	if config.Dir == "" {
		return nil, errors.New("the ledger needs a data directory for its journal")
	}
	config.fill()
	if err := os.MkdirAll(config.Dir, 0o700); err != nil {
		return nil, err
	}
	db, err := openDatabase(&config)
	if err != nil {
		return nil, err
	}
	l := &Ledger{
		config: config, log: config.Log, db: db, insert: config.wrapInsert(db.insert),
		health:   health{log: config.Log, alarm: config.Alarm},
		queue:    queue{pending: map[string]*entry{}},
		progress: make(chan struct{}),
		stop:     make(chan struct{}),
		wake:     make(chan struct{}, 1), hurry: make(chan struct{}, 1),
	}
	if err := l.prepare(ctx); err != nil && (!db.postgres || !passing(err)) {
		db.close()
		return nil, err
	}
	l.journal, err = createJournal(config.Dir, config.JournalBytes, config.openFile)
	if err != nil {
		db.close()
		return nil, err
	}
	l.ctx, l.cancel = context.WithCancel(context.WithoutCancel(ctx))
	if l.prepared.Load() {
		if err := l.adopt(ctx); err != nil {
			l.health.set(&l.health.adopt, err)
		}
	}
	l.work.Go(l.write)
	l.work.Go(l.sync)
	l.work.Go(l.keep)
	return l, nil
}

// Begin writes a request's intent: its row as far as it is known. An error says
// that this request would be lost if the process died, so that one whose cost
// must be accounted for can be refused; Settle is to be called all the same for
// one that goes on.
func (l *Ledger) Begin(row *Row) error {
	if l == nil {
		return nil
	}
	var e entry // which nobody keeps
	if err := e.fill(row); err != nil {
		return err
	}
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return ErrClosed
	}
	err := l.journal.begin(&e)
	l.mu.Unlock()
	l.health.set(&l.health.journal, err)
	return err
}

// Settle writes what became of a request, once: a second row with the same id is
// ignored. It waits for no database. An error says that the row is not safe: it
// is in memory alone, or nowhere if there is no room for it either.
func (l *Ledger) Settle(row *Row) error {
	if l == nil {
		return nil
	}
	e, err := newEntry(row)
	if err != nil {
		l.dropped.Add(1)
		return err
	}
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		l.dropped.Add(1)
		return ErrClosed
	}
	if l.queue.pending[e.row.ID] != nil {
		l.mu.Unlock()
		return nil
	}
	err = l.journal.settle(e)
	kept := l.queue.push(e, l.config.QueueBytes)
	full := len(l.queue.entries) >= maxBatch
	l.mu.Unlock()
	if !kept {
		l.dropped.Add(1)
	}
	l.health.set(&l.health.journal, err)
	signal(l.wake)
	if full {
		signal(l.hurry)
	}
	l.follow.tell(&e.row)
	return err
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Err is why the ledger can't write, or nil if it can. What it says has been
// logged once, and told to Alarm.
func (l *Ledger) Err() error {
	if l == nil {
		return nil
	}
	return l.health.err()
}

// Flush waits until the database has all that has been settled.
func (l *Ledger) Flush(ctx context.Context) error {
	if l == nil {
		return nil
	}
	for {
		l.mu.Lock()
		idle, progress := l.queue.empty() && l.payloads.empty(), l.progress
		l.mu.Unlock()
		if idle {
			return nil
		}
		signal(l.wake)
		signal(l.hurry)
		select {
		case <-progress:
		case <-ctx.Done():
			return errors.Join(ctx.Err(), l.Err())
		}
	}
}

// closeTimeout is how long Close tries at most.
const closeTimeout = 30 * time.Second

// Close writes what is in memory and ends the ledger. What the database has not
// taken when ctx ends stays in the journal for the next start; an error says
// that some rows were not even there. A second Close waits for the first.
func (l *Ledger) Close(ctx context.Context) error {
	if l == nil {
		return nil
	}
	l.once.Do(func() { l.ended = l.close(ctx) })
	return l.ended
}

func (l *Ledger) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, closeTimeout)
	defer cancel()
	giveUp := context.AfterFunc(ctx, l.cancel)
	defer giveUp()
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	close(l.stop)
	l.work.Wait()
	l.cancel()
	l.follow.close()
	l.mu.Lock()
	lost := l.queue.unsafe()
	l.dropped.Add(uint64(lost))
	l.journal.close()
	close(l.progress)
	l.mu.Unlock()
	l.db.close()
	if lost > 0 {
		l.log.Error("ledger rows are lost: neither the database nor the journal took them", zap.Int("rows", lost))
		return errors.Join(errors.New("ledger rows are lost: neither the database nor the journal took them"), l.Err())
	}
	return nil
}

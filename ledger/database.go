package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"modernc.org/sqlite"
)

// database is where rows end up. Its queries are the same for both kinds, but
// for parameters, which are written $1 here and ?1 at SQLite.
type database struct {
	postgres   bool
	write      *sql.DB // of SQLite one connection
	read       *sql.DB
	maxBytes   int64
	prices     knownPrices
	statements statements
}

// writerPragmas keep in memory what a batch changes, or parts of it would be written
// twice; and they let some batches pass before the log is moved into the database, as
// many of the pages are the same. They are KiB, and pages of 4 KiB.
const writerPragmas = "&_pragma=cache_size(-8000)&_pragma=wal_autocheckpoint(4000)"

// readers is how many connections read at once.
const readers = 4

func openDatabase(c *Config) (*database, error) {
	if c.Postgres != "" {
		return openPostgres(c.Postgres)
	}
	path, err := filepath.Abs(c.SQLite)
	if err != nil {
		return nil, fmt.Errorf("the ledger's database: %w", err)
	}
	// auto_vacuum counts only before the first table is made. A commit is synced, since
	// the journal lets go of the rows that are in it: NORMAL would let the machine's
	// death take them from both.
	base := "file:" + (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath() +
		"?_auto_vacuum=INCREMENTAL&_busy_timeout=10000&_journal_mode=WAL&_synchronous=FULL"
	d := &database{maxBytes: c.MaxBytes}
	if d.write, err = sql.Open("sqlite", base+"&_txlock=immediate"+writerPragmas); err != nil {
		return nil, fmt.Errorf("the ledger's database: %w", err)
	}
	d.write.SetMaxOpenConns(1)
	if d.read, err = sql.Open("sqlite", base+"&_query_only=true"); err != nil {
		return nil, fmt.Errorf("the ledger's database: %w", errors.Join(err, d.write.Close()))
	}
	d.read.SetMaxOpenConns(readers)
	d.read.SetMaxIdleConns(readers)
	return d, nil
}

// CheckPostgres says what is wrong with a connection string, as Open would.
func CheckPostgres(dsn string) error {
	_, err := parsePostgres(dsn)
	return err
}

func parsePostgres(dsn string) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("the ledger's postgres connection string: %w", err) // in which the password is left out
	}
	return config, nil
}

func openPostgres(dsn string) (*database, error) {
	config, err := parsePostgres(dsn)
	if err != nil {
		return nil, err
	}
	db := stdlib.OpenDB(*config)
	db.SetMaxOpenConns(readers + 2)
	db.SetMaxIdleConns(readers)
	return &database{postgres: true, write: db, read: db}, nil
}

func (d *database) close() {
	_ = d.read.Close()
	_ = d.write.Close()
}

// sql is a query in the database's own words.
func (d *database) sql(query string) string {
	if d.postgres {
		return query
	}
	return strings.ReplaceAll(query, "$", "?")
}

// transact runs f in a transaction.
func (d *database) transact(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := d.write.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("writing to the ledger: %w", err)
	}
	if err := f(tx); err != nil {
		if ctx.Err() != nil && errors.Is(err, sql.ErrTxDone) {
			err = context.Cause(ctx) // it is over since the context is, which says more
		}
		return fmt.Errorf("writing to the ledger: %w", errors.Join(err, rollback(tx)))
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("writing to the ledger: %w", errors.Join(err, rollback(tx)))
	}
	return nil
}

func rollback(tx *sql.Tx) error {
	if err := tx.Rollback(); !errors.Is(err, sql.ErrTxDone) {
		return err
	}
	return nil
}

// The classes of PostgreSQL's errors that are told apart here.
const (
	classData        = "22" // a value that can't be stored
	classIntegrity   = "23"
	classConnections = "08"
	classResources   = "53" // disk full, too many connections
	classOperator    = "57" // starting up, shutting down
)

// SQLite's codes for that another process is at it, and for what is wrong with a row.
const (
	sqliteBusy       = 5
	sqliteTooBig     = 18
	sqliteConstraint = 19
	sqliteMismatch   = 20
)

// refused tells whether it is for a row itself that the database did not take
// it, so that trying again is in vain.
func refused(err error) bool {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return strings.HasPrefix(e.Code, classData) || strings.HasPrefix(e.Code, classIntegrity)
	}
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		switch e.Code() & 0xff {
		case sqliteTooBig, sqliteConstraint, sqliteMismatch:
			return true
		}
	}
	return false
}

// busy tells whether SQLite could do nothing because of what another process does.
func busy(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && e.Code()&0xff == sqliteBusy
}

// passing tells whether a server that could not be used may be there later, with
// no change to the configuration.
func passing(err error) bool {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return strings.HasPrefix(e.Code, classConnections) ||
			strings.HasPrefix(e.Code, classResources) || strings.HasPrefix(e.Code, classOperator)
	}
	return !errors.Is(err, errNewerTables)
}

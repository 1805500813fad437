package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
)

// Database is the ledger's database, for what else is kept there, in tables of
// its own. It can be used until the ledger is closed.
type Database struct{ db *database }

// Database is where the rows are; nil if the ledger is off.
func (l *Ledger) Database() *Database {
	if l == nil {
		return nil
	}
	return &Database{l.db}
}

// Migrate takes the steps of the folders migrations/sqlite or
// migrations/postgres, named 0001_<name>.sql and so on, that the database does
// not have yet. The table, which it makes, says which it has.
func (d *Database) Migrate(ctx context.Context, from fs.FS, table string) error {
	return d.db.migrateFrom(ctx, from, table, func() {})
}

// SQL is a query, with parameters written $1 and so on, in the database's own
// words.
func (d *Database) SQL(query string) string { return d.db.sql(query) }

// Later reports whether the database may do later, with no change to the
// configuration, what it failed to do with this error.
func (d *Database) Later(err error) bool { return d.db.postgres && passing(err) }

// Read runs f in a transaction that sees one moment.
func (d *Database) Read(ctx context.Context, f func(*sql.Tx) error) error {
	o := &sql.TxOptions{ReadOnly: true}
	if d.db.postgres {
		o.Isolation = sql.LevelRepeatableRead // as SQLite's always are
	}
	tx, err := d.db.read.BeginTx(ctx, o)
	if err != nil {
		return fmt.Errorf("reading the ledger's database: %w", err)
	}
	return errors.Join(f(tx), rollback(tx))
}

// Write runs f in a transaction, which is taken back if f fails. The error is
// then f's own.
func (d *Database) Write(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := d.db.write.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("writing to the ledger's database: %w", err)
	}
	if err := f(tx); err != nil {
		return errors.Join(err, rollback(tx))
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("writing to the ledger's database: %w", errors.Join(err, rollback(tx)))
	}
	return nil
}

package ledger

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"
)

//go:embed migrations
var migrations embed.FS

// migrationLock is the number of the lock under which one process at a time
// changes PostgreSQL's tables: "layer" in ASCII. SQLite's transactions are alone
// as they are.
const migrationLock = 0x6c61796572

var errNewerTables = errors.New("a newer program has made the ledger's tables: use that one")

// migration is one numbered step.
type migration struct {
	version int
	name    string
	sql     string
}

// loadMigrations reads the steps of one kind of database, in order.
func loadMigrations(from fs.FS, kind string) ([]migration, error) {
	dir := path.Join("migrations", kind)
	files, err := fs.ReadDir(from, dir)
	if err != nil {
		return nil, err
	}
	var steps []migration
	for i, f := range files {
		number, _, _ := strings.Cut(f.Name(), "_")
		version, err := strconv.Atoi(number)
		if err != nil || version != i+1 {
			return nil, fmt.Errorf("migration %s: its number is not %d", f.Name(), i+1)
		}
		text, err := fs.ReadFile(from, path.Join(dir, f.Name()))
		if err != nil {
			return nil, err
		}
		steps = append(steps, migration{version, f.Name(), string(text)})
	}
	return steps, nil
}

// answerTimeout is how long Open waits for a database that does not answer.
const answerTimeout = 10 * time.Second

var errSilent = fmt.Errorf("the ledger's database has not answered for %v: it is away, or another process is bringing its tables up to date", answerTimeout)

// prepare makes the database ready, which takes as long as it takes once it has
// answered.
func (l *Ledger) prepare(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silent := time.AfterFunc(answerTimeout, func() { cancel(errSilent) })
	defer silent.Stop()
	begun := false
	migrate := func() error {
		return l.db.migrate(ctx, func() {
			if begun = true; silent.Stop() {
				l.log.Info("making the ledger's tables, or bringing them up to date")
			}
		})
	}
	err := migrate()
	for busy(err) && !begun && ctx.Err() == nil {
		// Not all that SQLite does for the first connection to a new file waits for others.
		select {
		case <-time.After(minPause):
			err = migrate()
		case <-ctx.Done():
		}
	}
	if err != nil && errors.Is(context.Cause(ctx), errSilent) {
		err = fmt.Errorf("%w: %w", errSilent, err)
	}
	l.health.set(&l.health.store, err)
	if err == nil {
		l.prepared.Store(true)
	}
	return err
}

// migrate makes the ledger's own tables, or brings them up to date. It calls begun
// before it takes any step: to go through the sums of years may take minutes.
func (d *database) migrate(ctx context.Context, begun func()) error {
	return d.migrateFrom(ctx, migrations, "ledger_version", begun)
}

// migrateFrom takes the steps that the database does not have yet; the table
// with this name says which it has. Of several processes that start at once, one
// does.
func (d *database) migrateFrom(ctx context.Context, from fs.FS, table string, begun func()) error {
	kind := "sqlite"
	if d.postgres {
		kind = "postgres"
	}
	steps, err := loadMigrations(from, kind)
	if err != nil {
		return err
	}
	return d.transact(ctx, func(tx *sql.Tx) error {
		if d.postgres {
			if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1)", int64(migrationLock)); err != nil {
				return err
			}
		}
		if _, err := tx.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS "+table+" (version INTEGER NOT NULL)"); err != nil {
			return err
		}
		var version sql.NullInt64
		if err := tx.QueryRowContext(ctx, "SELECT max(version) FROM "+table).Scan(&version); err != nil {
			return err
		}
		if int(version.Int64) > len(steps) {
			return fmt.Errorf("%w: they have version %d, this program knows %d", errNewerTables, version.Int64, len(steps))
		}
		steps = steps[version.Int64:]
		if len(steps) > 0 {
			begun()
		}
		for _, step := range steps {
			if _, err := tx.ExecContext(ctx, step.sql); err != nil {
				return fmt.Errorf("migration %s: %w", step.name, err)
			}
			if _, err := tx.ExecContext(ctx, d.sql("INSERT INTO "+table+" (version) VALUES ($1)"), step.version); err != nil {
				return err
			}
		}
		return nil
	})
}

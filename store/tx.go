package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/gate"
	"github.com/layergateway/layergateway/ledger"
)

// tx is a transaction on the store's tables.
type tx struct {
	*sql.Tx
	db  *ledger.Database
	now time.Time // in the precision in which times are kept
}

func (tx *tx) exec(ctx context.Context, query string, args ...any) error {
	_, err := tx.ExecContext(ctx, tx.db.SQL(query), args...)
	return err
}

func (tx *tx) row(ctx context.Context, query string, args ...any) *sql.Row {
	return tx.QueryRowContext(ctx, tx.db.SQL(query), args...)
}

func (tx *tx) query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return tx.QueryContext(ctx, tx.db.SQL(query), args...)
}

// read runs f on the tables as they are at one moment.
func (s *Store) read(ctx context.Context, f func(*tx) error) error {
	err := s.db.Read(ctx, func(t *sql.Tx) error { return f(&tx{Tx: t, db: s.db}) })
	return named(err)
}

// change runs f, which says what it has changed, or nil if nothing. All changes follow one another, in whatever process:
// the first statement takes the row with the revision. When it returns, the change is in force in this process.
func (s *Store) change(ctx context.Context, who Who, f func(*tx) (*Change, error)) error {
	err := s.db.Write(ctx, func(t *sql.Tx) error {
		tx := &tx{Tx: t, db: s.db, now: s.now().UTC().Truncate(time.Millisecond)}
		var revision int64
		if err := tx.row(ctx, "UPDATE store_state SET revision = revision + 1 RETURNING revision").Scan(&revision); err != nil {
			return err
		}
		c, err := f(tx)
		if err != nil {
			return err
		}
		if c == nil {
			return errUnchanged
		}
		return tx.exec(ctx, `INSERT INTO store_history (revision, time, who, what, id, name, action, earlier, later)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
			revision, tx.now.UnixMilli(), string(who), c.What, c.ID, c.Name, c.Action, string(c.Before), string(c.After))
	})
	if errors.Is(err, errUnchanged) {
		return nil
	}
	if err != nil {
		return named(err)
	}
	// The change is made, whatever becomes of who asked for it.
	s.look(context.WithoutCancel(ctx))
	return nil
}

var errUnchanged = errors.New("nothing was changed")

// named says where an error comes from that is not the store's own.
func named(err error) error {
	if _, ok := errors.AsType[*refusal](err); ok || err == nil {
		return err
	}
	return fmt.Errorf("the store of gates and keys: %w", err)
}

// load reads the store, nil if its revision is the one that is known.
func (s *Store) load(ctx context.Context, known int64) (*Snapshot, error) {
	next := new(Snapshot)
	err := s.read(ctx, func(tx *tx) error {
		if err := tx.row(ctx, "SELECT revision FROM store_state").Scan(&next.Revision); err != nil || next.Revision == known {
			return err
		}
		var err error
		if next.Gates, err = tx.gates(ctx); err != nil {
			return err
		}
		var broken []error
		if next.Keys, broken, err = tx.keys(ctx); err != nil {
			return err
		}
		for _, k := range next.Keys {
			k.Live = s.liveOf(k.ID)
		}
		s.reportKeys(broken)
		return nil
	})
	if err != nil || next.Revision == known {
		return nil, err
	}
	return next, nil
}

const gateColumns = "id, name, doc, version, created, updated"

func scanGate(scan func(...any) error) (*Gate, error) {
	g := new(Gate)
	var doc string
	var created, updated int64
	if err := scan(&g.ID, &g.Name, &doc, &g.Version, &created, &updated); err != nil {
		return nil, err
	}
	g.JSON = jsontext.Value(doc)
	g.Created, g.Updated = time.UnixMilli(created).UTC(), time.UnixMilli(updated).UTC()
	return g, nil
}

// gates are all of them, by name and then id.
func (tx *tx) gates(ctx context.Context) ([]*Gate, error) {
	rows, err := tx.query(ctx, "SELECT "+gateColumns+" FROM store_gates ORDER BY name, id")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var gates []*Gate
	for rows.Next() {
		g, err := scanGate(rows.Scan)
		if err != nil {
			return nil, err
		}
		gates = append(gates, g)
	}
	return gates, rows.Err()
}

// gate is one, by id or name.
func (tx *tx) gate(ctx context.Context, ref string) (*Gate, error) {
	column := "name"
	ref, ok := gate.NormalizeRef(ref)
	if gate.IsUUID(ref) {
		column = "id"
	}
	if !ok {
		return nil, refuse(ErrNotFound, "there is no such gate in the store")
	}
	g, err := scanGate(tx.row(ctx, "SELECT "+gateColumns+" FROM store_gates WHERE "+column+" = $1", ref).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, refuse(ErrNotFound, "there is no gate %q in the store", ref)
	}
	return g, err
}

package ledger

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"sync"
)

// knownPrices is which prices the database is known to have.
type knownPrices struct {
	mu  sync.Mutex
	ids map[string]bool
}

// maxKnownPrices bounds what is remembered; forgetting costs a needless insert.
const maxKnownPrices = 10_000

func (k *knownPrices) has(id string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.ids[id]
}

func (k *knownPrices) add(entries []*entry) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ids == nil || len(k.ids) > maxKnownPrices {
		k.ids = map[string]bool{}
	}
	for _, e := range entries {
		k.ids[e.priceID] = true
	}
}

// insert writes rows, their prices and what they add to the sums, all or
// nothing. A row whose id is there already changes nothing.
func (d *database) insert(ctx context.Context, entries []*entry) error {
	err := d.transact(ctx, func(tx *sql.Tx) error {
		if err := d.insertPrices(ctx, tx, entries); err != nil {
			return err
		}
		insert := d.insertSQLite
		if d.postgres {
			insert = d.insertPostgres
		}
		fresh, err := insert(ctx, tx, entries)
		if err != nil {
			return err
		}
		for i := range sumTables {
			if err := d.addSums(ctx, tx, &sumTables[i], fresh); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		d.prices.add(entries)
	}
	return err
}

// insertPrices writes the prices that the database may not have, in an order
// that keeps two writers from waiting for each other.
func (d *database) insertPrices(ctx context.Context, tx *sql.Tx, entries []*entry) error {
	fresh := map[string]*entry{}
	for _, e := range entries {
		if e.priceID != "" && !d.prices.has(e.priceID) {
			fresh[e.priceID] = e
		}
	}
	ids := make([]string, 0, len(fresh))
	for id := range fresh {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		row := &fresh[id].row
		_, err := tx.ExecContext(ctx, d.sql(
			"INSERT INTO prices (id, version, provider, model, doc) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING"),
			id, row.Bill.PriceVersion, row.Provider, row.Model, string(row.Price))
		if err != nil {
			return err
		}
	}
	return nil
}

const requestColumns = "id, start, gate_id, gate, key_id, key, provider, model, outcome, session, enduser, cost, price, doc"

// insertSQLite inserts rows and returns those that were not there.
func (d *database) insertSQLite(ctx context.Context, tx *sql.Tx, entries []*entry) ([]*entry, error) {
	insert, err := tx.PrepareContext(ctx, "INSERT INTO requests ("+requestColumns+") VALUES ("+
		strings.Repeat("?, ", 13)+"?) ON CONFLICT DO NOTHING")
	if err != nil {
		return nil, err
	}
	defer insert.Close()
	fresh := make([]*entry, 0, len(entries))
	for _, e := range entries {
		r := &e.row
		amount, priced := r.amount()
		res, err := insert.ExecContext(ctx, r.ID, r.Start.UnixNano(), r.GateID, r.Gate, r.KeyID, r.Key, r.Provider,
			r.Model, r.Outcome, r.Session, r.User, sql.NullInt64{Int64: int64(amount), Valid: priced}, e.priceID, string(e.doc))
		if err != nil {
			return nil, err
		}
		if n, err := res.RowsAffected(); err != nil {
			return nil, err
		} else if n > 0 {
			fresh = append(fresh, e)
		}
	}
	return fresh, nil
}

// insertPostgres inserts rows with one statement and returns those that were not
// there.
func (d *database) insertPostgres(ctx context.Context, tx *sql.Tx, entries []*entry) ([]*entry, error) {
	var columns [10][]string
	starts, amounts := make([]int64, len(entries)), make([]*int64, len(entries))
	prices, docs := make([]string, len(entries)), make([]string, len(entries))
	byID := make(map[string]*entry, len(entries))
	for i, e := range entries {
		r := &e.row
		if byID[r.ID] == nil {
			byID[r.ID] = e
		}
		for c, text := range []string{r.ID, r.GateID, r.Gate, r.KeyID, r.Key, r.Provider, r.Model, r.Outcome, r.Session, r.User} {
			columns[c] = append(columns[c], text)
		}
		starts[i], prices[i], docs[i] = r.Start.UnixNano(), e.priceID, string(e.doc)
		if amount, priced := r.amount(); priced {
			n := int64(amount)
			amounts[i] = &n
		}
	}
	rows, err := tx.QueryContext(ctx, "INSERT INTO requests ("+requestColumns+") SELECT * FROM unnest($1::text[], $2::bigint[], "+
		"$3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], "+
		"$12::bigint[], $13::text[], $14::jsonb[]) ON CONFLICT DO NOTHING RETURNING id",
		columns[0], starts, columns[1], columns[2], columns[3], columns[4], columns[5], columns[6], columns[7],
		columns[8], columns[9], amounts, prices, docs)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	fresh := make([]*entry, 0, len(entries))
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		fresh = append(fresh, byID[id])
	}
	return fresh, rows.Err()
}

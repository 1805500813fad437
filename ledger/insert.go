package ledger

import (
	"context"
	"database/sql"
	"slices"
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
	insert := d.insertSQLite
	if d.postgres {
		insert = d.insertPostgres
	}
	err := insert(ctx, entries)
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

package ledger

import (
	"context"
	"database/sql"
	"strconv"
	"strings"
)

// insertPostgres inserts with one statement for the rows and one for each table of
// sums, since each takes the way to the server and back.
func (d *database) insertPostgres(ctx context.Context, entries []*entry) error {
	return d.transact(ctx, func(tx *sql.Tx) error {
		if err := d.insertPrices(ctx, tx, entries); err != nil {
			return err
		}
		fresh, err := insertUnnested(ctx, tx, entries)
		if err != nil {
			return err
		}
		groups := groupRows(fresh)
		for i := range sumTables {
			t := &sumTables[i]
			if err := addUnnested(ctx, tx, t, t.sumsOf(groups)); err != nil {
				return err
			}
		}
		return nil
	})
}

// insertUnnested inserts rows and returns those that were not there.
func insertUnnested(ctx context.Context, tx *sql.Tx, entries []*entry) ([]*entry, error) {
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
		starts[i], prices[i], docs[i] = r.Start.UnixNano(), e.priceID, e.doc
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

// addUnnested adds sums to a table.
func addUnnested(ctx context.Context, tx *sql.Tx, t *sumTable, sums placedSums) error {
	if len(sums) == 0 {
		return nil
	}
	numbers, texts := make([][]int64, 1+sumCount), make([][]string, len(t.key))
	for _, at := range sums.sorted() {
		numbers[0] = append(numbers[0], at.bucket)
		for i := range texts {
			texts[i] = append(texts[i], at.key[i])
		}
		for i, n := range sums[at] {
			numbers[1+i] = append(numbers[1+i], n)
		}
	}
	args := []any{numbers[0]}
	for _, column := range texts {
		args = append(args, column)
	}
	for _, column := range numbers[1:] {
		args = append(args, column)
	}
	_, err := tx.ExecContext(ctx, addMany[t.name], args...)
	return err
}

// addMany are the statements of addUnnested, by table.
var addMany = func() map[string]string {
	all := map[string]string{}
	for i := range sumTables {
		t := &sumTables[i]
		var b strings.Builder
		for n := range 1 + len(t.key) + sumCount {
			kind := "bigint"
			if n > 0 && n <= len(t.key) {
				kind = "text"
			}
			if n > 0 {
				b.WriteString(", ")
			}
			b.WriteString("$" + strconv.Itoa(n+1) + "::" + kind + "[]")
		}
		all[t.name] = t.addSQL("SELECT * FROM unnest(" + b.String() + ")")
	}
	return all
}()

package ledger

import (
	"context"
	"fmt"
	"strconv"
)

// maxStretches bounds how many stretches of time rows are looked for in one after
// the other. What is older is looked for at once.
const maxStretches = 100

// stretch is a time in nanoseconds since 1970: from is in it, to is not.
type stretch struct{ from, to int64 }

// searched are the values that a filter looks for of those that sums are kept by.
func (f *Filter) searched() (columns, values []string) {
	for _, is := range []struct{ column, value string }{
		{"gate_id", f.GateID}, {"key_id", f.KeyID}, {"gate", f.Gate}, {"key", f.Key}, {"provider", f.Provider},
		{"model", f.Model}, {"outcome", f.Outcome},
	} {
		if is.value != "" {
			columns, values = append(columns, is.column), append(values, cleanText(is.value))
		}
	}
	return columns, values
}

// stretches are the days on which there were rows of a filter, by the sums of days:
// the newest first, neighbours as one. An index finds the rows of one value; of
// several that seldom come together, the database would read nearly all rows to
// find but a few.
func (l *Ledger) stretches(ctx context.Context, f *Filter) ([]stretch, error) {
	c := &conditions{}
	columns, values := f.searched()
	for i, column := range columns {
		c.add(column+" = %s", values[i])
	}
	if !f.From.IsZero() {
		c.add("bucket >= %s", bucket(f.From, day))
	}
	if !f.To.IsZero() {
		c.add("bucket <= %s", bucket(f.To, day))
	}
	rows, err := l.db.read.QueryContext(ctx, l.db.sql("SELECT DISTINCT bucket FROM days"+c.where()+" ORDER BY bucket DESC"), c.args...)
	if err != nil {
		return nil, fmt.Errorf("reading the ledger's sums: %w", err)
	}
	defer rows.Close()
	var list []stretch
	for rows.Next() {
		var n int64
		if err := rows.Scan(&n); err != nil {
			return nil, fmt.Errorf("reading the ledger's sums: %w", err)
		}
		one := stretch{n * int64(day), (n + 1) * int64(day)}
		if last := len(list) - 1; last >= 0 && (list[last].from == one.to || len(list) == maxStretches) {
			list[last].from = one.from
		} else {
			list = append(list, one)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading the ledger's sums: %w", err)
	}
	return list, nil
}

// newest are the newest rows of a filter behind a cursor, if there is one, and at
// most so many.
func (l *Ledger) newest(ctx context.Context, f *Filter, after func(*conditions), most int) ([]Row, error) {
	find := func(of *stretch, most int) ([]Row, error) {
		c := f.conditions()
		after(c)
		if of != nil {
			c.add("start >= %s", of.from)
			c.add("start < %s", of.to)
		}
		return l.query(ctx, c, " ORDER BY start DESC, id DESC LIMIT "+strconv.Itoa(most))
	}
	if columns, _ := f.searched(); len(columns) < 2 || f.Session != "" || f.User != "" {
		return find(nil, most)
	}
	list, err := l.stretches(ctx, f)
	if err != nil {
		return nil, err
	}
	var found []Row
	for i := range list {
		more, err := find(&list[i], most-len(found))
		if err != nil {
			return nil, err
		}
		if found = append(found, more...); len(found) == most {
			break
		}
	}
	return found, nil
}

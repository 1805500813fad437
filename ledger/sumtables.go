package ledger

import (
	"cmp"
	"context"
	"database/sql"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// sumTable is one of the tables of sums.
type sumTable struct {
	name  string
	width time.Duration // of a bucket
	// key are the columns that tell sums of a bucket apart; keysOf has their
	// values for what a row adds to.
	key    []string
	keysOf func(*Row) []sumKey
}

// sumKey is as many values as a table's key has columns.
type sumKey [7]string

// The kinds of totals.
const (
	kindGate  = "gate"
	kindKey   = "key"
	kindModel = "model" // whose id is its provider
)

// sumTables are all of them. The totals are the last, as they are what two
// writers are most likely to wait for each other at.
var sumTables = func() []sumTable {
	groups := []string{"gate_id", "gate", "key_id", "key", "provider", "model", "outcome"}
	totals := []string{"kind", "id", "name"}
	return []sumTable{
		{"hours", hour, groups, groupsOf}, {"days", day, groups, groupsOf},
		{"hour_totals", hour, totals, totalsOf}, {"day_totals", day, totals, totalsOf},
	}
}()

func groupsOf(r *Row) []sumKey {
	return []sumKey{{r.GateID, r.Gate, r.KeyID, r.Key, r.Provider, r.Model, r.Outcome}}
}

func totalsOf(r *Row) []sumKey {
	return []sumKey{{kindGate, r.GateID, r.Gate}, {kindKey, r.KeyID, r.Key}, {kindModel, r.Provider, r.Model}}
}

// sumPlace is where a table has one row of sums.
type sumPlace struct {
	bucket int64
	key    sumKey
}

func comparePlaces(a, b sumPlace) int {
	return cmp.Or(cmp.Compare(a.bucket, b.bucket), slices.Compare(a.key[:], b.key[:]))
}

// addSums adds rows to a table of sums, in an order that keeps two writers from
// waiting for each other.
func (d *database) addSums(ctx context.Context, tx *sql.Tx, t *sumTable, entries []*entry) error {
	sums := map[sumPlace]*sumValues{}
	for _, e := range entries {
		v := sumsOf(&e.row)
		for _, key := range t.keysOf(&e.row) {
			at := sumPlace{bucket(e.row.Start, t.width), key}
			if sums[at] == nil {
				sums[at] = &sumValues{}
			}
			sums[at].add(&v)
		}
	}
	if len(sums) == 0 {
		return nil
	}
	add, err := tx.PrepareContext(ctx, d.sql(t.addSQL()))
	if err != nil {
		return err
	}
	defer add.Close()
	for _, at := range slices.SortedFunc(maps.Keys(sums), comparePlaces) {
		args := []any{at.bucket}
		for _, text := range at.key[:len(t.key)] {
			args = append(args, text)
		}
		for _, n := range sums[at] {
			args = append(args, n)
		}
		if _, err := add.ExecContext(ctx, args...); err != nil {
			return err
		}
	}
	return nil
}

// addSQL adds to one row of sums, which may not be there yet.
func (t *sumTable) addSQL() string {
	key := "bucket, " + strings.Join(t.key, ", ")
	names := sumColumns()
	var b strings.Builder
	b.WriteString("INSERT INTO " + t.name + " (" + key + ", " + strings.Join(names, ", ") + ") VALUES ($1")
	for i := range len(t.key) + len(names) {
		b.WriteString(", $" + strconv.Itoa(i+2))
	}
	b.WriteString(") ON CONFLICT (" + key + ") DO UPDATE SET ")
	for i, name := range names {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(name + " = " + t.name + "." + name + " + excluded." + name)
	}
	return b.String()
}

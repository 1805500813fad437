package ledger

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"sync"
)

// rowsAtOnce is how many rows one of SQLite's statements inserts: what comes with
// each statement takes as long as some of them.
const rowsAtOnce = 16

// What SQLite's writer executes all the time. Rows that fail take the transaction with
// them, so half of a statement may stay until then: to take back each by itself, SQLite
// would keep a journal of the pages that it changes.
var (
	insertOne  = "INSERT OR FAIL INTO requests (" + requestColumns + ") VALUES " + placeholders(14) + " ON CONFLICT DO NOTHING"
	insertMany = strings.Replace(insertOne, placeholders(14), strings.Repeat(placeholders(14)+", ", rowsAtOnce-1)+placeholders(14), 1)
	addOne     = func() (list []string) { // to each of sumTables
		for i := range sumTables {
			t := &sumTables[i]
			list = append(list, t.addSQL("VALUES "+placeholders(1+len(t.key)+sumCount)))
		}
		return list
	}()
)

// placeholders are those of one row. They have no numbers, since the driver would
// look each up by its name.
func placeholders(columns int) string { return "(" + strings.Repeat("?, ", columns-1) + "?)" }

// statements are kept, as to parse the longest of them takes longer than to run it.
type statements struct {
	mu  sync.Mutex
	all map[string]*sql.Stmt // by their text
}

// prepare prepares what SQLite's writer needs, the first time that it is called. No
// transaction may be open, which has the one connection.
func (s *statements) prepare(ctx context.Context, db *sql.DB) (map[string]*sql.Stmt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all != nil {
		return s.all, nil
	}
	all := map[string]*sql.Stmt{}
	for _, query := range append([]string{insertOne, insertMany}, addOne...) {
		stmt, err := db.PrepareContext(ctx, query)
		if err != nil {
			for _, stmt := range all {
				_ = stmt.Close()
			}
			return nil, err
		}
		all[query] = stmt
	}
	s.all = all
	return all, nil
}

// errKnown is that some rows of several were there already.
var errKnown = errors.New("some of the rows are there already")

// insertSQLite inserts several rows at once, and one by one if it turns out that some
// are there already, since only then is it known which.
func (d *database) insertSQLite(ctx context.Context, entries []*entry) error {
	kept, err := d.statements.prepare(ctx, d.write)
	if err != nil {
		return err
	}
	insert := func(atOnce int) error {
		return d.transact(ctx, func(tx *sql.Tx) error {
			// It is the transaction that ends with the context: for each statement that may,
			// the driver would start a goroutine.
			w := sqliteWriter{context.WithoutCancel(ctx), tx, kept, nil}
			if err := d.insertPrices(w.ctx, tx, entries); err != nil {
				return err
			}
			fresh, err := w.insert(entries, atOnce)
			if err != nil {
				return err
			}
			return w.addSums(groupRows(fresh))
		})
	}
	err = insert(rowsAtOnce)
	if errors.Is(err, errKnown) {
		err = insert(1)
	}
	return err
}

// sqliteWriter writes in a transaction.
type sqliteWriter struct {
	ctx  context.Context
	tx   *sql.Tx
	kept map[string]*sql.Stmt
	args []any // of the next statement
}

func (w *sqliteWriter) exec(query string) (int64, error) {
	res, err := w.tx.StmtContext(w.ctx, w.kept[query]).ExecContext(w.ctx, w.args...)
	w.args = w.args[:0]
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// insert inserts rows, so many at once while there are as many, and returns those
// that were not there.
func (w *sqliteWriter) insert(entries []*entry, atOnce int) ([]*entry, error) {
	fresh := make([]*entry, 0, len(entries))
	for len(entries) > 0 {
		n, query := 1, insertOne
		if atOnce == rowsAtOnce && len(entries) >= rowsAtOnce {
			n, query = rowsAtOnce, insertMany
		}
		for _, e := range entries[:n] {
			r := &e.row
			amount, priced := r.amount()
			w.args = append(w.args, r.ID, r.Start.UnixNano(), r.GateID, r.Gate, r.KeyID, r.Key, r.Provider, r.Model,
				r.Outcome, r.Session, r.User, sql.NullInt64{Int64: int64(amount), Valid: priced}, e.priceID, e.doc)
		}
		added, err := w.exec(query)
		switch {
		case err != nil:
			return nil, err
		case added == int64(n):
			fresh = append(fresh, entries[:n]...)
		case n > 1:
			return nil, errKnown
		}
		entries = entries[n:]
	}
	return fresh, nil
}

func (w *sqliteWriter) addSums(groups placedSums) error {
	for i := range sumTables {
		t := &sumTables[i]
		sums := t.sumsOf(groups)
		for _, at := range sums.sorted() {
			w.args = append(w.args, at.bucket)
			for _, text := range at.key[:len(t.key)] {
				w.args = append(w.args, text)
			}
			for _, n := range sums[at] {
				w.args = append(w.args, n)
			}
			if _, err := w.exec(addOne[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

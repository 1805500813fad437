package ledger

import (
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/cost"
)

// Filter says which rows are wanted. What is empty filters nothing; the rest
// must all hold.
type Filter struct {
	GateID, KeyID   string
	Gate, Key       string // names
	Provider, Model string // those used
	Outcome         string
	Session, User   string
	// MinCost leaves out rows that cost less, and those without a price.
	MinCost cost.Amount
	// From and To bound Start: From included, To not.
	From, To time.Time
	// Cursor is where the page before this one ended, as Rows returned it.
	Cursor string
	// Limit is the most rows of a page. Default: 100; never more than 1,000.
	Limit int
}

const (
	defaultLimit = 100
	maxLimit     = 1000
)

// conditions is a WHERE clause as it is put together.
type conditions struct {
	clauses []string
	args    []any
}

// add adds a clause; each %s in it is the parameter of one value.
func (c *conditions) add(clause string, values ...any) {
	params := make([]any, len(values))
	for i, v := range values {
		c.args = append(c.args, v)
		params[i] = "$" + strconv.Itoa(len(c.args))
	}
	c.clauses = append(c.clauses, fmt.Sprintf(clause, params...))
}

func (c *conditions) where() string {
	if len(c.clauses) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(c.clauses, " AND ")
}

func (f *Filter) conditions() *conditions {
	c := &conditions{}
	for _, is := range []struct{ column, value string }{
		{"gate_id", f.GateID}, {"key_id", f.KeyID}, {"gate", f.Gate}, {"key", f.Key}, {"provider", f.Provider},
		{"model", f.Model}, {"outcome", f.Outcome}, {"session", f.Session}, {"enduser", f.User},
	} {
		if is.value != "" {
			c.add(is.column+" = %s", cleanText(is.value))
		}
	}
	// SQLite uses an index of some rows only where the query says that it asks for no others.
	if f.Outcome != "" && f.Outcome != "ok" {
		c.add("outcome <> 'ok'")
	}
	if f.Session != "" {
		c.add("session <> ''")
	}
	if f.User != "" {
		c.add("enduser <> ''")
	}
	if f.MinCost > 0 {
		c.add("cost >= %s", int64(f.MinCost))
	}
	if !f.From.IsZero() {
		c.add("start >= %s", f.From.UnixNano())
	}
	if !f.To.IsZero() {
		c.add("start < %s", f.To.UnixNano())
	}
	return c
}

// rowQuery selects what scanRow reads.
const rowQuery = "SELECT doc, (SELECT prices.doc FROM prices WHERE prices.id = requests.price) FROM requests"

func scanRow(rows interface{ Scan(...any) error }) (Row, error) {
	var doc []byte
	var price sql.NullString
	if err := rows.Scan(&doc, &price); err != nil {
		return Row{}, err
	}
	row, err := decodeRow(doc)
	if price.Valid {
		row.Price = jsontext.Value(price.String)
	}
	return row, err
}

// Rows returns the rows that the database has, the newest first, and the cursor
// of the next page, which is empty if there is none.
func (l *Ledger) Rows(ctx context.Context, f Filter) ([]Row, string, error) {
	if l == nil {
		return nil, "", ErrOff
	}
	after := func(*conditions) {}
	if f.Cursor != "" {
		start, id, err := parseCursor(f.Cursor)
		if err != nil {
			return nil, "", err
		}
		after = func(c *conditions) { c.add("(start, id) < (%s, %s)", start, id) }
		if to := time.Unix(0, start+1); f.To.IsZero() || to.Before(f.To) {
			f.To = to
		}
	}
	limit := f.Limit
	if limit <= 0 {
		limit = defaultLimit
	}
	limit = min(limit, maxLimit)
	page, err := l.newest(ctx, &f, after, limit+1)
	if err != nil || len(page) <= limit {
		return page, "", err
	}
	page = page[:limit]
	last := &page[limit-1]
	return page, cursor(last.Start, last.ID), nil
}

func (l *Ledger) query(ctx context.Context, c *conditions, tail string) ([]Row, error) {
	rows, err := l.db.read.QueryContext(ctx, l.db.sql(rowQuery+c.where()+tail), c.args...)
	if err != nil {
		return nil, fmt.Errorf("reading the ledger: %w", err)
	}
	defer rows.Close()
	var page []Row
	for rows.Next() {
		row, err := scanRow(rows)
		if err != nil {
			return nil, fmt.Errorf("reading the ledger: %w", err)
		}
		page = append(page, row)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading the ledger: %w", err)
	}
	return page, nil
}

func cursor(start time.Time, id string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(start.UnixNano(), 10) + " " + id))
}

func parseCursor(s string) (int64, string, error) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	number, id, ok := strings.Cut(string(b), " ")
	start, numberErr := strconv.ParseInt(number, 10, 64)
	if err != nil || !ok || numberErr != nil {
		return 0, "", errors.New("cursor: not one that the ledger gave")
	}
	return start, cleanText(id), nil
}

// Row returns one row, also if it is still on its way to the database. It fails
// with sql.ErrNoRows if there is none.
func (l *Ledger) Row(ctx context.Context, id string) (Row, error) {
	if l == nil {
		return Row{}, ErrOff
	}
	l.mu.Lock()
	e := l.queue.pending[id]
	l.mu.Unlock()
	if e != nil {
		return e.row, nil
	}
	row, err := scanRow(l.db.read.QueryRowContext(ctx, l.db.sql(rowQuery+" WHERE id = $1"), cleanText(id)))
	if err != nil {
		return Row{}, fmt.Errorf("reading the ledger: %w", err)
	}
	return row, nil
}

// All goes through all rows that a filter lets through, the newest first, but
// for its Cursor and Limit. It holds no lock: rows that come while it runs may
// not be in it. After an error nothing follows.
func (l *Ledger) All(ctx context.Context, f Filter) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		f.Cursor, f.Limit = "", maxLimit
		for {
			page, next, err := l.Rows(ctx, f)
			if err != nil {
				yield(Row{}, err)
				return
			}
			for _, row := range page {
				if !yield(row, nil) {
					return
				}
			}
			if next == "" {
				return
			}
			f.Cursor = next
		}
	}
}

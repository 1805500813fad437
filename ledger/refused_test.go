package ledger

import (
	"context"
	"fmt"
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/layergateway/layergateway/internal/pgtest"
)

func TestRefusedRowKeepsNobodyOut(t *testing.T) {
	c := testConfig(t)
	c.wrapInsert = func(next insertFunc) insertFunc {
		return func(ctx context.Context, entries []*entry) error {
			for _, e := range entries {
				if strings.HasPrefix(e.row.ID, "bad") {
					return &pgconn.PgError{Code: "22021"}
				}
			}
			return next(ctx, entries)
		}
	}
	l := open(t, c)
	for i := range 50 {
		mustSettle(t, l, row(fmt.Sprint("good", i), t0, 1))
	}
	mustSettle(t, l, row("bad", t0, 1))
	mustFlush(t, l)
	if n := len(outcomes(t, l)); n != 50 || l.Stats().Dropped != 1 {
		t.Errorf("%d rows, %+v", n, l.Stats())
	}
	// Nor does it where a process that has died left it behind.
	dir := deadJournal(t, c.Dir, func(j *journal) {
		must(t, j.settle(newTestEntry(t, row("bad again", t0, 1))))
		must(t, j.settle(newTestEntry(t, row("good again", t0, 1))))
	})
	must(t, l.adopt(t.Context()))
	if n := len(outcomes(t, l)); n != 51 || l.Stats().Dropped != 2 {
		t.Errorf("%d rows, %+v", n, l.Stats())
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the journal is still there: %v", err)
	}
}

func TestSQLiteFull(t *testing.T) {
	c := testConfig(t)
	l := open(t, c)
	exec := func(query string) {
		t.Helper()
		if _, err := l.db.write.ExecContext(t.Context(), query); err != nil {
			t.Fatal(err)
		}
	}
	exec("PRAGMA max_page_count = 1") // what it has is the least that it can be
	n := 0
	for ; l.Err() == nil; n++ {
		mustSettle(t, l, row(fmt.Sprint(n), t0, 1))
	}
	if !strings.Contains(l.Err().Error(), "full") {
		t.Errorf("Err: %v", l.Err())
	}
	exec("PRAGMA max_page_count = 1000000")
	mustFlush(t, l)
	if got := len(outcomes(t, l)); got != n || l.Err() != nil {
		t.Errorf("%d rows of %d, %v", got, n, l.Err())
	}
}

func TestPostgresGoneAndBack(t *testing.T) {
	server := pgtest.Start(t)
	c := testConfig(t)
	c.Postgres = server.DSN(t)
	l := open(t, c)
	mustSettle(t, l, row("before", t0, 1))
	mustFlush(t, l)
	server.Stop()
	mustSettle(t, l, row("during", t0, 1))
	must(t, l.Begin(row("open", t0, 1)))
	must(t, l.Close(t.Context()))

	// It also starts without the database, and brings in what was left when that is there.
	l = open(t, c)
	if l.Err() == nil {
		t.Error("no error without the database")
	}
	mustSettle(t, l, row("after", t0, 1))
	server.Restart(t)
	mustFlush(t, l)
	want := map[string]string{"before": "ok", "during": "ok", "after": "ok", "open": Abandoned}
	if got := outcomes(t, l); !maps.Equal(got, want) {
		t.Errorf("rows %v", got)
	}
}

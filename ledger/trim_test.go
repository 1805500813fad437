package ledger

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestRetention(t *testing.T) {
	each(t, func(t *testing.T, c Config) {
		now := t0
		c.Retention, c.PayloadRetention, c.HourRetention = 10*day, day, 20*day
		c.Payloads, c.Now = true, func() time.Time { return now }
		l := open(t, c)
		for i := range 1300 {
			mustSettle(t, l, row(fmt.Sprint(i), t0.Add(time.Duration(i)*time.Second), 1))
		}
		mustSettle(t, l, row("new", t0.Add(5*day), 1))
		l.SavePayload("new", []byte("1"), []byte("2"))
		mustFlush(t, l)

		state := func() string {
			t.Helper()
			must(t, l.trim(t.Context()))
			_, _, err := l.Payload(t.Context(), "new")
			hours, err2 := l.Series(t.Context(), SeriesQuery{Step: hour})
			spent, err3 := l.Spent(t.Context(), "", "", time.Time{}, time.Time{})
			combined, err4 := l.Series(t.Context(), SeriesQuery{Step: hour, KeyID: "k1"})
			if must(t, errors.Join(err2, err3, err4)); len(combined) != len(hours) {
				t.Errorf("%d hours have totals, %d have combinations", len(hours), len(combined))
			}
			return fmt.Sprintf("%d rows, payload %v, %d hours, spent %d",
				len(outcomes(t, l)), !errors.Is(err, sql.ErrNoRows), len(hours), int64(spent))
		}
		for _, step := range []struct {
			now  time.Time
			want string
		}{
			{t0, "1301 rows, payload true, 2 hours, spent 1301"},
			{t0.Add(2 * day), "1301 rows, payload false, 2 hours, spent 1301"},
			{t0.Add(10*day + 100*time.Second), "1201 rows, payload false, 2 hours, spent 1301"},
			{t0.Add(11 * day), "1 rows, payload false, 2 hours, spent 1301"},
			{t0.Add(23 * day), "0 rows, payload false, 1 hours, spent 1301"},
			{t0.Add(-100 * day), "0 rows, payload false, 1 hours, spent 1301"}, // a clock set back
		} {
			now = step.now
			if got := state(); got != step.want {
				t.Errorf("after %v: %s, want %s", now.Sub(t0), got, step.want)
			}
		}
	})
}

func TestSizeCap(t *testing.T) {
	c := testConfig(t)
	c.MaxBytes = 1 << 20
	l := open(t, c)
	const n = 3000
	for i := range n {
		r := row(fmt.Sprint(i), t0.Add(time.Duration(i)*time.Second), 1)
		r.Agent = strings.Repeat("x", maxText)
		mustSettle(t, l, r)
	}
	mustFlush(t, l)
	must(t, l.trim(t.Context()))
	got := outcomes(t, l)
	if len(got) == 0 || len(got) > n/2 || got[fmt.Sprint(n-1)] == "" || got["0"] != "" {
		t.Errorf("%d rows are left", len(got))
	}
	if spent, err := l.Spent(t.Context(), "", "", time.Time{}, time.Time{}); err != nil || spent != n {
		t.Errorf("spent %d, %v", int64(spent), err)
	}
	must(t, l.Close(t.Context())) // writes what is in the WAL
	info, err := os.Stat(c.Dir + "/ledger.db")
	if err != nil || info.Size() > 2<<20 {
		t.Errorf("the file has %d bytes, %v", info.Size(), err)
	}
}

// TestSizeCapAndSums: sums by hour that would fill the database alone go before
// rows do, and where even those that budgets need fill it, the newest rows stay.
func TestSizeCapAndSums(t *testing.T) {
	c := testConfig(t)
	now := t0
	c.MaxBytes, c.Now = 2<<20, func() time.Time { return now }
	l := open(t, c)
	const n = 3000
	for i := range n {
		r := row(fmt.Sprint(i), t0.Add(time.Duration(i)*hour), 1)
		r.Model = strings.Repeat("x", 100)
		mustSettle(t, l, r)
	}
	now = t0.Add(n * hour)
	mustFlush(t, l)
	state := func() (rows map[string]string, hours int) {
		t.Helper()
		must(t, l.trim(t.Context()))
		list, err := l.Series(t.Context(), SeriesQuery{Step: hour})
		must(t, err)
		if spent, err := l.Spent(t.Context(), "", "", now.Add(-hoursNeeded).Truncate(hour), time.Time{}); err != nil || spent != 40*24 {
			t.Errorf("spent %d in the last days, %v", int64(spent), err)
		}
		rows = outcomes(t, l)
		if rows[fmt.Sprint(n-1)] == "" {
			t.Error("the newest row is gone")
		}
		return rows, len(list)
	}
	if rows, hours := state(); len(rows) <= rowsKept || len(rows) == n || hours != 40*24 {
		t.Errorf("%d rows and %d hours are left", len(rows), hours)
	}
	l.config.MaxBytes = 1
	if rows, hours := state(); len(rows) != rowsKept || hours != 40*24 {
		t.Errorf("%d rows and %d hours are left", len(rows), hours)
	}
}

// busyOnce connects to a SQLite that has other things to do at first.
type busyOnce struct {
	driver driver.Driver
	name   string
	err    error
}

func (b *busyOnce) Driver() driver.Driver { return b.driver }

func (b *busyOnce) Connect(context.Context) (driver.Conn, error) {
	if err := b.err; err != nil {
		b.err = nil
		return nil, err
	}
	return b.driver.Open(b.name)
}

// Where SQLite does not wait for another process by itself, as while its file is made,
// Open does.
func TestOpenWaitsForOthers(t *testing.T) {
	l := open(t, testConfig(t))
	others, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "locked")+"?_txlock=immediate")
	must(t, err)
	defer others.Close()
	tx, err := others.BeginTx(t.Context(), nil)
	must(t, err)
	defer tx.Rollback()
	_, locked := others.BeginTx(t.Context(), nil)
	write := sql.OpenDB(&busyOnce{others.Driver(), filepath.Join(t.TempDir(), "new"), locked})
	defer write.Close()
	second := &Ledger{log: l.log, health: health{log: l.log}, db: &database{write: write}}
	if err := second.prepare(t.Context()); err != nil || !busy(locked) {
		t.Errorf("%v after %v", err, locked)
	}
}

func TestManyStartAtOnce(t *testing.T) {
	each(t, func(t *testing.T, c Config) {
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				l, err := Open(t.Context(), c)
				if err != nil {
					t.Error(err)
					return
				}
				for j := range 50 {
					r := row(fmt.Sprint(i, "-", j), t0, 1)
					r.KeyID = fmt.Sprint("k", (i+1)*j%7) // in another order each
					if err := l.Settle(r); err != nil {
						t.Error(err)
					}
				}
				if err := l.Close(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		l := open(t, c)
		if n := len(outcomes(t, l)); n != 200 {
			t.Errorf("%d rows", n)
		}
		if spent, err := l.Spent(t.Context(), "", "", time.Time{}, time.Time{}); err != nil || spent != 200 {
			t.Errorf("spent %d, %v", int64(spent), err)
		}
		for _, by := range []Dimension{ByAll, ByGate, ByKey, ByProvider, ByModel, ByOutcome} {
			var sum Sums
			points, err := l.Summary(t.Context(), by, time.Time{}, time.Time{})
			for i := range points {
				sum.Add(&points[i].Sums)
			}
			if err != nil || sum.Requests != 200 || sum.Cost != 200 {
				t.Errorf("by %q: %d requests, %d, %v", by, sum.Requests, int64(sum.Cost), err)
			}
		}
	})
}

func TestNewerTables(t *testing.T) {
	each(t, func(t *testing.T, c Config) {
		l := open(t, c)
		if _, err := l.db.write.ExecContext(t.Context(), "INSERT INTO ledger_version (version) VALUES (99)"); err != nil {
			t.Fatal(err)
		}
		must(t, l.Close(t.Context()))
		_, err := Open(t.Context(), c)
		if err == nil || !strings.Contains(err.Error(), "version 99") {
			t.Errorf("got %v", err)
		}
	})
}

func TestWrongConfig(t *testing.T) {
	for name, c := range map[string]Config{
		"no folder":  {},
		"not a dsn":  {Dir: t.TempDir(), Postgres: "postgres://:x:y/"},
		"not a file": {Dir: t.TempDir(), SQLite: t.TempDir()},
	} {
		if l, err := Open(t.Context(), c); err == nil {
			l.Close(t.Context())
			t.Errorf("%s: no error", name)
		}
	}
}

// TestStepsAreAnnounced: Open waits for a database only until it has answered.
func TestStepsAreAnnounced(t *testing.T) {
	each(t, func(t *testing.T, c Config) {
		c.fill()
		db, err := openDatabase(&c)
		if err != nil {
			t.Fatal(err)
		}
		defer db.close()
		for i, want := range []int{1, 0} {
			begun := 0
			if err := db.migrate(t.Context(), func() { begun++ }); err != nil || begun != want {
				t.Errorf("migration %d: begun %d times, %v", i, begun, err)
			}
		}
	})
}

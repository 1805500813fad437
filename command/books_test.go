package command

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/layergateway/layergateway/internal/pgtest"
	"github.com/layergateway/layergateway/ledger"
)

func TestOpenBooks(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "ledger.db")
	writer, err := ledger.Open(t.Context(), ledger.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = writer.Close(t.Context()) }() // the test is over
	add(t, writer, row(t, "a", price(t, "3", "15")))
	// Beside a gateway that has it open, and without a trace.
	before, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	l, done, err := OpenBooks(t.Context(), Where{SQLite: path})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Row(t.Context(), "a"); err != nil {
		t.Error(err)
	}
	done()
	after, err := os.ReadDir(dir)
	if err != nil || len(after) != len(before) {
		t.Errorf("%v: %v, before %v", err, after, before)
	}
	for _, bad := range []string{filepath.Join(dir, "none.db"), dir} {
		if _, _, err := OpenBooks(t.Context(), Where{SQLite: bad}); err == nil || !strings.Contains(err.Error(), "ledger.db") {
			t.Errorf("%s: %v", bad, err)
		}
		if _, err := os.Stat(filepath.Join(dir, "none.db")); err == nil {
			t.Error("a ledger was made")
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "text"), []byte(strings.Repeat("text", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := OpenBooks(t.Context(), Where{SQLite: filepath.Join(dir, "text")}); err == nil {
		t.Error("a text was opened")
	}
}

func TestOpenBooksInPostgreSQL(t *testing.T) {
	dsn := pgtest.Start(t).DSN(t)
	writer, err := ledger.Open(t.Context(), ledger.Config{Dir: t.TempDir(), Postgres: dsn})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = writer.Close(t.Context()) }() // the test is over
	wrong := row(t, "a", price(t, "3", "15"))
	wrong.Bill.Total++
	add(t, writer, wrong)
	where := ParseWhere(dsn)
	l, done, err := OpenBooks(t.Context(), where)
	if err != nil || where.Postgres == "" {
		t.Fatal(where, err)
	}
	defer done()
	var out bytes.Buffer
	if code, _ := ExitCode(Cost(t.Context(), Streams{Out: &out, Err: &out}, l, CostOptions{})); code != CodeNo || !strings.Contains(out.String(), " a bill: stored 0.004500000001 USD") {
		t.Errorf("code %d: %s", code, out.String())
	}
	if _, _, err := OpenBooks(t.Context(), ParseWhere("postgres://somebody:secret@/none?host=/nowhere")); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("of no server: %v", err)
	}
}

func TestParseWhere(t *testing.T) {
	for text, postgres := range map[string]bool{
		"postgres://a@b/c": true, "postgresql:///x?host=/run": true, "host=/run user=x": true, "user=x host=/run": true,
		"/var/lib/ledger.db": false, "ledger.db": false, "C:\\ledger.db": false,
	} {
		if got := ParseWhere(text); (got.Postgres != "") != postgres || got.Postgres+got.SQLite != text {
			t.Errorf("%q: %+v", text, got)
		}
	}
}

func TestParseSince(t *testing.T) {
	for text, want := range map[string]time.Time{
		"": {}, "90m": began.Add(-90 * time.Minute), "7d": began.AddDate(0, 0, -7), "0.5d": began.Add(-12 * time.Hour),
		"2027-01-01": time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), "2027-01-01T12:00:00+02:00": time.Date(2027, 1, 1, 10, 0, 0, 0, time.UTC),
	} {
		if got, err := ParseSince(text, began); err != nil || !got.Equal(want) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"yesterday", "-1h", "-1d", "d", "1", "99999999999d"} {
		if got, err := ParseSince(text, began); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
}

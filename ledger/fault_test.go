package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// disk is a disk that can be full: then it takes half of what is written.
type disk struct {
	full atomic.Bool
	// stuck says that what has been written by half can't be taken back either.
	stuck atomic.Bool
	// deaf says that it takes what is written, and can't make it safe.
	deaf atomic.Bool
}

type diskFile struct {
	*os.File
	disk *disk
}

func (d *disk) open(path string) (file, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600)
	return &diskFile{f, d}, err
}

func (f *diskFile) Write(b []byte) (int, error) {
	if f.disk.full.Load() {
		n, _ := f.File.Write(b[:len(b)/2])
		return n, syscall.ENOSPC
	}
	return f.File.Write(b)
}

func (f *diskFile) Sync() error {
	if f.disk.deaf.Load() {
		return syscall.EIO
	}
	return f.File.Sync()
}

func (f *diskFile) Truncate(size int64) error {
	if f.disk.stuck.Load() {
		return syscall.EIO
	}
	return f.File.Truncate(size)
}

// failing is a database that can fail.
type failing struct{ err atomic.Pointer[error] }

func (f *failing) set(err error) { f.err.Store(&err) }

func (f *failing) wrap(next insertFunc) insertFunc {
	return func(ctx context.Context, entries []*entry) error {
		if err := f.err.Load(); err != nil && *err != nil {
			return *err
		}
		return next(ctx, entries)
	}
}

// alarms keeps what an alarm was told.
type alarms struct {
	mu   sync.Mutex
	told []error
}

func (a *alarms) add(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.told = append(a.told, err)
}

func (a *alarms) list() []error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]error(nil), a.told...)
}

func TestFullDisk(t *testing.T) {
	for _, stuck := range []bool{false, true} {
		t.Run(fmt.Sprintf("stuck=%v", stuck), func(t *testing.T) {
			var d disk
			var told alarms
			c := testConfig(t)
			c.openFile, c.Alarm = d.open, told.add
			l := open(t, c)
			mustSettle(t, l, row("before", t0, 1))
			must(t, l.Begin(row("across", t0, 1)))
			d.full.Store(true)
			d.stuck.Store(stuck)
			if err := l.Begin(row("during", t0, 1)); !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("Begin on a full disk: %v", err)
			}
			for _, id := range []string{"during", "across"} {
				if err := l.Settle(row(id, t0, 1)); !errors.Is(err, syscall.ENOSPC) {
					t.Errorf("Settle on a full disk: %v", err)
				}
			}
			if err := l.Err(); !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("Err: %v", err)
			}
			d.full.Store(false)
			d.stuck.Store(false)
			mustSettle(t, l, row("after", t0, 1))
			if err := l.Err(); err != nil {
				t.Errorf("Err, when the disk has room: %v", err)
			}
			if list := told.list(); len(list) != 2 || !errors.Is(list[0], syscall.ENOSPC) || list[1] != nil {
				t.Errorf("alarms: %v", list)
			}
			must(t, l.Close(t.Context()))
			got := outcomes(t, open(t, c))
			if want := map[string]string{"before": "ok", "across": "ok", "during": "ok", "after": "ok"}; !maps.Equal(got, want) {
				t.Errorf("rows %v", got)
			}
		})
	}
}

// TestHalfRecordIsNotInTheWay dies when half a record is in the journal that
// could not be taken back, with whole ones behind it.
// TestDiskThatIsNotSafe: that the journal can't be made safe from the machine's
// death is told once, for as long as that is so, although it takes what is
// written.
func TestDiskThatIsNotSafe(t *testing.T) {
	c := testConfig(t)
	var d disk
	d.deaf.Store(true)
	c.openFile = d.open
	var told alarms
	c.Alarm = told.add
	l := open(t, c)
	settle := func(until func() bool) {
		t.Helper()
		for i := 0; !until(); i++ {
			if err := l.Begin(row(fmt.Sprint("r", i), t0, 1)); err != nil {
				t.Fatal(err)
			}
			mustSettle(t, l, row(fmt.Sprint("r", i), t0, 1))
			time.Sleep(time.Millisecond)
			if t.Context().Err() != nil || i > 60_000 {
				t.Fatal("nobody heard of it")
			}
		}
	}
	failures := func() uint64 { return l.Stats().Failures }
	settle(func() bool { return failures() >= 2 })
	if err := l.Err(); !errors.Is(err, syscall.EIO) {
		t.Errorf("Err: %v", err)
	}
	d.deaf.Store(false)
	settle(func() bool { return l.Err() == nil && len(told.list()) > 1 })
	if list := told.list(); len(list) != 2 || !errors.Is(list[0], syscall.EIO) || list[1] != nil {
		t.Errorf("told %v", list)
	}
}

func TestHalfRecordIsNotInTheWay(t *testing.T) {
	var d disk
	data := t.TempDir()
	j, err := createJournal(data, 1<<30, d.open)
	must(t, err)
	must(t, j.begin(newTestEntry(t, row("a", t0, 1))))
	d.full.Store(true)
	d.stuck.Store(true)
	if err := j.begin(newTestEntry(t, row("b", t0, 1))); err == nil {
		t.Fatal("no error")
	}
	d.full.Store(false)
	must(t, j.begin(newTestEntry(t, row("c", t0, 1))))
	must(t, j.settle(newTestEntry(t, row("a", t0, 1))))
	for _, seg := range j.segments {
		must(t, seg.f.Close())
	}
	j.lock.unlock()
	l := open(t, Config{Dir: data})
	if got := outcomes(t, l); !maps.Equal(got, map[string]string{"a": "ok", "c": Abandoned}) {
		t.Errorf("rows %v", got)
	}
}

func TestQueueIsBoundedAndWhatIsLostIsCounted(t *testing.T) {
	var d disk
	var db failing
	db.set(syscall.EIO)
	c := testConfig(t)
	c.openFile, c.wrapInsert, c.QueueBytes = d.open, db.wrap, 20_000
	l := open(t, c)
	d.full.Store(true)
	for i := range 100 {
		if err := l.Settle(row(fmt.Sprint(i), t0, 1)); err == nil {
			t.Fatal("no error")
		}
	}
	s := l.Stats()
	if s.Queued == 0 || s.Queued+int(s.Dropped) != 100 || s.QueuedBytes > c.QueueBytes || s.Spilled != 0 {
		t.Errorf("stats %+v", s)
	}
	db.set(nil)
	mustFlush(t, l)
	if n := len(outcomes(t, l)); n != s.Queued {
		t.Errorf("%d rows of %d that were queued", n, s.Queued)
	}
}

func TestRowsAreReadAgainFromTheJournal(t *testing.T) {
	var db failing
	db.set(syscall.EIO)
	c := testConfig(t)
	c.wrapInsert, c.QueueBytes = db.wrap, 20_000
	l := open(t, c)
	settle := func(from, to int) {
		for i := from; i < to; i++ {
			mustSettle(t, l, row(fmt.Sprint(i), t0, 1))
			if i%100 == 0 { // over several segments
				l.mu.Lock()
				l.journal.current = nil
				l.mu.Unlock()
			}
		}
	}
	settle(0, 1000)
	if s := l.Stats(); s.Spilled < 900 || s.Queued+s.Spilled != 1000 || s.QueuedBytes > c.QueueBytes {
		t.Errorf("stats %+v", s)
	}
	db.set(nil)
	settle(1000, 1500) // while the writer catches up
	mustFlush(t, l)
	if n := len(outcomes(t, l)); n != 1500 {
		t.Errorf("%d rows", n)
	}
	if sum, err := l.Spent(t.Context(), "", "", time.Time{}, time.Time{}); err != nil || sum != 1500 {
		t.Errorf("spent %d, %v", sum, err)
	}
	if s := l.Stats(); s.Queued+s.Spilled+s.Open != 0 || s.Dropped != 0 || s.QueuedBytes != 0 || s.JournalBytes > 20_000_000 {
		t.Errorf("stats %+v", s)
	}
	l.mu.Lock()
	if n := len(l.journal.segments); n > 1 {
		t.Errorf("%d segments are left", n)
	}
	l.mu.Unlock()
}

func TestJournalLimit(t *testing.T) {
	var db failing
	db.set(syscall.EIO)
	c := testConfig(t)
	c.wrapInsert, c.JournalBytes = db.wrap, 10_000
	l := open(t, c)
	var err error
	n := 0
	for ; err == nil; n++ {
		if err = l.Begin(row(fmt.Sprint(n), t0, 1)); err == nil {
			err = l.Settle(row(fmt.Sprint(n), t0, 1))
		}
	}
	if !errors.Is(err, errJournalFull) || l.Stats().JournalBytes > c.JournalBytes {
		t.Errorf("after %d rows: %v, %+v", n, err, l.Stats())
	}
}

func TestClosedWithoutItsDatabase(t *testing.T) {
	var db failing
	db.set(syscall.EIO)
	c := testConfig(t)
	c.wrapInsert = db.wrap
	l := open(t, c)
	mustSettle(t, l, row("a", t0, 1))
	must(t, l.Close(t.Context()))
	must(t, l.Close(t.Context()))
	if err := l.Begin(row("b", t0, 1)); !errors.Is(err, ErrClosed) {
		t.Errorf("Begin: %v", err)
	}
	db.set(nil)
	if got := outcomes(t, open(t, c)); !maps.Equal(got, map[string]string{"a": "ok"}) {
		t.Errorf("rows %v", got)
	}
}

// A context that ends in the middle of a batch takes all of it back, is what the error
// says, and leaves nothing behind that the next batch could stumble over.
func TestBatchIsInterrupted(t *testing.T) {
	each(t, func(t *testing.T, c Config) {
		l := open(t, c)
		batch := []*entry{newTestEntry(t, row("first", t0, 5))}
		must(t, l.insert(t.Context(), batch))
		batch = append(batch, newTestEntry(t, row("second", t0, 5)))
		ctx, cancel := context.WithCancel(t.Context())
		err := l.db.transact(ctx, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, "DELETE FROM hours")
			must(t, err)
			cancel()
			for err == nil { // until it is taken back, which takes a moment
				_, err = tx.ExecContext(context.WithoutCancel(ctx), "DELETE FROM requests")
			}
			return err
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
		must(t, l.insert(t.Context(), batch))
		points, err := l.Summary(t.Context(), ByOutcome, t0.Truncate(hour), t0.Truncate(hour).Add(hour))
		if must(t, err); len(points) != 1 || points[0].Requests != 2 || points[0].Cost != 10 {
			t.Errorf("%+v", points)
		}
	})
}

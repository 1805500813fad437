package ledger

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// deadJournal leaves the journal of a process that died: what script does to it
// has been written, and nobody holds its lock.
func deadJournal(t testing.TB, data string, script func(j *journal)) (dir string) {
	t.Helper()
	j, err := createJournal(data, 1<<30, openFile)
	if err != nil {
		t.Fatal(err)
	}
	script(j)
	for _, seg := range j.segments {
		if err := seg.f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	j.lock.unlock()
	return j.dir
}

func newTestEntry(t testing.TB, r *Row) *entry {
	t.Helper()
	e, err := newEntry(r)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// outcomes are those of all rows, by id.
func outcomes(t testing.TB, l *Ledger) map[string]string {
	t.Helper()
	all := map[string]string{}
	for r, err := range l.All(context.Background(), Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		if _, twice := all[r.ID]; twice {
			t.Errorf("%s is there twice", r.ID)
		}
		all[r.ID] = r.Outcome
	}
	return all
}

func TestTornTail(t *testing.T) {
	whole := deadJournal(t, t.TempDir(), func(j *journal) {
		for _, id := range []string{"a", "b"} {
			if err := j.begin(newTestEntry(t, row(id, t0, 1))); err != nil {
				t.Fatal(err)
			}
		}
		if err := j.settle(newTestEntry(t, row("a", t0, 1))); err != nil {
			t.Fatal(err)
		}
		if err := j.begin(newTestEntry(t, row("c", t0, 1))); err != nil {
			t.Fatal(err)
		}
	})
	data, err := os.ReadFile(filepath.Join(whole, segmentName(1)))
	if err != nil {
		t.Fatal(err)
	}
	var ends []int // of the records
	for rest := data; ; {
		_, next, ok := nextFrame(rest)
		if !ok {
			break
		}
		rest = next
		ends = append(ends, len(data)-len(rest))
	}
	if len(ends) != 5 { // the first says how far the database is
		t.Fatalf("records end at %v", ends)
	}
	want := []map[string]string{
		{}, {}, {"a": Abandoned}, {"a": Abandoned, "b": Abandoned}, {"a": "ok", "b": Abandoned},
		{"a": "ok", "b": Abandoned, "c": Abandoned},
	}
	for size := range len(data) + 1 {
		for _, tail := range []string{"cut", "zeros", "flipped"} {
			torn := slices.Clone(data[:size])
			switch tail {
			case "zeros":
				torn = append(torn, make([]byte, len(data)-size)...)
			case "flipped":
				if size == 0 {
					continue
				}
				torn[size-1] ^= 0x10
			}
			records := 0
			for _, end := range ends {
				if end < size || (end == size && tail != "flipped") {
					records++
				}
			}
			path := filepath.Join(t.TempDir(), segmentName(1))
			if err := os.WriteFile(path, torn, 0o600); err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			err := (&replay{paths: []string{path}}).run(func(p body, lost bool) error {
				r, err := p.row()
				if got[r.ID] = r.Outcome; lost {
					got[r.ID] = Abandoned
				}
				return err
			})
			if err != nil || !maps.Equal(got, want[records]) {
				t.Fatalf("%s at byte %d: %v, %v; want %v", tail, size, got, err, want[records])
			}
		}
	}
}

// TestAdoptedOnce lets processes do anything, die at any point, be adopted, be
// adopted in part, and be adopted again.
func TestAdoptedOnce(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		data, err := os.MkdirTemp(t.TempDir(), "") //nolint:usetesting // one for each of the checks
		if err != nil {
			rt.Fatal(err)
		}
		config := Config{Dir: data}
		want := map[string]string{}
		var spent int64
		l, err := Open(context.Background(), config)
		if err != nil {
			rt.Fatal(err)
		}
		defer l.Close(context.Background())
		for p := range rapid.IntRange(1, 3).Draw(rt, "processes") {
			dir := deadJournal(t, data, func(j *journal) {
				for i := range rapid.IntRange(0, 12).Draw(rt, "requests") {
					r := row(fmt.Sprintf("%d-%d", p, i), t0.Add(time.Duration(i)*time.Minute), int64(i))
					begun := rapid.Bool().Draw(rt, "begun")
					if begun {
						must(rt, j.begin(newTestEntry(t, r)))
						want[r.ID] = Abandoned
					}
					if rapid.Bool().Draw(rt, "rotate") {
						j.current = nil
					}
					if rapid.Bool().Draw(rt, "settled") {
						e := newTestEntry(t, r)
						must(rt, j.settle(e))
						want[r.ID] = "ok"
						spent += int64(i)
						if rapid.Bool().Draw(rt, "in the database") {
							must(rt, l.insert(context.Background(), []*entry{e}))
							if rapid.Bool().Draw(rt, "and noted") && allDone(j, e) {
								j.committed([]*entry{e})
							}
						}
					}
				}
			})
			copied := copyFolder(rt, dir)
			must(rt, l.adopt(context.Background()))
			if rapid.Bool().Draw(rt, "again") { // it died before it had removed the journal
				must(rt, os.Rename(copied, dir))
				must(rt, l.adopt(context.Background()))
			}
		}
		if got := outcomes(t, l); !maps.Equal(got, want) {
			rt.Fatalf("got %v, want %v", got, want)
		}
		if sum, err := l.Spent(context.Background(), "k1", "g1", time.Time{}, time.Time{}); err != nil || int64(sum) != spent {
			rt.Fatalf("spent %d, %v, want %d", sum, err, spent)
		}
	})
}

// allDone tells whether the database has all settlements up to an entry's, as it
// must when that is noted.
func allDone(j *journal, e *entry) bool { return j.done+1 == e.seq }

func must(t interface{ Fatal(...any) }, err error) {
	if err != nil {
		t.Fatal(err)
	}
}

// copyFolder copies a folder to where nobody looks for journals.
func copyFolder(t *rapid.T, dir string) string {
	to := filepath.Join(filepath.Dir(filepath.Dir(dir)), "copy-"+filepath.Base(dir))
	must(t, os.CopyFS(to, os.DirFS(dir)))
	return to
}

func TestTheLivingAreLeftAlone(t *testing.T) {
	each(t, func(t *testing.T, c Config) {
		first := open(t, c)
		must(t, first.Begin(row("running", t0, 5)))
		second := open(t, c)
		must(t, second.adopt(t.Context()))
		if got := outcomes(t, second); len(got) != 0 {
			t.Errorf("rows of a living process: %v", got)
		}
		must(t, first.Settle(row("running", t0, 5)))
		mustFlush(t, first)
		if got := outcomes(t, second); got["running"] != "ok" {
			t.Errorf("got %v", got)
		}
		must(t, first.Begin(row("left", t0, 5)))
		must(t, first.Close(t.Context()))
		must(t, second.adopt(t.Context()))
		if got := outcomes(t, second); got["left"] != Abandoned {
			t.Errorf("got %v", got)
		}
	})
}

// TestSpentWaitsForWhatWasLeft: as long as rows of the process before are in its
// journal alone, nobody is told a sum without them, and they are tried again soon.
func TestSpentWaitsForWhatWasLeft(t *testing.T) {
	each(t, func(t *testing.T, c Config) {
		deadJournal(t, c.Dir, func(j *journal) {
			must(t, j.settle(newTestEntry(t, row("left", t0, 5))))
		})
		var db failing
		db.set(errors.New("away"))
		c.wrapInsert = db.wrap
		l := open(t, c)
		if sum, err := l.Spent(t.Context(), "", "", time.Time{}, time.Time{}); !errors.Is(err, ErrNotReady) {
			t.Errorf("spent %d, %v, before all rows are there", int64(sum), err)
		}
		db.set(nil)
		for !l.adopted.Load() || l.Err() != nil {
			select {
			case <-t.Context().Done():
			case <-time.After(time.Millisecond):
			}
		}
		if sum, err := l.Spent(t.Context(), "", "", time.Time{}, time.Time{}); err != nil || sum != 5 {
			t.Errorf("spent %d, %v, want 5", int64(sum), err)
		}
		if err := l.Err(); err != nil {
			t.Error(err)
		}
	})
}

// TestKnownRowsAmongOthers inserts rows of which some are there already, or twice, so
// many that they go into the database several at once.
func TestKnownRowsAmongOthers(t *testing.T) {
	each(t, func(t *testing.T, c Config) {
		l := open(t, c)
		const all = 3*rowsAtOnce + 5
		for _, known := range [][]int{{}, {0}, {rowsAtOnce, rowsAtOnce + 1, all - 1}} {
			var some, more []*entry
			start := t0.Add(time.Duration(len(known)) * day)
			for i := range all {
				e := newTestEntry(t, row(fmt.Sprint(len(known), "-", i), start, 5))
				if more = append(more, e); slices.Contains(known, i) {
					some, more = append(some, e), append(more, e)
				}
			}
			for _, batch := range [][]*entry{some, more, more} {
				if err := l.insert(t.Context(), batch); err != nil {
					t.Fatal(err)
				}
			}
			for _, by := range []Dimension{ByAll, ByGate, ByKey, ByModel, ByOutcome} {
				for _, step := range []time.Duration{hour, day} {
					points, err := l.Series(t.Context(), SeriesQuery{By: by, From: start.Truncate(day), To: start.Truncate(day).Add(day), Step: step})
					if err != nil || len(points) != 1 || points[0].Requests != all || points[0].Cost != 5*all {
						t.Errorf("%v known, by %q, step %v: %+v, %v", known, by, step, points, err)
					}
				}
			}
		}
	})
}

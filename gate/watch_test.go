package gate

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestWatcher(t *testing.T) {
	folder := t.TempDir()
	in := func(name string) string { return filepath.Join(folder, name) }
	put := func(path, text string) {
		t.Helper()
		file{t, path}.write(text)
	}
	put(in("a.json"), small(1, "a"))
	table, err := NewTable(Options{Files: []string{in("*.json")}, Resolve: split})
	if err != nil {
		t.Fatal(err)
	}
	defer table.Close()
	// Files in the test are never too young to trust their times, unless it says so.
	late := func() time.Time { return time.Now().Add(time.Hour) }
	table.now = late
	if _, err := table.Reload(); err != nil {
		t.Fatal(err)
	}
	swaps := 0
	var errs []string
	w := &Watcher{table: table, onSwap: func() { swaps++ }, onError: func(err error) { errs = append(errs, err.Error()) }}
	expect := func(what string, wantSwaps int, wantError, refs string) {
		t.Helper()
		swaps, errs = 0, nil
		for range 3 {
			w.poll()
		}
		if swaps != wantSwaps {
			t.Errorf("%s: %d swaps, want %d", what, swaps, wantSwaps)
		}
		if wantError == "" && len(errs) > 0 || wantError != "" && (len(errs) != 1 || !strings.Contains(errs[0], wantError)) {
			t.Errorf("%s: errors %q, want one with %q", what, errs, wantError)
		}
		var names []string
		for g := range table.All() {
			names = append(names, g.Name)
		}
		if got := strings.Join(names, " "); got != refs {
			t.Errorf("%s: gates %q, want %q", what, got, refs)
		}
	}

	expect("nothing happened", 0, "", "a")
	put(in("a.json"), small(1, "a2"))
	expect("a rename over the file", 1, "", "a2")
	if err := os.WriteFile(in("a.json"), []byte(small(1, "longer")), 0o600); err != nil {
		t.Fatal(err)
	}
	expect("an edit in place", 1, "", "longer")
	put(in("b.json"), small(2, "b"))
	expect("a new file", 1, "", "longer b")
	put(in("b.json"), `{"id":7}`)
	expect("a bad edit", 0, in("b.json")+":1: gate number 1: id: must be text", "longer b")
	put(in("b.json"), `{"id":`)
	expect("another bad edit", 0, "unexpected EOF", "longer b")
	put(in("b.json"), small(2, "b"))
	expect("taken back", 1, "", "longer b")
	put(in("b.json"), `{"id":`)
	expect("the same bad edit again", 0, "unexpected EOF", "longer b")
	put(in("b.json"), small(2, "b2"))
	expect("mended", 1, "", "longer b2")
	if err := os.Remove(in("a.json")); err != nil {
		t.Fatal(err)
	}
	expect("a file less", 1, "", "b2")
	put(in("same.json"), "["+small(3, "c")+"]\n")
	expect("one more", 1, "", "b2 c")
	put(in("same.json"), "["+small(3, "c")+"]\n")
	expect("written again with the same text", 0, "", "b2 c")

	// A symbolic link to a folder, which is swapped as a whole: so do volumes of cluster orchestrators.
	for _, version := range []string{"v1", "v2"} {
		if err := os.Mkdir(in(version), 0o700); err != nil {
			t.Fatal(err)
		}
		put(filepath.Join(in(version), "x"), small(4, version))
	}
	link := func(to string) {
		t.Helper()
		if err := os.Symlink(in(to), in("data.new")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(in("data.new"), in("data")); err != nil {
			t.Fatal(err)
		}
	}
	link("v1")
	if err := os.Symlink(filepath.Join(in("data"), "x"), in("linked.json")); err != nil {
		t.Fatal(err)
	}
	expect("a link", 1, "", "b2 v1 c")
	link("v2")
	expect("the link leads elsewhere", 1, "", "b2 v2 c")

	// Changed without a trace in size and time, as happens within one tick of the file system's clock.
	info, err := os.Stat(in("b.json"))
	if err != nil {
		t.Fatal(err)
	}
	table.now = info.ModTime
	put(in("z.json"), "[]")
	expect("an empty file", 1, "", "b2 v2 c")
	if err := os.WriteFile(in("b.json"), []byte(small(2, "B2")), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(in("b.json"), time.Time{}, info.ModTime()); err != nil {
		t.Fatal(err)
	}
	expect("a change without a trace", 1, "", "B2 v2 c")

	table.Close()
	put(in("z.json"), "7")
	expect("closed", 0, "", "B2 v2 c")
}

func TestWatcherRuns(t *testing.T) {
	f := newFile(t)
	f.write(small(1, "a"))
	table := f.table(t, Options{})
	swapped := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	w := &Watcher{table: table, onSwap: func() { swapped <- struct{}{} }, cancel: cancel, done: make(chan struct{})}
	tick := make(chan time.Time)
	go func() {
		defer close(w.done)
		w.run(ctx, tick)
	}()
	f.write(small(1, "b"))
	tick <- time.Time{}
	<-swapped
	if _, ok := table.Lookup("b"); !ok {
		t.Error("the new gate is not found")
	}
	f.write("7")
	tick <- time.Time{} // without anybody who hears of errors
	tick <- time.Time{}
	w.Stop()

	stopped := Watch(t.Context(), table, time.Hour, nil, nil)
	stopped.Stop()
	stopped.Stop()
}

package gate

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

func TestReload(t *testing.T) {
	f := newFile(t)
	f.write("[" + small(1, "a") + "]")
	table := f.table(t, Options{})
	a, _ := table.Lookup("a")
	if changed, err := table.Reload(); changed || err != nil {
		t.Errorf("without a change: %v, %v", changed, err)
	}
	if _, ok := table.Lookup("b"); ok {
		t.Error("b is there already")
	}
	table.cache.entries.Wait()

	f.write("[" + small(2, "a") + "," + small(3, "b") + "]")
	if changed, err := table.Reload(); !changed || err != nil {
		t.Fatalf("after a change: %v, %v", changed, err)
	}
	if g, ok := table.Lookup("a"); !ok || g.ID != numbered(2) {
		t.Errorf("the old gate is found: %+v", g)
	}
	if _, ok := table.Lookup("b"); !ok {
		t.Error("it is still remembered that b is nobody's")
	}
	if _, ok := table.Lookup(numbered(1)); ok {
		t.Error("the removed gate is found")
	}
	if a.ID != numbered(1) {
		t.Error("a gate in use was changed")
	}

	f.write("[" + small(2, "a") + ",\n" + small(2, "c") + "]")
	changed, err := table.Reload()
	if changed || err == nil || !strings.Contains(err.Error(), f.path+`:2: gate "c": id: `) {
		t.Errorf("after a bad edit: %v, %v", changed, err)
	}
	if err := os.Remove(f.path); err != nil {
		t.Fatal(err)
	}
	if changed, err := table.Reload(); changed || !strings.Contains(fmt.Sprint(err), "no such file") {
		t.Errorf("without the file: %v, %v", changed, err)
	}
	if _, ok := table.Lookup("b"); !ok || table.Len() != 2 {
		t.Error("the last good gates are gone")
	}
}

// A resolver that fails after loading must not make a gate of nothing.
func TestResolverThatChangesItsMind(t *testing.T) {
	var broken atomic.Bool
	table, err := NewTable(Options{
		Inline: []*Config{{ID: testID, Name: "a", Model: "p/m"}},
		Resolve: func(model string) (string, string, error) {
			if broken.Load() {
				return "", "", errors.New("gone")
			}
			return split(model)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer table.Close()
	broken.Store(true)
	if g, ok := table.Lookup("a"); ok || g != nil {
		t.Errorf("got %+v", g)
	}
	for g := range table.All() {
		t.Errorf("got %+v", g)
	}
	broken.Store(false)
	if _, ok := table.Lookup("a"); !ok {
		t.Error("the failure is remembered")
	}
}

// Readers see one version of all gates, whatever is reloaded or closed meanwhile.
func TestConcurrentUse(t *testing.T) {
	f := newFile(t)
	const gates, versions = 50, 40
	text := func(version int) string {
		var list []string
		for n := range gates {
			list = append(list, fmt.Sprintf(`{"id":%q,"name":"gate-%d","description":"%d","model":"p/m","routingStrategy":"round-robin","fallbackModels":["p/n"]}`, numbered(n), n, version))
		}
		return "[" + strings.Join(list, ",") + "]"
	}
	f.write(text(0))
	table := f.table(t, Options{CacheSize: 64 << 10})
	var group sync.WaitGroup
	var done atomic.Bool
	for w := range 6 {
		group.Go(func() {
			for i := w; !done.Load() || i < 200; i++ {
				n := i % gates
				if w == 5 {
					first, count := "", 0
					for g := range table.All() {
						if count == 0 {
							first = g.Description
						}
						if count++; g.Description != first {
							t.Errorf("versions %s and %s in one listing", first, g.Description)
						}
					}
					if count != gates {
						t.Errorf("%d gates in a listing", count)
					}
					continue
				}
				ref := numbered(n)
				if w%2 == 0 {
					ref = fmt.Sprintf("gate-%d", n)
				}
				g, ok := table.Lookup(ref)
				if !ok || g.ID != numbered(n) || len(g.Order(nil)) != 2 {
					t.Errorf("%s: %+v", ref, g)
				}
				if _, ok := table.Lookup(fmt.Sprintf("nobody-%d", i)); ok {
					t.Error("nobody is found")
				}
			}
		})
	}
	for version := range versions {
		f.write(text(version + 1))
		if _, err := table.Reload(); err != nil {
			t.Error(err)
		}
		if g, _ := table.Lookup("gate-7"); g.Description != fmt.Sprint(version+1) {
			t.Errorf("version %s after the reload of %d", g.Description, version+1)
		}
	}
	table.Close()
	done.Store(true)
	group.Wait()
}

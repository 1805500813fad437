package gate

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// file is a file of gates in a test's own folder.
type file struct {
	t    testing.TB
	path string
}

func newFile(t testing.TB) file { return file{t, filepath.Join(t.TempDir(), "gates.json")} }

// write replaces the file in one step, as editors and deployments do.
func (f file) write(text string) {
	f.t.Helper()
	if err := os.WriteFile(f.path+".new", []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
	if err := os.Rename(f.path+".new", f.path); err != nil {
		f.t.Fatal(err)
	}
}

// table makes a table of this file, which is closed with the test.
func (f file) table(t testing.TB, o Options) *Table {
	t.Helper()
	o.Files, o.Resolve = append(o.Files, f.path), split
	table, err := NewTable(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(table.Close)
	return table
}

// numbered is the id of a test's gate.
func numbered(n int) string { return fmt.Sprintf("7b4b2f0e-6a1c-4c1e-9a55-%012x", n) }

func small(n int, name string) string {
	return fmt.Sprintf(`{"id":%q,"name":%q,"model":"p/m"}`, numbered(n), name)
}

func TestLookup(t *testing.T) {
	f := newFile(t)
	f.write("[" + small(0xabc, "assistant") + "," + small(2, "team/gate") + `,{"id":"` + numbered(3) + `","model":"p/m"}]`)
	table := f.table(t, Options{Inline: []*Config{{ID: strings.ToUpper(testID), Name: "inline", Model: "p/m"}}})
	found := map[string]string{ // reference: canonical id
		numbered(0xabc): numbered(0xabc), strings.ToUpper(numbered(0xabc)): numbered(0xabc),
		"{" + numbered(0xabc) + "}": numbered(0xabc), "urn:uuid:" + numbered(0xabc): numbered(0xabc),
		"  " + numbered(0xabc) + "\n": numbered(0xabc), "assistant": numbered(0xabc), " assistant ": numbered(0xabc),
		"team/gate": numbered(2), "inline": testID, testID: testID,
	}
	missing := []string{"Assistant", "assistan", numbered(99), "nobody"}
	rubbish := []string{"", " ", "../", "a/../b", "a\nb", "a\x00", "\xff", "layer/assistant", strings.Repeat("x", 10<<10), strings.Repeat("é", 65)}

	free := table.cache.entries.RemainingCost()
	for _, ref := range rubbish {
		if g, ok := table.Lookup(ref); ok || g != nil {
			t.Errorf("%.20q is found", ref)
		}
	}
	table.cache.entries.Wait()
	if now := table.cache.entries.RemainingCost(); now != free {
		t.Errorf("rubbish is remembered: %d bytes", free-now)
	}
	for _, state := range []string{"cold", "warm", "closed"} {
		for ref, id := range found {
			if g, ok := table.Lookup(ref); !ok || g.ID != id {
				t.Errorf("%s: %q is not found, but %v", state, ref, g)
			}
		}
		for _, ref := range missing {
			if g, ok := table.Lookup(ref); ok || g != nil {
				t.Errorf("%s: %q is found", state, ref)
			}
		}
		if state != "cold" {
			table.Close()
			continue
		}
		table.cache.entries.Wait()
		for _, ref := range missing[2:] {
			key := reference{name: ref}
			if id, ok := parseUUID(ref); ok {
				key = reference{id: id}
			}
			if g, ok := table.cache.get(1, key); !ok || g != nil {
				t.Errorf("it is not remembered that %q is nobody's", ref)
			}
		}
	}
	var names []string
	for g := range table.All() {
		names = append(names, g.Name)
	}
	if got := strings.Join(names, ","); got != "inline,assistant,team/gate," {
		t.Errorf("All gives %s", got)
	}
	if got := strings.Join(slices.Collect(table.Labels()), ","); !strings.HasPrefix(got, "inline,assistant,team/gate,") || len(got) != len("inline,assistant,team/gate,")+36 {
		t.Errorf("Labels gives %s", got)
	}
	if _, err := table.Reload(); err == nil {
		t.Error("a closed table is reloaded")
	}
}

func TestNameAndIDShareAGate(t *testing.T) {
	f := newFile(t)
	f.write(small(1, "a"))
	for _, refs := range [][]string{{"a", numbered(1)}, {numbered(1), "a"}} {
		table := f.table(t, Options{})
		first, _ := table.Lookup(refs[0])
		table.cache.entries.Wait()
		if second, _ := table.Lookup(refs[1]); first == nil || first != second {
			t.Errorf("%v: compiled twice", refs)
		}
	}
}

// Who asks for a cold gate while it is compiled waits for that, by name or by id.
func TestSingleFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var loaded atomic.Bool
		var compiled atomic.Int32
		release := make(chan struct{})
		table, err := NewTable(Options{
			Inline: []*Config{{ID: testID, Name: "a", Model: "p/m"}},
			Resolve: func(model string) (string, string, error) {
				if loaded.Load() {
					compiled.Add(1)
					<-release
				}
				return split(model)
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer table.Close()
		loaded.Store(true)
		got := make(chan *Gate, 20)
		for i := range cap(got) {
			go func() {
				g, _ := table.Lookup([]string{"a", testID}[i%2])
				got <- g
			}()
		}
		synctest.Wait()
		close(release)
		first := <-got
		for range cap(got) - 1 {
			if g := <-got; g == nil || g != first {
				t.Errorf("got %p and %p", first, g)
			}
		}
		if n := compiled.Load(); n != 1 {
			t.Errorf("compiled %d times", n)
		}
	})
}

func TestMissesExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table, err := NewTable(Options{Resolve: split})
		if err != nil {
			t.Fatal(err)
		}
		defer table.Close()
		remembered := func() bool {
			_, ok := table.cache.get(1, reference{name: "nobody"})
			return ok
		}
		table.Lookup("nobody")
		table.cache.entries.Wait()
		if !remembered() {
			t.Error("not remembered at all")
		}
		time.Sleep(missTTL + time.Second) // of the test's own clock
		if remembered() {
			t.Error("remembered for too long")
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if free := table.cache.entries.RemainingCost(); free != table.cache.entries.MaxCost() {
			t.Errorf("%d bytes are never freed", table.cache.entries.MaxCost()-free)
		}
	})
}

// The cache is not the truth: with one too small for anything, every gate is found.
func TestCacheIsBounded(t *testing.T) {
	f := newFile(t)
	var list []string
	for n := range 1000 {
		list = append(list, small(n, fmt.Sprintf("gate-%d", n)))
	}
	f.write("[" + strings.Join(list, ",") + "]")
	for _, size := range []int{1, 50 << 10} {
		table := f.table(t, Options{CacheSize: size})
		for n := range 1000 {
			if g, ok := table.Lookup(fmt.Sprintf("gate-%d", n)); !ok || g.ID != numbered(n) {
				t.Errorf("gate %d is not found", n)
			}
			if _, ok := table.Lookup(fmt.Sprintf("nobody-%d", n)); ok {
				t.Error("nobody is found")
			}
		}
		table.cache.entries.Wait()
		if free := table.cache.entries.RemainingCost(); free < 0 {
			t.Errorf("%d bytes over the cache's size of %d", -free, size)
		}
	}
}

func TestLookupDoesNotAllocate(t *testing.T) {
	f := newFile(t)
	f.write(`[{"id":"` + numbered(1) + `","name":"a","model":"p/m","routingStrategy":"fallback","fallbackModels":["p/n"]},` + small(2, "b") + "]")
	table := f.table(t, Options{})
	for _, ref := range []string{"a", "b", numbered(1), "{" + strings.ToUpper(numbered(2)) + "}", "nobody"} {
		table.Lookup(ref)
		table.cache.entries.Wait()
		if n := testing.AllocsPerRun(1000, func() {
			if g, ok := table.Lookup(ref); ok {
				g.Order(nil)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", ref, n)
		}
	}
}

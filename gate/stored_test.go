package gate

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// listed are the gates' names and sources, unless their labels are others.
func listed(t *Table) string {
	var all, labels []string
	for g := range t.All() {
		labels = append(labels, cmp.Or(g.Name, g.ID))
		all = append(all, g.Name+"@"+g.Source[strings.LastIndexByte(g.Source, '/')+1:])
	}
	if got := slices.Collect(t.Labels()); !slices.Equal(got, labels) {
		return fmt.Sprintf("labelled %v, not %v", got, labels)
	}
	return strings.Join(all, " ")
}

func stored(gates ...string) [][]byte {
	var all [][]byte
	for _, g := range gates {
		all = append(all, []byte(g))
	}
	return all
}

func TestStored(t *testing.T) {
	f := newFile(t)
	f.write("[" + small(1, "filed") + "]")
	table := f.table(t, Options{Inline: []*Config{{ID: testID, Name: "inline", Model: "p/m"}}})
	if _, ok := table.Lookup("made"); ok {
		t.Error("it is there already")
	}
	table.cache.entries.Wait()
	turns := strings.Replace(small(2, "made"), `"model"`, `"routingStrategy":"round-robin","fallbackModels":["p/n"],"model"`, 1)
	if !table.SetStored(stored(turns)) || table.SetStored(stored(turns)) {
		t.Error("not exactly the first one is a change")
	}
	g, ok := table.Lookup("made")
	if !ok || g.ID != numbered(2) || g.Source != "store" {
		t.Fatalf("made: %+v", g)
	}
	if first, second := letters(g.Order(nil)), letters(g.Order(nil)); first == second {
		t.Errorf("no turns: %s, %s", first, second)
	}
	if got := listed(table); got != "inline@config filed@gates.json made@store" || table.Len() != 3 {
		t.Errorf("listed %s, %d", got, table.Len())
	}

	// What can't be served, or has another's id or name, is left out alone.
	table.SetStored(stored(small(2, "made"), small(3, "inline"), small(1, "other"), `{"id":`, small(4, "late"),
		strings.Replace(small(5, "lost"), "p/m", "nobody", 1), small(6, "late")))
	if got := listed(table); got != "inline@config filed@gates.json made@store late@store" || table.Len() != 4 {
		t.Errorf("listed %s, %d", got, table.Len())
	}
	for _, ref := range []string{numbered(3), "other", "lost", numbered(5), numbered(6)} {
		if g, ok := table.Lookup(ref); ok {
			t.Errorf("%s is %+v", ref, g)
		}
	}
	var left []string
	for _, err := range table.Left() {
		left = append(left, strings.SplitN(err.Error(), " of the store is left out: ", 2)[0])
	}
	if want := []string{`gate "inline"`, `gate "other"`, "gate number 4", `gate "lost"`, `gate "late"`}; !slices.Equal(left, want) {
		t.Errorf("left out %q, want %q", left, want)
	}

	table.SetStored(nil)
	if got := listed(table); got != "inline@config filed@gates.json" || table.Left() != nil {
		t.Errorf("listed %s", got)
	}
	table.Close()
	if table.SetStored(stored(small(2, "made"))) {
		t.Error("a closed table takes gates")
	}
}

// Files that change and gates that are made do not undo each other.
func TestStoredBesideFiles(t *testing.T) {
	f := newFile(t)
	f.write("[]")
	table := f.table(t, Options{})
	table.SetStored(stored(small(1, "a"), small(2, "b")))
	f.write("[" + small(3, "a") + "]")
	if changed, err := table.Reload(); !changed || err != nil {
		t.Fatalf("reload: %v, %v", changed, err)
	}
	if got := listed(table); got != "a@gates.json b@store" || len(table.Left()) != 1 {
		t.Errorf("listed %s, left %v", got, table.Left())
	}
	if changed, err := table.Reload(); changed || err != nil {
		t.Errorf("reload of the same: %v, %v", changed, err)
	}
	f.write("[" + small(3, "a") + "," + small(3, "c") + "]")
	if changed, err := table.Reload(); changed || err == nil {
		t.Errorf("reload of a mistake: %v, %v", changed, err)
	}
	if !table.SetStored(stored(small(2, "b"), small(4, "d"))) {
		t.Error("a mistake in a file keeps the store out")
	}
	if got := listed(table); got != "a@gates.json b@store d@store" {
		t.Errorf("listed %s", got)
	}
	f.write("[]")
	if changed, err := table.Reload(); !changed || err != nil {
		t.Errorf("reload: %v, %v", changed, err)
	}
	table.SetStored(stored(small(1, "a")))
	if got := listed(table); got != "a@store" || table.Left() != nil {
		t.Errorf("listed %s, left %v", got, table.Left())
	}
}

func TestCheckStored(t *testing.T) {
	table, err := NewTable(Options{Resolve: split, Inline: []*Config{{ID: testID, Name: "inline", Model: "p/m"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer table.Close()
	table.SetStored(stored(small(1, "made")))
	for _, test := range []struct {
		config Config
		taken  bool
		fields string
	}{
		{Config{ID: numbered(2), Name: "new", Model: "p/m"}, false, ""},
		{Config{ID: numbered(2), Model: "p/m"}, false, ""},
		{Config{ID: numbered(1), Name: "made", Model: "p/m"}, false, ""}, // the store knows its own
		{Config{ID: strings.ToUpper(testID), Name: "inline", Model: "p/m"}, true, "id name"},
		{Config{ID: numbered(2), Name: "inline", Model: "p/m"}, true, "name"},
		{Config{ID: numbered(2), Model: "nobody", FallbackModels: []FallbackModel{{Model: "nobody"}}}, false, "model fallbackModels.0"},
		{Config{Model: "p/m"}, false, "id"},
	} {
		err := table.CheckStored(&test.config)
		var fields []string
		for _, one := range flatten(err) {
			if field, ok := errors.AsType[*FieldError](one); ok {
				fields = append(fields, field.Field)
			}
		}
		if errors.Is(err, ErrTaken) != test.taken || strings.Join(fields, " ") != test.fields {
			t.Errorf("%+v: %v", test.config, err)
		}
	}
}

// Readers see one version of the store, and a gate of the configuration always.
func TestStoredConcurrentUse(t *testing.T) {
	table, err := NewTable(Options{Resolve: split, Inline: []*Config{{ID: testID, Name: "inline", Model: "p/m"}}})
	if err != nil {
		t.Fatal(err)
	}
	version := func(v int) [][]byte {
		var all [][]byte
		for n := range 20 {
			all = append(all, fmt.Appendf(nil, `{"id":%q,"name":"gate-%d","description":"%d","model":"p/m"}`, numbered(n), n, v))
		}
		return all
	}
	table.SetStored(version(0))
	var group sync.WaitGroup
	var done atomic.Bool
	for range 3 {
		group.Go(func() {
			for i := 0; !done.Load(); i++ {
				if _, ok := table.Lookup("inline"); !ok {
					t.Error("the configuration's gate is gone")
				}
				if g, ok := table.Lookup(fmt.Sprint("gate-", i%20)); !ok || g.ID != numbered(i%20) {
					t.Errorf("got %+v", g)
				}
				seen := make(map[string]bool)
				for g := range table.All() {
					seen[g.Description] = true
				}
				if len(seen) != 2 { // "" is the inline one's
					t.Errorf("versions %v in one listing", seen)
				}
			}
		})
	}
	for v := range 50 {
		table.SetStored(version(v + 1))
		if g, _ := table.Lookup("gate-7"); g.Description != fmt.Sprint(v+1) {
			t.Errorf("version %s after %d", g.Description, v+1)
		}
	}
	table.Close()
	done.Store(true)
	group.Wait()
}

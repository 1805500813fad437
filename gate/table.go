package gate

import (
	"bytes"
	"cmp"
	"errors"
	"iter"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"
)

// defaultCacheSize holds some tens of thousands of gates of usual size.
const defaultCacheSize = 32 << 20

// Options say what a Table holds.
type Options struct {
	// Inline are the gates of the configuration itself, and InlineSource is how errors and Gate.Source call that.
	// Default: none, "config".
	Inline       []*Config
	InlineSource string

	// Files are patterns as of filepath.Glob. One without wildcards names a file that must exist. Default: none.
	Files []string

	// Resolve finds the provider of a model. Required.
	Resolve Resolver

	// Cycles holds the positions of round-robins; share it among tables that follow one another. Default: its own.
	Cycles *Cycles

	// Keep makes what the caller keeps with a compiled gate, as Gate.Kept. Default: none.
	Keep func(*Gate) any

	// Lookups counts what the cache answers; share it among tables that follow one another. Default: its own.
	Lookups *Lookups

	// CacheSize bounds the memory for compiled gates, in bytes. Default: 32 MiB.
	CacheSize int
}

// Table finds gates. It keeps the gates as JSON with an index, compiles one when it is asked for, and caches what it
// compiled. It is safe for concurrent use; readers see either all of a reload or nothing.
type Table struct {
	options Options
	current atomic.Pointer[snapshot]
	cache   *cache
	flight  singleflight.Group
	now     func() time.Time

	mu        sync.Mutex // of loading
	seen      []fileState
	unsettled bool // whether a file may have changed since without a trace in seen
	closed    bool

	// The parts of the current snapshot: what is declared in the configuration and its files, and what was made at run
	// time.
	declared      []source
	declaredSpans [][]span
	made          source
	madeSpans     []span
}

// NewTable reads and checks all gates. The error joins the mistakes found, each with its file, line, gate and field.
// Close the table when it is no longer used.
func NewTable(o Options) (*Table, error) {
	if o.Resolve == nil {
		return nil, errors.New("gate table without a resolver of models")
	}
	if o.InlineSource == "" {
		o.InlineSource = "config"
	}
	if o.Cycles == nil {
		o.Cycles = NewCycles()
	}
	if o.Lookups == nil {
		o.Lookups = new(Lookups)
	}
	if o.CacheSize <= 0 {
		o.CacheSize = defaultCacheSize
	}
	t := &Table{options: o, now: time.Now}
	if _, err := t.Reload(); err != nil {
		return nil, err
	}
	var err error
	t.cache, err = newCache(int64(o.CacheSize), int64(t.Len()))
	return t, err
}

// Lookup finds a gate by its id, in any case and with or without braces, or by its exact name. What Order of the gate
// answers goes on after Close; a closed table finds gates too, only slower.
func (t *Table) Lookup(ref string) (*Gate, bool) {
	s := t.current.Load()
	ref = strings.TrimSpace(ref)
	key := reference{name: ref}
	if id, ok := parseUUID(ref); ok {
		key = reference{id: id}
	} else if ref == "" || len(ref) > maxName {
		return nil, false
	}
	if !t.cache.enter() {
		return t.find(s, key, false)
	}
	defer t.cache.exit()
	if g, ok := t.cache.get(s.generation, key); ok {
		t.options.Lookups.Hits.Add(1)
		return g, g != nil
	}
	t.options.Lookups.Misses.Add(1)
	return t.find(s, key, true)
}

// find looks a reference up where the truth is. Only with caching the cache may be touched: it is kept open then.
func (t *Table) find(s *snapshot, ref reference, caching bool) (*Gate, bool) {
	if ref.name != "" && checkName(ref.name) != nil {
		return nil, false // not remembered: outsiders could fill the cache with what can't be anybody's
	}
	i, ok := s.find(ref)
	if !ok {
		if caching {
			t.cache.miss(s.generation, ref)
		}
		return nil, false
	}
	g := t.compiled(s, i, caching)
	if g != nil && caching && ref.name != "" {
		t.cache.set(s.generation, ref, g, aliasCost+int64(len(ref.name)))
	}
	return g, g != nil
}

// compiled returns one gate, the same for its id and its name while it is cached. Who asks at the same time waits for
// one compilation.
func (t *Table) compiled(s *snapshot, i uint32, caching bool) *Gate {
	e := s.entries[i]
	ref := reference{id: e.id}
	if caching {
		if g, ok := t.cache.get(s.generation, ref); ok {
			return g
		}
	}
	key := strconv.FormatUint(s.generation, 36) + " " + strconv.FormatUint(uint64(i), 36)
	g, err, _ := t.flight.Do(key, func() (any, error) {
		g, err := s.compile(i, &t.options)
		if err == nil && caching {
			t.cache.set(s.generation, ref, g, gateCost+int64(e.end-e.start)+g.turns.size()+g.Budget.size())
		}
		return g, err
	})
	if err != nil {
		return nil // loading compiled it too: only a resolver that changed its mind leads here
	}
	return g.(*Gate)
}

// All gives every gate: those of the configuration first, then those of the files, in the order in which they are
// written, then those that were made at run time. It shows one moment, even if the table is reloaded meanwhile.
func (t *Table) All() iter.Seq[*Gate] {
	return func(yield func(*Gate) bool) {
		s := t.current.Load()
		for i, e := range s.entries {
			if e.out {
				continue
			}
			g := t.cachedOnly(s, e.id)
			if g == nil {
				// Not cached: a listing must not drive out what requests use.
				if g, _ = s.compile(uint32(i), &t.options); g == nil {
					continue
				}
			}
			if !yield(g) {
				return
			}
		}
	}
}

// Labels gives what every gate is called, its name or else its id, in the order of All. No gate is compiled for that.
func (t *Table) Labels() iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, e := range t.current.Load().entries {
			if !e.out && !yield(cmp.Or(e.name, e.id.String())) {
				return
			}
		}
	}
}

func (t *Table) cachedOnly(s *snapshot, id uuid) *Gate {
	if !t.cache.enter() {
		return nil
	}
	defer t.cache.exit()
	g, _ := t.cache.get(s.generation, reference{id: id})
	return g
}

// Len returns the number of gates.
func (t *Table) Len() int { return len(t.current.Load().byID) }

// Reload reads the files again and reports whether the table changed. On an error, which says file, line, gate and field,
// the last good gates stay.
func (t *Table) Reload() (changed bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.reload()
}

// refresh is Reload, if the files look as if they had changed since they were last read. It reports whether they did,
// and whether there are new gates.
func (t *Table) refresh() (read, changed bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false, false, nil
	}
	states, err := statFiles(t.options.Files)
	if err == nil && !t.unsettled && slices.EqualFunc(states, t.seen, fileState.same) {
		return false, false, nil
	}
	changed, err = t.reload()
	return true, changed, err
}

func (t *Table) reload() (changed bool, err error) {
	if t.closed {
		return false, errors.New("gate table is closed")
	}
	// The states are taken before the files are read: a change in between is then seen as one.
	states, err := statFiles(t.options.Files)
	if err != nil {
		return false, err
	}
	t.seen, t.unsettled = states, false
	for _, state := range states {
		t.unsettled = t.unsettled || state.unsettled(t.now())
	}
	inline, inlineSpans, err := inlineSource(t.options.InlineSource, t.options.Inline)
	if err != nil {
		return false, err
	}
	sources, spans := []source{inline}, [][]span{inlineSpans}
	var errs []error
	for _, state := range states {
		file, err := readFile(state)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		sources = append(sources, file)
	}
	if len(errs) == 0 && t.declared != nil && slices.EqualFunc(t.declared, sources, source.same) {
		return false, nil
	}
	for i := range sources[1:] {
		found, err := sources[1+i].split()
		if err != nil {
			errs = append(errs, err)
		}
		spans = append(spans, found)
	}
	if err := t.swap(sources, spans, errs...); err != nil {
		return false, err
	}
	t.declared, t.declaredSpans = sources, spans
	return true, nil
}

// swap puts a new snapshot in the current one's place, of what is declared and of what was made at run time, unless
// there is a mistake in what is declared, or one was found before.
func (t *Table) swap(declared []source, spans [][]span, before ...error) error {
	old, generation := t.current.Load(), uint64(1)
	if old != nil {
		generation = old.generation + 1
	}
	if t.made.made {
		declared, spans = append(slices.Clip(declared), t.made), append(slices.Clip(spans), t.madeSpans)
	}
	s, err := newSnapshot(generation, declared, spans, &t.options)
	if err = errors.Join(append(before, err)...); err != nil {
		if s != nil {
			t.options.Cycles.release(s.cycles)
		}
		return err
	}
	t.current.Store(s)
	if old != nil {
		t.options.Cycles.release(old.cycles)
	}
	return nil
}

func (s source) same(other source) bool {
	return s.name == other.name && bytes.Equal(s.data, other.data)
}

// Close ends what the table runs. Lookups that are under way or come later find their gates still.
func (t *Table) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return
	}
	t.closed = true
	t.options.Cycles.release(t.current.Load().cycles)
	t.cache.close()
}

package gate

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
)

// maxProblems is how many mistakes an error lists: who has more, has one mistake many times.
const maxProblems = 20

// snapshot is all gates at one moment: their JSON, and where each lies in it. It is immutable.
type snapshot struct {
	generation uint64
	sources    []source
	entries    []entry
	byID       map[uuid]uint32
	byName     map[string]uint32
	cycles     map[cycleKey]*cycle // of every round-robin, kept until the snapshot is gone
	left       []error             // the mistakes of gates that were made at run time and are left out
}

// entry is a gate in a snapshot.
type entry struct {
	source uint32
	span
	id   uuid
	name string
	out  bool // whether it is left out
}

// made reports whether a gate was made at run time.
func (s *snapshot) made(i uint32) bool { return s.sources[s.entries[i].source].made }

// reference is what a gate is found by: its name, or its id if name is "".
type reference struct {
	id   uuid
	name string
}

// find returns the number of the gate that a reference is to.
func (s *snapshot) find(ref reference) (uint32, bool) {
	if ref.name != "" {
		i, ok := s.byName[ref.name]
		return i, ok
	}
	i, ok := s.byID[ref.id]
	return i, ok
}

// compile makes a gate from its JSON, which was found valid when the snapshot was made.
func (s *snapshot) compile(i uint32, o *Options) (*Gate, error) {
	e := s.entries[i]
	from := s.sources[e.source]
	c, err := Decode(from.data[e.start:e.end])
	if err != nil {
		return nil, err
	}
	g, err := compile(c, from.name, o.Resolve)
	if err != nil {
		return nil, err
	}
	if g.takesTurns() {
		g.turns = &turns{smooth(g.Targets), s.cycles[o.Cycles.key(g.id, g.Targets)]}
	}
	if o.Keep != nil {
		g.Kept = o.Keep(g)
	}
	return g, nil
}

func (g *Gate) takesTurns() bool { return g.Strategy == RoundRobin && len(g.Targets) > 1 }

// newSnapshot indexes and checks all gates of the sources. Its cycles are acquired; whoever drops it releases them.
func newSnapshot(generation uint64, sources []source, spans [][]span, o *Options) (*snapshot, error) {
	s := &snapshot{generation: generation, sources: sources, cycles: make(map[cycleKey]*cycle)}
	for n, list := range spans {
		for _, at := range list {
			s.entries = append(s.entries, entry{source: uint32(n), span: at})
		}
	}
	problems, keys := s.check(o)
	s.byID = make(map[uuid]uint32, len(s.entries))
	s.byName = make(map[string]uint32, len(s.entries))
	for i := range s.entries {
		if problems[i] == nil {
			problems[i] = s.index(uint32(i))
		}
		if problems[i] != nil && s.made(uint32(i)) {
			s.left = append(s.left, fmt.Errorf("%s of the store is left out: %w", s.title(uint32(i)), problems[i]))
			s.entries[i].out, problems[i], keys[i] = true, nil, cycleKey{}
		}
	}
	if err := s.report(problems); err != nil {
		return nil, err
	}
	for _, key := range keys {
		if key != (cycleKey{}) {
			s.cycles[key] = o.Cycles.acquire(key)
		}
	}
	return s, nil
}

// check decodes and compiles every gate once, on all processors: it fills in the entries' ids and names, and returns each
// gate's mistakes and the key of its cycle.
func (s *snapshot) check(o *Options) ([]error, []cycleKey) {
	problems := make([]error, len(s.entries))
	keys := make([]cycleKey, len(s.entries))
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(s.entries)) {
		workers.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(s.entries) {
					return
				}
				e := &s.entries[i]
				from := s.sources[e.source]
				c, err := Decode(from.data[e.start:e.end])
				if err != nil {
					problems[i] = err
					continue
				}
				g, err := compile(c, from.name, o.Resolve)
				if err != nil {
					problems[i] = err
					continue
				}
				e.id, e.name = g.id, g.Name
				if g.takesTurns() {
					keys[i] = o.Cycles.key(g.id, g.Targets)
				}
			}
		})
	}
	workers.Wait()
	return problems, keys
}

// index makes a gate findable, unless another one is found in the same way already.
func (s *snapshot) index(i uint32) error {
	e := s.entries[i]
	err := s.taken(e.id, e.name, nil)
	if err == nil {
		s.byID[e.id] = i
		if e.name != "" {
			s.byName[e.name] = i
		}
	}
	return err
}

// taken reports the gates, but those to be ignored, that have an id or name already.
func (s *snapshot) taken(id uuid, name string, ignore func(i uint32) bool) error {
	var errs []error
	if i, ok := s.byID[id]; ok && (ignore == nil || !ignore(i)) {
		errs = append(errs, mistake(takenError{fmt.Errorf("%s is already the id of %s", id, s.label(i))}, "id"))
	}
	if i, ok := s.byName[name]; ok && (ignore == nil || !ignore(i)) {
		errs = append(errs, mistake(takenError{fmt.Errorf("%s is already the name of %s", quote(name), s.label(i))}, "name"))
	}
	return errors.Join(errs...)
}

// label says which gate it is and where it is declared, for another gate's error.
func (s *snapshot) label(i uint32) string {
	e := s.entries[i]
	return fmt.Sprintf("the gate at %s, %s", s.sources[e.source].place(int64(e.start)), s.title(i))
}

// title names a gate by what it has, even if it doesn't decode: its name, its id, or its number in its source.
func (s *snapshot) title(i uint32) string {
	e := s.entries[i]
	raw := s.sources[e.source].data[e.start:e.end]
	for _, field := range []string{"name", "id"} {
		if text := peekText(raw, field); text != "" {
			return "gate " + quote(text)
		}
	}
	number := 1
	for j := i; j > 0 && s.entries[j-1].source == e.source; j-- {
		number++
	}
	return fmt.Sprintf("gate number %d", number)
}

// report joins the mistakes, the first of them, each with file, line, gate and field.
func (s *snapshot) report(problems []error) error {
	var errs []error
	left := 0
	for i, err := range problems {
		for _, one := range flatten(err) {
			if len(errs) == maxProblems {
				left++
				continue
			}
			e := s.entries[i]
			from := s.sources[e.source]
			place := from.place(int64(e.start) + offsetOf(from.data[e.start:e.end], one))
			errs = append(errs, fmt.Errorf("%s: %s: %w", place, s.title(uint32(i)), one))
		}
	}
	if left > 0 {
		errs = append(errs, fmt.Errorf("and %d more mistakes", left))
	}
	return errors.Join(errs...)
}

// flatten undoes errors.Join.
func flatten(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, one := range joined.Unwrap() {
			all = append(all, flatten(one)...)
		}
		return all
	}
	if err == nil {
		return nil
	}
	return []error{err}
}

// offsetOf returns where in the gate's JSON a mistake is.
func offsetOf(raw []byte, err error) int64 {
	var field *FieldError
	if !errors.As(err, &field) {
		return 0
	}
	if at := locate(raw, field.pointer); at > 0 || field.offset < 0 {
		return at
	}
	return field.offset
}

package health

import "container/list"

// recent is a map that holds a number of entries at most: a new one takes the
// place of the one that was used longest ago.
type recent[K comparable, V any] struct {
	max     int
	entries map[K]*list.Element // of *entry[K, V]
	order   *list.List          // the newest in front
}

type entry[K comparable, V any] struct {
	key   K
	value V
}

func newRecent[K comparable, V any](most int) recent[K, V] {
	return recent[K, V]{max: most, entries: make(map[K]*list.Element), order: list.New()}
}

// use gives the entry of k, nil if there is none, and remembers that it was
// used.
func (r *recent[K, V]) use(k K) *V {
	e, ok := r.entries[k]
	if !ok {
		return nil
	}
	r.order.MoveToFront(e)
	return &e.Value.(*entry[K, V]).value
}

// peek is use that leaves no trace.
func (r *recent[K, V]) peek(k K) *V {
	e, ok := r.entries[k]
	if !ok {
		return nil
	}
	return &e.Value.(*entry[K, V]).value
}

// add makes an entry for k, which must have none. It stays where it is for as
// long as it is remembered.
func (r *recent[K, V]) add(k K) *V {
	if len(r.entries) >= r.max {
		oldest := r.order.Remove(r.order.Back()).(*entry[K, V])
		delete(r.entries, oldest.key)
	}
	e := &entry[K, V]{key: k}
	r.entries[k] = r.order.PushFront(e)
	return &e.value
}

// all calls f with each entry.
func (r *recent[K, V]) all(f func(K, *V)) {
	for e := r.order.Front(); e != nil; e = e.Next() {
		one := e.Value.(*entry[K, V])
		f(one.key, &one.value)
	}
}

package cost

import (
	"cmp"
	"slices"
	"time"
)

// Entry is a model of the catalog with its price.
type Entry struct {
	Provider, Model string // the provider's type, and the model as the list names it
	Price           Price
}

// Entries are all models whose price is known at a given time, by provider type
// and name. A model has one entry, however many other names it goes by.
func (c *Catalog) Entries(at time.Time) []Entry {
	type name struct{ provider, model string }
	names := make(map[name]string)
	for t, prices := range c.overlay {
		for id := range prices {
			names[name{t, id}] = id
		}
	}
	for t, p := range c.providers {
		for _, m := range p.exact {
			names[name{t, normalize(t, m.id)}] = m.id
		}
	}
	list := make([]Entry, 0, len(names))
	for n, model := range names {
		if price, ok := c.Price(n.provider, model, at); ok {
			list = append(list, Entry{n.provider, model, price})
		}
	}
	slices.SortFunc(list, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.Model, b.Model))
	})
	return list
}

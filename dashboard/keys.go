package dashboard

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/gate"
	"github.com/layergateway/layergateway/ledger"
	"github.com/layergateway/layergateway/store"
)

type keysPage struct {
	Text     string // what is looked for
	Keys     []keyRow
	Pager    pager
	Query    string // of this page, for forms that come back to it
	HasStore bool
	Gates    []string
	// ManyGates says that there are too many to choose from at a glance.
	ManyGates bool
	Month     time.Time
	// Made is a key that was just made or rotated, whose text is shown this once.
	Made *madeKey
	// Problem is why a key could not be made; Form is what was asked for.
	Problem string
	Form    keyForm
	Periods []string
}

// keysOnPage is how many keys a page has.
const keysOnPage = 50

// keyRow is a client key, of the configuration or the store.
type keyRow struct {
	Key
	Stored  *store.Key // nil for one of the configuration
	Spent   cost.Amount
	LastUse time.Time
	Budget  *budget
}

// State is whether the key lets in.
func (k keyRow) State(now time.Time) string {
	switch {
	case k.Stored != nil && !k.Stored.Revoked.IsZero():
		return "revoked"
	case !k.Expires.IsZero() && !now.Before(k.Expires):
		return "expired"
	}
	return "valid"
}

// AllGates reports whether the key may use every gate; else it is Gates alone.
func (k keyRow) AllGates() bool { return k.Gates == nil }

// LimitWords are the key's limits, one each.
func (k keyRow) LimitWords() []string {
	words := limitWords(k.Limits)
	if k.Running > 0 {
		words = append(words, grouped(int64(k.Running))+" at once")
	}
	for _, ref := range slices.Sorted(maps.Keys(k.AtGates)) {
		for _, w := range limitWords(k.AtGates[ref]) {
			words = append(words, w+" at "+ref)
		}
	}
	return words
}

// maxChoices is from among how many gates one chooses by ticking them.
const maxChoices = 100

type madeKey struct {
	Name, Text string
	Until      time.Time // until when the text before works too
}

// keyForm is what the form for a new key has.
type keyForm struct {
	Name, Expires, Budget, Period string
	Requests, Tokens              string // in a minute
	Gates                         []string
}

// Has reports whether a gate was chosen.
func (f keyForm) Has(gate string) bool { return slices.Contains(f.Gates, gate) }

// configuredAndStored is a key as pages that only name keys need it.
type configuredAndStored struct {
	Key
	stored *store.Key
}

// has reports whether a key has something to do with a text, which is in lower case.
func (k configuredAndStored) has(text string) bool {
	words := append([]string{k.Name, k.ID}, k.Gates...)
	if k.stored != nil {
		words = append(words, k.stored.Prefix)
	}
	return containing(words, text)
}

// containing reports whether one of the words has a text in it, which is in lower case.
func containing(words []string, text string) bool {
	return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(strings.ToLower(word), text) })
}

// allKeys are the keys of the configuration and then those that read has of the store: KeyStore.Keys, or KeyStore.Served
// where it is not shown how they are just now.
func (h *Handler) allKeys(ctx context.Context, read func(KeyStore, context.Context) ([]*store.Key, error)) ([]configuredAndStored, error) {
	var list []configuredAndStored
	for _, k := range h.o.Keys() {
		list = append(list, configuredAndStored{Key: k})
	}
	keyStore, done, ok := h.o.Store()
	if !ok {
		return list, nil
	}
	defer done()
	stored, err := read(keyStore, ctx)
	if err != nil {
		return nil, err
	}
	for _, k := range stored {
		limits, err := k.Limits()
		if err != nil {
			limits = gate.Limits{} // the store checks them; one that it can't use lets nobody in
		}
		key := Key{ID: k.ID, Name: k.Name, Gates: k.Gates, Limits: limits, AtGates: make(map[string]gate.Limits)}
		for ref, c := range k.AtGates {
			if key.AtGates[ref], err = c.Limits(); err != nil {
				delete(key.AtGates, ref)
			}
		}
		key.Expires, _ = parseTime(k.Expires)
		if k.MaxConcurrent != nil {
			key.Running = k.MaxConcurrent.Running
		}
		list = append(list, configuredAndStored{key, k})
	}
	return list, nil
}

func (h *Handler) keys(w http.ResponseWriter, r *http.Request) {
	h.showKeys(w, r, http.StatusOK, keysPage{})
}

func (h *Handler) showKeys(w http.ResponseWriter, r *http.Request, status int, p keysPage) {
	l, done := h.o.Ledger()
	defer done()
	now := h.o.Now().UTC()
	p.Periods = []string{gate.Monthly, gate.Weekly, gate.Daily, gate.Total}
	p.Month = time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
	all, err := h.allKeys(r.Context(), KeyStore.Keys)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	q := r.URL.Query()
	p.Text, p.Query = strings.TrimSpace(q.Get("q")), keysQuery(q)
	found := slices.DeleteFunc(slices.Clone(all), func(k configuredAndStored) bool { return !k.has(strings.ToLower(p.Text)) })
	p.Pager = paged(q, len(found), len(all), keysOnPage, "q")
	if p.Keys, err = h.keyRows(r.Context(), l, onPage(p.Pager, found), p.Month); err != nil {
		h.fail(w, r, err)
		return
	}
	p.Gates = h.o.GateNames()
	p.ManyGates = len(p.Gates) > maxChoices
	if _, done, ok := h.o.Store(); ok {
		p.HasStore = true
		done()
	}
	h.render(w, r, status, "keys", "Keys", p)
}

// keysQuery is what of a URL says which keys are shown; "" is the first page of all.
func keysQuery(q url.Values) string {
	return strings.TrimSuffix(query("q", q.Get("q"), "skip", q.Get("skip")), "?")
}

// keyRows are keys with what they spent since a time.
func (h *Handler) keyRows(ctx context.Context, l Ledger, keys []configuredAndStored, since time.Time) ([]keyRow, error) {
	sums, err := l.Series(ctx, ledger.SeriesQuery{By: ledger.ByKey, From: since})
	if err != nil && !errors.Is(err, ledger.ErrOff) {
		return nil, err
	}
	spent := make(map[string]cost.Amount)
	for i := range sums {
		spent[sums[i].ID] = sums[i].Cost
	}
	budgets := spending(l)
	rows := make([]keyRow, len(keys))
	for i, k := range keys {
		row := keyRow{Key: k.Key, Stored: k.stored, Spent: spent[k.ID]}
		if k.stored != nil {
			row.LastUse = k.stored.LastUsed
		} else if last, _, err := l.Rows(ctx, ledger.Filter{KeyID: k.ID, Limit: 1}); err == nil && len(last) > 0 {
			row.LastUse = last[0].Start
		}
		if row.Budget, err = h.budget(ctx, budgets, "key", k.Name, k.ID, "", k.Limits); err != nil && !errors.Is(err, ledger.ErrOff) {
			return nil, err
		}
		rows[i] = row
	}
	return rows, nil
}

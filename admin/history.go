package admin

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/layergateway/layergateway/gate"
	"github.com/layergateway/layergateway/store"
)

// maxHistory is how many changes an answer has at most.
const maxHistory = 1000

// historyFilter is what the parameters ask for.
func historyFilter(r *http.Request) (store.HistoryFilter, error) {
	q := queryOf(r, "limit", "cursor")
	f := store.HistoryFilter{Limit: int(q.number("limit", maxHistory)), Before: q.number("cursor", 1<<62)}
	return f, q.done()
}

// gateHistory are a gate's changes, also of one that is deleted, which is found by its id.
func (h *Handler) gateHistory(w http.ResponseWriter, r *http.Request) error {
	f, err := historyFilter(r)
	if err != nil {
		return err
	}
	ref := r.PathValue("id")
	if _, g, err := h.declared(ref); err != nil || g != nil {
		if err != nil {
			return err
		}
		return write(w, http.StatusOK, []store.Change{})
	}
	s, done, ok := h.o.Store()
	if !ok {
		return errNoGate(ref)
	}
	defer done()
	f.What = store.WhatGate
	switch g, err := s.Gate(r.Context(), ref); {
	case err == nil:
		f.ID = g.ID
	case errors.Is(err, store.ErrNotFound) && gate.IsUUID(ref):
		f.ID, _ = gate.NormalizeRef(ref)
	default:
		return err
	}
	return writeHistory(w, r, s, f, errNoGate(ref))
}

// keyHistory are a key's changes, also of one that is deleted.
func (h *Handler) keyHistory(w http.ResponseWriter, r *http.Request) error {
	f, err := historyFilter(r)
	if err != nil {
		return err
	}
	f.What, f.ID = store.WhatKey, r.PathValue("id")
	if h.configured(f.ID) != nil {
		return write(w, http.StatusOK, []store.Change{})
	}
	s, done, ok := h.o.Store()
	if !ok {
		return errNoKey
	}
	defer done()
	return writeHistory(w, r, s, f, errNoKey)
}

// writeHistory answers with the changes of a gate or key; without any it was never there, and none is the answer.
func writeHistory(w http.ResponseWriter, r *http.Request, s Store, f store.HistoryFilter, none error) error {
	changes, more, err := s.History(r.Context(), f)
	if err != nil {
		return err
	}
	if len(changes) == 0 && f.Before == 0 {
		return none
	}
	if more {
		setCursor(w, strconv.FormatInt(changes[len(changes)-1].Revision, 10))
	}
	return write(w, http.StatusOK, append([]store.Change{}, changes...))
}

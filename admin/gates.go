package admin

import (
	"bytes"
	"errors"
	"net/http"
	"net/url"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/gate"
	"github.com/layergateway/layergateway/store"
)

// storeSource is what gate.Gate.Source is of a gate of the store.
const storeSource = "store"

// about is what an answer says of a gate beside what is written.
type about struct {
	Source   string `json:"source"`   // "store", or where the configuration has the gate
	ReadOnly bool   `json:"readOnly"` // whether it can be changed nowhere but there
	Served   bool   `json:"served"`   // whether requests find it
}

// with adds members to an object that has some.
func with(object jsontext.Value, more any) (jsontext.Value, error) {
	end, err := json.Marshal(more)
	if err != nil {
		return nil, err
	}
	if err := object.Compact(); err != nil {
		return nil, err
	}
	return append(append(bytes.TrimSuffix(object, []byte("}")), ','), end[1:]...), nil
}

// stored is a gate of the store as an answer has it.
func (h *Handler) stored(g *store.Gate) (jsontext.Value, error) {
	data, err := json.Marshal(g)
	if err != nil {
		return nil, err
	}
	served, _, ok := h.o.Gates.Find(g.ID)
	return with(data, about{Source: storeSource, Served: ok && served.Source == storeSource})
}

// declared is a gate of the configuration, false if that has none of this name or id.
func (h *Handler) declared(ref string) (data jsontext.Value, g *gate.Gate, err error) {
	g, written, ok := h.o.Gates.Find(ref)
	if !ok || g.Source == storeSource {
		return nil, nil, nil
	}
	data, err = with(written, about{Source: g.Source, ReadOnly: true, Served: true})
	return data, g, err
}

// forChange gives the store for a change of one of its gates. What the configuration declares goes before the store; only by
// its id a gate of the store is meant that has the same.
func (h *Handler) forChange(r *http.Request, ref string) (s Store, done func(), err error) {
	g, _, found := h.o.Gates.Find(ref)
	declared := found && g.Source != storeSource
	s, done, ok := h.o.Store()
	if ok && declared && gate.IsUUID(ref) {
		_, err := s.Gate(r.Context(), ref)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			done()
			return nil, nil, err
		}
		declared = err != nil
	}
	switch {
	case declared && ok:
		done()
		fallthrough
	case declared:
		return nil, nil, problem(http.StatusConflict, "read_only", "", "the gate is declared in %s: change it there", g.Source)
	case !ok:
		return nil, nil, errNoGate(ref)
	}
	return s, done, nil
}

func (h *Handler) listGates(w http.ResponseWriter, r *http.Request) error {
	if err := queryOf(r).done(); err != nil {
		return err
	}
	list := []jsontext.Value{}
	seen := make(map[string]bool)
	for g := range h.o.Gates.All() {
		if seen[g.ID] || g.Source == storeSource {
			continue
		}
		seen[g.ID] = true
		data, _, err := h.declared(g.ID)
		if err != nil {
			return err
		}
		if data != nil { // else it is gone meanwhile
			list = append(list, data)
		}
	}
	s, done, ok := h.o.Store()
	if !ok {
		return write(w, http.StatusOK, list)
	}
	defer done()
	made, err := s.Gates(r.Context())
	if err != nil {
		return err
	}
	for _, g := range made {
		data, err := h.stored(g)
		if err != nil {
			return err
		}
		list = append(list, data)
	}
	return write(w, http.StatusOK, list)
}

func (h *Handler) gate(w http.ResponseWriter, r *http.Request) error {
	if err := queryOf(r).done(); err != nil {
		return err
	}
	ref := r.PathValue("id")
	data, g, err := h.declared(ref)
	if err != nil {
		return err
	}
	if g != nil {
		return write(w, http.StatusOK, data)
	}
	s, done, ok := h.o.Store()
	if !ok {
		return errNoGate(ref)
	}
	defer done()
	made, err := s.Gate(r.Context(), ref)
	if err != nil {
		return err
	}
	return h.writeGate(w, http.StatusOK, made)
}

func errNoGate(ref string) error {
	return problem(http.StatusNotFound, "not_found", "", "there is no gate %q", ref)
}

func (h *Handler) writeGate(w http.ResponseWriter, status int, g *store.Gate) error {
	data, err := h.stored(g)
	if err != nil {
		return err
	}
	w.Header().Set("ETag", tag(g.Version))
	return write(w, status, data)
}

func (h *Handler) createGate(w http.ResponseWriter, r *http.Request) error {
	data, err := body(w, r, false)
	if err != nil {
		return err
	}
	s, done, ok := h.o.Store()
	if !ok {
		return errNoStore
	}
	defer done()
	made, err := s.CreateGate(r.Context(), h.o.Who, data)
	if err != nil {
		return err
	}
	w.Header().Set("Location", "gates/"+url.PathEscape(made.ID))
	return h.writeGate(w, http.StatusCreated, made)
}

func (h *Handler) updateGate(w http.ResponseWriter, r *http.Request) error {
	patch, err := body(w, r, false)
	if err != nil {
		return err
	}
	version, err := matched(r)
	if err != nil {
		return err
	}
	ref := r.PathValue("id")
	s, done, err := h.forChange(r, ref)
	if err != nil {
		return err
	}
	defer done()
	made, err := s.UpdateGate(r.Context(), h.o.Who, ref, version, patch)
	if err != nil {
		return unmatched(err, version)
	}
	return h.writeChange(w, made)
}

// writeChange answers with a gate as it is after an update, and what that has changed.
func (h *Handler) writeChange(w http.ResponseWriter, made *store.Gate) error {
	changed, err := changedFields(made.Before, made.JSON)
	if err != nil {
		return err
	}
	data, err := h.stored(made)
	if err != nil {
		return err
	}
	w.Header().Set("ETag", tag(made.Version))
	return write(w, http.StatusOK, struct {
		Gate          jsontext.Value `json:"gate"`
		HasChanges    bool           `json:"hasChanges"`
		ChangedFields []string       `json:"changedFields"`
	}{data, len(changed) > 0, changed})
}

// changedFields are the members in which two objects differ, by name.
func changedFields(before, after jsontext.Value) ([]string, error) {
	var old, now map[string]jsontext.Value
	if err := errors.Join(json.Unmarshal(before, &old), json.Unmarshal(after, &now)); err != nil {
		return nil, err
	}
	changed := []string{}
	for name, value := range now {
		if !bytes.Equal(value, old[name]) {
			changed = append(changed, name)
		}
	}
	for name := range old {
		if now[name] == nil {
			changed = append(changed, name)
		}
	}
	slices.Sort(changed)
	return changed, nil
}

func (h *Handler) deleteGate(w http.ResponseWriter, r *http.Request) error {
	version, err := matched(r)
	if err != nil {
		return err
	}
	ref := r.PathValue("id")
	s, done, err := h.forChange(r, ref)
	if err != nil {
		return err
	}
	defer done()
	if err := s.DeleteGate(r.Context(), h.o.Who, ref, version); err != nil {
		return unmatched(err, version)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

package admin

import (
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/layergateway/layergateway/gate"
	"github.com/layergateway/layergateway/store"
)

// configSource is what an answer calls the configuration, of a key.
const configSource = "config"

// keyJSON is a client key as an answer has it.
type keyJSON struct {
	ID string `json:"id"`
	store.KeyConfig
	Source   string `json:"source"`   // "store", "config"
	ReadOnly bool   `json:"readOnly"` // whether it can be changed in the configuration alone

	KeyPrefix     string    `json:"keyPrefix,omitzero"` // the beginning of its text
	Version       int64     `json:"version,omitzero"`
	CreatedAt     time.Time `json:"createdAt,omitzero"`
	UpdatedAt     time.Time `json:"updatedAt,omitzero"`
	RotatedAt     time.Time `json:"rotatedAt,omitzero"`
	RevokedAt     time.Time `json:"revokedAt,omitzero"`
	PreviousUntil time.Time `json:"previousUntil,omitzero"` // until when the text before works too
	LastUsedAt    time.Time `json:"lastUsedAt,omitzero"`

	Key string `json:"key,omitzero"` // its text, told this once
}

func storedKey(k *store.Key) keyJSON {
	return keyJSON{
		ID: k.ID, KeyConfig: k.KeyConfig, Source: storeSource, KeyPrefix: k.Prefix, Version: k.Version,
		CreatedAt: k.Created, UpdatedAt: k.Updated, RotatedAt: k.Rotated, RevokedAt: k.Revoked,
		PreviousUntil: k.PreviousUntil, LastUsedAt: k.LastUsed,
	}
}

func configuredKey(k *Key) keyJSON {
	return keyJSON{ID: k.ID, KeyConfig: k.KeyConfig, Source: configSource, ReadOnly: true}
}

// configured is a key of the configuration, nil if that has none with the id.
func (h *Handler) configured(id string) *Key {
	for _, k := range h.o.Keys() {
		if k.ID == id {
			return &k
		}
	}
	return nil
}

func (h *Handler) listKeys(w http.ResponseWriter, r *http.Request) error {
	if err := queryOf(r).done(); err != nil {
		return err
	}
	list := []keyJSON{}
	for _, k := range h.o.Keys() {
		list = append(list, configuredKey(&k))
	}
	s, done, ok := h.o.Store()
	if !ok {
		return write(w, http.StatusOK, list)
	}
	defer done()
	made, err := s.Keys(r.Context())
	if err != nil {
		return err
	}
	for _, k := range made {
		list = append(list, storedKey(k))
	}
	return write(w, http.StatusOK, list)
}

func (h *Handler) key(w http.ResponseWriter, r *http.Request) error {
	if err := queryOf(r).done(); err != nil {
		return err
	}
	id := r.PathValue("id")
	if k := h.configured(id); k != nil {
		return write(w, http.StatusOK, configuredKey(k))
	}
	s, done, ok := h.o.Store()
	if !ok {
		return errNoKey
	}
	defer done()
	k, err := s.Key(r.Context(), id)
	if err != nil {
		return err
	}
	return writeKey(w, http.StatusOK, k, "")
}

var errNoKey = problem(http.StatusNotFound, "not_found", "", "there is no such key")

func writeKey(w http.ResponseWriter, status int, k *store.Key, text string) error {
	made := storedKey(k)
	made.Key = text
	w.Header().Set("ETag", tag(k.Version))
	return write(w, status, made)
}

func (h *Handler) createKey(w http.ResponseWriter, r *http.Request) error {
	data, err := body(w, r, false)
	if err != nil {
		return err
	}
	s, done, ok := h.o.Store()
	if !ok {
		return errNoStore
	}
	defer done()
	k, text, err := s.CreateKey(r.Context(), h.o.Who, data)
	if err != nil {
		return err
	}
	w.Header().Set("Location", "keys/"+url.PathEscape(k.ID))
	return writeKey(w, http.StatusCreated, k, text)
}

// changeKey makes a change of a key of the store, of the version that If-Match or the body asks for, if one of them does.
func (h *Handler) changeKey(r *http.Request, given int64, change func(s Store, id string, version int64) error) error {
	version, err := matched(r)
	if err != nil {
		return err
	}
	id := r.PathValue("id")
	if k := h.configured(id); k != nil {
		return problem(http.StatusConflict, "read_only", "", "key %q is one of the configuration: change it there", k.Name)
	}
	s, done, ok := h.o.Store()
	if !ok {
		return errNoKey
	}
	defer done()
	if version != 0 && given != 0 && version != given {
		return problem(http.StatusUnprocessableEntity, "invalid_value", "version", "version: is another one than If-Match has")
	}
	return unmatched(change(s, id, max(version, given)), version)
}

func (h *Handler) updateKey(w http.ResponseWriter, r *http.Request) error {
	patch, err := body(w, r, false)
	if err != nil {
		return err
	}
	return h.changeKey(r, 0, func(s Store, id string, version int64) error {
		k, err := s.UpdateKey(r.Context(), h.o.Who, id, version, patch)
		if err != nil {
			return err
		}
		return writeKey(w, http.StatusOK, k, "")
	})
}

func (h *Handler) deleteKey(w http.ResponseWriter, r *http.Request) error {
	return h.changeKey(r, 0, func(s Store, id string, version int64) error {
		if err := s.DeleteKey(r.Context(), h.o.Who, id, version); err != nil {
			return err
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	})
}

var errNoOverlap = errors.New(`is missing: say how long the text before works too, such as "24h", or "0s" to end it at once`)

// rotateKey gives a key another text, which its answer tells.
func (h *Handler) rotateKey(w http.ResponseWriter, r *http.Request) error {
	var asked struct {
		Overlap *string `json:"overlap"`
		Version int64   `json:"version"`
	}
	if err := decode(w, r, &asked); err != nil {
		return err
	}
	if asked.Overlap == nil {
		return invalidField(&gate.FieldError{Field: "overlap", Err: errNoOverlap})
	}
	overlap, err := time.ParseDuration(*asked.Overlap)
	if err != nil {
		return invalidField(&gate.FieldError{Field: "overlap", Err: errors.New(`must be a time such as "24h"`)})
	}
	return h.changeKey(r, asked.Version, func(s Store, id string, version int64) error {
		k, text, err := s.RotateKey(r.Context(), h.o.Who, id, version, overlap)
		if err != nil {
			return err
		}
		return writeKey(w, http.StatusOK, k, text)
	})
}

func (h *Handler) revokeKey(w http.ResponseWriter, r *http.Request) error {
	var asked struct {
		Version int64 `json:"version"`
	}
	if err := decode(w, r, &asked); err != nil {
		return err
	}
	return h.changeKey(r, asked.Version, func(s Store, id string, version int64) error {
		k, err := s.RevokeKey(r.Context(), h.o.Who, id, version)
		if err != nil {
			return err
		}
		return writeKey(w, http.StatusOK, k, "")
	})
}

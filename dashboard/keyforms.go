package dashboard

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/layergateway/layergateway/store"
)

// makeKey makes a key in the store and shows its text, this once: the page is the answer to the form, so that the text
// is in no address and in no page that can be opened again.
func (h *Handler) makeKey(w http.ResponseWriter, r *http.Request) {
	keyStore, done, ok := h.o.Store()
	if !ok {
		h.refuse(w, r, http.StatusConflict, "There is no store for keys: add gates_store to the configuration, or configure the key there.")
		return
	}
	defer done()
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	value := func(name string) string { return strings.TrimSpace(r.PostFormValue(name)) }
	f := keyForm{
		Name: value("name"), Expires: value("expires"), Budget: value("budget"), Period: value("period"),
		Requests: value("requests"), Tokens: value("tokens"),
	}
	f.Gates = append(r.PostForm["gates"], strings.FieldsFunc(value("gate_lines"), func(c rune) bool { return c == '\n' || c == '\r' })...)
	data, err := json.Marshal(f.config())
	if err != nil {
		h.refuse(w, r, http.StatusBadRequest, "The form can't be read.")
		return
	}
	k, text, err := keyStore.CreateKey(r.Context(), store.ByDashboard, data)
	if err != nil {
		status, words := storeProblem(err)
		h.showKeys(w, r, status, keysPage{Problem: words, Form: f})
		return
	}
	h.showKeys(w, r, http.StatusOK, keysPage{Made: &madeKey{Name: k.Name, Text: text}})
}

// config is the key as the store takes it, which says what is wrong with a value.
func (f keyForm) config() map[string]any {
	config := map[string]any{"name": f.Name}
	if len(f.Gates) > 0 {
		config["gates"] = f.Gates
	}
	if f.Expires != "" {
		config["expires"] = f.Expires
	}
	if f.Budget != "" {
		config["spendingLimit"], config["spendingLimitPeriod"] = f.Budget, f.Period
	}
	for field, text := range map[string]string{"rateLimit": f.Requests, "tokenLimit": f.Tokens} {
		if text == "" {
			continue
		}
		var count any = text
		if n, err := strconv.ParseInt(strings.ReplaceAll(text, ",", ""), 10, 64); err == nil {
			count = n
		}
		config[field] = map[string]any{"count": count, "window": "1m"}
	}
	return config
}

// storeProblem is what the store's error means for who filled in a form.
func storeProblem(err error) (status int, words string) {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return http.StatusNotFound, "There is no such key any more."
	case errors.Is(err, store.ErrInvalid), errors.Is(err, store.ErrTaken), errors.Is(err, store.ErrRevoked), errors.Is(err, store.ErrVersion):
		return http.StatusUnprocessableEntity, err.Error()
	}
	return http.StatusServiceUnavailable, "The store can't be written just now: try again."
}

func (h *Handler) rotateKey(w http.ResponseWriter, r *http.Request) {
	h.changeKey(w, r, func(s KeyStore, id string, version int64) (*madeKey, error) {
		overlap, err := time.ParseDuration(r.PostFormValue("overlap"))
		if err != nil {
			return nil, fmt.Errorf("%w: overlap: give a time such as 24h", store.ErrInvalid)
		}
		k, text, err := s.RotateKey(r.Context(), store.ByDashboard, id, version, overlap)
		if err != nil {
			return nil, err
		}
		return &madeKey{k.Name, text, k.PreviousUntil}, nil
	})
}

func (h *Handler) revokeKey(w http.ResponseWriter, r *http.Request) {
	h.changeKey(w, r, func(s KeyStore, id string, _ int64) (*madeKey, error) {
		_, err := s.RevokeKey(r.Context(), store.ByDashboard, id, 0)
		return nil, err
	})
}

// changeKey changes a key as it was when the page with the form was made: a form that is sent twice does nothing twice.
func (h *Handler) changeKey(w http.ResponseWriter, r *http.Request, change func(s KeyStore, id string, version int64) (*madeKey, error)) {
	keyStore, done, ok := h.o.Store()
	if !ok {
		h.refuse(w, r, http.StatusConflict, "There is no store for keys: add gates_store to the configuration.")
		return
	}
	defer done()
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	version, err := strconv.ParseInt(r.PostFormValue("version"), 10, 64)
	if err != nil || version < 1 {
		h.refuse(w, r, http.StatusBadRequest, "The form can't be read: it has no version.")
		return
	}
	made, err := change(keyStore, r.PathValue("id"), version)
	switch {
	case err != nil:
		status, words := storeProblem(err)
		h.refuse(w, r, status, words)
	case made == nil:
		redirect(w, "../../keys"+keysQuery(r.URL.Query()))
	default:
		h.showKeys(w, r, http.StatusOK, keysPage{Made: made})
	}
}

package admin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"go.uber.org/zap"

	"github.com/layergateway/layergateway/gate"
	"github.com/layergateway/layergateway/ledger"
	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/store"
)

// maxBody bounds a request's body in bytes.
const maxBody = 1 << 20

// problem is an error for who asks; param is the field that is wrong, "" if it is none.
func problem(status int, code, param, format string, args ...any) *openai.Error {
	return &openai.Error{
		Status: status, Type: openai.TypeInvalidRequest, Code: code, Param: param, Message: fmt.Sprintf(format, args...),
	}
}

var (
	errNoStore = problem(http.StatusConflict, "no_store", "",
		"there is no store for gates and keys: add gates_store to the configuration, or declare them there")
	errLedgerOff = problem(http.StatusConflict, "ledger_off", "", "the ledger is off: switch it on in the configuration")
)

// refuse answers with an error. What is wrong inside is for the log alone.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, err error) {
	e := public(err)
	if e == nil {
		if r.Context().Err() == nil {
			h.o.Log.Error("the admin API failed", zap.String("path", r.URL.Path), zap.Error(err))
		}
		e = &openai.Error{Status: http.StatusServiceUnavailable, Type: openai.TypeAPI, Code: "unavailable",
			Message: "the ledger's database can't be used just now: try again"}
	}
	e.Write(w)
}

// public is an error as who asks is told it, nil for one that is none of their business.
func public(err error) *openai.Error {
	if e, ok := errors.AsType[*openai.Error](err); ok {
		return e
	}
	kinds := []struct {
		kind   error
		status int
		code   string
	}{
		{store.ErrNotFound, http.StatusNotFound, "not_found"}, {store.ErrTaken, http.StatusConflict, "taken"},
		{store.ErrVersion, http.StatusConflict, "version_conflict"}, {store.ErrRevoked, http.StatusConflict, "key_revoked"},
		{store.ErrInvalid, http.StatusUnprocessableEntity, "invalid_value"},
	}
	for _, k := range kinds {
		if !errors.Is(err, k.kind) {
			continue
		}
		param := ""
		if fields := store.Fields(err); len(fields) > 0 {
			param = fields[0].Field
		}
		return problem(k.status, k.code, param, "%s", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	switch {
	case errors.Is(err, context.Canceled):
		return problem(499, "client_gone", "", "the client did not wait for the answer")
	case errors.Is(err, ledger.ErrOff):
		return errLedgerOff
	}
	return nil
}

// write answers with JSON.
func write(w http.ResponseWriter, status int, value any) error {
	data, err := json.Marshal(value, json.Deterministic(true))
	if err != nil {
		return fmt.Errorf("writing the answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	w.WriteHeader(status)
	_, _ = w.Write(data) // a client that is gone is nobody's loss here
	return nil
}

// body reads a request's body, which is an object; with optional it may be missing.
func body(w http.ResponseWriter, r *http.Request, optional bool) (jsontext.Value, error) {
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, problem(http.StatusRequestEntityTooLarge, "request_too_large", "", "the body is larger than %d bytes", maxBody)
	}
	if err != nil {
		return nil, problem(http.StatusBadRequest, "invalid_request", "", "the body can't be read")
	}
	value := jsontext.Value(bytes.TrimSpace(data))
	switch {
	case len(value) == 0 && optional:
		return jsontext.Value("{}"), nil
	case len(value) == 0:
		return nil, problem(http.StatusBadRequest, "invalid_json", "", "the body is empty: send a JSON object")
	case !value.IsValid():
		err := value.Canonicalize() // says what is wrong
		return nil, problem(http.StatusBadRequest, "invalid_json", "", "the body is not valid JSON: %v", err)
	case value.Kind() != '{':
		return nil, problem(http.StatusUnprocessableEntity, "invalid_value", "", "the body must be a JSON object")
	}
	return value, nil
}

// decode reads a body whose fields are those of a struct.
func decode(w http.ResponseWriter, r *http.Request, into any) error {
	data, err := body(w, r, true)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into, json.RejectUnknownMembers(true)); err != nil {
		return invalidField(gate.DecodeError(err))
	}
	return nil
}

// invalidField is a mistake in a field of the body.
func invalidField(err error) *openai.Error {
	param := ""
	if field, ok := errors.AsType[*gate.FieldError](err); ok {
		param = field.Field
	}
	return problem(http.StatusUnprocessableEntity, "invalid_value", param, "%s", err)
}

// tag is a version as a header has it.
func tag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }

// matched is the version that If-Match asks for, 0 if any will do.
func matched(r *http.Request) (int64, error) {
	text := r.Header.Get("If-Match")
	if text == "" || text == "*" {
		return 0, nil
	}
	version, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimPrefix(text, `"`), `"`), 10, 64)
	if err != nil || version < 1 {
		return 0, problem(http.StatusBadRequest, "invalid_value", "If-Match", `If-Match: give the version as the ETag has it, such as "3"`)
	}
	return version, nil
}

// unmatched makes a conflict of versions the failure of If-Match, where that asked for a version.
func unmatched(err error, version int64) error {
	if version != 0 && errors.Is(err, store.ErrVersion) {
		return problem(http.StatusPreconditionFailed, "version_conflict", "If-Match", "%s", err)
	}
	return err
}

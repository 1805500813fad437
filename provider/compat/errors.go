package compat

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/provider"
)

// wireError is the error object. Servers that copy OpenAI's format give numbers
// for strings and objects for messages.
type wireError struct {
	Message jsontext.Value `json:"message"`
	Type    jsontext.Value `json:"type"`
	Param   jsontext.Value `json:"param"`
	Code    jsontext.Value `json:"code"`
}

// maxMessage bounds what is kept of a provider's message.
const maxMessage = 4096

// readError reads the body of an answer with an error status: {"error":{…}},
// {"error":"…"}, the error's members or a detail on top, or any of these in an
// array.
func readError(status int, body []byte) (*provider.Error, error) {
	var list []jsontext.Value
	if json.Unmarshal(body, &list, jsontext.AllowDuplicateNames(true)) == nil && len(list) > 0 {
		body = list[0]
	}
	var top struct {
		Error     jsontext.Value `json:"error"`
		Detail    jsontext.Value `json:"detail"`
		wireError `json:",embed"`
	}
	if err := json.Unmarshal(body, &top, jsontext.AllowDuplicateNames(true)); err != nil {
		return nil, err
	}
	w := top.wireError
	if top.Error.Kind() == '{' {
		if err := json.Unmarshal(top.Error, &w, jsontext.AllowDuplicateNames(true)); err != nil {
			return nil, err
		}
	}
	for _, v := range []jsontext.Value{w.Message, top.Error, top.Detail} {
		if w.Message = v; text(v) != "" {
			return w.error(status), nil
		}
	}
	return nil, errNoError
}

// errorIn reads the error object of an answer whose status said 200.
func errorIn(v jsontext.Value) *provider.Error {
	e, err := readError(0, v)
	if err != nil {
		// A bare string, or nothing that has words.
		e, err = readError(0, append(append([]byte(`{"error":`), v...), '}'))
	}
	if err != nil {
		return provider.PlainError(http.StatusBadGateway, nil, nil)
	}
	return e
}

func (w *wireError) error(status int) *provider.Error {
	e := &provider.Error{
		Status: status, Message: text(w.Message), Code: text(w.Code), Param: text(w.Param),
	}
	if words, param := complaints(w.Message); words != "" {
		e.Message, e.Param = words, cmp.Or(e.Param, param)
	}
	if len(e.Message) > maxMessage {
		e.Message = strings.ToValidUTF8(e.Message[:maxMessage], "")
	}
	kind := strings.ToLower(text(w.Type) + " " + e.Code)
	if status == 0 {
		e.Status = statusIn(e.Code, kind)
	}
	e.Kind = provider.KindOf(e.Status)
	switch {
	case strings.Contains(kind, "insufficient_quota"), strings.Contains(kind, "billing"):
		e.Kind = provider.QuotaSpent
	case strings.Contains(kind, "overloaded"):
		e.Kind = provider.Overloaded
	case strings.Contains(kind, "model_not_found"):
		e.Kind = provider.ModelNotFound
	}
	return e
}

// statusIn is the status that an error inside a 200 answer stands for.
func statusIn(code, kind string) int {
	if n, err := strconv.Atoi(code); err == nil && n >= 400 && n < 600 {
		return n
	}
	switch {
	case strings.Contains(kind, "rate_limit"), strings.Contains(kind, "insufficient_quota"):
		return http.StatusTooManyRequests
	case strings.Contains(kind, "overloaded"), strings.Contains(kind, "unavailable"):
		return http.StatusServiceUnavailable
	case strings.Contains(kind, "authentication"), strings.Contains(kind, "invalid_api_key"):
		return http.StatusUnauthorized
	case strings.Contains(kind, "model_not_found"):
		return http.StatusNotFound
	case strings.Contains(kind, "invalid_request"), strings.Contains(kind, "context_length"):
		return http.StatusBadRequest
	}
	return http.StatusBadGateway
}

// text is a string's value, or any other value's JSON.
func text(v jsontext.Value) string {
	switch v.Kind() {
	case '"':
		b, err := jsontext.AppendUnquote(nil, v)
		if err != nil {
			return ""
		}
		return string(b)
	case 'n', 0:
		return ""
	}
	return string(v)
}

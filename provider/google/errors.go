package google

import (
	"bytes"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/provider"
)

// status is google.rpc.Status, the error of all of Google's APIs:
// https://google.aip.dev/193.
type status struct {
	Code    int     `json:"code"` // as HTTP has it
	Message string  `json:"message"`
	Status  string  `json:"status"`
	Details details `json:"details"`
}

// details leaves out those that are of another shape than we read.
type details []detail

// UnmarshalJSONFrom reads an array of objects.
func (d *details) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	raw, err := dec.ReadValue()
	if err != nil {
		return err
	}
	var list []jsontext.Value
	lenient := jsontext.AllowDuplicateNames(true)
	if json.Unmarshal(raw, &list, lenient) != nil {
		return nil //nolint:nilerr // of another shape
	}
	for _, v := range list {
		var one detail
		if json.Unmarshal(v, &one, lenient) == nil {
			*d = append(*d, one)
		}
	}
	return nil
}

// detail is one of several types of details, told apart by their members.
type detail struct {
	Reason     string `json:"reason"`     // ErrorInfo
	RetryDelay string `json:"retryDelay"` // RetryInfo, such as 34.4s
	Violations []struct {
		QuotaID string `json:"quotaId"`
	} `json:"violations"` // QuotaFailure
}

// kinds says what a status means.
var kinds = map[string]provider.Kind{
	"INVALID_ARGUMENT":    provider.Invalid,
	"OUT_OF_RANGE":        provider.Invalid,
	"FAILED_PRECONDITION": provider.Auth, // the account's place or its billing
	"UNAUTHENTICATED":     provider.Auth,
	"PERMISSION_DENIED":   provider.Auth,
	"NOT_FOUND":           provider.ModelNotFound,
	"RESOURCE_EXHAUSTED":  provider.RateLimited,
	"UNAVAILABLE":         provider.Overloaded,
	"DEADLINE_EXCEEDED":   provider.TimedOut,
	"CANCELLED":           provider.Failed,
	"ABORTED":             provider.Failed,
	"DATA_LOSS":           provider.Failed,
	"INTERNAL":            provider.Failed,
	"UNKNOWN":             provider.Failed,
	"UNIMPLEMENTED":       provider.Failed,
}

// Error implements provider.Chat.
func (c *chat) Error(code int, h http.Header, body []byte) *provider.Error {
	s, err := readStatus(body)
	if err != nil {
		return provider.PlainError(code, h, body)
	}
	e := s.error(code)
	e.RetryAfter = max(e.RetryAfter, provider.RetryAfter(h))
	return e
}

// errorIn is the error that takes the place of an answer whose HTTP status said
// 200.
func errorIn(v jsontext.Value) error {
	s, err := readStatus(append(append([]byte(`{"error":`), v...), '}'))
	if err != nil {
		return provider.PlainError(http.StatusBadGateway, nil, nil)
	}
	return s.error(0)
}

// readStatus reads {"error":{…}}, which streams wrap in an array.
func readStatus(body []byte) (*status, error) {
	var one struct {
		Error *status `json:"error"`
	}
	lenient := jsontext.AllowDuplicateNames(true)
	if body = bytes.TrimSpace(body); bytes.HasPrefix(body, []byte("[")) {
		var list []jsontext.Value
		if err := json.Unmarshal(body, &list, lenient); err != nil {
			return nil, err
		}
		if len(list) > 0 {
			body = list[0]
		}
	}
	if err := json.Unmarshal(body, &one, lenient); err != nil {
		return nil, err
	}
	if one.Error == nil || one.Error.Message == "" && one.Error.Status == "" {
		return nil, errors.New("no error object")
	}
	return one.Error, nil
}

// error judges a status; code is the HTTP status, 0 if there was none of its
// own.
func (s *status) error(code int) *provider.Error {
	if code == 0 {
		if code = s.Code; code < 400 || code > 599 {
			code = http.StatusBadGateway
		}
	}
	e := &provider.Error{Kind: provider.KindOf(code), Status: code, Code: s.Status, Message: s.Message}
	if kind, ok := kinds[s.Status]; ok {
		e.Kind = kind
	}
	for i := range s.Details {
		e.RetryAfter = max(e.RetryAfter, s.Details[i].wait())
	}
	switch {
	case s.badKey():
		e.Kind = provider.Auth
	case strings.Contains(s.Message, "unexpected model name format"):
		e.Kind = provider.ModelNotFound
	case strings.Contains(s.Message, "to access the File"):
		// Of a file that the client named, or that is gone.
		e.Kind = provider.Invalid
	case strings.Contains(s.Message, "exceeds the maximum number of tokens"):
		e.Code = "context_length_exceeded"
	case e.Kind == provider.RateLimited && s.spent():
		e.Kind = provider.QuotaSpent
	}
	return e
}

// badKey tells whether a 400 means the key.
func (s *status) badKey() bool {
	for _, d := range s.Details {
		if strings.HasPrefix(d.Reason, "API_KEY_") {
			return true
		}
	}
	return strings.HasPrefix(s.Message, "API key not valid") || strings.HasPrefix(s.Message, "API key expired")
}

// spent tells whether no wait that a client would make helps: the day's quota or
// the account's money is used up.
func (s *status) spent() bool {
	for _, d := range s.Details {
		for _, v := range d.Violations {
			if strings.Contains(v.QuotaID, "PerDay") {
				return true
			}
		}
	}
	for _, words := range []string{"credits are depleted", "spending cap", "spend limit"} {
		if strings.Contains(s.Message, words) {
			return true
		}
	}
	return false
}

// wait reads a protobuf duration, seconds with an s.
func (d *detail) wait() time.Duration {
	s, err := strconv.ParseFloat(strings.TrimSuffix(d.RetryDelay, "s"), 64)
	if err != nil {
		return 0
	}
	return provider.ClampWait(s)
}

package openai

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Error types as OpenAI's clients know them.
const (
	TypeInvalidRequest    = "invalid_request_error"
	TypeRateLimit         = "rate_limit_error"
	TypeInsufficientQuota = "insufficient_quota"
	TypeAPI               = "api_error"
)

// Error is what a client gets instead of an answer: OpenAI's error object, the
// HTTP status it travels with, and what the official SDKs' retry logic reads.
type Error struct {
	Status  int
	Message string
	Type    string
	Param   string // empty is null
	Code    string // empty is null

	// RetryAfter is sent as Retry-After, rounded up to seconds; 0 sends none.
	RetryAfter time.Duration
	// NoRetry sends x-should-retry: false, which the official SDKs obey
	// although they would retry the status.
	NoRetry bool
}

func (e *Error) Error() string { return e.Message }

// Invalid is a 400 for a request that is the caller's to mend.
func Invalid(code, param, format string, args ...any) *Error {
	return &Error{
		Status: http.StatusBadRequest, Type: TypeInvalidRequest,
		Code: code, Param: param, Message: fmt.Sprintf(format, args...),
	}
}

// AppendJSON appends {"error":{…}} with all four members that OpenAI's clients
// require.
func (e *Error) AppendJSON(b []byte) []byte {
	b = append(b, `{"error":{"message":`...)
	b = AppendString(b, e.Message)
	b = append(b, `,"type":`...)
	b = AppendString(b, e.Type)
	b = append(b, `,"param":`...)
	b = appendStringOrNull(b, e.Param)
	b = append(b, `,"code":`...)
	b = appendStringOrNull(b, e.Code)
	return append(b, "}}"...)
}

// Write answers the request with the error.
func (e *Error) Write(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	if e.RetryAfter > 0 {
		h.Set("Retry-After", strconv.FormatInt(int64(math.Ceil(e.RetryAfter.Seconds())), 10))
	}
	if e.NoRetry {
		h.Set("X-Should-Retry", "false")
	}
	body := e.AppendJSON(nil)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(e.Status)
	// A client that is gone is noticed by whoever owns the request.
	_, _ = w.Write(body)
}

// AppendString appends s as a JSON string; invalid UTF-8 becomes U+FFFD.
func AppendString[S ~string | ~[]byte](b []byte, s S) []byte {
	// The only error is invalid UTF-8, which has then been replaced already.
	b, _ = jsontext.AppendQuote(b, s)
	return b
}

func appendStringOrNull(b []byte, s string) []byte {
	if s == "" {
		return append(b, "null"...)
	}
	return AppendString(b, s)
}

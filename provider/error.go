package provider

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/layergateway/layergateway/openai"
)

// Kind is what a failure means to the one who routes: whose fault it is, and
// whether another target may do better.
type Kind int

// The kinds of failure.
const (
	Failed        Kind = iota // 5xx, reset, garbage
	Invalid                   // the request: the caller's fault, no other target is tried
	Auth                      // the credential: the operator's fault
	ModelNotFound             // the model's name: the operator's fault
	RateLimited               // too many requests or tokens just now
	QuotaSpent                // the account has nothing left: waiting does not help
	Overloaded                // the provider has no capacity just now
	TimedOut                  // no answer in time
)

var kinds = [...]string{"failed", "invalid", "auth", "model_not_found", "rate_limited", "quota_spent", "overloaded", "timeout"}

// String is the kind in a word for metrics and rows.
func (k Kind) String() string { return kinds[k] }

// Error is a provider's refusal or failure.
type Error struct {
	Kind    Kind
	Status  int    // the provider's HTTP status, 0 if it did not answer
	Message string // the provider's own words, or ours
	Code    string // the provider's own code, may be empty
	Param   string // the parameter that is to blame, may be empty
	// RetryAfter is the wait that the provider asked for, 0 if none.
	RetryAfter time.Duration
	Provider   *Provider // whose it is; the relay sets it
	Err        error     // the cause, where there is one
}

func (e *Error) Error() string {
	if e.Status != 0 {
		return fmt.Sprintf("provider answered %d: %s", e.Status, e.Message)
	}
	return e.Message
}

func (e *Error) Unwrap() error { return e.Err }

// KindOf is the kind that a status means where the body says nothing better.
func KindOf(status int) Kind {
	switch status {
	case http.StatusUnauthorized, http.StatusPaymentRequired, http.StatusForbidden:
		return Auth
	case http.StatusNotFound:
		return ModelNotFound
	case http.StatusTooManyRequests:
		return RateLimited
	case http.StatusServiceUnavailable, 529:
		return Overloaded
	case http.StatusGatewayTimeout:
		return TimedOut
	case http.StatusMethodNotAllowed, http.StatusGone, http.StatusFailedDependency,
		http.StatusRequestTimeout, http.StatusConflict, http.StatusTooEarly:
		// Not about what the caller said: another target may do better.
		return Failed
	}
	if status >= 400 && status < 500 {
		return Invalid
	}
	return Failed
}

// Public is the error as a client gets it once no target is left.
func (e *Error) Public() *openai.Error {
	p := e.Provider
	msg := p.Keys.Redact(e.Message)
	switch e.Kind {
	case Invalid:
		status := e.Status
		switch status {
		case http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		default:
			status = http.StatusBadRequest
		}
		return &openai.Error{Status: status, Type: openai.TypeInvalidRequest, Code: or(e.Code, "provider_error"), Param: e.Param, Message: msg}
	case Auth:
		if e.Status != 0 { // else the words are ours: a key that is not set
			msg = "the provider " + p.Name + " refused the gateway's credentials: its operator must mend them"
		}
		return &openai.Error{Status: http.StatusBadGateway, Type: openai.TypeAPI, Code: "provider_auth", Message: msg}
	case ModelNotFound:
		return &openai.Error{Status: http.StatusBadGateway, Type: openai.TypeAPI, Code: "provider_model_not_found",
			Message: "the provider " + p.Name + " does not know the gate's model: its operator must mend it"}
	case RateLimited:
		return &openai.Error{Status: http.StatusTooManyRequests, Type: openai.TypeRateLimit, Code: "provider_rate_limited", Message: msg, RetryAfter: e.RetryAfter}
	case QuotaSpent:
		return &openai.Error{Status: http.StatusTooManyRequests, Type: openai.TypeInsufficientQuota, Code: "insufficient_quota", Message: msg, NoRetry: true}
	case Overloaded:
		return &openai.Error{Status: http.StatusServiceUnavailable, Type: openai.TypeAPI, Code: "provider_overloaded", Message: msg, RetryAfter: max(e.RetryAfter, time.Second)}
	case TimedOut:
		return &openai.Error{Status: http.StatusGatewayTimeout, Type: openai.TypeAPI, Code: "provider_timeout", Message: msg}
	}
	code := "provider_error"
	if e.Status == 0 { // the code is ours as well
		code = or(e.Code, code)
	}
	return &openai.Error{Status: http.StatusBadGateway, Type: openai.TypeAPI, Code: code, Message: msg}
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// PlainError is the error of an answer whose body is not the provider's own
// error format: a proxy's HTML page, a bare string, nothing.
func PlainError(status int, h http.Header, body []byte) *Error {
	e := &Error{Kind: KindOf(status), Status: status, RetryAfter: RetryAfter(h)}
	text := strings.TrimSpace(string(body[:min(len(body), 500)]))
	if text == "" || strings.ContainsAny(text, "<>") {
		e.Message = fmt.Sprintf("the provider answered %d %s", status, http.StatusText(status))
	} else {
		e.Message = strings.ToValidUTF8(text, "")
	}
	return e
}

// maxRetryAfter caps the wait that a provider may ask for.
const maxRetryAfter = time.Minute

// RetryAfter reads the wait that an answer's headers ask for: retry-after-ms,
// or Retry-After in seconds or as a date. It is never negative and at most a
// minute.
func RetryAfter(h http.Header) time.Duration {
	if ms, err := strconv.ParseFloat(h.Get("retry-after-ms"), 64); err == nil {
		return ClampWait(ms / 1000)
	}
	v := h.Get("Retry-After")
	if s, err := strconv.ParseFloat(v, 64); err == nil {
		return ClampWait(s)
	}
	if at, err := http.ParseTime(v); err == nil {
		// Against the provider's own clock, where it says what it is.
		from := time.Now()
		if date, err := http.ParseTime(h.Get("Date")); err == nil {
			from = date
		}
		return ClampWait(at.Sub(from).Seconds())
	}
	return 0
}

// ClampWait turns seconds that a provider named into a wait.
func ClampWait(s float64) time.Duration {
	if math.IsNaN(s) || s <= 0 {
		return 0
	}
	if s > maxRetryAfter.Seconds() {
		return maxRetryAfter
	}
	return time.Duration(s * float64(time.Second))
}

package provider

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/layergateway/layergateway/openai"
)

func TestRetryAfter(t *testing.T) {
	const date = "Wed, 21 Oct 2026 07:28:00 GMT"
	for name, c := range map[string]struct {
		header map[string]string
		want   time.Duration
	}{
		"none":             {nil, 0},
		"seconds":          {map[string]string{"Retry-After": "2"}, 2 * time.Second},
		"fraction":         {map[string]string{"Retry-After": "1.5"}, 1500 * time.Millisecond},
		"zero":             {map[string]string{"Retry-After": "0"}, 0},
		"negative":         {map[string]string{"Retry-After": "-5"}, 0},
		"NaN":              {map[string]string{"Retry-After": "NaN"}, 0},
		"infinite":         {map[string]string{"Retry-After": "Inf"}, time.Minute},
		"minus infinite":   {map[string]string{"Retry-After": "-Inf"}, 0},
		"huge":             {map[string]string{"Retry-After": "1e9"}, time.Minute},
		"rubbish":          {map[string]string{"Retry-After": "soon"}, 0},
		"empty":            {map[string]string{"Retry-After": ""}, 0},
		"milliseconds":     {map[string]string{"Retry-After-Ms": "250", "Retry-After": "7"}, 250 * time.Millisecond},
		"bad milliseconds": {map[string]string{"Retry-After-Ms": "x", "Retry-After": "7"}, 7 * time.Second},
		"ms NaN":           {map[string]string{"Retry-After-Ms": "NaN"}, 0},
		"ms negative":      {map[string]string{"Retry-After-Ms": "-1"}, 0},
		"ms huge":          {map[string]string{"Retry-After-Ms": "1e300"}, time.Minute},
		"date":             {map[string]string{"Retry-After": "Wed, 21 Oct 2026 07:28:07 GMT", "Date": date}, 7 * time.Second},
		"date gone by":     {map[string]string{"Retry-After": "Wed, 21 Oct 2026 07:27:00 GMT", "Date": date}, 0},
		"date far off":     {map[string]string{"Retry-After": "Fri, 21 Oct 2072 07:28:00 GMT"}, time.Minute},
		"date long ago":    {map[string]string{"Retry-After": "Sun, 06 Nov 1994 08:49:37 GMT", "Date": "rubbish"}, 0},
	} {
		h := http.Header{}
		for k, v := range c.header {
			h.Set(k, v)
		}
		if got := RetryAfter(h); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	if got := RetryAfter(nil); got != 0 {
		t.Errorf("no headers: %v", got)
	}
}

func TestKindOf(t *testing.T) {
	for status, want := range map[int]Kind{
		400: Invalid, 413: Invalid, 415: Invalid, 422: Invalid, 401: Auth, 402: Auth, 403: Auth, 404: ModelNotFound,
		405: Failed, 408: Failed, 409: Failed, 410: Failed, 424: Failed, 425: Failed, 429: RateLimited, 500: Failed,
		502: Failed, 503: Overloaded, 504: TimedOut, 529: Overloaded, 599: Failed, 301: Failed, 0: Failed, 204: Failed,
	} {
		if got := KindOf(status); got != want {
			t.Errorf("%d is %d, want %d", status, got, want)
		}
	}
}

// TestPublic is the contract's table of errors that come from providers.
func TestPublic(t *testing.T) {
	p := &Provider{Name: "acme", Keys: NewKeys([]string{"sk-one", "sk-two"}, "")}
	for name, c := range map[string]struct {
		in   Error
		want openai.Error
	}{
		"D08 400": {
			Error{Kind: Invalid, Status: 400, Message: "too long for sk-two", Code: "context_length_exceeded", Param: "messages"},
			openai.Error{Status: 400, Type: "invalid_request_error", Code: "context_length_exceeded", Param: "messages", Message: "too long for [redacted]"},
		},
		"413":       {Error{Kind: Invalid, Status: 413, Message: "m"}, openai.Error{Status: 413, Type: "invalid_request_error", Code: "provider_error", Message: "m"}},
		"422":       {Error{Kind: Invalid, Status: 422, Message: "m"}, openai.Error{Status: 422, Type: "invalid_request_error", Code: "provider_error", Message: "m"}},
		"other 4xx": {Error{Kind: Invalid, Status: 451, Message: "m"}, openai.Error{Status: 400, Type: "invalid_request_error", Code: "provider_error", Message: "m"}},
		"in stream": {Error{Kind: Invalid, Message: "m"}, openai.Error{Status: 400, Type: "invalid_request_error", Code: "provider_error", Message: "m"}},
		"D09 401": {
			Error{Kind: Auth, Status: 401, Message: "Incorrect API key provided: sk-one", Code: "invalid_api_key"},
			openai.Error{Status: 502, Type: "api_error", Code: "provider_auth", Message: "the provider acme refused the gateway's credentials: its operator must mend them"},
		},
		"no key": {Error{Kind: Auth, Message: "{env.X} is empty"}, openai.Error{Status: 502, Type: "api_error", Code: "provider_auth", Message: "{env.X} is empty"}},
		"D10 404": {
			Error{Kind: ModelNotFound, Status: 404, Message: "no such model", Code: "model_not_found"},
			openai.Error{Status: 502, Type: "api_error", Code: "provider_model_not_found", Message: "the provider acme does not know the gate's model: its operator must mend it"},
		},
		"D01 429":   {Error{Kind: RateLimited, Status: 429, Message: "m", RetryAfter: 2 * time.Second}, openai.Error{Status: 429, Type: "rate_limit_error", Code: "provider_rate_limited", Message: "m", RetryAfter: 2 * time.Second}},
		"D04 quota": {Error{Kind: QuotaSpent, Status: 429, Message: "m", Code: "insufficient_quota"}, openai.Error{Status: 429, Type: "insufficient_quota", Code: "insufficient_quota", Message: "m", NoRetry: true}},
		"D05 529":   {Error{Kind: Overloaded, Status: 529, Message: "m"}, openai.Error{Status: 503, Type: "api_error", Code: "provider_overloaded", Message: "m", RetryAfter: time.Second}},
		"D14":       {Error{Kind: TimedOut, Message: "m"}, openai.Error{Status: 504, Type: "api_error", Code: "provider_timeout", Message: "m"}},
		"D07 500":   {Error{Kind: Failed, Status: 500, Message: "m", Code: "server_error"}, openai.Error{Status: 502, Type: "api_error", Code: "provider_error", Message: "m"}},
		"D11":       {Error{Kind: Failed, Message: "m"}, openai.Error{Status: 502, Type: "api_error", Code: "provider_error", Message: "m"}},
		"D36":       {Error{Kind: Failed, Message: "m", Code: "event_too_large"}, openai.Error{Status: 502, Type: "api_error", Code: "event_too_large", Message: "m"}},
	} {
		c.in.Provider = p
		if diff := cmp.Diff(&c.want, c.in.Public()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestPlainError(t *testing.T) {
	h := http.Header{"Retry-After": {"3"}}
	for name, c := range map[string]struct {
		status  int
		body    string
		message string
	}{
		"D06 a page":        {500, strings.Repeat("<html>oops</html>", 12_000), "the provider answered 500 Internal Server Error"},
		"nothing":           {503, " \n", "the provider answered 503 Service Unavailable"},
		"words":             {502, " upstream connect error\n", "upstream connect error"},
		"long":              {502, strings.Repeat("é", 400), strings.Repeat("é", 250)},
		"no UTF-8":          {502, "a\xffb", "ab"},
		"status of its own": {529, "", "the provider answered 529 "},
	} {
		e := PlainError(c.status, h, []byte(c.body))
		if e.Message != c.message || e.Status != c.status || e.Kind != KindOf(c.status) || e.RetryAfter != 3*time.Second {
			t.Errorf("%s: %+v", name, e)
		}
	}
}

func TestError(t *testing.T) {
	e := &Error{Status: 500, Message: "m", Err: io.ErrUnexpectedEOF}
	if e.Error() != "provider answered 500: m" || !errors.Is(e, io.ErrUnexpectedEOF) {
		t.Error(e)
	}
	if e = (&Error{Message: "m"}); e.Error() != "m" {
		t.Error(e)
	}
}

func TestKeys(t *testing.T) {
	if got := NewKeys([]string{"", "k-1"}, "").Redact("k-1 and k-1"); got != "[redacted] and [redacted]" {
		t.Errorf("redacted %q", got)
	}
	if got := (Keys{}).Redact("x"); got != "x" {
		t.Errorf("redacted %q", got)
	}
}

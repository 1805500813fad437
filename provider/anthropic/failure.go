package anthropic

import (
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/layergateway/layergateway/provider"
)

// failure is an error of Anthropic's: {"type":"error","error":{…}}, in a stream
// as an event. https://platform.claude.com/docs/en/api/errors
type failure struct {
	Type    string `json:"type"`
	Message string `json:"message"`
}

// failures say for each type of error what it means, and the status that it
// travels with outside a stream.
var failures = map[string]struct {
	status int
	kind   provider.Kind
}{
	"invalid_request_error": {http.StatusBadRequest, provider.Invalid},
	"authentication_error":  {http.StatusUnauthorized, provider.Auth},
	"billing_error":         {http.StatusPaymentRequired, provider.QuotaSpent},
	"permission_error":      {http.StatusForbidden, provider.Auth},
	"not_found_error":       {http.StatusNotFound, provider.ModelNotFound},
	"request_too_large":     {http.StatusRequestEntityTooLarge, provider.Invalid},
	"rate_limit_error":      {http.StatusTooManyRequests, provider.RateLimited},
	"api_error":             {http.StatusInternalServerError, provider.Failed},
	"timeout_error":         {http.StatusGatewayTimeout, provider.TimedOut},
	"overloaded_error":      {529, provider.Overloaded},
}

// provider is the failure as the gateway knows failures; status is 0 within a
// stream.
func (f *failure) provider(status int) *provider.Error {
	known, ok := failures[f.Type]
	if !ok {
		known.status, known.kind = http.StatusInternalServerError, provider.Failed
		if status != 0 {
			known.kind = provider.KindOf(status)
		}
	}
	if status == 0 {
		status = known.status
	}
	e := &provider.Error{Kind: known.kind, Status: status, Message: f.Message, Code: f.Type}
	if e.Message == "" {
		e.Message = "the provider gave no reason"
	}
	f.refine(e)
	return e
}

// refine tells apart what has one type but different meanings.
func (f *failure) refine(e *provider.Error) {
	msg := strings.ToLower(f.Message)
	has := func(texts ...string) bool {
		for _, s := range texts {
			if strings.Contains(msg, s) {
				return true
			}
		}
		return false
	}
	switch e.Kind {
	case provider.Invalid:
		switch {
		case has("prompt is too long", "exceed context limit", "context window"):
			e.Code = "context_length_exceeded"
		case has("credit balance is too low", "specified api usage limits"):
			e.Kind = provider.QuotaSpent
		case has("organization has been disabled"):
			e.Kind = provider.Auth
		case f.Type == "invalid_request_error":
			e.Code = "" // that is OpenAI's type, not a code
		}
	case provider.RateLimited:
		if has("spend", "credit balance", "usage limits") {
			e.Kind = provider.QuotaSpent
		}
	case provider.ModelNotFound:
		// What the request names, and not the gate: a file, a container.
		if f.Type == "not_found_error" && has("file", "container") && !has("model:") {
			e.Kind = provider.Invalid
		}
	}
}

// Error implements provider.Chat.
func (c *chat) Error(status int, h http.Header, body []byte) *provider.Error {
	var v struct {
		Error *failure `json:"error"`
	}
	if err := json.Unmarshal(body, &v, lenient); err != nil || v.Error == nil || v.Error.Type == "" && v.Error.Message == "" {
		return provider.PlainError(status, h, body)
	}
	e := v.Error.provider(status)
	e.RetryAfter = provider.RetryAfter(h)
	return e
}

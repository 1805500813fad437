package cohere

import (
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/provider"
)

// Statuses of Cohere's own. https://docs.cohere.com/reference/errors
const (
	statusDenied    = 498 // the request or the answer has a deny-listed token
	statusCancelled = 499
)

// Error implements provider.Chat. The format is {"message": "…"}, at times with
// an id.
func (c *chat) Error(status int, h http.Header, body []byte) *provider.Error {
	var v struct {
		Message jsontext.Value `json:"message"`
	}
	if json.Unmarshal(body, &v, lenient) != nil || text(v.Message) == "" {
		e := provider.PlainError(status, h, body)
		e.Kind = kindOf(status, "")
		return e
	}
	message := text(v.Message)
	e := &provider.Error{Kind: kindOf(status, message), Status: status, Message: message, RetryAfter: provider.RetryAfter(h)}
	switch {
	case status == statusDenied:
		e.Code = "content_policy_violation"
	case e.Kind == provider.Invalid && strings.HasPrefix(message, "too many tokens"):
		e.Code = "context_length_exceeded"
	}
	return e
}

// kindOf is what a status means.
func kindOf(status int, message string) provider.Kind {
	switch status {
	case statusDenied:
		return provider.Invalid
	case statusCancelled:
		return provider.Failed // not by us
	case http.StatusTooManyRequests:
		// A trial key's calls of the month are spent; those of the minute come
		// back.
		if strings.Contains(message, "/ month") {
			return provider.QuotaSpent
		}
	}
	return provider.KindOf(status)
}

// errorIn is the error that takes the place of an answer whose status said 200.
func errorIn(message jsontext.Value) error {
	return &provider.Error{Kind: provider.Failed, Status: http.StatusBadGateway, Message: text(message)}
}

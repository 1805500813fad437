// Package provider says what a model provider is to the gateway: where it
// listens, with which credentials, and the dialect that it speaks. The dialects
// are its sub-packages.
package provider

import (
	"context"
	"io"
	"net/http"
	"strings"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/fetch"
	"github.com/layergateway/layergateway/health"
	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/sse"
)

// Provider is one configured provider. It is shared by all requests and never
// changes.
type Provider struct {
	Name    string // as gates call it
	Type    string // the provider type, such as "anthropic"
	BaseURL string // everything in front of the operation's path, without a slash at the end
	Header  http.Header
	Keys    Keys
	// Health is how the provider fares, over all gates and configurations.
	Health *health.Board
	// NeedsKey is set where the type can't be called without a credential.
	NeedsKey bool
	// Prices are the operator's own, by model; they come before the catalog's.
	Prices map[string]cost.Price
	// Free providers cost nothing, whatever the model.
	Free bool
	// Unlisted providers are not the type's own maker: the catalog's prices for
	// the type are not theirs.
	Unlisted bool
	// Transport sends requests. It must not follow redirects nor add
	// compression of its own.
	Transport http.RoundTripper
	// Fetch gets images and files for dialects whose provider takes no addresses;
	// nil: nobody does.
	Fetch *fetch.Fetcher
	// NewChat makes the translation of one attempt.
	NewChat func() Chat
}

// Keys are a provider's credentials.
type Keys struct {
	values []string
	// missing says where the key should have come from, such as
	// "{env.OPENAI_API_KEY}".
	missing string
}

// NewKeys makes the set of the credentials that have a value; missing names the
// placeholder of one that has none.
func NewKeys(values []string, missing string) Keys { return Keys{values: values, missing: missing} }

// Values are the credentials, which must not be changed.
func (k Keys) Values() []string { return k.values }

// Missing names the placeholder that has no value, empty if none is missing.
func (k Keys) Missing() string { return k.missing }

// Redact replaces every credential in s, which a provider may have quoted.
func (k Keys) Redact(s string) string {
	for _, v := range k.values {
		if v != "" {
			s = strings.ReplaceAll(s, v, "[redacted]")
		}
	}
	return s
}

// Call is what one attempt asks of a provider.
type Call struct {
	Provider *Provider
	Key      string // empty where the provider needs none
	Model    string // the provider's own name of the model
	// Request is the client's. Its bytes, and all values that are parts of them, are
	// another request's once this one has its answer: nothing of them may be kept
	// longer, and what sends them as they are sends an openai.Body.
	Request *openai.Request
	// Edits are the gate's changes to the request. A dialect that adds its own
	// clones them first: the next attempt starts from these.
	Edits  *openai.Edits
	Stream bool
}

// Chat translates one attempt of a chat completion: it holds that attempt's
// state, belongs to one goroutine and is used once.
//
// Errors of Request that are the caller's fault are *openai.Error; those of
// Whole, Event and End may be *Error, anything else means that the answer is
// not what the provider's protocol allows.
type Chat interface {
	// Request builds the upstream request, credentials included.
	Request(ctx context.Context, c *Call) (*http.Request, error)
	// Dropped lists the request's parameters that have no equivalent here. It is
	// known once Request returned.
	Dropped() []string
	// Whole says a whole answer's body to a.
	Whole(body []byte, a openai.Answer) error
	// Event says one event of a stream to a. The event is valid only during the
	// call.
	Event(ev sse.Event, a openai.Answer) error
	// End is called once a stream has ended without error: it says what was kept
	// back, and fails with io.ErrUnexpectedEOF if the stream's own terminal mark
	// has not come.
	End(a openai.Answer) error
	// Done reports whether the stream's terminal mark has come, so that its end
	// must follow soon. Event is called for whatever comes before that.
	Done() bool
	// Usage is what the answer used as far as it is known, at any moment.
	Usage() cost.Usage
	// Error reads an answer with another status than 200.
	Error(status int, h http.Header, body []byte) *Error
}

// Framer is a Chat whose streams are not server-sent events: it reads them
// itself.
type Framer interface {
	// Events reads the events of a stream from its body.
	Events(body io.Reader) EventReader
}

// EventReader reads a stream's events, one a call.
type EventReader interface {
	// Next gives the next event: Name is its type, Data its payload; both are
	// valid until the next call. io.EOF is the end between two events,
	// io.ErrUnexpectedEOF the end within one.
	Next() (sse.Event, error)
}

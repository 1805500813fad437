package relay

import (
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"strings"

	"github.com/layergateway/layergateway/provider"
)

// send builds the upstream request and sends it, up to the answer's headers.
func (a *attempt) send(ctx context.Context) (*http.Response, error) {
	p := a.provider
	req, err := a.chat.Request(ctx, &provider.Call{Provider: p, Key: a.lease.Key, Model: a.target.Model,
		Request: a.req, Edits: a.edits, Stream: a.req.Stream})
	if err != nil {
		if failure := a.interrupted(ctx); failure != nil {
			return nil, failure
		}
		return nil, err
	}
	if err := a.refuseIfStrict("the provider "+p.Name+" has no equivalent for", a.chat.Dropped()); err != nil {
		_ = req.Body.Close() // as a transport would have done
		return nil, err
	}
	for name, values := range p.Header {
		req.Header[name] = values
	}
	req.Header.Set("User-Agent", "layer_gateway")
	// Compressed events would come late; what is compressed all the same is
	// decoded.
	req.Header.Set("Accept-Encoding", "identity")
	a.asked = true
	a.lease.Ask(a.req.Stream)
	resp, err := p.Transport.RoundTrip(req)
	if err != nil {
		return nil, a.unreachable(ctx, err)
	}
	return resp, nil
}

// unreachable is the failure of a request that got no answer. The cause's text
// stays inside: it may name hosts and addresses.
func (x *exchange) unreachable(ctx context.Context, err error) error {
	if failure := x.interrupted(ctx); failure != nil {
		return failure
	}
	var dns *net.DNSError
	var cert *tls.CertificateVerificationError
	msg := "the provider could not be reached"
	switch {
	case errors.As(err, &dns):
		msg = "the provider's host name could not be resolved"
	case errors.As(err, &cert):
		msg = "the provider's certificate is not valid"
	}
	return &provider.Error{Kind: provider.Failed, Message: msg, Err: err}
}

// interrupted is what ended ctx, if it has ended: the client, or one of the
// time limits.
func (x *exchange) interrupted(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	if x.r.Context().Err() != nil {
		return errClientGone
	}
	var limit *limitError
	if errors.As(context.Cause(ctx), &limit) {
		return &provider.Error{Kind: provider.TimedOut, Message: limit.text, Err: limit}
	}
	return context.Cause(ctx)
}

// garbage is an answer that is none.
func garbage(err error) error {
	return &provider.Error{Kind: provider.Failed, Message: "the provider's answer can't be read", Err: err}
}

// decoded undoes a compression that was not asked for.
func decoded(resp *http.Response, body io.Reader) (io.Reader, error) {
	switch enc := strings.ToLower(resp.Header.Get("Content-Encoding")); enc {
	case "", "identity":
		return body, nil
	case "gzip":
		return gzip.NewReader(body)
	default:
		return nil, fmt.Errorf("unknown content encoding %q", enc)
	}
}

// isStream reports whether an answer is a stream of events, which may be
// another form than was asked for.
func isStream(h http.Header, asked bool) (bool, error) {
	kind, _, _ := mime.ParseMediaType(h.Get("Content-Type"))
	switch {
	case kind == "text/event-stream", kind == "application/vnd.amazon.eventstream":
		return true, nil
	case strings.HasSuffix(kind, "json"):
		return false, nil
	case kind == "text/html":
		return false, garbage(errors.New("the answer is a web page"))
	}
	return asked, nil
}

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

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/gate"
	"github.com/layergateway/layergateway/provider"
)

// Bounds of what is read of an upstream.
const (
	maxErrorBody = 1 << 20
	maxAnswer    = 128 << 20
)

// attempt asks one target. Nothing has reached the client if it fails, unless
// the stream has begun.
func (x *exchange) attempt(ctx context.Context, t gate.Target) (err error) {
	p, ok := x.relay.Providers[t.Provider]
	if !ok {
		return fmt.Errorf("gate %s: provider %s is not configured", x.gate.ID, t.Provider)
	}
	x.rec.Provider, x.rec.Model = p.Name, t.Model
	x.rec.Tries = append(x.rec.Tries, Try{Provider: p.Name, Model: t.Model})
	try := &x.rec.Tries[len(x.rec.Tries)-1]
	start := x.relay.Now()
	defer func() {
		try.Took = x.relay.Now().Sub(start)
		var failed *provider.Error
		if errors.As(err, &failed) {
			failed.Provider = p
			try.Failed, try.Kind = true, failed.Kind
		}
	}()

	key, ok := p.Keys.Next()
	if !ok && p.NeedsKey {
		return &provider.Error{Kind: provider.Auth, Message: fmt.Sprintf("the provider %s has no key: %s is empty", p.Name, p.Keys.Missing())}
	}
	ctx, dog := watch(ctx, x.gate.Timeouts, x.req.Stream)
	defer dog.stop()
	chat := p.NewChat()
	call := &provider.Call{Provider: p, Key: key, Model: t.Model, Request: x.req, Edits: x.edits, Stream: x.req.Stream}
	resp, err := x.send(ctx, p, chat, call)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	try.Status = resp.StatusCode
	body := &watched{src: resp.Body, dog: dog}
	plain, err := decoded(resp, body)
	if err != nil {
		return garbage(err)
	}
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(plain, maxErrorBody))
		return chat.Error(resp.StatusCode, resp.Header, text)
	}
	events, err := isStream(resp.Header, x.req.Stream)
	if err != nil {
		return err
	}
	a := &answering{exchange: x, provider: p, chat: chat, target: t, dog: dog}
	if x.req.Stream {
		err = a.stream(ctx, plain, events)
	} else {
		err = a.whole(ctx, plain, events)
	}
	return err
}

// send builds the upstream request and sends it, up to the answer's headers.
func (x *exchange) send(ctx context.Context, p *provider.Provider, chat provider.Chat, call *provider.Call) (*http.Response, error) {
	req, err := chat.Request(ctx, call)
	if err != nil {
		return nil, err
	}
	x.rec.Dropped = chat.Dropped()
	if err := x.refuseIfStrict("the provider "+p.Name+" has no equivalent for", x.rec.Dropped); err != nil {
		return nil, err
	}
	for name, values := range p.Header {
		req.Header[name] = values
	}
	req.Header.Set("User-Agent", "layer_gateway")
	// Compressed events would come late; what is compressed all the same is
	// decoded.
	req.Header.Set("Accept-Encoding", "identity")
	resp, err := p.Transport.RoundTrip(req)
	if err != nil {
		return nil, x.unreachable(ctx, err)
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
	if x.r.Context().Err() != nil {
		return errClientGone
	}
	if ctx.Err() == nil {
		return nil
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

// price is what the target costs.
func (x *exchange) price(p *provider.Provider, model string) cost.Price {
	if p.Free {
		return cost.Price{Version: "free"}
	}
	if price, ok := p.Prices[model]; ok {
		return price
	}
	if p.Unlisted {
		return cost.Price{}
	}
	price, _ := x.relay.Catalog.Price(p.Type, model, x.rec.Start)
	return price
}

// bill puts what the answer used, and what that costs, into the record.
func (a *answering) bill() {
	a.rec.Usage = a.chat.Usage()
	a.rec.Bill = a.price(a.provider, a.target.Model).Bill(a.rec.Usage)
}

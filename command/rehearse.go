package command

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"sync"
	"time"

	"github.com/layergateway/layergateway/access"
	"github.com/layergateway/layergateway/access/limit"
	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/gate"
	"github.com/layergateway/layergateway/health"
	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/provider"
	"github.com/layergateway/layergateway/relay"
)

// rehearsal takes a request the whole way that it would take in the gateway, but for both of its ends: what would be
// sent is kept, and what would be reserved is noted. Nothing leaves the process, and no credential is used.
type rehearsal struct {
	relay relay.Relay // with stand-ins
	key   *access.Key
	gate  string
	body  []byte
	store limit.Store // decides; nil admits all

	mu     sync.Mutex
	asked  *limit.Ask
	denied error
	calls  []*call
}

// call is what would be asked of one target.
type call struct {
	target  gate.Target
	request *http.Request // nil: it could not be made
	body    []byte
	dropped []string
	bounded bool // the answer's length has a limit
	err     error
}

// reply is what a client would be told.
type reply struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *reply) Header() http.Header         { return r.header }
func (r *reply) WriteHeader(status int)      { r.status = status }
func (r *reply) Write(b []byte) (int, error) { return r.body.Write(b) }

// stage is the rehearsal of a request at a gateway whose prices may be other ones.
func stage(at *relay.Relay, o *ExplainOptions, prices map[gate.Target]cost.Price, store limit.Store) *rehearsal {
	r := &rehearsal{key: o.Key, gate: o.Gate, body: o.Request, store: store}
	if r.key == nil {
		r.key = &access.Key{}
	}
	if r.key.Limits == nil {
		// Only for those who are held to limits it is worked out what a request may cost.
		nobody := *r.key
		nobody.Limits, _ = limit.ForKey("", "", nil) // no limits can't be wrong
		r.key = &nobody
	}
	r.relay = relay.Relay{
		Providers: make(map[string]*provider.Provider, len(at.Providers)), Gates: at.Gates, Resolve: at.Resolve,
		Catalog: at.Catalog, MaxBody: at.MaxBody, Now: time.Now,
		Books:   func() (*relay.Books, func(), error) { return &relay.Books{Limits: r}, func() {}, nil },
		Retries: new(health.Retries), Flights: relay.NewFlights(),
	}
	for name, p := range at.Providers {
		r.relay.Providers[name] = r.standIn(p)
	}
	for t, price := range prices {
		if p := r.relay.Providers[t.Provider]; p != nil {
			p.Prices[t.Model] = price
		}
	}
	return r
}

// credential stands where a provider's key would be.
const credential = "layer-gateway-credential"

// standIn is a provider that is never called. Its breakers know nothing, and its one credential is none.
func (r *rehearsal) standIn(p *provider.Provider) *provider.Provider {
	s := *p
	s.Health = health.NewBoard(time.Now)
	s.Transport = r
	s.Fetch = nil
	s.Prices = maps.Clone(p.Prices)
	if s.Prices == nil {
		s.Prices = map[string]cost.Price{}
	}
	if p.NeedsKey || len(p.Keys.Values()) > 0 || borrowed(p) {
		s.Keys = provider.NewKeys([]string{credential}, "")
	}
	newChat := p.NewChat
	s.NewChat = func() provider.Chat { return &listener{Chat: newChat(), rehearsal: r} }
	return &s
}

// borrowed reports whether a provider is called with credentials that would have to be fetched first.
func borrowed(p *provider.Provider) bool {
	return p.Type == "vertex" && !p.NeedsKey && len(p.Keys.Values()) == 0
}

// run takes the request the way, and returns what became of it.
func (r *rehearsal) run(ctx context.Context) (*relay.Record, *reply, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "/v1/chat/completions", bytes.NewReader(r.body))
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Layer-Gate-Id", r.gate)
	rec, w := relay.NewRecord(time.Now()), &reply{header: http.Header{}, status: http.StatusOK}
	r.relay.Chat(w, req, r.key, rec)
	return rec, w, nil
}

// errEnough ends a rehearsal where nothing more is to be learned.
var errEnough = errors.New("enough")

// Admit implements limit.Store: it notes what is asked for.
func (r *rehearsal) Admit(ctx context.Context, ask limit.Ask) (limit.Grant, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = &ask
	if r.store == nil {
		return nil, errEnough
	}
	var grant limit.Grant
	if grant, r.denied = r.store.Admit(ctx, ask); r.denied == nil {
		grant.Release()
	}
	return granted{}, nil
}

// Close implements limit.Store.
func (r *rehearsal) Close(context.Context) error { return nil }

// granted is the grant of a rehearsal, whatever was said.
type granted struct{}

func (granted) Meters() limit.Meters                   { return limit.Meters{} }
func (granted) Grow(context.Context, cost.Amount) bool { return true }
func (granted) Settle(int64, cost.Amount)              {}
func (granted) Release()                               {}

// RoundTrip implements http.RoundTripper: it keeps the request.
func (r *rehearsal) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	_ = req.Body.Close() // it has been read to its end
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.calls {
		if c.request == req {
			c.body = body
		}
	}
	return &http.Response{
		StatusCode: http.StatusNotFound, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: http.NoBody, Request: req,
	}, nil
}

// listener is a dialect that tells the rehearsal what it says, and then fails, so that the next target has its turn.
type listener struct {
	provider.Chat

	rehearsal *rehearsal
}

// next is a failure after which the next target is asked.
var next = &provider.Error{Kind: provider.ModelNotFound, Message: "a rehearsal"}

// Request implements provider.Chat.
func (l *listener) Request(ctx context.Context, p *provider.Call) (*http.Request, error) {
	req, err := l.Chat.Request(ctx, p)
	c := &call{target: gate.Target{Provider: p.Provider.Name, Model: p.Model}, request: req, err: err}
	if err == nil {
		c.dropped = l.Chat.Dropped()
	}
	_, c.bounded = p.Request.Int(p.Edits, "max_completion_tokens", "max_tokens")
	l.rehearsal.mu.Lock()
	defer l.rehearsal.mu.Unlock()
	l.rehearsal.calls = append(l.rehearsal.calls, c)
	if err != nil {
		return nil, next
	}
	return req, nil
}

// Dropped implements provider.Chat: what is dropped refuses nothing here.
func (l *listener) Dropped() []string { return nil }

// Error implements provider.Chat.
func (l *listener) Error(int, http.Header, []byte) *provider.Error {
	failed := *next
	return &failed
}

// worst is the most that a request may cost at one of its targets; false if nobody knows.
func worst(ctx context.Context, at *relay.Relay, o *ExplainOptions, target gate.Target, targets []gate.Target, hedged bool) (cost.Amount, bool, error) {
	ask := func(others cost.Price) (*limit.Ask, error) {
		prices := map[gate.Target]cost.Price{}
		for _, t := range targets {
			if t.Provider != target.Provider || t.Model != target.Model {
				prices[gate.Target{Provider: t.Provider, Model: t.Model}] = others
			}
		}
		r := stage(at, o, prices, nil)
		for name, p := range r.relay.Providers {
			p.Free = p.Free && name == target.Provider
		}
		_, _, err := r.run(ctx)
		return r.asked, err
	}
	// With all others unknown, it is this one's price that is known.
	known, err := ask(cost.Price{})
	if err != nil || known == nil || known.Unpriced {
		return 0, false, err
	}
	// With all others free, it is this one that is reserved for; a hedge has to be paid for twice.
	most, err := ask(cost.Price{Version: "free"})
	if err != nil || most == nil {
		return 0, false, err
	}
	if hedged && len(targets) > 1 {
		return most.Cost / 2, true, nil
	}
	return most.Cost, true, nil
}

// refusal is what a client would be told in place of an answer.
func (r *reply) refusal() *openai.Error {
	var f facts
	if unmarshalLoosely(r.body.Bytes(), &f) != nil || f.Error == nil {
		return &openai.Error{Status: r.status, Message: r.body.String()}
	}
	return &openai.Error{Status: r.status, Code: f.Error.Code, Message: f.Error.Message}
}

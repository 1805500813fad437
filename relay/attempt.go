package relay

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/cost/estimate"
	"github.com/layergateway/layergateway/gate"
	"github.com/layergateway/layergateway/health"
	"github.com/layergateway/layergateway/provider"
)

// Bounds of what is read of an upstream.
const (
	maxErrorBody = 1 << 20
	maxErrorTime = 5 * time.Second
	maxAnswer    = 128 << 20
)

// attempt is one request to one target with one of its keys. It has a goroutine
// of its own where it is hedged, so what it finds is its own until it claims the
// answer.
type attempt struct {
	*exchange
	provider *provider.Provider
	target   gate.Target
	lease    *health.Lease
	try      *Try
	start    time.Time
	chat     provider.Chat
	dog      *watchdog
	cancel   context.CancelCauseFunc
	ended    chan struct{}
	heard    *estimate.Output // what of the answer has come
	length   length
	said     int64 // how many bytes a whole answer is said to have; below 0: nothing is
	asked    bool  // the request has been sent
	began    bool  // the answer has gone out, or begun to

	headroom []health.Headroom // what the answer's headers said of the provider's limits
	told     time.Time

	accounted bool
	span      trace.Span // nil: it is not traced
}

func (x *exchange) newAttempt(p *provider.Provider, t gate.Target, lease *health.Lease, hedge bool) *attempt {
	now := x.relay.Now()
	return &attempt{exchange: x, provider: p, target: t, lease: lease, start: now, ended: make(chan struct{}),
		cancel: func(error) {}, heard: estimate.NewOutput(t.Model),
		try: &Try{Provider: p.Name, Model: t.Model, Hedge: hedge, Start: now.Sub(x.rec.Start), price: x.price(p, t.Model)}}
}

// unable ends an attempt that could not even begin.
func (a *attempt) unable(failed *provider.Error) error {
	if !a.enlist() {
		return errLost
	}
	defer a.leave()
	a.try.Failed, a.try.Kind, a.try.Bill = true, failed.Kind, cost.Bill{Status: cost.Exact}
	a.endSpan(failed)
	return failed
}

// run asks the target. Nothing has reached the client if it fails, unless the
// stream has begun.
func (a *attempt) run(ctx context.Context) (err error) {
	ctx, a.cancel = context.WithCancelCause(ctx)
	if !a.enlist() {
		a.cancel(errLost)
		a.lease.Done(health.Result{})
		return errLost
	}
	defer func() {
		if p := recover(); p != nil {
			err = panicked(p)
		}
		a.end(err)
	}()
	a.dog = watch(a.cancel, a.gate.Timeouts, a.req.Stream)
	defer a.dog.stop()
	a.chat = a.provider.NewChat()
	resp, err := a.send(ctx)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	a.try.Status = resp.StatusCode
	a.told = a.relay.Now()
	a.headroom = health.HeadroomIn(resp.Header, a.told)
	if resp.StatusCode == http.StatusSwitchingProtocols { // its body is the connection, and has no end
		return garbage(errors.New("the provider wants to speak another protocol"))
	}
	plain, err := decoded(resp, &watched{src: resp.Body, dog: a.dog})
	if err != nil {
		if failure := a.interrupted(ctx); failure != nil {
			return failure
		}
		return garbage(err)
	}
	if resp.StatusCode != http.StatusOK {
		return a.refused(ctx, resp, plain)
	}
	a.said = resp.ContentLength
	events, err := isStream(resp.Header, a.req.Stream)
	if err != nil {
		return err
	}
	if a.req.Stream {
		return a.stream(ctx, plain, events)
	}
	return a.whole(ctx, plain, events)
}

// errEnough ends the body of a refusal that does not end itself.
var errEnough = errors.New("the refusal has no end")

// refused is an answer with another status than 200, whose body may say why. The
// status is known already: what else comes has little time.
func (a *attempt) refused(ctx context.Context, resp *http.Response, body io.Reader) error {
	enough := time.AfterFunc(maxErrorTime, func() { a.cancel(errEnough) })
	defer enough.Stop()
	text, _ := io.ReadAll(io.LimitReader(body, maxErrorBody))
	if failure := a.interrupted(ctx); failure != nil && !errors.Is(failure, errEnough) {
		return failure
	}
	return a.chat.Error(resp.StatusCode, resp.Header, text)
}

// enlist adds the attempt to the record and to those that run, which are one step:
// who claims the answer waits for the others and then reads the record. It is
// false if the answer is another's already.
func (a *attempt) enlist() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.winner != nil {
		return false
	}
	a.rec.Tries = append(a.rec.Tries, a.try)
	a.running = append(a.running, a)
	a.name(a)
	a.beginSpan()
	return true
}

// leave takes the attempt from those that run.
func (a *attempt) leave() {
	close(a.ended)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.running = slices.DeleteFunc(a.running, func(other *attempt) bool { return other == a })
}

// end says what became of the attempt to those who keep count.
func (a *attempt) end(err error) {
	a.try.Took = a.relay.Now().Sub(a.start)
	var failed *provider.Error
	switch {
	case errors.As(err, &failed):
		failed.Provider = a.provider
		a.try.Failed, a.try.Kind = true, failed.Kind
	case errors.Is(err, errLost):
		a.try.Lost = true
	}
	// Also if the accounts fail: others wait for the end.
	defer func() {
		a.lease.Done(a.result(err))
		a.cancel(context.Canceled)
		a.leave()
	}()
	if !a.accounted {
		a.account(err)
	}
	a.endSpan(err)
}

// result is what the end says of the key and model that the attempt was made with.
func (a *attempt) result(err error) health.Result {
	r := verdict(err)
	r.FirstToken, r.Stream = a.try.FirstToken, a.req.Stream
	r.Headroom, r.Told = a.headroom, a.told
	var limit *limitError
	switch {
	case errors.Is(err, errTotal) && (a.began || a.try.Took < a.gate.Timeouts.Total/2):
		// The provider was never silent for too long: the answer is long, or its
		// client slow. Or the time was spent on others before it.
		r.Verdict = health.Neutral
	case errors.As(err, &limit) && !a.asked:
		// What took so long was what the client has named by address.
		r.Verdict = health.Neutral
	case errors.As(err, &limit), a.try.Lost && !a.try.Hedge && a.try.Took >= a.gate.Hedge:
		// It ended for its slowness, so its time is the least that the target takes.
		// It would not be known for slow otherwise, and be the first again where that
		// is who is unknown.
		if a.asked && r.FirstToken == 0 {
			r.FirstToken = a.try.Took
		}
	}
	return r
}

// account puts what the attempt used, and what that costs, into its own record.
// err is what ended its answer, nil if it is whole. A failure before the answer
// began costs nothing; what was asked for and then not wanted does, and what the
// provider has not said of it is estimated.
func (a *attempt) account(err error) {
	a.accounted = true
	unwanted := errors.Is(err, errClientGone) || errors.Is(err, errLost) || errors.Is(err, errStopping)
	if !a.asked || err != nil && !a.began && !unwanted {
		a.try.Bill = cost.Bill{Status: cost.Exact}
		return
	}
	a.try.Usage = estimate.Complete(a.chat.Usage(), err != nil,
		func() int64 { return estimate.Input(a.req, a.edits, a.target.Model) }, a.heard.Tokens)
	a.try.Bill = a.try.price.Bill(a.try.Usage)
}

// bill puts what the answer used, and what it and the attempts beside it cost,
// into the record.
func (a *attempt) bill(err error) {
	a.account(err)
	a.others()
	a.rec.Usage = a.try.Usage
	a.rec.Bill = a.try.Bill
	for _, try := range a.rec.Tries {
		if try != a.try {
			a.rec.Bill = plus(a.rec.Bill, try.Bill)
		}
	}
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
	price, _ := x.catalog.Price(p.Type, model, x.rec.Start)
	return price
}

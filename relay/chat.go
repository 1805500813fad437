package relay

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"

	"github.com/layergateway/layergateway/access"
	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/gate"
	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/provider"
)

// exchange is one chat completion on its way. It belongs to one goroutine, but
// for what attempts that run side by side share.
type exchange struct {
	relay  *Relay
	rec    *Record
	w      http.ResponseWriter
	r      *http.Request
	req    *openai.Request
	gate   *gate.Gate
	edits  *openai.Edits
	strict bool
	out    *downstream
	live   context.Context // ends with the client, and with the process
	ctx    context.Context // of all that is asked of providers
	books  *Books
	budget budget
	// catalog has the prices that are in force for this request.
	catalog *cost.Catalog

	// mu guards what follows, and which attempt the record names.
	mu      sync.Mutex
	winner  *attempt   // whose answer the client gets
	running []*attempt // those that have not ended
}

// Chat answers a chat completion request: it writes the whole answer, or the
// error, and fills rec. The outcome is settled once, whatever happens.
func (r *Relay) Chat(w http.ResponseWriter, req *http.Request, key *access.Key, rec *Record) {
	x := &exchange{relay: r, rec: rec, w: w, r: req, out: newDownstream(w, r.StallTimeout)}
	x.catalog = r.Catalog()
	landed := x.contexts()
	defer landed()
	rec.Key, rec.KeyID = key.Name, key.ID()
	rec.Agent = req.UserAgent()
	rec.Session = req.Header.Get("X-Layer-Session-Id")
	var done func()
	var err error
	if x.books, done, err = r.Books(); err != nil {
		x.books, done = new(Books), func() {}
	}
	if x.books.Payloads {
		x.out.kept = new([]byte)
	}
	defer done()
	defer func() {
		p := recover()
		if p != nil {
			err = panicked(p)
		}
		x.settle(err)
		// A transport has its time to close what it sends, and after a panic
		// nobody knows who looks into the body yet.
		if p == nil && x.req != nil && !x.req.InUse() {
			bodies.give(x.req.Raw())
		}
	}()
	if err == nil {
		err = x.run(key)
	}
}

// panicked is a panic as an error.
func panicked(p any) error {
	if p == http.ErrAbortHandler { //nolint:errorlint // panics are compared as they are
		return errClientGone
	}
	return fmt.Errorf("panic: %v\n%s", p, debug.Stack())
}

func (x *exchange) run(key *access.Key) error {
	var body []byte
	var err error
	if small(x.r) {
		if body, err = x.readBody(); err != nil {
			return err
		}
	}
	leaveKey, err := key.Concurrency.Enter(x.live)
	if err != nil {
		return err
	}
	defer leaveKey()
	leave, err := x.relay.Concurrency.Enter(x.live)
	if err != nil {
		return err
	}
	defer leave()
	if body == nil {
		if body, err = x.readBody(); err != nil {
			return err
		}
	}
	if x.req, err = openai.ParseChat(body); err != nil {
		return err
	}
	x.rec.Stream = x.req.Stream
	x.rec.Asked, _ = x.req.String("model")
	x.rec.User, _ = x.req.String("safety_identifier")
	if x.rec.User == "" {
		x.rec.User, _ = x.req.String("user")
	}
	n, err := x.relay.nameGate(x.req, x.r.Header)
	if err != nil {
		return err
	}
	g, refused := x.relay.findGate(n, key)
	if refused != nil {
		return refused
	}
	x.gate = g
	x.rec.GateID, x.rec.Gate, x.rec.Targets = x.gate.ID, x.gate.Name, x.gate.Targets
	if x.rec.Gate == "" {
		x.rec.Gate = x.gate.ID
	}
	x.w.Header().Set("X-Layer-Gate-Id", x.gate.ID)
	if err := usable(x.gate); err != nil {
		return err
	}
	effective := x.gate.Apply(x.req, n.asked(x.gate))
	x.edits, x.rec.Overridden = effective.Edits, effective.Overridden
	x.strict = x.gate.Strict || strings.EqualFold(x.r.Header.Get("X-Layer-Strict"), "true")
	if err := x.refuseIfStrict("the gate does not allow", x.rec.Overridden); err != nil {
		return err
	}
	targets, err := x.targets(effective.Model)
	if err != nil {
		return err
	}
	if targets, err = x.admit(targets, key); err != nil {
		return err
	}
	return x.route(targets)
}

func (x *exchange) refuseIfStrict(why string, fields []string) error {
	if !x.strict || len(fields) == 0 {
		return nil
	}
	return openai.Invalid("unsupported_parameter", fields[0], "%s: %s", why, strings.Join(fields, ", "))
}

// targets are the gate's, in the order of this request; a model of the
// request's own comes first.
func (x *exchange) targets(model string) ([]gate.Target, error) {
	order := x.gate.Order(ranking{x})
	if model == "" {
		return order, nil
	}
	p, name, err := x.relay.Resolve(model)
	if err != nil {
		return nil, openai.Invalid("model_not_found", "model", "the request's model is not known here: name it as <provider>/<model>")
	}
	list := []gate.Target{{Provider: p, Model: name, Weight: 1}}
	for _, t := range order[1:] {
		if t.Provider != p || t.Model != name {
			list = append(list, t)
		}
	}
	return list, nil
}

// settle ends the exchange: its outcome, what a client without an answer is
// told, and its accounts.
func (x *exchange) settle(err error) {
	rec := x.rec
	rec.Outcome = outcomeOf(x.r.Context(), err, x.out.begun())
	rec.Total = x.relay.Now().Sub(rec.Start)
	if rec.Outcome == GatewayError && !errors.Is(err, errStopping) {
		rec.Fault = err.Error()
	}
	if err != nil && rec.Outcome != ClientGone && rec.Outcome != BudgetCut {
		rec.ErrorCode = x.public(err).Code
	}
	if rec.Bill.Status == "" {
		x.sum()
	}
	x.tell(err)
	x.relay.Describe(x.r.Context(), x.rec)
	x.close()
}

// sum is the bill of an exchange whose answer never began: of attempts that were
// not waited for, and of no others.
func (x *exchange) sum() {
	x.rec.Bill.Status = cost.Exact
	for _, try := range x.rec.Tries {
		x.rec.Bill = plus(x.rec.Bill, try.Bill)
		if try.Usage != (cost.Usage{}) {
			x.rec.Usage = try.Usage
		}
	}
}

// tell gives the client what it has not got yet of how the exchange ended.
func (x *exchange) tell(err error) {
	rec := x.rec
	if rec.Outcome == GatewayError {
		x.out.fail(x.public(err))
	}
	x.out.stop()
	if x.out.begun() {
		rec.Status = http.StatusOK
		return
	}
	if err == nil {
		return
	}
	if rec.Outcome == ClientGone {
		clientGone.Write(x.w)
		return
	}
	e := x.public(err)
	rec.Status = e.Status
	x.setHeaders()
	e.Write(x.w)
}

// clientGone is for a client that is still there after all, since it has closed
// its own side alone: no answer would reach it as an empty one.
var clientGone = &openai.Error{Status: 499, Type: openai.TypeInvalidRequest, Code: "client_gone",
	Message: "the client closed its side of the connection before the answer"}

// public is what a client is told of an error: our own refusals and the
// provider's, and of anything else only that it happened.
func (x *exchange) public(err error) *openai.Error {
	var refused *openai.Error
	var failed *provider.Error
	switch {
	case errors.As(err, &failed):
		return failed.Public()
	case errors.As(err, &refused):
		return refused
	}
	return &openai.Error{Status: http.StatusInternalServerError, Type: openai.TypeAPI, Code: "gateway_error",
		Message: "the gateway failed: request " + x.rec.RequestID}
}

// setHeaders says in the answer's headers where it comes from.
func (x *exchange) setHeaders() {
	if len(x.rec.Tries) == 0 {
		return
	}
	h := x.w.Header()
	h.Set("X-Layer-Provider", x.rec.Provider)
	h.Set("X-Layer-Model", x.rec.Model)
	h.Set("X-Layer-Attempts", strconv.Itoa(len(x.rec.Tries)))
}

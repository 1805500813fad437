package command

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/access"
	"github.com/layergateway/layergateway/access/limit"
	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/cost/estimate"
	"github.com/layergateway/layergateway/gate"
	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/provider"
	"github.com/layergateway/layergateway/relay"
)

// ExplainOptions say what is explained.
type ExplainOptions struct {
	Gate    string
	Request []byte      // the body; nil is DefaultRequest
	Key     *access.Key // whose request it is; nil is somebody without limits
	JSON    bool

	// Unread is why the ledger can't be read, so that nobody knows what was spent; nil: it can, or there is none.
	Unread error
	// Spent is what a ledger knows of a subject; nil: there is none.
	Spent func(ctx context.Context, keyID, gateID string, from, to time.Time) (cost.Amount, error)
}

// DefaultRequest is explained where none is given.
const DefaultRequest = `{"messages":[{"role":"user","content":"Hello!"}]}`

// Explanation is what a gateway would do with a request.
type Explanation struct {
	Gate     string `json:"gate"`
	ID       string `json:"id"`
	Source   string `json:"source"`
	Strategy string `json:"strategy"`
	Key      string `json:"key,omitzero"`
	Stream   bool   `json:"stream"`
	Strict   bool   `json:"strict"`
	// Overridden are the fields that the gate refuses the request.
	Overridden []string `json:"overridden"`
	// Refused is what the client is told if no provider is asked at all.
	Refused *Refusal `json:"refused,omitzero"`
	// Tokens is the most that the request counts for at its token limits.
	Tokens int64 `json:"tokens"`
	// WorstCase is what is reserved of budgets; nil if the models have no price.
	WorstCase *cost.Amount `json:"worst_case"`
	Limits    Verdict      `json:"limits"`
	Targets   []Target     `json:"targets"`
	Notes     []string     `json:"notes,omitzero"`

	hedged bool
	all    []gate.Target // those that the gate has
}

// Refusal is an error in the client's words.
type Refusal struct {
	Status  int    `json:"status"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Verdict is what limits say, as far as it can be known without the gateway that counts for them.
type Verdict struct {
	Admitted bool    `json:"admitted"`
	Reason   string  `json:"reason,omitzero"`
	Spent    []Spent `json:"spent,omitzero"`
}

// Spent is what the ledger says was spent under a budget.
type Spent struct {
	Who    string      `json:"who"`
	Amount cost.Amount `json:"amount"`
	Since  time.Time   `json:"since,omitzero"`
}

// Target is what would be sent to one target, if those before it fail.
type Target struct {
	Target    string         `json:"target"`
	Method    string         `json:"method,omitzero"`
	URL       string         `json:"url,omitzero"`
	Header    http.Header    `json:"header,omitzero"`
	Body      jsontext.Value `json:"body,omitzero"`
	Dropped   []string       `json:"dropped"`
	WorstCase *cost.Amount   `json:"worst_case"`
	Problems  []string       `json:"problems,omitzero"`

	ends bool // it would refuse the request, and no other target would be asked
}

// Explain prints what a gateway would do with a request, and sends nothing. The error has CodeNo if the request would
// be refused.
func Explain(ctx context.Context, s Streams, at *relay.Relay, o ExplainOptions) error {
	if o.Request == nil {
		o.Request = []byte(DefaultRequest)
	}
	e, err := explain(ctx, at, &o)
	if err != nil {
		return err
	}
	out := &printer{w: s.Out}
	if o.JSON {
		text, err := json.Marshal(e, jsontext.Multiline(true), json.Deterministic(true))
		if err != nil {
			return err
		}
		out.printf("%s\n", text)
	} else {
		e.print(out)
	}
	if out.err == nil && (e.Refused != nil || !e.Limits.Admitted || len(e.Targets) > 0 && e.Targets[0].ends) {
		return no(nil)
	}
	return out.err
}

func explain(ctx context.Context, at *relay.Relay, o *ExplainOptions) (*Explanation, error) {
	e := &Explanation{Overridden: []string{}, Targets: []Target{}}
	store := limit.NewMemory(limit.Options{SpentSince: func(ctx context.Context, who *limit.Subject, from time.Time) (cost.Amount, error) {
		if o.Spent == nil {
			return 0, nil
		}
		amount, err := o.Spent(ctx, who.KeyID, who.GateID, from, time.Time{})
		if err == nil {
			e.Limits.Spent = append(e.Limits.Spent, Spent{who.Name, amount, from})
		}
		return amount, err
	}})
	r := stage(at, o, nil, store)
	rec, w, err := r.run(ctx)
	if err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, interrupted(ctx)
	}
	if o.Key != nil {
		e.Key = o.Key.Name
	}
	e.describe(at, rec)
	if o.Unread != nil {
		e.Notes = append(e.Notes, fmt.Sprintf("what was spent is not known: %v", o.Unread))
	}
	if shut := shutOut(o.Key); shut != nil {
		e.Refused, e.Limits.Admitted = shut, true // limits were not asked for
		return e, nil
	}
	if r.asked == nil || len(r.calls) == 0 {
		refusal := w.refusal()
		e.Refused = &Refusal{refusal.Status, refusal.Code, refusal.Message}
		e.Limits.Admitted = true // it was not asked for
		return e, nil
	}
	e.Tokens = r.asked.Tokens
	if !r.asked.Unpriced {
		e.WorstCase = &r.asked.Cost
	}
	if !r.calls[0].bounded {
		e.Notes = append(e.Notes, fmt.Sprintf("nothing limits the answer's length: %d tokens an answer are reserved for, and more where one under a budget grows longer", estimate.Typical))
	}
	e.Limits.Admitted = r.denied == nil
	if denial, ok := errors.AsType[*limit.Denial](r.denied); ok {
		e.Limits.Reason = denial.Error()
	}
	for _, c := range r.calls {
		t := e.target(at, c)
		price, known, err := worst(ctx, at, o, c.target, e.all, e.hedged)
		if err != nil {
			return nil, err
		}
		if known {
			t.WorstCase = &price
		}
		e.Targets = append(e.Targets, t)
	}
	e.leftOut(r.calls)
	return e, nil
}

// shutOut is what a client is told whose key works no more; nil if it does.
func shutOut(k *access.Key) *Refusal {
	switch {
	case k == nil:
		return nil
	case k.Revoked:
		return &Refusal{http.StatusUnauthorized, "invalid_api_key", "the key is revoked"}
	case !k.Expires.IsZero() && !time.Now().Before(k.Expires):
		return &Refusal{http.StatusUnauthorized, "invalid_api_key", "the key has expired at " + k.Expires.Format(time.RFC3339)}
	}
	return nil
}

// describe says what is known of the gate, and what is not.
func (e *Explanation) describe(at *relay.Relay, rec *relay.Record) {
	e.Gate, e.ID, e.Stream = rec.Gate, rec.GateID, rec.Stream
	if rec.Overridden != nil {
		e.Overridden = rec.Overridden
	}
	g, ok := at.Gates.Lookup(rec.GateID)
	if !ok {
		return
	}
	e.Source, e.Strategy, e.Strict, e.all, e.hedged = g.Source, string(g.Strategy), g.Strict, g.Targets, g.Hedge > 0
	switch g.Strategy {
	case gate.RoundRobin:
		e.Notes = append(e.Notes, "the models take turns: each request begins with another one")
	case gate.Weighted:
		e.Notes = append(e.Notes, "the models are drawn by their weights: this is one of the orders that there are")
	case gate.LowestLatency:
		e.Notes = append(e.Notes, "only the running gateway knows how fast the models are: here they stand as they are written")
	}
	if e.hedged {
		e.Notes = append(e.Notes, fmt.Sprintf("a second model is asked when the first is silent for %s: both are reserved for", g.Hedge))
	}
}

// target is a call as it would be sent, without its credentials.
func (e *Explanation) target(at *relay.Relay, c *call) Target {
	t := Target{Target: c.target.Provider + "/" + c.target.Model, Dropped: []string{}}
	p := at.Providers[c.target.Provider]
	keyless := p.NeedsKey && len(p.Keys.Values()) == 0
	if keyless {
		t.problem("the provider has no key, so the next target is asked: %s is empty", p.Keys.Missing())
	}
	if c.err != nil {
		t.failed(p, c.err)
	} else {
		t.Method, t.URL = c.request.Method, strings.ReplaceAll(c.request.URL.String(), credential, redacted)
		t.Header = shownHeader(c.request.Header, p)
		t.Body = jsontext.Value(strings.ReplaceAll(string(c.body), credential, redacted))
	}
	if len(c.dropped) > 0 {
		t.Dropped = c.dropped
		if e.Strict {
			t.problem("the request is refused, since the gate is strict and fields would be dropped")
			t.ends = true
		}
	}
	t.ends = t.ends && !keyless
	return t
}

func (t *Target) problem(format string, args ...any) {
	t.Problems = append(t.Problems, fmt.Sprintf(format, args...))
}

// failed says why a request can't be made.
func (t *Target) failed(p *provider.Provider, err error) {
	refused, isRefusal := errors.AsType[*openai.Error](err)
	switch {
	case isRefusal && refused.Code == "invalid_image_url" && p.Fetch != nil:
		t.problem("the provider takes no addresses of images and files: the gateway would fetch them first. Put data URLs into the request to see what is sent")
	case isRefusal:
		t.problem("the request is refused, and no other target is asked: %v", err)
		t.ends = true
	default:
		t.problem("%v", err)
	}
}

func shownHeader(header http.Header, p *provider.Provider) http.Header {
	shown := header.Clone()
	for name, values := range shown {
		_, own := p.Header[name]
		for i, v := range values {
			if own || slices.Contains(secretHeaders, name) || strings.Contains(v, credential) {
				values[i] = redacted
			}
		}
	}
	if borrowed(p) { // it is an access token in truth
		delete(shown, "X-Goog-Api-Key")
		shown.Set("Authorization", redacted)
	}
	return shown
}

const redacted = "[redacted]"

// secretHeaders are never shown, whoever sets them.
var secretHeaders = []string{"Authorization", "X-Amz-Security-Token", "X-Api-Key", "Api-Key", "X-Goog-Api-Key"}

// leftOut says which of the gate's models are not asked, and why.
func (e *Explanation) leftOut(calls []*call) {
	if e.Strategy == string(gate.Single) {
		return
	}
	for _, t := range e.all {
		asked := func(c *call) bool { return c.target.Provider == t.Provider && c.target.Model == t.Model }
		if !slices.ContainsFunc(calls, asked) {
			e.Notes = append(e.Notes, fmt.Sprintf("%s/%s is not asked: it has no known price, which a budget needs, or the request names another model in its place", t.Provider, t.Model))
		}
	}
}

// unmarshalLoosely reads JSON whoever wrote it.
func unmarshalLoosely(data []byte, into any) error {
	return json.Unmarshal(data, into, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

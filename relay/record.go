package relay

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/layergateway/layergateway/access/limit"
	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/gate"
	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/provider"
)

// Outcome is how an exchange ended: each ends in exactly one.
type Outcome string

// The outcomes.
const (
	OK            Outcome = "ok"
	ClientGone    Outcome = "client_gone"
	Rejected      Outcome = "rejected"       // the request was refused, by the gateway or as the caller's fault by the provider
	ProviderError Outcome = "provider_error" // no target gave an answer
	Truncated     Outcome = "truncated"      // the answer stopped before its end
	Timeout       Outcome = "timeout"
	BudgetCut     Outcome = "budget_cut"    // the answer was stopped where its budget ended
	GatewayError  Outcome = "gateway_error" // a fault of the gateway's own
)

// Record is what became of one exchange. It holds nothing of what was said.
type Record struct {
	RequestID string
	Start     time.Time
	Key       string // the key's name
	KeyID     string // a beginning of its hash
	Client    string // the client's address
	Agent     string // the client's User-Agent
	Trace     string // the trace's id
	Asked     string // the model as the client wrote it
	GateID    string
	Gate      string           // the gate's name, or its id if it has none
	Targets   []gate.Target    // the gate's
	Subjects  []*limit.Subject // who is held to limits with it
	Provider  string           // of the last attempt
	Model     string           // the provider's own name of the model
	Session   string           // the client's X-Layer-Session-Id
	User      string           // the client's end user
	Stream    bool
	Outcome   Outcome
	Status    int // as the client saw it; 0 if it saw none
	ErrorCode string
	Refused   string // the kind of limit that refused the request, as of limit.Reason; empty if none did
	Tries     []*Try
	Usage     cost.Usage
	Bill      cost.Bill
	// FirstToken is the time to the first content; 0 if none came.
	FirstToken time.Duration
	Total      time.Duration
	Overridden []string
	// Budget says what a budget did: "exceeded", "cut".
	Budget  []string
	Dropped []string
	// NativeFinish is the provider's own word for why the answer ended.
	NativeFinish string
	// Fault is what went wrong in the gateway itself, for its operator alone.
	Fault string
}

// Try is one attempt at a target.
type Try struct {
	Provider, Model string
	Status          int // the provider's; 0 if it did not answer
	Kind            provider.Kind
	Failed          bool
	// Hedge attempts were begun beside one that was silent; Lost is what became
	// of the one that was not the first to answer.
	Hedge, Lost bool
	Start       time.Duration // since the request's
	FirstToken  time.Duration // since the attempt's start; 0 if none came
	Took        time.Duration
	// Usage and Bill are what the attempt cost, if it had an answer.
	Usage cost.Usage
	Bill  cost.Bill
	price cost.Price
}

// Result is how the attempt ended, in a word for metrics and rows.
func (t *Try) Result() string {
	switch {
	case t.Lost:
		return "lost"
	case t.Failed:
		return t.Kind.String()
	}
	return "ok"
}

// NewRecord begins the record of a request. Its id begins with the time, so that
// in a database what is new lies together: there, ids by chance take twice as
// long.
func NewRecord(now time.Time) *Record {
	return &Record{RequestID: uuid.Must(uuid.NewV7()).String(), Start: now}
}

// errClientGone marks what failed because nobody waits for it any more.
var errClientGone = errors.New("the client is gone")

// outcomeOf decides how an exchange ended, from what stopped it; nil is an
// answer that reached the client whole. begun is whether the client has the
// beginning of one.
func outcomeOf(client context.Context, err error, begun bool) Outcome {
	var refused *openai.Error
	var failed *provider.Error
	switch {
	case err == nil:
		return OK
	// When the read of a body is ended, so is what says that the client is there.
	case errors.Is(err, errLate):
		return Rejected
	case !begun && errors.Is(err, errStopping):
		return GatewayError
	case errors.Is(err, errClientGone):
		return ClientGone
	case errors.Is(err, errBudget):
		return BudgetCut
	// A client that leaves upon the error event has got it.
	case begun && errors.Is(err, errTruncated):
		return Truncated
	case client.Err() != nil:
		return ClientGone
	case errors.Is(err, errTruncated), errors.Is(err, errStopping):
		return Truncated
	case errors.As(err, &failed):
		switch failed.Kind {
		case provider.Invalid:
			return Rejected
		case provider.TimedOut:
			return Timeout
		}
		return ProviderError
	case errors.As(err, &refused):
		return Rejected
	}
	return GatewayError
}

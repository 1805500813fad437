package limit

import (
	"fmt"
	"net/http"
	"time"

	"github.com/layergateway/layergateway/openai"
)

// Reason is which kind of limit refused a request.
type Reason string

// The reasons there are, in the order in which the one that is told is chosen.
const (
	ReasonUnpriced Reason = "unpriced"  // a budget, and a model without a price
	ReasonStore    Reason = "store"     // budgets can't be checked now
	ReasonBudget   Reason = "budget"    // the budget has not enough left
	ReasonTooLarge Reason = "too_large" // more tokens than the window ever allows
	ReasonRequests Reason = "requests"
	ReasonTokens   Reason = "tokens"
)

// Denial says why a request was not admitted.
type Denial struct {
	Reason  Reason
	Subject *Subject
	Rate    Rate    // of ReasonRequests, ReasonTokens and ReasonTooLarge
	Budget  *Budget // of ReasonBudget and ReasonUnpriced
	// RetryAfter is when the same request would pass if no other came; 0 if
	// waiting does not help.
	RetryAfter time.Duration
	// Until is when the budget begins anew; zero for Total and for other reasons.
	Until  time.Time
	Tokens int64  // the estimate that was asked for
	Meters Meters // the windows as they stand
	Err    error  // of ReasonStore, for the log
}

// Error says which limit it was, in the operator's terms.
func (d *Denial) Error() string {
	switch d.Reason {
	case ReasonUnpriced:
		return fmt.Sprintf("the model has no known price, which the budget of %s needs: set a price for it, or allow_unpriced on the budget", d.Subject.Name)
	case ReasonStore:
		return fmt.Sprintf("the budget of %s can't be checked right now: try again", d.Subject.Name)
	case ReasonBudget:
		msg := fmt.Sprintf("the budget of %s has not enough left: %s USD %s", d.Subject.Name, d.Budget.Amount, d.Budget.Period)
		if !d.Until.IsZero() {
			msg += "; it begins anew at " + d.Until.Format(time.RFC3339)
		}
		return msg
	case ReasonTooLarge:
		return fmt.Sprintf("the request needs about %d tokens, and %s allows %d in %s: shorten it, or ask for less output",
			d.Tokens, d.Subject.Name, d.Rate.Count, short(d.Rate.Window))
	default:
		return fmt.Sprintf("%s allows %d %s in %s: try again in %s",
			d.Subject.Name, d.Rate.Count, d.Reason, short(d.Rate.Window), short((d.RetryAfter + time.Second - 1).Truncate(time.Second)))
	}
}

// Unwrap is the store's error, for ReasonStore.
func (d *Denial) Unwrap() error { return d.Err }

// Response is the denial in OpenAI's shape. Its headers are those of Meters
// beside it.
func (d *Denial) Response() *openai.Error {
	e := &openai.Error{Message: d.Error(), RetryAfter: d.RetryAfter}
	switch d.Reason {
	case ReasonUnpriced:
		e.Status, e.Type, e.Code, e.Param = http.StatusBadRequest, openai.TypeInvalidRequest, "unpriced_model", "model"
	case ReasonStore:
		e.Status, e.Type, e.Code = http.StatusServiceUnavailable, openai.TypeAPI, "limits_unavailable"
	case ReasonBudget:
		e.Status, e.Type, e.Code, e.NoRetry = http.StatusTooManyRequests, openai.TypeInsufficientQuota, "budget_exceeded", true
	default:
		e.Status, e.Type, e.Code = http.StatusTooManyRequests, openai.TypeRateLimit, "rate_limit_exceeded"
		e.NoRetry = d.Reason == ReasonTooLarge
	}
	return e
}

// verdict gathers what each limit says of a request, and which refusal is told:
// the one that lasts longest, so that what it says of time holds for all.
type verdict struct {
	denial Denial
	rank   int
	meters Meters
	// requests and tokens are the windows of the meters.
	requests, tokens time.Duration
}

func (v *verdict) refused() bool { return v.rank > 0 }

func (v *verdict) refuse(rank int, d Denial) {
	if rank > v.rank || rank == v.rank && d.RetryAfter > v.denial.RetryAfter {
		v.denial, v.rank = d, rank
	}
}

// never is the wait for what will not pass however long one waits.
const never = time.Duration(-1)

// rate takes in what one window says: what is used of it, until when, and how
// long the request would have to wait, 0 if it passes.
func (v *verdict) rate(s *Subject, r *rate, ask *Ask, used int64, reset, wait time.Duration) {
	meter, window, reason := &v.meters.Requests, &v.requests, ReasonRequests
	if r.tokens {
		meter, window, reason = &v.meters.Tokens, &v.tokens, ReasonTokens
	}
	if left := max(0, r.Count-used); meter.Limit == 0 || left < meter.Remaining {
		*meter, *window = Meter{Limit: r.Count, Remaining: left, Reset: reset}, r.Window
	}
	d := Denial{Subject: s, Rate: r.Rate, Tokens: ask.Tokens}
	switch {
	case wait == never:
		d.Reason = ReasonTooLarge
		v.refuse(2, d)
	case wait > 0:
		d.Reason, d.RetryAfter = reason, wait
		v.refuse(1, d)
	}
}

// budget takes in that a budget has not enough left.
func (v *verdict) budget(s *Subject, b *Budget, end time.Time) {
	v.refuse(3, Denial{Reason: ReasonBudget, Subject: s, Budget: b, Until: end})
}

// refusal is the denial of what was refused.
func (v *verdict) refusal() *Denial {
	d := v.denial
	d.Meters = v.meters
	return &d
}

// admitted are the meters after the request was taken from all windows.
func (v *verdict) admitted(ask *Ask) Meters {
	m := v.meters
	m.Requests.Remaining = max(0, m.Requests.Remaining-1)
	m.Requests.Reset = v.requests
	if ask.Tokens > 0 {
		m.Tokens.Remaining = max(0, m.Tokens.Remaining-ask.Tokens)
		m.Tokens.Reset = v.tokens
	}
	return m
}

// unpriced is the denial of a model without a price, if a budget refuses it.
func (a *Ask) unpriced() *Denial {
	if !a.Unpriced {
		return nil
	}
	for _, s := range a.Subjects {
		for i := range s.budgets {
			if b := s.budgets[i].Budget; !b.AlertOnly && !b.AllowUnpriced {
				return &Denial{Reason: ReasonUnpriced, Subject: s, Budget: b}
			}
		}
	}
	return nil
}

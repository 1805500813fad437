package relay

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/layergateway/layergateway/gate"
	"github.com/layergateway/layergateway/health"
	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/provider"
)

// route tries the targets in turn, and again those whose failure may pass, as
// often as the gate has it. The last failure is the answer's.
func (x *exchange) route(targets []gate.Target) error {
	ctx, cancel := context.WithTimeoutCause(x.ctx, x.gate.Timeouts.Total, errTotal)
	defer cancel()
	x.relay.Retries.Begin()
	defer x.relay.Retries.End()
	r := x.newRound(targets)
	r.run(ctx)
	for n := 1; !r.over && len(r.again) > 0 && n <= x.gate.MaxRetries; n++ {
		// When much fails at once, asking again would only add to it.
		if !x.relay.Retries.Take() {
			break
		}
		r = x.retry(ctx, n, r)
	}
	return r.last
}

// retry is a further round over the targets of the last one whose failure may
// pass. It gives the retry back.
func (x *exchange) retry(ctx context.Context, n int, last *round) *round {
	defer x.relay.Retries.Give()
	if !x.pause(ctx, n, last.wait) {
		last.again = nil
		return last
	}
	r := x.newRound(last.again)
	r.run(ctx)
	if !r.over {
		r.last = x.worse(last.last, r.last)
	}
	return r
}

// round is one pass over targets.
type round struct {
	*exchange
	queue []job
	over  bool  // nothing more is to be tried
	last  error // nil once a target has answered
	again []gate.Target
	wait  time.Duration // the least that one of those asked for
	// beside is how many attempts still run beside the one whose turn has ended.
	beside int
}

// job is a target's turn. At its first one a target that is known to fail is
// left out; when all others have failed it is asked after all.
type job struct {
	target gate.Target
	insist bool
}

func (x *exchange) newRound(targets []gate.Target) *round {
	r := &round{exchange: x, queue: make([]job, len(targets))}
	for i, t := range targets {
		r.queue[i].target = t
	}
	return r
}

func (r *round) run(ctx context.Context) {
	if r.gate.Hedge > 0 && len(r.queue) > 1 {
		r.hedged(ctx)
		return
	}
	for !r.over && len(r.queue) > 0 {
		j := r.pop()
		r.took(ctx, j, r.ask(ctx, j, false))
	}
}

func (r *round) pop() job {
	j := r.queue[0]
	r.queue = r.queue[1:]
	return j
}

// took says how a target's turn ended.
func (r *round) took(ctx context.Context, j job, err error) {
	var failed *provider.Error
	var unfit *openai.Error
	var out *health.Unavailable
	switch {
	case err == nil:
		r.over, r.last = true, nil
	case r.claimed() || ctx.Err() != nil || r.r.Context().Err() != nil:
		r.over, r.last = true, err
	case errors.As(err, &unfit) && (r.last != nil || r.beside > 0 || r.insists()):
		// The request has something that this target can't be told, which was no
		// fault before the target: the answer is another's, or the failure of the
		// one in front of it.
	// A fault of the caller's, or of our own, is the same everywhere.
	case !errors.As(err, &failed) || failed.Kind == provider.Invalid:
		r.over, r.last = true, err
	case errors.As(err, &out) && !out.Demanded && !j.insist:
		r.queue = append(r.queue, job{j.target, true})
	default:
		r.last = r.worse(r.last, err)
		if failed.Kind == provider.Failed || failed.Kind == provider.Overloaded {
			if len(r.again) == 0 || failed.RetryAfter < r.wait {
				r.wait = failed.RetryAfter
			}
			r.again = append(r.again, j.target)
		}
	}
}

// insists reports whether a target that was left out is still to be asked.
func (r *round) insists() bool {
	return slices.ContainsFunc(r.queue, func(j job) bool { return j.insist })
}

// worse chooses which failure the client is told of once no target is left: the
// newest, but a limit that will pass before anything else, so that the client
// comes back.
func (x *exchange) worse(last, err error) error {
	var old, new *provider.Error
	if errors.As(last, &old) && errors.As(err, &new) && old.Kind == provider.RateLimited &&
		(new.Kind != provider.RateLimited || new.RetryAfter > old.RetryAfter) {
		return last
	}
	return err
}

// pause waits before a further round, with jitter so that many requests that
// failed together do not come back together, and at least for as long as a
// provider asked for. It reports whether there is time left for a round.
func (x *exchange) pause(ctx context.Context, round int, least time.Duration) bool {
	wait := 100 * time.Millisecond << min(round, 6)
	wait = max(wait+rand.N(wait), least)
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= wait {
		return false
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-x.r.Context().Done():
		return false
	case <-timer.C:
		return true
	}
}

// noKey stands for the credential of a provider that takes none.
var noKey = []string{""}

// ask takes a target's turn: an attempt, and further ones with other keys where
// the failure was the key's alone.
func (x *exchange) ask(ctx context.Context, j job, hedge bool) error {
	p, ok := x.relay.Providers[j.target.Provider]
	if !ok {
		return fmt.Errorf("gate %s: provider %s is not configured", x.gate.ID, j.target.Provider)
	}
	keys := p.Keys.Values()
	if len(keys) == 0 {
		if p.NeedsKey {
			return x.newAttempt(p, j.target, nil, hedge).unable(&provider.Error{Kind: provider.Auth, Provider: p,
				Message: fmt.Sprintf("the provider %s has no key: %s is empty", p.Name, p.Keys.Missing())})
		}
		keys = noKey
	}
	pick := p.Health.Pick
	if j.insist {
		pick = p.Health.Insist
	}
	var tried []string
	var last error
	for {
		if err := x.nobody(ctx, p); err != nil {
			return err
		}
		lease, err := pick(keys, j.target.Model, tried)
		if err != nil {
			if last != nil {
				return last
			}
			return x.unavailable(p, err)
		}
		err = x.newAttempt(p, j.target, lease, hedge).run(ctx)
		if !keysFault(err) || len(keys) == 1 {
			return err
		}
		last, tried = err, append(tried, lease.Key)
	}
}

// nobody is why an attempt at p would be for nobody. Without a client none is
// begun, not even where one that runs is read to its end.
func (x *exchange) nobody(ctx context.Context, p *provider.Provider) error {
	if x.r.Context().Err() != nil {
		return errClientGone
	}
	err := x.interrupted(ctx)
	var late *provider.Error
	if errors.As(err, &late) {
		late.Provider = p
	}
	return err
}

// keysFault reports whether another key of the same provider may do better.
func keysFault(err error) bool {
	var failed *provider.Error
	if !errors.As(err, &failed) {
		return false
	}
	switch failed.Kind {
	case provider.Auth, provider.RateLimited, provider.QuotaSpent:
		return true
	}
	return false
}

// unavailable is the failure of a target that was not asked, for what is known
// of it.
func (x *exchange) unavailable(p *provider.Provider, err error) error {
	e := &provider.Error{Provider: p, Kind: provider.Overloaded, Err: err, Message: "the provider " + p.Name + " has failed too often just now"}
	var out *health.Unavailable
	if errors.As(err, &out) {
		e.RetryAfter = max(out.Until.Sub(x.relay.Now()), 0)
		switch out.Reason {
		case health.Cooling:
			e.Kind, e.Message = provider.RateLimited, "the provider "+p.Name+" has asked to wait"
		case health.Dead:
			e.Kind, e.Message = provider.Auth, "the provider "+p.Name+" refuses the gateway's credentials: its operator must mend them"
		}
	}
	return e
}

// verdict is what the end of an attempt says of the key and model it was made
// with.
func verdict(err error) health.Result {
	var failed *provider.Error
	switch {
	case err == nil:
		return health.Result{Verdict: health.Good}
	case !errors.As(err, &failed):
		return health.Result{Verdict: health.Neutral}
	}
	switch failed.Kind {
	case provider.Invalid, provider.ModelNotFound:
		return health.Result{Verdict: health.Neutral}
	case provider.Auth:
		return health.Result{Verdict: health.Refused}
	case provider.QuotaSpent:
		return health.Result{Verdict: health.Spent}
	case provider.RateLimited:
		return health.Result{Verdict: health.Limited, Wait: failed.RetryAfter}
	case provider.Overloaded:
		if failed.RetryAfter > 0 {
			return health.Result{Verdict: health.Limited, Wait: failed.RetryAfter}
		}
	}
	return health.Result{Verdict: health.Bad}
}

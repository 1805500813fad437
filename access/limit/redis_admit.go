package limit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/layergateway/layergateway/cost"
)

// What the script that admits gives first.
const (
	replyTaken = iota
	replyRefused
	replyUnknown // what was spent of a budget
	replyLost    // the instance is not known
)

// afterUse is how long a total is kept in Redis that nobody uses.
const afterUse = 366 * 24 * time.Hour

// entry is one budget of a request, in one period.
type entry struct {
	seeding
	key  string
	keep time.Duration // how long Redis keeps it from now on
}

func (r *Redis) entries(ask *Ask) []entry {
	var list []entry
	now := r.opts.Now()
	for _, s := range ask.Subjects {
		for i := range s.budgets {
			b := &s.budgets[i]
			p, start, end := b.period(now)
			list = append(list, entry{
				seeding: seeding{s, b, p, start, end},
				key:     r.tune.tag + ":b:" + p.usage + " " + strconv.FormatInt(p.start, 10),
				keep:    keep(end, now),
			})
		}
	}
	return list
}

func keep(end, now time.Time) time.Duration {
	if end.IsZero() {
		return afterUse
	}
	return max(time.Minute, end.Add(afterPeriod).Sub(now))
}

func (r *Redis) windowKey(usage string) string { return r.tune.tag + ":w:" + usage }

// Admit is Store's.
func (r *Redis) Admit(ctx context.Context, ask Ask) (Grant, error) {
	if d := ask.unpriced(); d != nil {
		return nil, d
	}
	ask.Tokens, ask.Cost = max(0, ask.Tokens), max(0, ask.Cost)
	g := &redisGrant{store: r, ask: ask, entries: r.entries(&ask)}
	if len(g.entries) == 0 && !slices.ContainsFunc(ask.Subjects, func(s *Subject) bool { return len(s.rates) > 0 }) {
		return g, nil
	}
	reply, err := r.decide(ctx, &ask, g.entries, ask.Cost)
	if err != nil {
		return r.admitLocally(g, err)
	}
	if err := g.read(reply); err != nil {
		return nil, err
	}
	return g, nil
}

// decide asks Redis, and tells it what it must know to decide. The reply is that
// of a request taken, in which case what it reserved is in the books, or
// refused.
func (r *Redis) decide(ctx context.Context, ask *Ask, entries []entry, need cost.Amount) ([]int64, error) {
	// Once for a name that is over and once for what isn't known, and these can
	// meet.
	for range 4 {
		reply, err := r.ask(ctx, ask, entries, need)
		if err != nil {
			return nil, err
		}
		switch reply[0] {
		case replyUnknown:
			for _, i := range reply[1:] {
				if err := r.seed(ctx, &entries[i]); err != nil {
					return nil, err
				}
			}
		case replyLost:
		default:
			return reply, nil
		}
	}
	return nil, errors.New("redis forgets what it is told: is its memory full, or is it written to by others?")
}

// ask runs the script once, in the instance's name.
func (r *Redis) ask(ctx context.Context, ask *Ask, entries []entry, need cost.Amount) ([]int64, error) {
	leave, err := r.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	keys := []string{r.instancesKey()}
	args := []string{r.name, micros(r.tune.lease), ""}
	windows := 0
	for _, s := range ask.Subjects {
		for i := range s.rates {
			w := &s.rates[i]
			n := int64(1)
			if w.tokens {
				n = ask.Tokens
			}
			keys = append(keys, r.windowKey(w.usage))
			args = append(args, micros(w.Window), digits(w.Count), digits(n))
			windows++
		}
	}
	args[2] = strconv.Itoa(windows)
	args = append(args, digits(need))
	for i := range entries {
		e := &entries[i]
		bound := ""
		if !e.budget.AlertOnly {
			bound = digits(e.budget.Amount)
		}
		keys = append(keys, e.key)
		args = append(args, bound, digits(e.keep.Milliseconds()))
	}
	res, err := r.call(ctx, r.scripts.admit, keys, args)
	var reply []int64
	if err == nil {
		reply, err = res.AsIntSlice()
	}
	if err == nil && (len(reply) == 0 || reply[0] < replyUnknown && len(reply) != 1+4*windows+len(entries)) {
		err = errors.New("redis answers a script with something else")
	}
	if err != nil {
		// Whether it was taken is not known: what is held is told anew, with the
		// next name.
		r.turn(away, err)
		return nil, err
	}
	switch reply[0] {
	case replyTaken:
		r.hold(entries, need)
	case replyLost:
		r.turn(unnamed, nil)
	}
	return reply, nil
}

func micros(d time.Duration) string { return strconv.FormatInt(d.Microseconds(), 10) }

func digits[N ~int64](n N) string { return strconv.FormatInt(int64(n), 10) }

// seed tells Redis what a ledger says was spent.
func (r *Redis) seed(ctx context.Context, e *entry) error {
	spent, err := r.seeds.spent(ctx, e.subject, e.period, e.start)
	if err != nil {
		return err
	}
	args := []string{digits(spent), digits(e.keep.Milliseconds())}
	for _, percent := range e.budget.thresholds() {
		if spent >= e.budget.at(percent) {
			args = append(args, strconv.Itoa(percent))
		}
	}
	if _, err := r.call(ctx, r.scripts.seed, []string{e.key}, args); err != nil {
		return fmt.Errorf("telling redis what %s has spent: %w", e.subject.Name, err)
	}
	return nil
}

// admitLocally decides without Redis.
func (r *Redis) admitLocally(g *redisGrant, cause error) (Grant, error) {
	if !g.ask.WithoutStore {
		for i := range g.entries {
			if e := &g.entries[i]; !e.budget.AlertOnly {
				return nil, &Denial{Reason: ReasonStore, Subject: e.subject, Budget: e.budget.Budget, RetryAfter: time.Second, Err: cause}
			}
		}
	}
	local, v := r.local.share(&g.ask, r.instances.Load())
	if v.refused() {
		return nil, v.refusal()
	}
	g.local, g.meters = local, local.meters
	return g, nil
}

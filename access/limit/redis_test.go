package limit

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/layergateway/layergateway/internal/redistest"
)

// fleet opens instances that share a Redis.
type fleet struct {
	t      *testing.T
	url    string
	clock  *clock
	client rueidis.Client
	tune   tuning
}

func newFleet(t *testing.T, url string) *fleet {
	t.Helper()
	f := &fleet{t, url, &clock{time: noon}, dial(t, url), virtualTuning()}
	f.tune.clock = serverTime
	return f
}

func (f *fleet) open(opts RedisOptions) *Redis {
	f.t.Helper()
	opts.URL = f.url
	return inRedis(f.t, f.client, opts, f.clock, f.tune)
}

// until returns when a condition holds that other goroutines bring about.
func until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited a minute for: %s", what)
		}
	}
}

func (r *Redis) is(s state) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state == s
}

// isHere returns when Redis answers this instance, which may have to notice that
// it was away.
func isHere(t testing.TB, r *Redis) {
	t.Helper()
	until(t, "redis to be here", func() bool {
		_, err := r.ask(context.Background(), &Ask{}, nil, 0)
		return err == nil && r.is(here)
	})
}

func isAway(t testing.TB, r *Redis) {
	t.Helper()
	until(t, "redis to be away", func() bool {
		_, _ = r.ask(context.Background(), &Ask{}, nil, 0)
		return r.is(away)
	})
}

func TestThreeInstancesAreExact(t *testing.T) {
	for name, url := range map[string]string{"redis": redistest.StartForgetful(t).URL(), "cluster": redistest.StartCluster(t).URL()} {
		t.Run(name, func(t *testing.T) {
			f, seen := newFleet(t, url), &alerts{}
			var stores []*Redis
			for range 3 {
				stores = append(stores, f.open(RedisOptions{Options: Options{OnAlert: seen.add}}))
			}
			rated := gate(t, Limits{Requests: []Rate{{100, time.Hour}}})
			var passed atomic.Int64
			crowd(300, func(i int) {
				if _, err := stores[i%3].Admit(t.Context(), asking(rated)); err == nil {
					passed.Add(1)
				}
			})
			if passed.Load() != 100 {
				t.Errorf("%d requests passed, the limit is 100", passed.Load())
			}
			who := key(t, budgetOf(dollar, Daily))
			passed.Store(0)
			crowd(300, func(i int) {
				if g, err := stores[i%3].Admit(t.Context(), asking(who).costing(dollar/50)); err == nil {
					passed.Add(1)
					g.Settle(1, dollar/50)
				}
			})
			if passed.Load() != 50 {
				t.Errorf("%d requests passed, the budget is for 50", passed.Load())
			}
			for _, r := range stores {
				calm(r)
			}
			until(t, "two alerts", func() bool { return seen.count("80%") == 1 && seen.count("100%") == 1 })
		})
	}
}

func TestMasterIsFoundThroughASentinel(t *testing.T) {
	sentinel := redistest.StartSentinel(t, redistest.StartForgetful(t))
	f := newFleet(t, "redis+sentinel://"+sentinel+"/main")
	r := f.open(RedisOptions{})
	who := key(t, budgetOf(dollar, Total))
	admit(t, r, asking(who).costing(dollar/2)).Settle(1, dollar/4)
	left(t, r, who, dollar*3/4)
	if got := (*r.conn.Load()).Mode(); got != rueidis.ClientModeSentinel {
		t.Errorf("the client is of mode %s", got)
	}
	// What has no limits needs no Redis.
	admit(t, r, asking(gate(t, Limits{}))).Settle(1, dollar)
}

// crash ends an instance without a word.
func crash(r *Redis) {
	close(r.stop)
	<-r.stopped
	(*r.conn.Load()).Close()
}

func TestReservationsOfTheDeadComeBack(t *testing.T) {
	f := newFleet(t, redistest.StartForgetful(t).URL())
	f.tune = virtualTuning()
	f.tune.lease = 30 * time.Second
	who := key(t, budgetOf(dollar, Total))
	lives := f.open(RedisOptions{})
	dies, err := openRedis(RedisOptions{Options: Options{Now: f.clock.now}, URL: f.url}, f.tune)
	if err != nil {
		t.Fatal(err)
	}
	sleeps := f.open(RedisOptions{})
	isHere(t, dies)
	admit(t, dies, asking(who).costing(dollar/2))
	crash(dies)
	own := admit(t, lives, asking(who).costing(dollar/4))
	long := admit(t, sleeps, asking(who).costing(dollar/4))
	refuse(t, lives, asking(who).costing(1), ReasonBudget)

	f.clock.add(30 * time.Second)
	// This one was not heard of either, and says so now with what it holds; the
	// others do not.
	refuse(t, lives, asking(who).costing(dollar*3/4+1), ReasonBudget)
	all := admit(t, lives, asking(who).costing(dollar/4))
	// Nor is one lost that was only asleep: it holds again what it did.
	if !long.Grow(t.Context(), dollar/4) {
		t.Error("what is left can't be had")
	}
	refuse(t, lives, asking(who).costing(1), ReasonBudget)
	own.Settle(1, dollar/10)
	all.Release()
	long.Settle(1, dollar/10)
	calm(sleeps)
	left(t, lives, who, dollar*8/10)
}

func TestRequestThatNobodyAnsweredHoldsNothing(t *testing.T) {
	server := redistest.StartForgetful(t)
	f := newFleet(t, server.URL())
	other := f.open(RedisOptions{})
	f.tune.timeout = 100 * time.Millisecond
	hasty := f.open(RedisOptions{})
	who := key(t, budgetOf(dollar, Total))
	var open Grant
	until(t, "an answer in time", func() bool {
		var err error
		open, err = hasty.Admit(t.Context(), asking(who).costing(dollar/4))
		return err == nil
	})
	server.Pause()
	refuse(t, hasty, asking(who).costing(dollar/4), ReasonStore)
	open.Grow(t.Context(), dollar/4)
	open.Settle(1, dollar/8) // sent, and sent again
	server.Resume()
	until(t, "the batch to arrive", func() bool { return hasty.unwritten() == 0 })
	isHere(t, hasty)
	calm(hasty)
	left(t, other, who, dollar*7/8)
}

func TestBatchCountsOnce(t *testing.T) {
	f, seen := newFleet(t, redistest.StartForgetful(t).URL()), &alerts{}
	r := f.open(RedisOptions{Options: Options{OnAlert: seen.add}})
	who := key(t, Limits{Tokens: perMinute(1000), Budgets: []Budget{{Amount: dollar, Period: Total}}})
	g := admit(t, r, asking(who).of(100).costing(dollar))
	// The writer's work is done by hand here.
	close(r.stop)
	<-r.stopped
	g.Settle(300, dollar*85/100)
	b := r.take()
	for range 3 {
		if err := r.send(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	r.stop, r.stopped = make(chan struct{}), make(chan struct{})
	go r.write()
	left(t, r, key(t, budgetOf(dollar, Total)), dollar*15/100)
	if d := refuse(t, r, asking(who).of(701), ReasonTokens); d.Meters.Tokens.Remaining != 700 {
		t.Errorf("%+v", d.Meters.Tokens)
	}
	// An answer that was lost is given again.
	seen.check(t, r, `key "web" 80% 0.85 0001-01-01`, `key "web" 80% 0.85 0001-01-01`, `key "web" 80% 0.85 0001-01-01`)
}

func TestClosedInstanceHoldsNothing(t *testing.T) {
	f := newFleet(t, redistest.StartForgetful(t).URL())
	stays := f.open(RedisOptions{})
	leaves, err := openRedis(RedisOptions{URL: f.url, Options: Options{Now: f.clock.now}}, f.tune)
	if err != nil {
		t.Fatal(err)
	}
	who := key(t, budgetOf(dollar, Total))
	admit(t, leaves, asking(who).costing(dollar/2)).Settle(1, dollar/4)
	admit(t, leaves, asking(who).costing(dollar/2)) // never ended
	if err := leaves.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	left(t, stays, who, dollar*3/4)
	_, err = leaves.Admit(t.Context(), asking(who).costing(1))
	var d *Denial
	if !errors.As(err, &d) || d.Reason != ReasonStore {
		t.Errorf("after its end: %v", err)
	}
}

func TestKeysInRedisExpire(t *testing.T) {
	f := newFleet(t, redistest.StartForgetful(t).URL())
	r := f.open(RedisOptions{})
	who := key(t, Limits{
		Requests: perMinute(10), Tokens: perMinute(1000),
		Budgets: []Budget{{Amount: dollar, Period: Daily}, {Amount: dollar, Period: Total}},
	})
	admit(t, r, asking(who).of(10).costing(1)).Settle(5, 1)
	admit(t, r, asking(who).of(10).costing(1)) // held
	calm(r)
	ctx := t.Context()
	keys, err := f.client.Do(ctx, f.client.B().Keys().Pattern("*").Build()).AsStrSlice()
	if err != nil {
		t.Fatal(err)
	}
	if len(keys) != 6 { // instances, journal, two windows, two budgets
		t.Errorf("keys %q", keys)
	}
	for _, k := range keys {
		ttl, err := f.client.Do(ctx, f.client.B().Ttl().Key(k).Build()).AsInt64()
		if err != nil || ttl < 0 {
			t.Errorf("%s lives for %d: %v", k, ttl, err)
		}
		if !strings.HasPrefix(k, f.tune.tag+":") {
			t.Errorf("%s has no hash tag", k)
		}
	}
}

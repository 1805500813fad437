package limit

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/layergateway/layergateway/cost"
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

func TestNobodyIsToldTwiceThatRedisIsAway(t *testing.T) {
	server := redistest.Start(t)
	f := newFleet(t, server.URL())
	core, logs := observer.New(zap.DebugLevel)
	var turns []bool
	isHere(t, f.open(RedisOptions{}))
	third := f.open(RedisOptions{})
	isHere(t, third)
	r := f.open(RedisOptions{Log: zap.New(core), OnState: func(away bool) { turns = append(turns, away) }})
	isHere(t, r)
	if n := r.instances.Load(); n != 3 {
		t.Errorf("%d instances are known, there are 3", n)
	}

	rated := gate(t, Limits{Requests: perMinute(10), Tokens: perMinute(3000)})
	paid := key(t, budgetOf(dollar, Total))
	watched, err := ForKey("k2", "watched", &Limits{Budgets: []Budget{{Amount: dollar, Period: Total, AlertOnly: true}}})
	if err != nil {
		t.Fatal(err)
	}
	before := admit(t, r, asking(paid).costing(dollar/4))
	server.Kill()
	isAway(t, r)
	for range 4 { // a third of 10, rounded up
		admit(t, r, asking(rated).of(100))
	}
	d := refuse(t, r, asking(rated).of(100), ReasonRequests)
	if d.RetryAfter != time.Minute || d.Meters.Requests.Remaining != 0 {
		t.Errorf("%+v", d)
	}
	f.clock.add(time.Minute)
	admit(t, r, asking(rated).of(1500)).Settle(500, 0) // more than the share passes alone
	refuse(t, r, asking(rated).of(600), ReasonTokens)
	admit(t, r, asking(rated).of(500)).Release()

	down := refuse(t, r, asking(paid).costing(1), ReasonStore)
	if e := down.Response(); e.Status != 503 || e.Code != "limits_unavailable" || strings.Contains(e.Message, "127.0.0.1") {
		t.Errorf("%+v", e)
	}
	if before.Grow(t.Context(), 1) {
		t.Error("grown although nobody knows whether it fits")
	}
	bold := asking(paid).costing(dollar / 4)
	bold.WithoutStore = true
	on := admit(t, r, bold)
	if !on.Grow(t.Context(), dollar) {
		t.Error("cut although it may go on without the store")
	}
	on.Settle(1, dollar/10)
	admit(t, r, asking(watched).costing(1)).Settle(1, dollar/2)
	server.Restart()
	isHere(t, r)
	calm(r)
	isHere(t, third)
	left(t, third, paid, dollar*65/100) // a quarter is reserved as before, a tenth was spent meanwhile
	before.Settle(1, dollar/4)
	calm(r)
	left(t, third, paid, dollar*65/100)
	left(t, third, func() *Subject {
		s, err := ForKey("k2", "watched", &Limits{Budgets: []Budget{{Amount: dollar, Period: Total}}})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}(), dollar/2)

	r.turning.Lock()
	defer r.turning.Unlock()
	if len(turns) != 2 || !turns[0] || turns[1] || logs.Len() != 2 {
		t.Errorf("told %v, logged %v", turns, logs.All())
	}
}

func TestKilledInTheMiddle(t *testing.T) {
	cluster := redistest.StartCluster(t)
	single := redistest.Start(t)
	for name, one := range map[string]struct {
		url     string
		servers []*redistest.Server
		wait    func()
	}{
		"redis":   {single.URL(), []*redistest.Server{single}, func() {}},
		"cluster": {cluster.URL(), cluster.Nodes[:], cluster.Wait},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFleet(t, one.url)
			seen := &alerts{}
			stores := []*Redis{
				f.open(RedisOptions{Options: Options{OnAlert: seen.add}}), f.open(RedisOptions{Options: Options{OnAlert: seen.add}}),
				f.open(RedisOptions{Options: Options{OnAlert: seen.add}}),
			}
			const bound = 10_000_000
			who := key(t, Limits{Budgets: []Budget{{Amount: bound, Period: Total, Thresholds: []int{1}}}})
			var spent, passed, out atomic.Int64
			stop := make(chan struct{})
			var wg sync.WaitGroup
			for i := range 30 {
				wg.Go(func() {
					rng := rand.New(rand.NewPCG(2, uint64(i)))
					for {
						select {
						case <-stop:
							return
						default:
						}
						need := 1000 + rng.Int64N(100_000)
						g, err := stores[i%3].Admit(t.Context(), asking(who).costing(cost.Amount(need)))
						if err != nil {
							time.Sleep(time.Millisecond)
							continue
						}
						passed.Add(1)
						if n := out.Add(need); n > bound {
							t.Errorf("%d given of %d", n, int64(bound))
						}
						used := rng.Int64N(3000)
						if rng.IntN(2) == 0 && g.Grow(t.Context(), 2000) {
							need += 2000
							out.Add(2000)
						}
						used = min(used, need)
						out.Add(used - need)
						spent.Add(used)
						g.Settle(1, cost.Amount(used))
					}
				})
			}
			more := func(n int64) {
				t.Helper()
				goal := passed.Load() + n
				until(t, "requests to pass", func() bool { return passed.Load() >= goal })
			}
			for range 3 {
				more(300)
				for _, s := range one.servers {
					s.Kill()
				}
				for _, r := range stores {
					isAway(t, r)
				}
				for _, s := range one.servers {
					s.Restart()
				}
				one.wait()
				more(300)
			}
			close(stop)
			wg.Wait()
			for _, r := range stores {
				isHere(t, r)
				calm(r)
			}
			left(t, stores[0], who, cost.Amount(bound-spent.Load()))
			if seen.count("1%") != 1 {
				t.Errorf("alerts %q", seen.all)
			}
		})
	}
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

func TestRedisThatForgetsLearnsFromTheLedger(t *testing.T) {
	server := redistest.StartForgetful(t)
	f := newFleet(t, server.URL())
	var ledger atomic.Int64
	spent := func(context.Context, *Subject, time.Time) (cost.Amount, error) {
		return cost.Amount(ledger.Load()), nil
	}
	r := f.open(RedisOptions{Options: Options{SpentSince: spent}})
	who := key(t, budgetOf(dollar, Total))
	settle := func(g Grant, amount cost.Amount) {
		ledger.Add(int64(amount))
		g.Settle(1, amount)
	}
	settle(admit(t, r, asking(who).costing(dollar/4)), dollar/4)
	open := admit(t, r, asking(who).costing(dollar/4))
	calm(r)
	server.Kill()
	isAway(t, r)
	bold := asking(who).costing(dollar / 8)
	bold.WithoutStore = true
	settle(admit(t, r, bold), dollar/8)
	server.Restart()
	isHere(t, r)
	left(t, r, who, dollar*3/8) // a quarter and an eighth are spent, a quarter is held
	settle(open, dollar/8)
	left(t, r, who, dollar/2)
}

// TestSpentWithoutRedisOrLedger: what was spent of a budget that Redis has never
// heard of is kept there where no ledger keeps it.
func TestSpentWithoutRedisOrLedger(t *testing.T) {
	server := redistest.StartForgetful(t)
	f := newFleet(t, server.URL())
	r := f.open(RedisOptions{Options: Options{
		SpentSince: func(context.Context, *Subject, time.Time) (cost.Amount, error) { return 0, nil },
		HasLedger:  func() bool { return false },
	}})
	isHere(t, r)
	server.Kill()
	isAway(t, r)
	who := key(t, budgetOf(dollar, Total))
	bold := asking(who).costing(dollar / 8)
	bold.WithoutStore = true
	admit(t, r, bold).Settle(1, dollar/8)
	server.Restart()
	isHere(t, r)
	left(t, r, who, dollar*7/8)
}

func TestRedisThatIsNotThereYet(t *testing.T) {
	server := redistest.StartForgetful(t)
	server.Kill()
	opt, err := parseURL(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	r, err := openRedis(RedisOptions{URL: "redis://" + opt.InitAddress[0]}, virtualTuning())
	if err != nil {
		t.Fatal(err)
	}
	isAway(t, r)
	rated := gate(t, Limits{Requests: perMinute(1)})
	admit(t, r, asking(rated))
	refuse(t, r, asking(rated), ReasonRequests)
	paid := key(t, budgetOf(dollar, Total))
	bold := asking(paid)
	bold.WithoutStore = true
	admit(t, r, bold).Settle(1, dollar/10)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Close(ctx); err == nil || !strings.Contains(err.Error(), "0.1 USD") {
		t.Errorf("closed with %v: it should say what is lost", err)
	}
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

package limit

import (
	"context"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/internal/redistest"
)

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

// TestRedisThatForgetsCountsOnce: one instance is back first and reads from the
// ledger what another one spent while Redis was away, before that one has said it.
func TestRedisThatForgetsCountsOnce(t *testing.T) {
	server := redistest.StartForgetful(t)
	f := newFleet(t, server.URL())
	var ledger atomic.Int64
	opts := RedisOptions{Options: Options{SpentSince: func(context.Context, *Subject, time.Time) (cost.Amount, error) {
		return cost.Amount(ledger.Load()), nil
	}}}
	first, second := f.open(opts), f.open(opts)
	who := key(t, budgetOf(dollar, Total))
	settle := func(g Grant, amount cost.Amount) {
		ledger.Add(int64(amount))
		g.Settle(1, amount)
	}
	settle(admit(t, second, asking(who).costing(dollar/8)), dollar/8)
	isHere(t, first)
	calm(second)
	open := admit(t, second, asking(who).costing(dollar/8))
	server.Kill()
	settle(open, dollar/8) // may be on its way when Redis goes
	isAway(t, first)
	isAway(t, second)
	bold := asking(who).costing(dollar / 8)
	bold.WithoutStore = true
	settle(admit(t, second, bold), dollar/8)

	second.naming.RLock() // it is not known to Redis before this is over
	server.Restart()
	isHere(t, first)
	left(t, first, who, dollar*5/8)
	settle(admit(t, second, bold), dollar/8) // this one is not in what the first has read
	second.naming.RUnlock()
	isHere(t, second)
	calm(second)
	left(t, first, who, dollar/2)
	left(t, second, who, dollar/2)
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

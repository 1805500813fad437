package limit

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"go.uber.org/goleak"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/internal/redistest"
)

func TestMain(m *testing.M) {
	// The client of a cluster looks at its nodes again after a second, and closes
	// the connections to one that is gone after five: goroutines that end by
	// themselves.
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*clusterClient)._refresh.func2"),
		goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1"))
}

const dollar = cost.Amount(1_000_000_000_000)

// noon is when tests begin: a Tuesday.
var noon = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)

// clock is the time of a store and of the scripts in its Redis.
type clock struct {
	mu   sync.Mutex
	time time.Time
	tell func(time.Time) // the scripts' clock
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.time
}

func (c *clock) set(to time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.time = to
	if c.tell != nil {
		c.tell(to)
	}
}

func (c *clock) add(d time.Duration) { c.set(c.now().Add(d)) }

// world is a place for stores: one memory, or a Redis for many.
type world struct {
	name string
	open func(t testing.TB, opts Options, c *clock) Store
}

var tags atomic.Int64

// worlds are all kinds of stores. The behaviour of each is the same.
func worlds(t *testing.T) []world {
	t.Helper()
	list := []world{{"memory", func(_ testing.TB, opts Options, c *clock) Store {
		opts.Now = c.now
		return NewMemory(opts)
	}}}
	one, three := redistest.StartForgetful(t).URL(), redistest.StartCluster(t).URL()
	for name, url := range map[string]string{"redis": one, "cluster": three} {
		client := dial(t, url)
		list = append(list, world{name, func(t testing.TB, opts Options, c *clock) Store {
			return inRedis(t, client, RedisOptions{Options: opts, URL: url}, c, virtualTuning())
		}})
	}
	return list
}

func dial(t testing.TB, url string) rueidis.Client {
	t.Helper()
	opt, err := parseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	client, err := rueidis.NewClient(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// virtualTuning has a clock that tests set, so leases last; and patience, since
// the machine may be busy.
func virtualTuning() tuning {
	tag := fmt.Sprintf("{test%d}", tags.Add(1))
	return tuning{
		tag: tag, clock: "redis.call('HMGET', '" + tag + ":clock', 's', 'us')",
		timeout: 30 * time.Second, lease: 100 * 365 * 24 * time.Hour, probe: 10 * time.Millisecond,
	}
}

// inRedis opens a store whose scripts have the clock c.
func inRedis(t testing.TB, client rueidis.Client, opts RedisOptions, c *clock, tune tuning) *Redis {
	t.Helper()
	opts.Now = c.now
	if tune.clock != serverTime {
		tellRedis(t, client, c, tune.tag)
	}
	r, err := openRedis(opts, tune)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := r.Close(ctx); err != nil && !t.Failed() {
			t.Error(err)
		}
	})
	return r
}

// tellRedis keeps the clock where scripts read it.
func tellRedis(t testing.TB, client rueidis.Client, c *clock, tag string) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tell = func(now time.Time) {
		cmd := client.B().Hset().Key(tag+":clock").FieldValue().
			FieldValue("s", fmt.Sprint(now.Unix())).FieldValue("us", fmt.Sprint(now.Nanosecond()/1000)).Build()
		if err := client.Do(context.Background(), cmd).Error(); err != nil {
			t.Error(err)
		}
	}
	c.tell(c.time)
}

// TestStores runs the tests of what all stores do, in every world.
func TestStores(t *testing.T) {
	for _, w := range worlds(t) {
		for name, test := range map[string]func(*testing.T, world){
			"ExactlyTheLimitPasses":        testExactlyTheLimitPasses,
			"WaitingAsLongAsToldHelps":     testWaitingAsLongAsToldHelps,
			"AllLimitsOrNone":              testAllLimitsOrNone,
			"TokensAreEstimatedAndSettled": testTokensAreEstimatedAndSettled,
			"MetersAreTheTightest":         testMetersAreTheTightest,
			"ChangedLimitsKeepWhatWasUsed": testChangedLimitsKeepWhatWasUsed,
			"ClockJumps":                   testClockJumps,
			"OnlyWhatFitsIsAdmitted":       testOnlyWhatFitsIsAdmitted,
			"CrowdUnderABudget":            testCrowdUnderABudget,
			"ReservationsGrow":             testReservationsGrow,
			"AlertsComeOnce":               testAlertsComeOnce,
			"AlertOnlyNeverRefuses":        testAlertOnlyNeverRefuses,
			"HugeReservations":             testHugeReservations,
			"Unpriced":                     testUnpriced,
			"LedgerSaysWhatWasSpent":       testLedgerSaysWhatWasSpent,
			"LedgerThatFails":              testLedgerThatFails,
			"PeriodsBeginAnew":             testPeriodsBeginAnew,
			"KeyGateAndKeyAtGate":          testKeyGateAndKeyAtGate,
			"AmountsAreExact":              testAmountsAreExact,
			"SpentAndReservedStayInBounds": testSpentAndReservedStayInBounds,
			"LimiterIsItsModel":            testLimiterIsItsModel,
			"BudgetIsItsModel":             testBudgetIsItsModel,
		} {
			t.Run(w.name+"/"+name, func(t *testing.T) { test(t, w) })
		}
	}
}

// calm returns when what was settled has arrived.
func calm(s Store) {
	r, ok := s.(*Redis)
	for ok {
		r.mu.Lock()
		owed := r.doubt != nil || len(r.fixes) > 0
		for _, b := range r.books {
			owed = owed || b.spent > 0 || b.back > 0 || b.forget
		}
		r.mu.Unlock()
		if !owed {
			return
		}
		time.Sleep(100 * time.Microsecond)
	}
}

func key(t testing.TB, l Limits) *Subject {
	t.Helper()
	s, err := ForKey("k1", "web", &l)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func gate(t testing.TB, l Limits) *Subject {
	t.Helper()
	s, err := ForGate("g1", "assistant", &l)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func asking(subjects ...*Subject) Ask { return Ask{Subjects: subjects} }

func (a Ask) costing(c cost.Amount) Ask { a.Cost = c; return a }

func (a Ask) of(tokens int64) Ask { a.Tokens = tokens; return a }

// admit must succeed.
func admit(t testing.TB, s Store, a Ask) Grant {
	t.Helper()
	g, err := s.Admit(t.Context(), a)
	if err != nil {
		t.Fatalf("refused: %v (%v)", err, errors.Unwrap(err))
	}
	return g
}

// refuse must not.
func refuse(t testing.TB, s Store, a Ask, why Reason) *Denial {
	t.Helper()
	_, err := s.Admit(t.Context(), a)
	var d *Denial
	if !errors.As(err, &d) {
		t.Fatalf("error %v, want a denial for %s", err, why)
	}
	if d.Reason != why {
		t.Fatalf("refused for %s, want %s: %v", d.Reason, why, err)
	}
	return d
}

// left checks how much of a blocking budget is left, to the picodollar.
func left(t testing.TB, s Store, who *Subject, want cost.Amount) {
	t.Helper()
	calm(s)
	refuse(t, s, asking(who).costing(want+1), ReasonBudget)
	if want > 0 {
		admit(t, s, asking(who).costing(want)).Release()
	}
	calm(s)
}

// crowd runs n at once.
func crowd(n int, run func(i int)) {
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			run(i)
		})
	}
	close(start)
	wg.Wait()
}

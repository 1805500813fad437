package limit

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/openai"
)

func budgetOf(amount cost.Amount, p Period) Limits {
	return Limits{Budgets: []Budget{{Amount: amount, Period: p}}}
}

func testOnlyWhatFitsIsAdmitted(t *testing.T, w world) {
	s := w.open(t, Options{}, &clock{time: noon})
	who := key(t, budgetOf(dollar*45/100, Daily)) // W37
	var mu sync.Mutex
	var grants []Grant
	crowd(5, func(int) {
		g, err := s.Admit(t.Context(), asking(who).costing(dollar*30/100))
		if err == nil {
			mu.Lock()
			grants = append(grants, g)
			mu.Unlock()
			return
		}
		var d *Denial
		if !errors.As(err, &d) || d.Reason != ReasonBudget {
			t.Errorf("refused with %v", err)
		}
	})
	if len(grants) != 1 {
		t.Fatalf("%d admitted, one fits", len(grants))
	}
	// A panic and a cancelled request end in Release, perhaps more than once.
	func() {
		defer func() { _ = recover() }()
		defer grants[0].Release()
		defer grants[0].Release()
		panic("in the middle")
	}()
	left(t, s, who, dollar*45/100)
	admit(t, s, asking(who).costing(dollar*30/100)).Settle(10, dollar*20/100)
	left(t, s, who, dollar*25/100)
	d := refuse(t, s, asking(who).costing(dollar*30/100), ReasonBudget)
	if want := noon.Add(12 * time.Hour); !d.Until.Equal(want) {
		t.Errorf("until %v, want %v", d.Until, want)
	}
	// What costs nothing always fits.
	admit(t, s, asking(who)).Settle(10, 0)
}

func testCrowdUnderABudget(t *testing.T, w world) {
	s := w.open(t, Options{}, &clock{time: noon})
	who := key(t, budgetOf(dollar, Total)) // D78
	var admitted atomic.Int64
	crowd(1000, func(int) {
		g, err := s.Admit(t.Context(), asking(who).costing(dollar/50))
		if err != nil {
			var d *Denial
			if !errors.As(err, &d) || d.Response().Type != openai.TypeInsufficientQuota {
				t.Errorf("refused with %v", err)
			}
			return
		}
		admitted.Add(1)
		g.Settle(100, dollar/50)
	})
	if admitted.Load() != 50 {
		t.Errorf("%d admitted, 50 fit", admitted.Load())
	}
	left(t, s, who, 0)
}

func testReservationsGrow(t *testing.T, w world) {
	s := w.open(t, Options{}, &clock{time: noon})
	web := key(t, budgetOf(dollar, Monthly))
	assistant := gate(t, budgetOf(dollar/2, Daily))
	one, two := admit(t, s, asking(web, assistant).costing(dollar/10)), admit(t, s, asking(web).costing(dollar/10))
	ctx := t.Context()
	for i := range 4 {
		if !one.Grow(ctx, dollar/10) {
			t.Fatalf("no %d: it fits", i)
		}
	}
	if one.Grow(ctx, 1) {
		t.Error("more than the gate's budget")
	}
	if !two.Grow(ctx, dollar*4/10) || two.Grow(ctx, 1) {
		t.Error("what did not fit one budget was taken of another, or more than all of it")
	}
	one.Settle(5, dollar/4)
	if one.Grow(ctx, 1) {
		t.Error("grown after its end")
	}
	calm(s)
	if !two.Grow(ctx, dollar/4) {
		t.Error("what came back can't be had")
	}
	two.Release()
	left(t, s, web, dollar*3/4)
	left(t, s, assistant, dollar/4)
	free := admit(t, s, asking(key(t, Limits{Requests: perMinute(1)})))
	if !free.Grow(ctx, dollar) {
		t.Error("there is no budget to stay in")
	}
	free.Release()
}

// testHugeReservations: what a client asks for under a budget that never refuses
// may be any number, and disturbs nobody.
func testHugeReservations(t *testing.T, w world) {
	s := w.open(t, Options{}, &clock{time: noon})
	alert := budgetOf(dollar, Total)
	alert.Budgets[0].AlertOnly = true
	watched := key(t, alert)
	var grants []Grant
	for range 3 {
		g := admit(t, s, asking(watched).costing(math.MaxInt64))
		if g, ok := g.(*redisGrant); ok && g.local != nil {
			t.Error("for such a number Redis was taken for away")
		}
		grants = append(grants, g)
	}
	grants[0].Settle(0, 1)
	if !grants[1].Grow(t.Context(), math.MaxInt64) {
		t.Error("a budget that only watches lets nothing grow")
	}
	for _, g := range grants[1:] {
		g.Settle(0, 1)
	}
	left(t, s, key(t, budgetOf(dollar, Total)), dollar-3)
}

func testUnpriced(t *testing.T, w world) {
	s := w.open(t, Options{}, &clock{time: noon})
	strict := key(t, budgetOf(dollar, Daily))
	d := refuse(t, s, Ask{Subjects: []*Subject{strict}, Unpriced: true}, ReasonUnpriced)
	if e := d.Response(); e.Status != http.StatusBadRequest || e.Code != "unpriced_model" {
		t.Errorf("%+v", e)
	}
	lax := key(t, Limits{Budgets: []Budget{{Amount: dollar, Period: Daily, AllowUnpriced: true}}})
	admit(t, s, Ask{Subjects: []*Subject{lax}, Unpriced: true}).Settle(100, 0)
	left(t, s, strict, dollar)
	refuse(t, s, Ask{Subjects: []*Subject{lax}, Cost: 2 * dollar}, ReasonBudget)
}

func testLedgerSaysWhatWasSpent(t *testing.T, w world) {
	var asked atomic.Int64
	c, seen := &clock{time: noon}, &alerts{}
	s := w.open(t, Options{OnAlert: seen.add, SpentSince: func(_ context.Context, who *Subject, from time.Time) (cost.Amount, error) {
		asked.Add(1)
		switch {
		case who.KeyID != "k1":
			return 0, fmt.Errorf("of whom: %q", who.Name)
		case from.IsZero():
			return 20 * dollar, nil
		case from.Equal(time.Date(2026, 3, 9, 0, 0, 0, 0, time.UTC)):
			return 9 * dollar, nil
		default:
			return 0, fmt.Errorf("since when: %v", from)
		}
	}}, c)
	who := key(t, Limits{Budgets: []Budget{{Amount: 10 * dollar, Period: Weekly}, {Amount: 100 * dollar, Period: Total}}})
	var admitted atomic.Int64
	crowd(100, func(int) {
		if g, err := s.Admit(t.Context(), asking(who).costing(dollar/20)); err == nil {
			admitted.Add(1)
			g.Settle(1, dollar/20)
		}
	})
	if admitted.Load() != 20 {
		t.Errorf("%d admitted, 20 fit", admitted.Load())
	}
	left(t, s, key(t, budgetOf(100*dollar, Total)), 79*dollar)
	left(t, s, key(t, budgetOf(10*dollar, Weekly)), 0)
	if n := asked.Load(); w.name == "memory" && n != 2 {
		t.Errorf("the ledger was asked %d times", n)
	}
	// 80% were crossed before the restart.
	seen.check(t, s, `key "web" 100% 10 2026-03-09`)
}

func testLedgerThatFails(t *testing.T, w world) {
	var broken atomic.Bool
	broken.Store(true)
	s := w.open(t, Options{SpentSince: func(context.Context, *Subject, time.Time) (cost.Amount, error) {
		if broken.Load() {
			return 0, errors.New("disk on fire")
		}
		return dollar, nil
	}}, &clock{time: noon})
	who := key(t, budgetOf(2*dollar, Total))
	d := refuse(t, s, asking(who).costing(1), ReasonStore)
	if e := d.Response(); e.Status != http.StatusServiceUnavailable || e.RetryAfter == 0 {
		t.Errorf("%+v", e)
	}
	watched := key(t, Limits{Budgets: []Budget{{Amount: dollar, Period: Total, AlertOnly: true}}})
	admit(t, s, asking(watched).costing(1)).Release()
	a := asking(who).costing(1)
	a.WithoutStore = true
	admit(t, s, a).Release()
	broken.Store(false)
	left(t, s, who, dollar)
}

func testPeriodsBeginAnew(t *testing.T, w world) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	c := &clock{time: time.Date(2026, 3, 28, 22, 59, 0, 0, time.UTC)} // 23:59 in Berlin, before a day of 23 hours
	s := w.open(t, Options{}, c)
	who := key(t, Limits{Budgets: []Budget{{Amount: dollar, Period: Daily, Location: berlin}}})
	old := admit(t, s, asking(who).costing(dollar))
	d := refuse(t, s, asking(who).costing(1), ReasonBudget)
	if want := time.Date(2026, 3, 28, 23, 0, 0, 0, time.UTC); !d.Until.Equal(want) {
		t.Errorf("until %v, want %v", d.Until, want)
	}
	c.add(time.Minute)
	admit(t, s, asking(who).costing(dollar)).Settle(1, dollar/2)
	old.Settle(1, dollar) // of yesterday
	left(t, s, who, dollar/2)
	c.add(22*time.Hour + 59*time.Minute)
	left(t, s, who, dollar/2)
	c.add(time.Minute)
	left(t, s, who, dollar)
	c.add(-time.Minute) // the clock is set back: yesterday is still known
	left(t, s, who, dollar/2)
}

func testKeyGateAndKeyAtGate(t *testing.T, w world) {
	s := w.open(t, Options{}, &clock{time: noon})
	web, assistant := key(t, budgetOf(10*dollar, Daily)), gate(t, budgetOf(5*dollar, Daily))
	l := budgetOf(2*dollar, Daily)
	both, err := ForKeyAtGate("k1", "web", "g1", "assistant", &l)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		admit(t, s, asking(web, assistant, both).costing(dollar)).Settle(1, dollar)
		calm(s)
	}
	if d := refuse(t, s, asking(web, assistant, both).costing(1), ReasonBudget); d.Subject != both {
		t.Errorf("refused for %s", d.Subject.Name)
	}
	left(t, s, web, 8*dollar)
	left(t, s, assistant, 3*dollar)
	left(t, s, both, 0)
}

func testAmountsAreExact(t *testing.T, w world) {
	s := w.open(t, Options{}, &clock{time: noon})
	const most = cost.Amount(9_000_000*int64(dollar) + 123_456_789_012)
	who := key(t, budgetOf(most, Total))
	admit(t, s, asking(who).costing(9_000_000*dollar)).Settle(1, 9_000_000*dollar-1)
	left(t, s, who, 123_456_789_013)
	admit(t, s, asking(who).costing(123_456_789_013)).Settle(1, 123_456_789_012)
	left(t, s, who, 1)
	admit(t, s, asking(who).costing(1)).Settle(1, 9_000_000*dollar) // beyond all bounds
	calm(s)
	refuse(t, s, asking(who).costing(1), ReasonBudget)
}

// testSpentAndReservedStayInBounds watches, with 1,000 goroutines at work, that
// what they were given and have spent never exceeds the budget, and that in the
// end the store has spent what they have, and holds nothing.
func testSpentAndReservedStayInBounds(t *testing.T, w world) {
	s := w.open(t, Options{}, &clock{time: noon})
	const bound, most = 1_000_000, 1_000
	web, assistant := key(t, budgetOf(bound, Total)), gate(t, budgetOf(bound*2, Total))
	var out, spent atomic.Int64 // given and not given back; settled
	var refused atomic.Int64
	check := func(n int64) {
		if n > bound {
			t.Errorf("%d given of %d", n, int64(bound))
		}
	}
	crowd(1000, func(i int) {
		rng := rand.New(rand.NewPCG(1, uint64(i)))
		for range 5 {
			need := 1 + rng.Int64N(most)
			g, err := s.Admit(t.Context(), asking(web, assistant).of(100).costing(cost.Amount(need)))
			if err != nil {
				refused.Add(1)
				continue
			}
			check(out.Add(need))
			if more := rng.Int64N(most); rng.IntN(2) == 0 && g.Grow(t.Context(), cost.Amount(more)) {
				need += more
				check(out.Add(more))
			}
			if rng.IntN(4) == 0 {
				out.Add(-need)
				g.Release()
				continue
			}
			used := rng.Int64N(need + 1)
			out.Add(used - need)
			spent.Add(used)
			g.Settle(100, cost.Amount(used))
			g.Release()
		}
	})
	if refused.Load() == 0 {
		t.Error("nobody was refused: the budget is too large for this test")
	}
	calm(s)
	left(t, s, web, cost.Amount(bound-spent.Load()))
	left(t, s, assistant, cost.Amount(2*bound-spent.Load()))
}

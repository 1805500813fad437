package limit

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/layergateway/layergateway/cost"
)

func BenchmarkMemoryAdmit(b *testing.B) {
	who, err := ForKey("1", "web", &Limits{
		Requests: []Rate{{Count: 1 << 40, Window: time.Minute}},
		Budgets:  []Budget{{Amount: 1_000_000 * dollar, Period: Monthly}},
	})
	if err != nil {
		b.Fatal(err)
	}
	m := NewMemory(Options{})
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		g, err := m.Admit(ctx, Ask{Subjects: []*Subject{who}, Tokens: 1000, Cost: dollar / 100})
		if err != nil {
			b.Fatal(err)
		}
		g.Settle(900, dollar/1000)
	}
}

func TestMemoryAllocates(t *testing.T) {
	who := key(t, Limits{Requests: perMinute(1 << 40), Tokens: perMinute(1 << 40), Budgets: []Budget{{Amount: 1000 * dollar, Period: Monthly}}})
	m := NewMemory(Options{})
	n := testing.AllocsPerRun(1000, func() {
		admit(t, m, asking(who).of(1000).costing(dollar/1000)).Settle(900, dollar/10000)
	})
	if n > 4 {
		t.Errorf("%v allocations for a request, 4 are allowed", n)
	}
}

// TestMemoryCountsTheBlind: what is let in before anybody can say what was spent
// counts once that is known.
func TestMemoryCountsTheBlind(t *testing.T) {
	gone := errors.New("the ledger is away")
	m := NewMemory(Options{SpentSince: func(context.Context, *Subject, time.Time) (cost.Amount, error) { return dollar / 10, gone }})
	who := key(t, Limits{Budgets: []Budget{{Amount: dollar, Period: Total, AlertOnly: true}}})
	early, long := admit(t, m, asking(who).costing(dollar/2)), admit(t, m, asking(who).costing(dollar/2))
	early.Settle(0, dollar/4) // the ledger will tell of it
	gone = nil
	held := admit(t, m, asking(who).costing(dollar/8))
	long.Settle(0, dollar/5)
	if got := m.Spent(who); len(got) != 1 || got[0].Spent != dollar*3/10 {
		t.Errorf("got %+v, want %s", got, dollar*3/10)
	}
	for _, a := range m.accounts {
		if a.reserved != dollar/8 {
			t.Errorf("%s are reserved, want %s", a.reserved, dollar/8)
		}
	}
	held.Release()
}

func TestMemoryForgetsTheIdle(t *testing.T) {
	c := &clock{time: noon}
	m := NewMemory(Options{Now: c.now})
	l := Limits{Requests: perMinute(10), Budgets: []Budget{{Amount: dollar, Period: Daily}}}
	held, err := ForKey("held", "held", &l)
	if err != nil {
		t.Fatal(err)
	}
	long := admit(t, m, asking(held).costing(dollar/2))
	for day := range 10 {
		for i := range 1000 {
			who, err := ForKey(fmt.Sprint(day, "/", i), "many", &l)
			if err != nil {
				t.Fatal(err)
			}
			admit(t, m, asking(who).costing(1)).Settle(0, 1)
		}
		c.add(24 * time.Hour)
	}
	if w, a := len(m.windows), len(m.accounts); w > 2*minSweep || a > 5*minSweep {
		t.Errorf("%d windows and %d accounts are kept", w, a)
	}
	if p, _, _ := held.budgets[0].period(noon); m.accounts[p] == nil || m.accounts[p].reserved != dollar/2 {
		t.Error("what is held was forgotten")
	}
	long.Release()
}

func TestWindowIsBounded(t *testing.T) {
	w := window{length: int64(time.Hour)}
	for now := range int64(100_000) {
		at := now * int64(100*time.Millisecond)
		w.expire(at)
		w.add(at, 1)
	}
	if len(w.runs) > grains+1 {
		t.Errorf("%d runs", len(w.runs))
	}
	// A clock that is set back each time makes each request a run of its own.
	for now := range int64(1000) {
		w.expire(-now)
		w.add(-now, 1)
	}
	if len(w.runs) > maxRuns {
		t.Errorf("%d runs", len(w.runs))
	}
	// Ten a second for an hour, and what a grain holds longer.
	if n := w.used - 1000; n < 36_000 || n > 36_000+36_000/grains+1 {
		t.Errorf("%d used", n)
	}
}

package limit

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/layergateway/layergateway/cost"
)

// alerts collects what a store reports.
type alerts struct {
	mu  sync.Mutex
	all []string
}

func (a *alerts) add(one Alert) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.all = append(a.all, fmt.Sprintf("%s %d%% %s %s", one.Subject.Name, one.Percent, one.Spent, one.Start.Format(time.DateOnly)))
}

// count says how many are of a threshold.
func (a *alerts) count(percent string) (n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, one := range a.all {
		if strings.Contains(one, " "+percent+" ") {
			n++
		}
	}
	return n
}

func (a *alerts) check(t testing.TB, s Store, want ...string) {
	t.Helper()
	calm(s)
	a.mu.Lock()
	defer a.mu.Unlock()
	slices.Sort(a.all)
	if !slices.Equal(a.all, want) {
		t.Errorf("alerts %q, want %q", a.all, want)
	}
	a.all = nil
}

func testAlertsComeOnce(t *testing.T, w world) {
	c, seen := &clock{time: noon}, &alerts{}
	s := w.open(t, Options{OnAlert: seen.add}, c)
	who := key(t, budgetOf(dollar, Daily))
	spend := func(who *Subject, amount cost.Amount) {
		t.Helper()
		admit(t, s, asking(who).costing(dollar/10)).Settle(1, amount)
		calm(s)
	}
	spend(who, dollar*79/100)
	seen.check(t, s)
	spend(who, dollar/100)
	seen.check(t, s, `key "web" 80% 0.8 2026-03-10`)
	spend(who, dollar/10)
	spend(who, dollar/10)
	seen.check(t, s, `key "web" 100% 1 2026-03-10`)
	seen.check(t, s)
	c.add(24 * time.Hour)
	own := key(t, Limits{Budgets: []Budget{{Amount: dollar, Period: Daily, Thresholds: []int{10, 50}}}})
	spend(own, dollar)
	seen.check(t, s, `key "web" 10% 1 2026-03-11`, `key "web" 50% 1 2026-03-11`)
	c.add(24 * time.Hour)
	spend(key(t, Limits{Budgets: []Budget{{Amount: dollar, Period: Daily, Thresholds: []int{}}}}), dollar)
	seen.check(t, s)
}

func testAlertOnlyNeverRefuses(t *testing.T, w world) {
	seen := &alerts{}
	s := w.open(t, Options{OnAlert: seen.add}, &clock{time: noon})
	who := key(t, Limits{Budgets: []Budget{{Amount: dollar, Period: Total, AlertOnly: true, Thresholds: []int{100, 200}}}})
	for range 3 {
		g := admit(t, s, asking(who).costing(10*dollar))
		if !g.Grow(t.Context(), dollar) {
			t.Error("cut")
		}
		g.Settle(1, dollar)
		calm(s)
	}
	seen.check(t, s, `key "web" 100% 1 0001-01-01`, `key "web" 200% 2 0001-01-01`)
	admit(t, s, Ask{Subjects: []*Subject{who}, Unpriced: true}).Release()
	if who.Budgeted() {
		t.Error("nothing of it needs a reservation")
	}
	calm(s)
	// It has counted, for the day when it is to block.
	left(t, s, key(t, budgetOf(5*dollar, Total)), 2*dollar)
}

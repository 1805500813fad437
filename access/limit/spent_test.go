package limit

import (
	"fmt"
	"testing"
	"time"
)

func TestSpent(t *testing.T) {
	c := &clock{time: noon}
	m := NewMemory(Options{Now: c.now})
	berlin := time.FixedZone("Europe/Berlin", 3600)
	who := key(t, Limits{Budgets: []Budget{
		{Amount: dollar, Period: Daily}, {Amount: 2 * dollar, Period: Daily, Location: berlin, AlertOnly: true}, {Amount: 3 * dollar, Period: Total},
	}})
	is := func(want string) {
		t.Helper()
		if got := fmt.Sprint(m.Spent(who)); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	is("[]")
	admit(t, m, asking(who).costing(dollar/2)).Settle(0, dollar/4)
	held := admit(t, m, asking(who).costing(dollar/2)) // what is only held is not spent
	is("[{daily 1 0.25} {daily Europe/Berlin 2 0.25} {total 3 0.25}]")
	held.Release()
	c.add(24 * time.Hour)
	is("[{total 3 0.25}]")
}

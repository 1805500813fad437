package limit

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/layergateway/layergateway/cost"
)

// taken is one request in the memory of a limiter that forgets nothing.
type taken struct {
	at time.Time
	n  int64
}

// within is what was taken in the window that ends at now, which does not have
// its beginning in it.
func within(log []taken, now time.Time, window time.Duration) (n int64) {
	for _, e := range log {
		if e.at.After(now.Add(-window)) {
			n += e.n
		}
	}
	return n
}

// testLimiterIsItsModel compares windows with a log of all that passed: never
// more than the limit in any window, and nothing refused that a window longer by
// one grain would let pass.
func testLimiterIsItsModel(t *testing.T, w world) {
	rapid.Check(t, func(rt *rapid.T) {
		c := &clock{time: noon}
		s := w.open(t, Options{}, c)
		short := Rate{rapid.Int64Range(1, 300).Draw(rt, "short"), time.Minute}
		long := Rate{rapid.Int64Range(1, 1000).Draw(rt, "long"), time.Hour}
		who := key(t, Limits{Tokens: []Rate{short, long}})
		var log []taken
		rt.Repeat(map[string]func(*rapid.T){
			"wait": func(rt *rapid.T) {
				c.add(time.Duration(rapid.Int64Range(1, int64(4*time.Minute/time.Microsecond)).Draw(rt, "micros")) * time.Microsecond)
			},
			"wait a little": func(rt *rapid.T) {
				c.add(time.Duration(rapid.Int64Range(1, int64(time.Second/time.Microsecond)).Draw(rt, "micros")) * time.Microsecond)
			},
			"ask": func(rt *rapid.T) {
				n := rapid.Int64Range(1, 300).Draw(rt, "tokens")
				now := c.now()
				_, err := s.Admit(t.Context(), asking(who).of(n))
				if err == nil {
					log = append(log, taken{now, n})
				}
				fits := true
				for _, r := range []Rate{short, long} {
					if used := within(log, now, r.Window); used > r.Count {
						rt.Fatalf("%d in %v, the limit is %v", used, r.Window, r)
					}
					fits = fits && within(log, now, r.Window+r.Window/grains)+n <= r.Count
				}
				if err != nil && fits {
					rt.Fatalf("refused although it fits: %v", err)
				}
				var d *Denial
				if errors.As(err, &d) && d.RetryAfter > long.Window {
					rt.Fatalf("retry after %v", d.RetryAfter)
				}
			},
		})
	})
}

// testBudgetIsItsModel compares a budget with two sums.
func testBudgetIsItsModel(t *testing.T, w world) {
	rapid.Check(t, func(rt *rapid.T) {
		s := w.open(t, Options{}, &clock{time: noon})
		bound := rapid.Int64Range(1, 1000).Draw(rt, "bound")
		who := key(t, budgetOf(cost.Amount(bound), Monthly))
		type one struct {
			Grant
			held int64
		}
		var open []one
		var spent, reserved int64
		fits := func(n int64) bool { return n == 0 || spent+reserved+n <= bound }
		end := func(rt *rapid.T) one {
			if len(open) == 0 {
				rt.Skip("none is open")
			}
			i := rapid.IntRange(0, len(open)-1).Draw(rt, "which")
			g := open[i]
			open = append(open[:i:i], open[i+1:]...)
			reserved -= g.held
			return g
		}
		rt.Repeat(map[string]func(*rapid.T){
			"admit": func(rt *rapid.T) {
				n := rapid.Int64Range(0, 400).Draw(rt, "cost")
				g, err := s.Admit(t.Context(), asking(who).costing(cost.Amount(n)))
				if (err == nil) != fits(n) {
					rt.Fatalf("%d beside %d spent and %d reserved of %d: %v", n, spent, reserved, bound, err)
				}
				if err == nil {
					reserved += n
					open = append(open, one{g, n})
				}
			},
			"grow": func(rt *rapid.T) {
				if len(open) == 0 {
					rt.Skip("none is open")
				}
				i := rapid.IntRange(0, len(open)-1).Draw(rt, "which")
				n := rapid.Int64Range(0, 200).Draw(rt, "more")
				if got := open[i].Grow(t.Context(), cost.Amount(n)); got != fits(n) {
					rt.Fatalf("grow by %d beside %d spent and %d reserved of %d: %v", n, spent, reserved, bound, got)
				} else if got {
					open[i].held += n
					reserved += n
				}
			},
			"settle": func(rt *rapid.T) {
				g := end(rt)
				n := rapid.Int64Range(0, g.held+10).Draw(rt, "spent")
				g.Settle(0, cost.Amount(n))
				spent += n
				calm(s)
			},
			"release": func(rt *rapid.T) {
				end(rt).Release()
				calm(s)
			},
		})
		for _, g := range open {
			g.Release()
		}
		reserved = 0
		left(t, s, who, cost.Amount(max(0, bound-spent)))
	})
}

package survival

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/internal/faultd"
	"github.com/layergateway/layergateway/internal/pgtest"
	"github.com/layergateway/layergateway/ledger"
)

// wares are what the upstream says to the gates of the mixed requests.
var wares = map[string]faultd.Script{
	"healthy":  {faultd.Healthy(17)},
	"refuses":  {faultd.Fail(400)},
	"breaks":   {faultd.Fail(500)},
	"cut":      {faultd.SSE(), faultd.Open(), faultd.Say(1, 5), faultd.Close()},
	"mute":     {faultd.SSE(), faultd.Open(), faultd.Say(1, 9), faultd.Finish(9), faultd.Over(), faultd.End()},
	"unpriced": {faultd.Healthy(3)},
	"exact":    {faultd.Healthy(7)},
	"long":     {faultd.SSE(), faultd.Open(), faultd.Say(1, 30), faultd.Silence()},
}

// mixed is an office with these wares, each in three dialects, and three keys.
func mixed(t *testing.T, database string) *office {
	t.Helper()
	o := &office{up: faultd.New(t, faultd.Options{}), quiet: true, global: "ledger " + database + "\n"}
	for name, script := range wares {
		o.up.On(name, script)
	}
	number := 0
	for _, d := range dialects {
		for _, name := range []string{"healthy", "refuses", "breaks", "cut", "mute", "long"} {
			number++
			more := ""
			if name == "breaks" {
				more = "strategy fallback\nfallback openai/healthy\n"
			}
			o.gates += strings.Replace(desk(number, name, d, more), "name "+name, "name "+d+"-"+name, 1)
		}
	}
	o.gates += desk(90, "unpriced", "openai", "") + desk(91, "exact", "openai", "")
	return o
}

// purchase is a mixed request.
type purchase struct {
	key, body string
	leaves    bool // its client does, in the middle of the answer
	counted   bool // it has a row
}

// choose makes the n-th request: all kinds come, in an order of their own.
func choose(random *rand.Rand) purchase {
	p := purchase{key: []string{"k1", "k2", "k3"}[random.IntN(3)], counted: true}
	d := dialects[random.IntN(len(dialects))]
	stream := []string{streaming, `"stream":false`}[random.IntN(2)]
	switch n := random.IntN(100); {
	case n < 55:
		p.body = asked(d+"-healthy", stream)
	case n < 62:
		p.body = asked(d+"-breaks", stream)
	case n < 68:
		p.body = asked(d+"-refuses", stream)
	case n < 74:
		p.body = asked(d+"-cut", streaming)
	case n < 82:
		p.body = asked(d+"-mute", streaming)
	case n < 86:
		p.body = asked("unpriced", stream)
	case n < 90:
		p.body, p.leaves = asked(d+"-long", streaming), true
	case n < 93:
		p.body = "{"
	case n < 96:
		p.body = asked("nobody", stream)
	case n < 98:
		p.key, p.body, p.counted = "wrong", asked(d+"-healthy", stream), false
	default:
		p.body = asked("exact", stream)
	}
	return p
}

// buy sends n mixed requests, some at once.
func (o *office) buy(n int) map[string]receipt {
	var mu sync.Mutex
	got := make(map[string]receipt, n)
	var wg sync.WaitGroup
	const clients = 16
	for c := range clients {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(7, uint64(c)))
			for range n / clients {
				p := choose(random)
				r := o.purchase(p)
				if (r.id != "") != (r.err == nil || p.leaves) || p.counted == (r.status == 401) {
					o.t.Errorf("%s: status %d, %v", p.body, r.status, r.err)
				}
				if p.counted {
					mu.Lock()
					got[r.id] = r
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	return got
}

func (o *office) purchase(p purchase) receipt {
	if !p.leaves {
		return o.ask(o.t.Context(), p.key, p.body)
	}
	return o.leave(p)
}

// leave reads the beginning of a stream alone.
func (o *office) leave(p purchase) (r receipt) {
	ctx, cancel := context.WithCancel(o.t.Context())
	defer cancel()
	resp := o.begin(ctx, p.key, p.body)
	if resp == nil {
		return r
	}
	defer resp.Body.Close()
	r.id, r.status = resp.Header.Get("X-Layer-Request-Id"), resp.StatusCode
	_, r.err = resp.Body.Read(make([]byte, 64))
	return r
}

// TestAccountsAgree (D77, I1 to I4): after many requests of all kinds each has
// its one row, and what clients saw, rows, sums, metrics and budgets say the
// same to the picodollar, over a reload and a restart.
func TestAccountsAgree(t *testing.T) {
	for _, db := range []struct {
		name     string
		requests int
	}{{"sqlite", 10_000}, {"postgres", 1_000}} {
		t.Run(db.name, func(t *testing.T) {
			database, config := db.name, ledger.Config{}
			if db.name == "postgres" {
				config.Postgres = pgtest.Start(t).DSN(t)
				config.Dir = t.TempDir()
				database = fmt.Sprintf("postgres %q", config.Postgres)
			}
			if testing.Short() || underRace {
				db.requests = 1_000
			}
			o := mixed(t, database)
			o.keys = budgetKeys(map[string]string{"k1": "5", "k2": "5", "k3": "5"})
			o.open(t)
			if config.Dir == "" {
				config.Dir = o.data()
			}
			start := time.Now()
			got := o.buy(db.requests)
			l := o.books(config)
			rows := o.rows(l, len(got))
			t.Logf("%d requests with %d rows in %v", db.requests, len(rows), time.Since(start).Round(time.Millisecond))
			o.compare(got, rows)
			spent, total := o.sums(l, rows)
			o.counted(total)
			// What the budgets hold is as exact: a picodollar more than is left is refused, over a reload and a restart.
			o.probe(spent)
			o.s.Signal(syscall.SIGTERM)
			if code := o.s.Wait(time.Minute); code != 0 {
				t.Errorf("exit code %d", code)
			}
			o.s.Restart()
			o.probe(spent)
		})
	}
}

func budgetKeys(budgets map[string]string) string {
	var b strings.Builder
	for _, key := range []string{"k1", "k2", "k3"} {
		fmt.Fprintf(&b, "api_key %s {\nname %s\nbudget %s total {\nallow_unpriced\n}\n}\n", key, key, budgets[key])
	}
	return b.String()
}

// compare holds what clients saw against the rows (I1, I3, I4, I12).
func (o *office) compare(got map[string]receipt, rows map[string]ledger.Row) {
	o.t.Helper()
	outcomes := map[string]int{}
	for id, row := range rows {
		r, ok := got[id]
		if !ok {
			o.t.Errorf("a row of no request: %+v", row)
			continue
		}
		outcomes[row.Outcome]++
		if r.status != row.Status {
			o.t.Errorf("%s: status %d, the row has %d", id, r.status, row.Status)
		}
		if again, err := remade(&row); err != nil || again != row.Bill.Total {
			o.t.Errorf("%s: %v, made again %s, the row has %s", id, err, again, row.Bill.Total)
		}
		if row.Outcome != "ok" {
			continue
		}
		b, err := r.bought()
		if err != nil || b.Usage == nil {
			o.t.Errorf("%s: %v: %s", id, err, r.body)
			continue
		}
		u := b.Usage
		if u.Prompt != row.Usage.Input.N() || u.Completion != row.Usage.Output.N() || u.Details.Status != row.Bill.Status {
			o.t.Errorf("%s: the client saw %+v, the row has %+v %+v", id, u, row.Usage, row.Bill)
		}
		if unpriced := row.Bill.Status == cost.Unpriced; unpriced != (u.Cost == nil) || !unpriced && *u.Cost != row.Bill.Total {
			o.t.Errorf("%s: the client saw %+v, the row has %+v", id, u, row.Bill)
		}
		if !row.Usage.Estimated && (u.Prompt != faultd.PromptTokens || row.Bill.Status == cost.Estimated) {
			o.t.Errorf("%s: unflagged, but not the provider's: %+v %+v", id, u, row.Bill)
		}
	}
	for _, outcome := range []string{"ok", "rejected", "client_gone", "truncated"} {
		if outcomes[outcome] == 0 {
			o.t.Errorf("no row is %s: %v", outcome, outcomes)
		}
	}
	o.t.Logf("outcomes %v", outcomes)
}

// sums compares those over rows with those that the ledger keeps (I2), and
// returns what each key has spent.
func (o *office) sums(l *ledger.Ledger, rows map[string]ledger.Row) (byKey map[string]cost.Amount, total cost.Amount) {
	o.t.Helper()
	byKey = map[string]cost.Amount{}
	byGate := map[string]cost.Amount{}
	for _, row := range rows {
		byKey[row.KeyID] += row.Bill.Total
		byGate[row.GateID] += row.Bill.Total
		total += row.Bill.Total
	}
	check := func(what string, key, gate string, want cost.Amount) {
		if got, err := l.Spent(o.t.Context(), key, gate, time.Time{}, time.Time{}); err != nil || got != want {
			o.t.Errorf("%s: the ledger's sum is %s (%v), of rows %s", what, got, err, want)
		}
	}
	for key, want := range byKey {
		check("key "+key, key, "", want)
	}
	for gate, want := range byGate {
		if gate != "" {
			check("gate "+gate, "", gate, want)
		}
	}
	check("all", "", "", total)
	for by, sums := range map[ledger.Dimension]map[string]cost.Amount{ledger.ByKey: byKey, ledger.ByGate: byGate} {
		points, err := l.Summary(o.t.Context(), by, time.Time{}, time.Time{})
		if err != nil {
			o.t.Fatal(err)
		}
		for _, p := range points {
			if p.Cost != sums[p.ID] {
				o.t.Errorf("summary of %q: %s, of rows %s", p.ID, p.Cost, sums[p.ID])
			}
		}
	}
	if total == 0 {
		o.t.Error("nothing was spent")
	}
	return byKey, total
}

// counted compares the metrics.
func (o *office) counted(total cost.Amount) {
	o.t.Helper()
	dollars := o.s.Metric("layer_gateway_cost_usd_total", "")
	// Metrics are floating-point numbers, whose sum has not all digits.
	if got := cost.Amount(math.Round(dollars * 1e12)); got != total {
		o.t.Errorf("metrics: %s, rows %s", got, total)
	}
}

// probe sets each key's budget to what is spent and a million picodollars, and
// asks for one too many and then for just as many.
func (o *office) probe(spent map[string]cost.Amount) {
	o.t.Helper()
	const left = 1_000_000
	budgets := map[string]string{}
	for _, key := range []string{"k1", "k2", "k3"} {
		budgets[key] = (spent[keyID(key)] + left).String()
	}
	o.keys = budgetKeys(budgets)
	o.reload()
	for key := range budgets {
		r := o.ask(o.t.Context(), key, asked("exact", fmt.Sprintf(`"max_tokens":%d`, left+1)))
		if r.status != 429 || r.code() != "budget_exceeded" {
			o.t.Errorf("%s: a picodollar too many: %d %s", key, r.status, r.body)
		}
		r = o.ask(o.t.Context(), key, asked("exact", fmt.Sprintf(`"max_tokens":%d`, left)))
		if r.status != 200 {
			o.t.Errorf("%s: all that is left: %d %s", key, r.status, r.body)
		}
		spent[keyID(key)] += 7
	}
}

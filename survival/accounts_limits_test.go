package survival

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/internal/faultd"
	"github.com/layergateway/layergateway/internal/redistest"
	"github.com/layergateway/layergateway/internal/site"
	"github.com/layergateway/layergateway/ledger"
)

// rush sends n requests, so many at once, and gives what came of them by status.
func rush(n, atOnce int, send func(i int) receipt) map[int][]receipt {
	var mu sync.Mutex
	got := map[int][]receipt{}
	var wg sync.WaitGroup
	var next atomic.Int64
	for range atOnce {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				r := send(i)
				mu.Lock()
				got[r.status] = append(got[r.status], r)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return got
}

func tell(got map[int][]receipt) string {
	var b strings.Builder
	for status, all := range got {
		fmt.Fprintf(&b, "%d of status %d such as %v %s; ", len(all), status, all[0].err, all[0].body)
	}
	return b.String()
}

// waitFor is an answer of n words that waits until the gate of its name is
// opened.
func waitFor(gate string, n int) faultd.Script {
	return faultd.Script{faultd.Wait(gate), faultd.Healthy(n)}
}

// TestBudgetUnderRush (D78, I7, I8): of a thousand requests at once a budget for
// fifty admits fifty, those spend it to the last picodollar, and what they did
// not use is there again.
func TestBudgetUnderRush(t *testing.T) {
	o := &office{up: faultd.New(t, faultd.Options{}), quiet: true, gates: desk(1, "exact", "openai", ""), keys: "api_key k {\nbudget 0.00005 total\n}\n"}
	o.up.On("exact", waitFor("rush", 500))
	o.open(t)
	// A million tokens of a picodollar are reserved.
	body := asked("exact", `"max_tokens":1000000`)
	var refused atomic.Int64
	got := rush(1000, 1000, func(int) receipt {
		r := o.ask(t.Context(), "k", body)
		if r.status != 200 && refused.Add(1) == 950 {
			o.up.Release("rush")
		}
		return r
	})
	if len(got[200]) != 50 || len(got[429]) != 950 {
		t.Fatal(tell(got))
	}
	for _, r := range got[429] {
		if r.code() != "budget_exceeded" || r.head.Get("X-Should-Retry") != "false" || !strings.Contains(string(r.body), `"insufficient_quota"`) {
			t.Fatalf("refused with %v %s", r.head, r.body)
		}
	}
	// Fifty have used 500 tokens each.
	left := 50_000_000 - 50*500
	for _, n := range []int{left + 1, left} {
		r := o.ask(t.Context(), "k", asked("exact", fmt.Sprintf(`"max_tokens":%d`, n)))
		if (r.status == 200) != (n == left) {
			t.Errorf("%d of %d that are left: %d %s", n, left, r.status, r.body)
		}
	}
	l := o.books(ledger.Config{Dir: o.data()})
	o.rows(l, 1002)
	if spent, err := l.Spent(t.Context(), keyID("k"), "", time.Time{}, time.Time{}); err != nil || spent != 51*500 {
		t.Errorf("spent %s, %v", spent, err)
	}
}

// TestRateUnderRush (D79, D83, I9, I10): of 400 requests at once a limit of 100
// a minute admits 100, and Retry-After says when the next will pass, over
// twenty reloads.
func TestRateUnderRush(t *testing.T) {
	o := &office{up: faultd.New(t, faultd.Options{}), quiet: true, gates: desk(1, "exact", "openai", ""), keys: "api_key k {\nrate_limit 100 1m\nbudget 0.000001 total\n}\n"}
	o.up.On("exact", faultd.Script{faultd.Healthy(10)})
	o.open(t)
	body := asked("exact", `"max_tokens":10`)
	first := time.Now()
	check := func(got map[int][]receipt, began time.Time) {
		t.Helper()
		for _, r := range got[429] {
			after, err := strconv.Atoi(r.head.Get("Retry-After"))
			// It is right for some moment between the first request's and now.
			least, most := time.Minute-time.Since(first)-time.Second, time.Minute-began.Sub(first)+time.Second
			if s := time.Duration(after) * time.Second; err != nil || s < least || s > most || r.code() != "rate_limit_exceeded" {
				t.Fatalf("Retry-After %q, between %v and %v: %s", r.head.Get("Retry-After"), least, most, r.body)
			}
			if r.head.Get("X-Ratelimit-Limit-Requests") != "100" || r.head.Get("X-Ratelimit-Remaining-Requests") != "0" {
				t.Fatalf("headers %v", r.head)
			}
		}
	}
	const part = 60
	got := rush(part, part, func(int) receipt { return o.ask(t.Context(), "k", body) })
	if len(got[200]) != part {
		t.Fatal(tell(got))
	}
	for range 20 {
		o.reload()
	}
	got = rush(400-part, 400-part, func(int) receipt { return o.ask(t.Context(), "k", body) })
	if time.Since(first) > 50*time.Second {
		t.Skip("the machine is too busy: the window was over before all had been asked")
	}
	if len(got[200]) != 100-part || len(got[429]) != 300 {
		t.Fatal(tell(got))
	}
	check(got, first)
	// The reloads have changed nothing of what was spent either: 100 times ten.
	o.keys = strings.Replace(o.keys, "rate_limit 100 1m\n", "", 1)
	o.reload()
	const left = 1_000_000 - 100*10
	for _, n := range []int{left + 1, left} {
		if r := o.ask(t.Context(), "k", asked("exact", fmt.Sprintf(`"max_tokens":%d`, n))); (r.status == 200) != (n == left) {
			t.Errorf("%d of %d that are left: %d %s", n, left, r.status, r.body)
		}
	}
}

// TestThreeGateways (I9): three instances that share a Redis admit exactly what
// one would. While it is away budgets refuse, unless they were told not to, and
// what was spent is known when it is back.
func TestThreeGateways(t *testing.T) {
	redis := redistest.Start(t)
	up := faultd.New(t, faultd.Options{})
	var keys strings.Builder
	for try := range 9 {
		fmt.Fprintf(&keys, "api_key rated%[1]d {\nrate_limit 100 1h\n}\napi_key spender%[1]d {\nbudget 0.00005 total\n}\n", try)
	}
	large := asked("exact", `"max_tokens":1000000`)
	three := make([]*office, 3)
	for i := range three {
		o := &office{up: up, quiet: true, gates: desk(1, "exact", "openai", ""), keys: keys.String(), global: "ledger off\nlimits redis " + redis.URL() + " {\non_store_error refuse\n}\n"}
		o.open(t)
		three[i] = o
	}
	spent := 0
	// It is exact for as long as Redis answers in time, which on a busy machine takes several tries.
	try := 0
	for disturbed := true; disturbed && try < 8; try++ {
		if try == 7 && !underRace {
			t.Fatal("Redis never answered in time")
		}
		before := absences(three)
		gate := fmt.Sprint("exact", try)
		up.On("exact", faultd.Script{faultd.Healthy(10)})
		rated := rush(300, 6, func(i int) receipt { return three[i%3].ask(t.Context(), fmt.Sprint("rated", try), asked("exact")) })
		// A million picodollars are reserved each: fifty fit at once. All wait until the rest is refused.
		up.On("exact", waitFor(gate, 10))
		var refused atomic.Int64
		spending := rush(300, 60, func(i int) receipt {
			r := three[i%3].ask(t.Context(), fmt.Sprint("spender", try), large)
			if r.status != 200 && refused.Add(1) == 250 {
				up.Release(gate)
			}
			return r
		})
		if disturbed = absences(three) != before; !disturbed && (len(rated[200]) != 100 || len(rated[429]) != 200 || len(spending[200]) != 50 || len(spending[429]) != 250) {
			t.Fatal(tell(rated), tell(spending))
		}
		if spent = 10 * len(spending[200]); spent > 500 {
			t.Fatal(tell(spending))
		}
		for _, o := range three {
			site.Eventually(t, "a gateway has Redis again", time.Minute, func() bool { return o.s.Metric("layer_gateway_limits_store_away", "") == 0 })
		}
	}
	rated, spender := fmt.Sprint("rated", try), fmt.Sprint("spender", try-1)
	up.On("exact", faultd.Script{faultd.Healthy(10)})
	three[2].global = strings.Replace(three[2].global, "refuse", "allow", 1)
	three[2].reload()
	redis.Kill()
	for i, o := range three {
		r := o.ask(t.Context(), spender, large)
		if allow := i == 2; allow && r.status != 200 || !allow && (r.status != 503 || r.code() != "limits_unavailable") {
			t.Errorf("gateway %d without Redis: %d %s", i, r.status, r.body)
		}
		// Rates go on by a share of their own.
		if r := o.ask(t.Context(), rated, asked("exact")); r.status != 200 {
			t.Errorf("gateway %d without Redis, a rate: %d %s", i, r.status, r.body)
		}
		if o.s.Metric("layer_gateway_limits_store_away", "") != 1 {
			t.Errorf("gateway %d: the metric does not know", i)
		}
	}
	spent += 10
	redis.Restart()
	for i, o := range three {
		site.Eventually(t, fmt.Sprintf("gateway %d has Redis again", i), time.Minute, func() bool {
			return o.s.Metric("layer_gateway_limits_store_away", "") == 0
		})
	}
	left := 50_000_000 - spent
	site.Eventually(t, "what was spent without Redis is counted", time.Minute, func() bool {
		return three[0].ask(t.Context(), spender, asked("exact", fmt.Sprintf(`"max_tokens":%d`, left+1))).status == 429
	})
	if r := three[1].ask(t.Context(), spender, asked("exact", fmt.Sprintf(`"max_tokens":%d`, left))); r.status != 200 {
		t.Errorf("%d that are left: %d %s", left, r.status, r.body)
	}
}

// absences counts how often the gateways have missed Redis.
func absences(all []*office) (n int) {
	for _, o := range all {
		n += len(o.s.Lines("the Redis of the limits is away: rates are held to locally, each instance to its share, and budgets can't be checked"))
	}
	return n
}

// TestAlerts: each threshold is told once: in the log, as an event of Caddy's,
// and to a webhook, again where that fails.
func TestAlerts(t *testing.T) {
	type message struct {
		Event   string      `json:"event"`
		Subject string      `json:"subject"`
		Percent int         `json:"percent"`
		Spent   json.Number `json:"spent_usd"`
		Budget  json.Number `json:"budget_usd"`
		Period  string      `json:"period"`
	}
	var calls atomic.Int64
	heard := make(chan message, 16)
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if calls.Add(1) == 1 {
			http.Error(w, "not now", http.StatusServiceUnavailable)
			return
		}
		var m message
		if err := json.Unmarshal(body, &m); err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("the webhook got %s %s: %v", r.Method, body, err)
		}
		heard <- m
	}))
	defer hook.Close()
	o := &office{up: faultd.New(t, faultd.Options{}), gates: desk(1, "exact", "openai", ""), keys: "api_key k {\nname web\nbudget 0.0000000001 total alert_only\n}\n",
		global: "alert_webhook " + hook.URL + "/secret-path\n"}
	o.up.On("exact", faultd.Script{faultd.Healthy(10)})
	o.open(t)
	// A hundred picodollars, ten a request: the 8th and the 10th cross a threshold, more do not.
	for i := range 12 {
		if r := o.ask(t.Context(), "k", asked("exact")); r.status != 200 {
			t.Fatalf("%d: %d %s", i, r.status, r.body)
		}
	}
	for _, want := range []message{
		{alertName, `key "web"`, 80, "0.00000000008", "0.0000000001", "total"},
		{alertName, `key "web"`, 100, "0.0000000001", "0.0000000001", "total"},
	} {
		select {
		case m := <-heard:
			if m != want {
				t.Errorf("the webhook got %+v, want %+v", m, want)
			}
		case <-time.After(30 * time.Second):
			t.Fatalf("the webhook has not got %+v", want)
		}
	}
	if n := calls.Load(); n != 3 {
		t.Errorf("the webhook was called %d times", n)
	}
	lines, events := o.s.Lines("a budget has reached a threshold"), 0
	for _, line := range o.s.Lines("event") {
		if line["name"] == alertName {
			events++
		}
	}
	if len(lines) != 2 || fmt.Sprintf("%v %v", lines[0]["percent"], lines[1]["percent"]) != "80 100" || events != 2 {
		t.Errorf("%d events of Caddy's, log lines %v", events, lines)
	}
	if strings.Contains(o.s.Log(), "secret-path") && strings.Contains(fmt.Sprint(o.s.Lines("the alert webhook does not take an alert: it is given up")), "secret-path") {
		t.Error("the webhook's address is in the log")
	}
	var total cost.Amount
	for _, row := range o.rows(o.books(ledger.Config{Dir: o.data()}), 12) {
		total += row.Bill.Total
	}
	if total != 120 {
		t.Errorf("spent %s", total)
	}
}

const alertName = "layer_gateway_budget"

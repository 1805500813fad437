package survival

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/layergateway/layergateway/internal/faultd"
	"github.com/layergateway/layergateway/internal/site"
)

// course is a gate with targets a, b and so on, and what becomes of the requests that it gets one by one.
type course struct {
	name    string
	gate    string // the gate's block but for its models
	keys    int    // of the first target's provider; 1 if unsaid
	targets [][]faultd.Script
	steps   []step
	left    bool // the first target's request is cancelled
	slug    string
}

// step is one request: its status, the target that the answer names, and the attempts.
type step struct {
	stream bool
	status int
	from   string // "a"; empty if nobody was asked, * for any
	tries  string // result and status of each, with the target in front; * for any
	wait   bool   // there is a Retry-After, of a minute at most
	cost   string // the cost's status, exact if unsaid
}

var (
	well  = []faultd.Script{{faultd.Healthy(4)}}
	ill   = []faultd.Script{{faultd.Fail(500)}}
	mute  = []faultd.Script{{faultd.Silence()}}
	dozy  = []faultd.Script{{faultd.Sleep(time.Second), faultd.Healthy(4)}}
	stops = []faultd.Script{{faultd.Fail(429, "Retry-After: 50")}}
)

func courses() []course {
	const inTurn = "strategy fallback\nmax_retries 0"
	next := func(n int, s step) []step { return slices.Repeat([]step{s}, n) }
	fromA, fromB := step{status: 200, from: "a", tries: "a ok 200"}, step{status: 200, from: "b", tries: "b ok 200"}
	passed := step{status: 200, from: "b", tries: "a failed 500, b ok 200"}
	drawn := step{status: 200, from: "*", tries: "*"}
	hedged := step{status: 200, from: "b", tries: "a lost, b ok 200", cost: "estimated"}
	hedgedStream := hedged
	hedgedStream.stream = true
	return []course{
		{name: "a refused key is left out", gate: inTurn, keys: 2, targets: [][]faultd.Script{{{faultd.Fail(401)}, {faultd.Healthy(4)}}},
			steps: append([]step{{status: 200, from: "a", tries: "a auth 401, a ok 200"}}, next(4, fromA)...)},
		{name: "a limited key is left out", gate: inTurn, keys: 3, targets: [][]faultd.Script{{stops[0], stops[0], {faultd.Healthy(4)}}},
			steps: append([]step{{status: 200, from: "a", tries: "a rate_limited 429, a rate_limited 429, a ok 200"}}, next(3, fromA)...)},
		{name: "a failure is no key's fault", gate: inTurn, keys: 2, targets: [][]faultd.Script{{{faultd.Fail(500)}, {faultd.Healthy(4)}}},
			steps: []step{{status: 502, from: "a", tries: "a failed 500"}, fromA}},
		{name: "W36 all cool down", gate: inTurn, targets: [][]faultd.Script{stops},
			steps: []step{{status: 429, from: "a", tries: "a rate_limited 429", wait: true}, {status: 429, wait: true}}},
		{name: "W36 one cools down", gate: inTurn, targets: [][]faultd.Script{stops, well},
			steps: append([]step{{status: 200, from: "b", tries: "a rate_limited 429, b ok 200"}}, next(3, fromB)...)},
		{name: "D04 a spent account is left out", gate: inTurn, targets: [][]faultd.Script{{{faultd.FailCode(429, "insufficient_quota")}}, well},
			steps: append([]step{{status: 200, from: "b", tries: "a quota_spent 429, b ok 200"}}, next(2, fromB)...)},
		{name: "D09 all keys are refused", gate: inTurn, keys: 2, targets: [][]faultd.Script{{{faultd.Fail(403)}}, well},
			steps: append([]step{{status: 200, from: "b", tries: "a auth 403, a auth 403, b ok 200"}}, next(2, fromB)...)},
		{name: "the breaker opens", gate: inTurn, targets: [][]faultd.Script{ill, well}, steps: append(next(5, passed), next(3, fromB)...)},
		{name: "an open breaker is no refusal", gate: inTurn, targets: [][]faultd.Script{ill},
			steps: next(7, step{status: 502, from: "a", tries: "a failed 500"})},
		{name: "retries", gate: "max_retries 2", targets: [][]faultd.Script{{{faultd.Fail(500)}, {faultd.Fail(502)}, {faultd.Healthy(4)}}},
			steps: []step{{status: 200, from: "a", tries: "a failed 500, a failed 502, a ok 200"}}},
		{name: "no more retries", gate: "max_retries 2", targets: [][]faultd.Script{ill},
			steps: []step{{status: 502, from: "a", tries: "a failed 500, a failed 500, a failed 500"}}},
		{name: "retries in rounds", gate: "strategy fallback\nmax_retries 1", targets: [][]faultd.Script{ill, {{faultd.Fail(500)}, {faultd.Healthy(4)}}},
			steps: []step{{status: 200, from: "b", tries: "a failed 500, b failed 500, a failed 500, b ok 200"}}},
		{name: "round-robin", gate: "strategy round-robin\nmax_retries 0", targets: [][]faultd.Script{well, well}, steps: []step{fromA, fromB, fromA, fromB}},
		{name: "round-robin past a fault", gate: "strategy round-robin\nmax_retries 0", targets: [][]faultd.Script{ill, well}, steps: []step{passed, fromB, passed, fromB}},
		{name: "weighted", gate: "strategy weighted\nmax_retries 0", targets: [][]faultd.Script{well, well}, steps: next(40, drawn)},
		{name: "weighted past a fault", gate: "strategy weighted\nmax_retries 0", targets: [][]faultd.Script{well, ill}, steps: next(40, drawn)},
		{name: "lowest-latency", gate: "strategy lowest-latency\nmax_retries 0", targets: [][]faultd.Script{dozy, well}, steps: []step{fromA, fromB, fromB, fromB}},
		{name: "lowest-latency past a fault", gate: "strategy lowest-latency\nmax_retries 0", targets: [][]faultd.Script{dozy, {{faultd.Healthy(4)}, {faultd.Fail(500)}}},
			steps: []step{fromA, fromB, {status: 200, from: "a", tries: "b failed 500, a ok 200"}}},
		{name: "lowest-cost", gate: "strategy lowest-cost\nmax_retries 0", targets: [][]faultd.Script{well, well}, steps: next(3, fromB)},
		{name: "lowest-cost past a fault", gate: "strategy lowest-cost\nmax_retries 0", targets: [][]faultd.Script{well, ill},
			steps: next(3, step{status: 200, from: "a", tries: "b failed 500, a ok 200"})},
		{name: "hedge", gate: inTurn + "\nhedge 300ms", targets: [][]faultd.Script{mute, well}, left: true, steps: []step{hedged, hedgedStream}},
		{name: "hedge behind a role", gate: inTurn + "\nhedge 300ms", targets: [][]faultd.Script{{{faultd.SSE(), faultd.Open(), faultd.Silence()}}, well}, left: true,
			steps: []step{{stream: true, status: 200, from: "b", tries: "a lost 200, b ok 200", cost: "estimated"}}},
		{name: "hedge is not needed", gate: inTurn + "\nhedge 20s", targets: [][]faultd.Script{well, well}, steps: []step{fromA, fromA}},
		{name: "hedge past a fault", gate: inTurn + "\nhedge 20s", targets: [][]faultd.Script{ill, well}, steps: []step{passed}},
		{name: "hedge beside a fault", gate: inTurn + "\nhedge 300ms", targets: [][]faultd.Script{dozy, ill},
			steps: []step{{status: 200, from: "a", tries: "a ok 200, b failed 500"}}},
		{name: "hedge and all are silent", gate: inTurn + "\nhedge 300ms\ntimeout first_token 1s", targets: [][]faultd.Script{mute, mute}, left: true,
			steps: []step{{stream: true, status: 504, from: "b", tries: "a timeout, b timeout"}}},
	}
}

// The targets that a gate's requests go to, one by one, over keys, strategies and faults.
func TestRoutes(t *testing.T) {
	t.Parallel()
	all := courses()
	v := &venue{up: faultd.New(t, faultd.Options{})}
	var text strings.Builder
	text.WriteString("layer_gateway {\napi_key {env.TEST_CLIENT_KEY} {\nname tester\n}\n")
	for i := range all {
		c := &all[i]
		c.slug = fmt.Sprintf("route-%02d", i+1)
		var models []string
		for j, scripts := range c.targets {
			name := c.slug + "-" + string(rune('a'+j))
			v.up.On(name, scripts...)
			keys := 1
			if j == 0 {
				keys = max(keys, c.keys)
			}
			// The first target is the dearest.
			fmt.Fprintf(&text, "provider %s openai {\nbase_url %s/v1\nprice %s %d 9\n%s}\n", name, v.up.URL, name, 9-j,
				strings.Join(slices.Repeat([]string{"api_key {env.TEST_KEY_%d}\n"}, keys), ""))
			models = append(models, name+"/"+name)
		}
		fmt.Fprintf(&text, "gate 00000000-0000-4000-8000-%012d {\nname %s\nmodel %s\n%s\n", i+1, c.slug, models[0], c.gate)
		if len(models) > 1 {
			fmt.Fprintf(&text, "fallback %s\n", strings.Join(models[1:], " "))
		}
		text.WriteString("}\n")
	}
	text.WriteString("}\n")
	block, env := text.String(), []string{"TEST_CLIENT_KEY=" + clientKey}
	for n := 1; strings.Contains(block, "%d"); n++ {
		block = strings.Replace(block, "%d", strconv.Itoa(n), 1)
		env = append(env, fmt.Sprintf("TEST_KEY_%d=%s-%d", n, providerKey, n))
	}
	v.site = site.Start(t, site.Config{Block: block, Env: env})
	for i := range all {
		t.Run(all[i].name, func(t *testing.T) { v.follow(t, &all[i]) })
	}
}

// follow sends a course's requests.
func (v *venue) follow(t *testing.T, c *course) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for i, s := range c.steps {
		body := fmt.Sprintf(`{"model":%q,"stream":%v,"messages":[{"role":"user","content":"hi"}]}`, c.slug, s.stream)
		r, err := v.ask(t.Context(), client, body, func(int) {})
		if err != nil {
			t.Fatal(err)
		}
		if from := strings.TrimPrefix(r.header.Get("X-Layer-Provider"), c.slug+"-"); r.status != s.status || from != s.from && s.from != "*" {
			t.Fatalf("request %d: %d from %q, want %d from %q: %s", i, r.status, from, s.status, s.from, r.body)
		}
		if s.status == http.StatusOK {
			for _, wrong := range r.check(4, true, s.stream) {
				t.Errorf("request %d: %s", i, wrong)
			}
		}
		wait, _ := strconv.Atoi(r.header.Get("Retry-After"))
		if s.wait != (wait > 0) || wait > 60 {
			t.Errorf("request %d: Retry-After %d", i, wait)
		}
	}
	lines := requests(t, v.site)[c.slug]
	if len(lines) != len(c.steps) {
		t.Fatalf("%d lines of %d requests", len(lines), len(c.steps))
	}
	asked := make(map[string]int)
	for i, l := range lines {
		if len(l.Tries) == 0 && l.Attempts == 1 {
			l.Tries = []try{{Provider: l.Provider, Result: "ok", Status: 200}}
		}
		var tries []string
		for _, one := range l.Tries {
			asked[one.Provider]++
			tries = append(tries, strings.TrimPrefix(one.Provider, c.slug+"-")+" "+one.String())
		}
		if got := strings.Join(tries, ", "); got != c.steps[i].tries && c.steps[i].tries != "*" {
			t.Errorf("request %d: attempts %s, want %s", i, got, c.steps[i].tries)
		}
		if want := c.steps[i].cost; l.Outcome == "ok" && l.CostStatus != want && (want != "" || l.CostStatus != "exact") {
			t.Errorf("request %d: the cost is %q, want %q", i, l.CostStatus, want)
		}
	}
	for j := range c.targets {
		name := c.slug + "-" + string(rune('a'+j))
		found, err := v.up.Wait(asked[name], patience, func(e faultd.Entry) bool { return e.Model == name && e.Outcome != faultd.Running })
		if err != nil || len(found) != asked[name] || len(found) == 0 && c.steps[0].from == "*" {
			t.Errorf("%s was asked %d times, the log has %d: %v", name, len(found), asked[name], err)
		}
		for _, e := range found {
			if j == 0 && c.left && e.Outcome != faultd.Cancelled {
				t.Errorf("request %d of the first target was %s", e.Seq, e.Outcome)
			}
		}
	}
}

package survival

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/layergateway/layergateway/internal/faultd"
	"github.com/layergateway/layergateway/internal/site"
)

var soak = flag.Duration("soak", 4*time.Second, "how long TestSoak takes")

// mishaps are what the upstream of the soak does.
var mishaps = map[string]faultd.Script{
	"refuses":   {faultd.Fail(400)},
	"breaks":    {faultd.Fail(503)},
	"limits":    {faultd.Fail(429, "Retry-After: 1")},
	"page":      {faultd.Page(502, 4096)},
	"resets":    {faultd.Reset()},
	"cut":       {faultd.SSE(), faultd.Open(), faultd.Say(1, 5), faultd.Reset()},
	"unended":   {faultd.SSE(), faultd.Open(), faultd.Say(1, 5), faultd.Close()},
	"complains": {faultd.SSE(), faultd.Open(), faultd.Say(1, 5), faultd.FailEvent(500), faultd.End()},
	"forever":   {faultd.SSE(), faultd.Open(), faultd.Forever()},
	"large":     {faultd.SSE(), faultd.Open(), faultd.Large(1 << 20), faultd.Rest(1), faultd.End()},
	"garbage":   {faultd.SSE(), faultd.Open(), faultd.Text("data: {\"choices\":[\n\n"), faultd.End()},
	"healthy":   {faultd.Healthy(words)},
	// What leavers ask for.
	"slow":   slowStream,
	"late":   lateAnswer,
	"silent": {faultd.Silence()},
}

// soaked is a site that has been at work for a while.
type soaked struct {
	t      *testing.T
	s      *site.Site
	dead   string // an address at which nobody listens
	number int    // of the configuration
	counts sync.Map
}

// round works for a while against a new upstream, and leaves the site idle.
func (so *soaked) round(length time.Duration) {
	so.t.Helper()
	w := newWorld(so.t, mishaps, settings{quiet: true})
	var gates strings.Builder
	fmt.Fprintf(&gates, "provider dead openai {\nbase_url http://%s/v1\napi_key {env.TEST_PROVIDER_KEY}\n}\n", so.dead)
	for i, script := range w.scripts {
		fmt.Fprintf(&gates, "gate 55555555-0000-4000-8000-%012d {\nname over-%s\nmodel openai/%s\nfallback dead/x anthropic/%s google/slow\n"+
			"strategy fallback\ntimeout first_token 200ms\ntimeout total 2s\n}\n", i, script, script, script)
	}
	w.gateway = gates.String()
	load := func() {
		so.t.Helper()
		so.number++
		if err := so.s.Reload(w.config(so.number)); err != nil {
			so.t.Fatal(err)
		}
	}
	if so.s == nil {
		so.s = site.Start(so.t, w.config(0))
	} else {
		load()
	}
	ctx, cancel := context.WithTimeout(so.t.Context(), length)
	defer cancel()
	var clients sync.WaitGroup
	for n := range 12 {
		clients.Go(func() { so.work(ctx, w, rand.New(rand.NewPCG(uint64(n), uint64(so.number)))) }) //nolint:gosec // mixed is enough
	}
	reloads, kills := time.NewTicker(time.Second), time.NewTicker(700*time.Millisecond)
	defer reloads.Stop()
	defer kills.Stop()
	for ctx.Err() == nil {
		select {
		case <-reloads.C:
			load()
		case <-kills.C:
			w.up.CloseConns()
		case <-ctx.Done():
		}
	}
	clients.Wait()
	w.up.Close()
}

// work is one client: streams by each protocol, short requests, and now and then it leaves.
func (so *soaked) work(ctx context.Context, w *world, random *rand.Rand) {
	one, lost := byRaw(strings.TrimPrefix(so.s.URL, "http://"), "/v1/chat/completions"), new(atomic.Int64)
	two := byHTTP2(so.s, lost)
	defer one.leave()
	defer two.leave()
	leave := &leaver{random: random, addr: strings.TrimPrefix(so.s.URL, "http://")}
	for ctx.Err() == nil {
		script := w.scripts[random.IntN(len(w.scripts))]
		gate := "over-" + script
		c := one
		switch random.IntN(8) {
		case 0, 1, 2:
			c = two
		case 3:
			gate = "echo"
		case 4:
			if _, err := leave.ask(so.t.Context()); err != nil {
				so.count("left before it could")
			}
			continue
		}
		limited, cancel := context.WithTimeout(so.t.Context(), 30*time.Second)
		body, err := c.ask(limited, gate)
		if limited.Err() != nil {
			so.t.Errorf("%s: no end in half a minute: %v", gate, err)
		}
		cancel()
		switch text := string(body); {
		case err != nil:
			so.count("failed")
		case strings.HasSuffix(text, "data: [DONE]\n\n"):
			so.count("done")
		case strings.Contains(text, "data: {\"error\":"):
			so.count("ended with an error")
		default:
			so.t.Errorf("%s: neither [DONE] nor an error at the end of …%s", gate, text[max(0, len(text)-300):])
		}
	}
}

func (so *soaked) count(what string) {
	n, _ := so.counts.LoadOrStore(what, new(atomic.Int64))
	n.(*atomic.Int64).Add(1)
}

// A long time of faults, reloads and upstreams that die leaves no trace: in each pause the process holds what it held in
// the first one.
func TestSoak(t *testing.T) {
	dead, err := site.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	so := &soaked{t: t, dead: dead}
	const rounds = 5
	so.round(*soak / rounds)
	idle := &world{up: faultd.New(t, faultd.Options{})}
	base := idle.rest(t, so.s)
	t.Logf("after the first round %+v", base)
	for range rounds - 1 {
		so.round(*soak / rounds)
		t.Logf("after another one %+v", idle.settle(t, so.s, base))
	}
	so.counts.Range(func(what, n any) bool {
		t.Logf("requests that %s: %d", what, n.(*atomic.Int64).Load())
		return true
	})
	if done, ok := so.counts.Load("done"); !ok || done.(*atomic.Int64).Load() == 0 {
		t.Error("no answer at all")
	}
}

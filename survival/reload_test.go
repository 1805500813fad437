package survival

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/layergateway/layergateway/internal/faultd"
	"github.com/layergateway/layergateway/internal/site"
)

// storm is many clients at a site while it is reloaded, beside a site of Caddy alone in the same process.
type storm struct {
	t     *testing.T
	w     *world
	s     *site.Site
	alone struct{ http, https string } // addresses of Caddy's own site

	ctx     context.Context // until the last reload
	clients sync.WaitGroup
	want    map[string]string // a kind's stream of a gate without reloads

	streams map[string]*tally // by kind of client
	ours    tally             // short requests on new connections of HTTP/1.1
	theirs  tally
	ours2   tally // and of HTTP/2
	theirs2 tally
	lost    atomic.Int64 // connections of HTTP/2 that did not come about
	again   atomic.Int64 // requests by HTTP/3 that had to be sent again
}

// kinds of clients that hold streams.
var kinds = []string{"HTTP/1.1", "HTTP/2", "HTTP/3", "openai-go"}

func (st *storm) client(kind string) asker {
	switch kind {
	case "HTTP/2":
		return byHTTP2(st.s, &st.lost)
	case "HTTP/3":
		return byHTTP3(st.s, &st.again)
	case "openai-go":
		return bySDK(st.s)
	case "Caddy alone":
		return byRaw(st.alone.http, "/openai/chat/completions")
	default:
		return byRaw(strings.TrimPrefix(st.s.URL, "http://"), "/v1/chat/completions")
	}
}

func newStorm(t *testing.T) *storm {
	t.Helper()
	st := &storm{t: t, want: make(map[string]string), streams: make(map[string]*tally)}
	for _, addr := range []*string{&st.alone.http, &st.alone.https} {
		var err error
		if *addr, err = site.FreePort(); err != nil {
			t.Fatal(err)
		}
	}
	st.w = newWorld(t, map[string]faultd.Script{"paced": paced}, settings{quiet: true})
	st.w.more = fmt.Sprintf("http://%s {\nhandle /openai/* {\nreverse_proxy %s\n}\nrespond \"alone\"\n}\nhttps://%s {\ntls cert.pem key.pem\nrespond \"alone\"\n}\n",
		st.alone.http, st.w.up.Addr, st.alone.https)
	st.s = site.Start(t, st.w.config(0))
	for _, kind := range kinds {
		c := st.client(kind)
		for _, d := range dialects {
			st.want[kind+d] = c.must(t, d+"-paced")
		}
		c.leave()
	}
	return st
}

// hold runs clients of a kind that open one stream after the other.
func (st *storm) hold(kind string, clients int) {
	count := new(tally)
	st.streams[kind] = count
	for n := range clients {
		c := st.client(kind)
		st.clients.Go(func() {
			defer c.leave()
			for n := n; st.ctx.Err() == nil; n++ {
				d := dialects[n%len(dialects)]
				gate := d + "-paced"
				if kind == "Caddy alone" {
					gate = "paced"
				}
				body, err := c.ask(st.t.Context(), gate)
				changed := ""
				if want, ok := st.want[kind+d]; ok && same(body) != want {
					changed = differ(same(body), want)
				}
				count.add(err, changed)
			}
		})
	}
}

// hammer asks the gateway and Caddy alone in turn, one connection a request, as often as leaves the machine some air.
func (st *storm) hammer() {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	ours, theirs := &raw{addr: strings.TrimPrefix(st.s.URL, "http://"), most: 1}, &raw{addr: st.alone.http, most: 1}
	for st.ctx.Err() == nil {
		_, err := ours.send(st.t.Context(), http.MethodPost, "/v1/chat/completions", question("echo", false))
		st.ours.add(err, "")
		_, err = theirs.send(st.t.Context(), http.MethodPost, "/", question("echo", false))
		st.theirs.add(err, "")
		<-tick.C
	}
}

// hammer2 is hammer with HTTP/2.
func (st *storm) hammer2() {
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	ask := func(url string, count *tally) {
		transport := &http.Transport{TLSClientConfig: st.s.TLS("h2"), Protocols: protocols}
		_, err := post(st.t.Context(), &http.Client{Transport: transport}, url, question("echo", false))
		transport.CloseIdleConnections()
		count.add(err, "")
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for st.ctx.Err() == nil {
		ask(st.s.TLSURL+"/v1/chat/completions", &st.ours2)
		ask("https://"+st.alone.https+"/", &st.theirs2)
		<-tick.C
	}
}

// share is how many clients of a kind there are: the forty-eight are the others'.
func share(kind string, clients int) int {
	if kind == "HTTP/3" {
		return clients / 4
	}
	return clients
}

// run does the reloads, ten a second, and returns once all clients have left. Where one takes so long that there would
// be no time between them, it takes as long to the next: nobody's retries would find any.
func (st *storm) run(reloads, clients int) {
	st.t.Helper()
	var cancel context.CancelFunc
	st.ctx, cancel = context.WithCancel(st.t.Context())
	defer cancel()
	for _, kind := range append(kinds, "Caddy alone") {
		st.hold(kind, share(kind, clients))
	}
	for range 4 {
		st.clients.Go(st.hammer)
	}
	st.clients.Go(st.hammer2)
	var slowest time.Duration
	for n := range reloads {
		start := time.Now()
		if err := st.s.Reload(st.w.config(n + 1)); err != nil {
			st.t.Fatal(err)
		}
		took := time.Since(start)
		slowest = max(slowest, took)
		time.Sleep(max(100*time.Millisecond-took, took))
	}
	cancel()
	st.clients.Wait()
	st.t.Logf("%d reloads, the slowest took %v", reloads, slowest)
}

// A hundred reloads, ten a second, under 48 clients with open streams: none is cut or changed.
//
// What comes on a new connection can fail, before it has reached any handler: a connection that waits at the old
// listener is reset by the kernel, and one that the old server has taken but not read when it is told to stop is closed
// by net/http. Clients that ask again notice nothing, and for others it must not be more than with Caddy alone.
func TestReloads(t *testing.T) {
	reloads, clients := 100, 16
	switch {
	case testing.Short():
		reloads, clients = 15, 4
	case site.Raced: // so slow that fewer do the same
		reloads = 25
	}
	st := newStorm(t)
	base := st.w.rest(t, st.s)
	st.run(reloads, clients)
	answered := len(kinds) * len(dialects)
	for _, kind := range kinds {
		count := st.streams[kind]
		answered += count.good
		t.Logf("streams by %s: %v", kind, count)
		if len(count.wrong) > 0 {
			t.Errorf("%s: %d streams were cut or changed, such as: %s", kind, len(count.wrong), count.wrong[0])
		}
		// With the race detector a reload takes longer than the client's retries do.
		slow := site.Raced && kind == "openai-go" && len(count.failures) <= count.good/10
		if kind != "HTTP/1.1" && len(count.failures) > 0 && !slow {
			t.Errorf("%s: %d requests failed, such as: %s", kind, len(count.failures), count.failures[0])
		}
		if n := share(kind, clients); count.good < n {
			t.Errorf("%s: only %d streams for %d clients", kind, count.good, n)
		}
	}
	t.Logf("connections of HTTP/2 that did not come about: %d; requests by HTTP/3 that were sent again: %d", st.lost.Load(), st.again.Load())
	for _, pair := range []struct {
		what         string
		ours, theirs *tally
	}{
		{"streams by HTTP/1.1", st.streams["HTTP/1.1"], st.streams["Caddy alone"]},
		{"new connections of HTTP/1.1", &st.ours, &st.theirs},
		{"new connections of HTTP/2", &st.ours2, &st.theirs2},
	} {
		t.Logf("%s: the gateway %v", pair.what, pair.ours)
		t.Logf("%s: Caddy alone %v", pair.what, pair.theirs)
		if len(pair.ours.wrong) > 0 {
			t.Errorf("%s: %d answers were cut, such as: %s", pair.what, len(pair.ours.wrong), pair.ours.wrong[0])
		}
		if a, b := len(pair.ours.failures), len(pair.theirs.failures); tooMany(a, b) {
			t.Errorf("%s: %d failures with the gateway, %d with Caddy alone", pair.what, a, b)
		}
	}
	// What failed has never reached the gateway, and what reached it was counted over all reloads.
	answered += st.ours.good + st.ours2.good
	site.Eventually(t, fmt.Sprintf("%d requests counted", answered), time.Minute, func() bool {
		return st.s.Metric("layer_gateway_requests_total", "") == float64(answered)
	})
	site.Eventually(t, fmt.Sprintf("%d rows in the ledger, of requests that went well", answered), time.Minute, func() bool {
		return rowOutcomes(t, st.s) == fmt.Sprintf("ok %d", answered)
	})
	t.Logf("at first %+v", base)
	t.Logf("at last  %+v", st.w.settle(t, st.s, base))
}

// rowOutcomes are how many rows the ledger has of each outcome.
func rowOutcomes(t *testing.T, s *site.Site) string {
	t.Helper()
	text := s.Admin("/layer_gateway/v1/spend?by=outcome")
	var spend struct {
		Points []struct {
			ID       string
			Requests int
		}
	}
	if err := json.Unmarshal([]byte(text), &spend, anyCase); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	sums := make(map[string]int)
	for _, p := range spend.Points {
		sums[p.ID] += p.Requests
	}
	return inOrder(sums)
}

package survival

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/layergateway/layergateway/internal/faultd"
	"github.com/layergateway/layergateway/internal/faultd/badclient"
	"github.com/layergateway/layergateway/internal/site"
)

// leaveAt leaves, with nothing read, once the row's script has come to its mark; the upstream must see that.
func leaveAt(client badclient.Client, fields ...string) func(c *caller) badclient.Reply {
	return func(c *caller) badclient.Reply {
		client := client
		client.Addr = c.open
		c.noProblem(client.LeaveUnread(c.post(fields...), c.up.Reached(c.name)))
		c.cancelled()
		return badclient.Reply{}
	}
}

// cancelled waits until the upstream has seen the row's client go.
func (c *caller) cancelled() {
	_, err := c.up.WaitCancelled(c.name, clientPatience)
	c.noProblem(err)
}

// silent is an upstream that has taken a request and says nothing. The mark is the model's name.
func silent(name string) []faultd.Script {
	return []faultd.Script{{faultd.Mark(name), faultd.Silence()}}
}

// halting stops behind its fifth word for ever.
var halting = []faultd.Script{{faultd.SSE(), faultd.Open(), faultd.Say(1, 5), faultd.Silence()}}

// goneRows are clients that leave.
var goneRows = []clientRow{
	{
		id: "D39 at chunk 5, FIN", scripts: halting,
		act: func(c *caller) badclient.Reply {
			defer c.cancelled()
			return c.saw(c.client().LeaveAfterEvents(c.post(`"stream":true`), 5))
		},
		want: clientWant{status: 200, end: "client_gone", asked: 1, left: 1},
	},
	{
		id: "D39 at chunk 5, RST", scripts: halting,
		act: func(c *caller) badclient.Reply {
			defer c.cancelled()
			client := c.client()
			client.RST = true
			return c.saw(client.LeaveAfterEvents(c.post(`"stream":true`), 5))
		},
		want: clientWant{status: 200, end: "client_gone", asked: 1, left: 1},
	},
	{
		id: "D39 at chunk 5 of 100 that keep coming", scripts: []faultd.Script{{faultd.SSE(), faultd.Open(), faultd.Spaced(5*time.Millisecond, faultd.Say(1, 100)), faultd.Silence()}},
		act: func(c *caller) badclient.Reply {
			defer c.cancelled()
			return c.saw(c.client().LeaveAfterEvents(c.post(`"stream":true`), 5))
		},
		want: clientWant{status: 200, end: "client_gone", asked: 1, left: 1},
	},
	{
		id: "D39 at chunk 5, by HTTP/2 and 3", scripts: halting, want: clientWant{ends: map[string]int{"client_gone": 2}, asked: 2, left: 2},
		act: func(c *caller) badclient.Reply {
			for n, client := range []*http.Client{c.site.H2(), c.site.H3()} {
				_, _, err := c.read(context.Background(), client, c.site.TLSURL, func(so []byte) bool { return !bytes.Contains(so, []byte("w0005")) })
				c.noProblem(err)
				_, err = c.up.Wait(n+1, clientPatience, func(e faultd.Entry) bool { return e.Model == c.name && e.Outcome == faultd.Cancelled })
				c.noProblem(err)
				client.CloseIdleConnections()
			}
			return badclient.Reply{}
		},
	},
	{
		id: "D40 before the first byte, by HTTP/2 and 3", scripts: []faultd.Script{{faultd.Silence()}},
		want: clientWant{ends: map[string]int{"client_gone": 2}, asked: 2, left: 2},
		act: func(c *caller) badclient.Reply {
			for n, client := range []*http.Client{c.site.H2(), c.site.H3()} {
				ctx, leave := context.WithCancel(context.Background())
				asked := make(chan error, 1)
				go func() {
					_, _, err := c.read(ctx, client, c.site.TLSURL, func([]byte) bool { return true })
					asked <- err
				}()
				_, err := c.up.Wait(n+1, clientPatience, func(e faultd.Entry) bool { return e.Model == c.name })
				c.noProblem(err)
				leave()
				if err := <-asked; !errors.Is(err, context.Canceled) {
					c.problem("client: %v", err)
				}
				_, err = c.up.Wait(n+1, clientPatience, func(e faultd.Entry) bool { return e.Model == c.name && e.Outcome == faultd.Cancelled })
				c.noProblem(err)
				client.CloseIdleConnections()
			}
			return badclient.Reply{}
		},
	},
	{
		id: "D40 stream before its first byte", scripts: silent("d40-stream-before-its-first-byte"),
		act: leaveAt(badclient.Client{}, `"stream":true`), want: clientWant{end: "client_gone", asked: 1, left: 1},
	},
	{
		id: "D40 stream before its first byte, RST", scripts: silent("d40-stream-before-its-first-byte--rst"),
		act: leaveAt(badclient.Client{RST: true}, `"stream":true`), want: clientWant{end: "client_gone", asked: 1, left: 1},
	},
	{
		id: "D40 before the first content", scripts: []faultd.Script{{faultd.SSE(), faultd.Open(), faultd.Mark("d40-before-the-first-content"), faultd.Silence()}},
		act: leaveAt(badclient.Client{}, `"stream":true`), want: clientWant{end: "client_gone", asked: 1, left: 1},
	},
	{
		id: "W32 whole answer before its first byte", scripts: silent("w32-whole-answer-before-its-first-byte"),
		act: leaveAt(badclient.Client{}), want: clientWant{end: "client_gone", asked: 1, left: 1},
	},
	{
		id: "W32 whole answer in its middle",
		scripts: []faultd.Script{{faultd.Head(200, "Content-Type: application/json", "Content-Length: 1000"), faultd.Text(`{"id":`),
			faultd.Mark("w32-whole-answer-in-its-middle"), faultd.Silence()}},
		act: leaveAt(badclient.Client{}), want: clientWant{end: "client_gone", asked: 1, left: 1},
	},
	{
		id: "W32 with a fallback", gate: "fallback up/w32-spare\nstrategy fallback\nmax_retries 3", scripts: silent("w32-with-a-fallback"),
		act: leaveAt(badclient.Client{}, `"stream":true`), want: clientWant{end: "client_gone", asked: 1, left: 1},
		check: func(t *testing.T, c *caller, _ *badclient.Reply) {
			if n := len(c.up.Entries("w32-spare")); n > 0 {
				t.Errorf("upstream: the fallback was asked %d times for nobody", n)
			}
		},
	},
	{
		id: "W32 during the wait for a retry", gate: "max_retries 3", scripts: []faultd.Script{{faultd.Fail(503, "Retry-After: 30")}},
		act: func(c *caller) badclient.Reply {
			leave := make(chan struct{})
			go func() {
				defer close(leave)
				_, err := c.up.WaitEnded(c.name, 1, clientPatience)
				c.noProblem(err)
			}()
			c.noProblem(c.client().LeaveUnread(c.post(), leave))
			return badclient.Reply{}
		},
		want: clientWant{end: "client_gone", asked: 1},
	},
	{
		// Whoever closes its side alone still reads, so this is no client that is gone for as long as its body is missing.
		id: "W32 in its own request, FIN",
		act: func(c *caller) badclient.Reply {
			b := c.post().Bytes()
			c.noProblem(c.client().LeaveInRequest(b, len(b)-10, nil))
			return badclient.Reply{}
		},
		want: clientWant{nameless: 1},
	},
	{
		id: "D52 one of a hundred streams is reset", scripts: []faultd.Script{{faultd.SSE(), faultd.Open(), faultd.Say(1, 3), faultd.Wait("d52"),
			faultd.Say(4, 9), faultd.Rest(9), faultd.End()}},
		act:  resetOne,
		want: clientWant{ends: map[string]int{"ok": 99, "client_gone": 1}, asked: 100, left: 1},
	},
}

// resetOne asks for a hundred streams on one connection and resets one of them.
func resetOne(c *caller) badclient.Reply {
	const n, one = 100, 37
	addr := strings.TrimPrefix(c.site.TLSURL, "https://")
	reqs := make([]badclient.Request, n)
	for i := range reqs {
		reqs[i] = c.post(`"stream":true`)
		reqs[i].Host = addr
	}
	leave := make(chan struct{})
	go func() {
		defer c.up.Release("d52")
		_, err := c.up.Wait(n, clientPatience, func(e faultd.Entry) bool { return e.Model == c.name && e.Sent > 0 })
		c.noProblem(err)
		close(leave)
		c.cancelled()
	}()
	client := badclient.Client{Addr: addr, TLS: c.site.TLS("h2")}
	for i, r := range client.Parallel(reqs, map[int]<-chan struct{}{one: leave}) {
		c.saw(r)
		err := faultd.CheckWords(r.Text(), 9)
		if i == one {
			if r.Err == nil {
				c.problem("the stream that was reset has no error")
			}
		} else if err != nil || !r.Done || r.Status != 200 {
			c.problem("stream %d: status %d, %v, %v", i, r.Status, err, r.Err)
		}
	}
	return badclient.Reply{}
}

// checkSlowMemory holds streams whose clients don't read: the upstream is held up by them, and the gateway holds little
// for each of them.
func checkSlowMemory(t *testing.T, f *front) {
	const n, most = 16, 256 << 10
	f.up.On("second", faultd.Script{faultd.SSE(), faultd.Open(), faultd.Forever()})
	defer f.up.On("second", faultd.Script{faultd.Healthy(3)})
	before := f.site.Usage()
	leave := make(chan struct{})
	gone := make(chan error, n)
	req := badclient.Post(frontPath, frontKey, chatBody(`"model":"second"`, `"stream":true`))
	old := len(f.up.Entries("second"))
	for range n {
		go func() { gone <- badclient.Client{Addr: f.open, Limit: time.Minute}.LeaveUnread(req, leave) }()
	}
	var sent string
	site.Eventually(t, "the upstream is held up by clients that read nothing", time.Minute, func() bool {
		last := sent
		sent = ""
		for _, e := range f.up.Entries("second")[old:] {
			sent += fmt.Sprint(e.Sent, " ")
		}
		time.Sleep(100 * time.Millisecond)
		return sent == last && strings.Count(sent, " ") == n
	})
	held := f.site.Usage()
	if more := held.Heap - before.Heap; more > n*most {
		t.Errorf("%d streams that nobody reads hold %d bytes, more than %d each", n, more, most)
	}
	close(leave)
	for range n {
		if err := <-gone; err != nil {
			t.Error(err)
		}
	}
	left, err := f.up.Wait(old+n, clientPatience, func(e faultd.Entry) bool { return e.Model == "second" && e.Outcome != faultd.Running })
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range left[old:] {
		if e.Outcome != faultd.Cancelled || e.Sent > 64<<20 {
			t.Errorf("a stream that nobody read: %s after %d bytes", e.Outcome, e.Sent)
		}
	}
	t.Logf("heap %d bytes a stream; sent upstream: %s", (held.Heap-before.Heap)/n, sent)
}

package survival

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/layergateway/layergateway/internal/faultd"
	"github.com/layergateway/layergateway/internal/faultd/badclient"
)

// slowBytes is what a slow reader gets: with the race detector, which makes each byte some ten times as slow, less.
var slowBytes = map[bool]int{false: 80, true: 8}[frontRaced]

// streamRows are streams that clients take slowly, that never end, and that come by each protocol.
var streamRows = append(muchRows, []clientRow{
	{
		id: "D41 a slow reader gets all", scripts: []faultd.Script{{faultd.SSE(), faultd.Open(), faultd.Repeat(slowBytes, faultd.Large(64<<10)), faultd.Rest(slowBytes), faultd.End()}},
		act: func(c *caller) badclient.Reply {
			return c.saw(badclient.Client{Addr: c.open, Limit: time.Minute}.ReadSlowly(c.post(`"stream":true`), 32<<10, time.Millisecond, 64<<10, nil))
		},
		want: clientWant{status: 200, end: "ok", asked: 1},
		check: func(t *testing.T, _ *caller, r *badclient.Reply) {
			if text := r.Text(); len(text) != slowBytes*64<<10 || strings.Trim(text, "x") != "" || !r.Done || !r.Whole {
				t.Errorf("client: %d bytes of text, done %v, whole %v (%v)", len(text), r.Done, r.Whole, r.Err)
			}
		},
	},
	{
		id: "D41 a reader that has stopped is cut off", scripts: []faultd.Script{{faultd.SSE(), faultd.Open(), faultd.Forever()}},
		act: func(c *caller) badclient.Reply {
			leave := make(chan struct{})
			go func() {
				defer close(leave)
				c.cancelled() // while the client is there
			}()
			c.noProblem(badclient.Client{Addr: c.tight}.LeaveUnread(c.post(`"stream":true`), leave))
			return badclient.Reply{}
		},
		want: clientWant{end: "client_gone", asked: 1, left: 1},
	},
	{
		id: "D41 a reader that has stopped is cut off, by HTTP/2 and 3", scripts: []faultd.Script{{faultd.SSE(), faultd.Open(), faultd.Forever()}},
		want: clientWant{ends: map[string]int{"client_gone": 2}, asked: 2, left: 2},
		act: func(c *caller) badclient.Reply {
			for n, client := range []*http.Client{c.site.H2(), c.site.H3()} {
				waited := false
				_, proto, err := c.read(context.Background(), client, "https://"+c.tightTLS, func([]byte) bool {
					if !waited {
						waited = true
						_, err := c.up.Wait(n+1, clientPatience, func(e faultd.Entry) bool { return e.Model == c.name && e.Outcome == faultd.Cancelled })
						c.noProblem(err)
					}
					return true
				})
				if err == nil {
					c.problem("%s: what was cut off looks whole", proto)
				}
				client.CloseIdleConnections()
			}
			return badclient.Reply{}
		},
	},
	{
		id: "D42 a stream without an end, in time", gate: "timeout total 1500ms",
		scripts: []faultd.Script{{faultd.SSE(), faultd.Open(), faultd.Spaced(20*time.Millisecond, faultd.Forever())}},
		act:     askStream,
		want:    clientWant{status: 200, code: "provider_timeout", end: "timeout", asked: 1, left: 1},
		check: func(t *testing.T, _ *caller, r *badclient.Reply) {
			h := faultd.Hear(r.Text())
			if r.Done || !r.Whole || h.Last < 3 || faultd.CheckWords(r.Text(), h.Last) != nil {
				t.Errorf("client: done %v, whole %v, text %.100q", r.Done, r.Whole, r.Text())
			}
			if last := r.Events[len(r.Events)-1].Data; !strings.HasPrefix(last, `{"error":`) {
				t.Errorf("client: the last event is %s", last)
			}
		},
	},
	{
		id: "D51 HTTP/1.0, whole", scripts: wellSaid(5), act: func(c *caller) badclient.Reply { return c.do(c.post().HTTP10()) },
		want: clientWant{status: 200, words: 5, end: "ok", asked: 1},
		check: func(t *testing.T, _ *caller, r *badclient.Reply) {
			if r.Chunked || !r.Whole || !r.Closed {
				t.Errorf("client: chunked %v, whole %v, closed %v", r.Chunked, r.Whole, r.Closed)
			}
		},
	},
	{
		id: "D51 HTTP/1.0, stream", scripts: wellSaid(40), act: func(c *caller) badclient.Reply { return c.do(c.post(`"stream":true`).HTTP10()) },
		want: clientWant{status: 200, words: 40, end: "ok", asked: 1},
		check: func(t *testing.T, _ *caller, r *badclient.Reply) {
			if r.Chunked || !r.UntilClose || !r.Whole || !r.Done {
				t.Errorf("client: chunked %v, until close %v, whole %v, done %v", r.Chunked, r.UntilClose, r.Whole, r.Done)
			}
		},
	},
	{
		id: "D53 HTTP/1, 2 and 3 see the same", scripts: []faultd.Script{
			d53Script("http1"), d53Script("http2"), d53Script("http3"),
		},
		act:  sameEverywhere,
		want: clientWant{ends: map[string]int{"ok": 3}, asked: 3},
	},
}...)

// muchRows move more bytes than the race detector has time for.
var muchRows = func() []clientRow {
	if frontRaced {
		return nil
	}
	return []clientRow{{
		id: "D42 a stream without an end, in bytes", scripts: []faultd.Script{{faultd.SSE(), faultd.Open(), faultd.Repeat(1000, faultd.Large(8<<20))}},
		act:  readMuch,
		want: clientWant{ends: map[string]int{"truncated": 1}, asked: 1, left: 1},
	}}
}()

// d53Script goes on once the client has the beginning.
func d53Script(gate string) faultd.Script {
	return faultd.Script{faultd.SSE(), faultd.Open(), faultd.Say(1, 3), faultd.Wait("d53-" + gate), faultd.Say(4, 20), faultd.Rest(20), faultd.End()}
}

// sameEverywhere asks by each protocol, and lets the upstream go on once the client has the first words.
func sameEverywhere(c *caller) badclient.Reply {
	var first string
	for _, by := range []struct {
		gate, proto, base string
		client            *http.Client
	}{
		{"http1", "HTTP/1.1", c.site.URL, c.site.Client()}, {"http2", "HTTP/2.0", c.site.TLSURL, c.site.H2()}, {"http3", "HTTP/3.0", c.site.TLSURL, c.site.H3()},
	} {
		released := false
		body, proto, err := c.read(context.Background(), by.client, by.base, func(so []byte) bool {
			if !released && bytes.Contains(so, []byte("w0003")) {
				released = true
				c.up.Release("d53-" + by.gate)
			}
			return true
		})
		by.client.CloseIdleConnections()
		if !released {
			c.up.Release("d53-" + by.gate)
			c.problem("%s: the first words did not come before the others", by.proto)
		}
		if err != nil || proto != by.proto || !bytes.HasSuffix(body, []byte("data: [DONE]\n\n")) {
			c.problem("%s: %v, by %s: %.300s", by.proto, err, proto, body)
		}
		if text := same(body); first == "" {
			first = text
		} else if text != first {
			c.problem("%s: %s\nby HTTP/1: %s", by.proto, text, first)
		}
	}
	return badclient.Reply{}
}

// read asks for a stream and hands over what has come so far, until that is enough.
func (c *caller) read(ctx context.Context, client *http.Client, base string, more func(so []byte) bool) (body []byte, proto string, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+frontPath, strings.NewReader(c.body(`"stream":true`)))
	if err != nil {
		return nil, "", err
	}
	req.Header.Set("Authorization", "Bearer "+frontKey)
	resp, err := client.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := resp.Body.Read(buf)
		body = append(body, buf[:n]...)
		if errors.Is(err, io.EOF) {
			return body, resp.Proto, nil
		}
		if err != nil || !more(body) {
			return body, resp.Proto, err
		}
	}
}

// readMuch reads a stream of which only the end is of interest.
func readMuch(c *caller) badclient.Reply {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+c.open+frontPath, strings.NewReader(c.body(`"stream":true`)))
	if err != nil {
		c.problem("%v", err)
		return badclient.Reply{}
	}
	req.Header.Set("Authorization", "Bearer "+frontKey)
	resp, err := c.site.Client().Do(req)
	if err != nil {
		c.problem("%v", err)
		return badclient.Reply{}
	}
	defer resp.Body.Close()
	var end []byte
	read, buf := 0, make([]byte, 256<<10)
	for err == nil {
		var n int
		n, err = resp.Body.Read(buf)
		read += n
		end = append(end, buf[:n]...)
		end = end[max(0, len(end)-1000):]
	}
	if !errors.Is(err, io.EOF) {
		c.problem("after %d bytes: %v", read, err)
	}
	if at := bytes.LastIndex(end, []byte("data: ")); at < 0 || !bytes.Contains(end[at:], []byte(`"code":"answer_too_large"`)) {
		c.problem("the end of %d bytes: %s", read, end)
	}
	if read < 100<<20 || read > 140<<20 {
		c.problem("%d bytes were read", read)
	}
	return badclient.Reply{}
}

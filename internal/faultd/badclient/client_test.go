package badclient

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/layergateway/layergateway/internal/faultd"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 20 * time.Second

// wants fails the test where what was seen is not what should have been.
func wants(t *testing.T, what string, got, want any) {
	t.Helper()
	if says(got) != says(want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// says is its values with a space between any two.
func says(values ...any) string { return strings.TrimSuffix(fmt.Sprintln(values...), "\n") }

// seen is a request as net/http's server took it.
type seen struct {
	proto, body string
	header      http.Header
	trailer     http.Header
	err         error
}

// plain is a server that echoes bodies, and tells what it got.
func plain(t *testing.T) (Client, <-chan seen) {
	t.Helper()
	all := make(chan seen, 64)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "Bearer bad" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		b, err := io.ReadAll(r.Body)
		all <- seen{r.Proto, string(b), r.Header, r.Trailer, err}
		if err == nil {
			w.Header().Set("X-Path", r.URL.Path)
			_, _ = w.Write(b)
		}
	}))
	t.Cleanup(s.Close)
	return Client{Addr: s.Listener.Addr().String(), Limit: patience}, all
}

func TestRequests(t *testing.T) {
	c, all := plain(t)
	req := Post("/a", "key", `{"a":1}`)

	r := c.Do(req.With(ManyHeaders(20)...))
	wants(t, "answer", r.StatusLine+" "+string(r.Body), `HTTP/1.1 200 OK {"a":1}`)
	wants(t, "whole, closed", says(r.Whole, r.Closed, r.Err, r.WriteErr), "true false <nil> <nil>")
	wants(t, "raw ends with the body", bytes.HasSuffix(r.Raw, []byte("\r\n\r\n"+`{"a":1}`)), true)
	s := <-all
	wants(t, "request", s.proto+s.body+s.header.Get("X-Many-19")+s.header.Get("Authorization"), `HTTP/1.1{"a":1}19Bearer key`)

	r = c.Do(req.HTTP10())
	wants(t, "HTTP/1.0", says((<-all).proto, r.Status, r.Chunked, r.Whole, r.Closed), "HTTP/1.0 200 false true true")

	r = c.Send(req.Chunked(Chunks{Size: 3, Extension: ";x=y", Trailers: []string{"X-T: 1"}}))
	s = <-all
	wants(t, "chunked", says(r.Status, s.body), `200 {"a":1}`)
	c.Send(req.Chunked(Chunks{Size: 3, First: "zz"}))
	wants(t, "malformed chunk", (<-all).err != nil, true)
	c.Send(req.Chunked(Chunks{Size: 3, LineEnd: "\r\r"}))
	wants(t, "malformed line end", (<-all).err != nil, true)

	r = c.HalfClose(req)
	wants(t, "half-closed", says(r.Status == 200 || r.Closed, (<-all).body), `true {"a":1}`)

	r = c.Do(req.With(BigHeader(2 << 20)))
	wants(t, "big header", r.Status == http.StatusRequestHeaderFieldsTooLarge || r.WriteErr != nil, true)

	n := 0
	for i, r := range c.Pipeline(req, Request{Method: "GET", Path: "/b"}, Post("/c", "key", "third")) {
		wants(t, "path in turn", r.Header.Get("X-Path"), []string{"/a", "/b", "/c"}[i])
		n += len(r.Body)
		<-all
	}
	wants(t, "pipelined bytes", n, len(`{"a":1}third`))
}

func TestExpect(t *testing.T) {
	c, all := plain(t)
	r := c.Expect(Post("/a", "key", "body"))
	wants(t, "good key", says(r.Interim, r.Status, r.SentBody, string(r.Body), (<-all).body), "[HTTP/1.1 100 Continue] 200 true body body")
	r = c.Expect(Post("/a", "bad", "body"))
	wants(t, "bad key", says(r.Interim, r.Status, r.SentBody), "[] 401 false")
}

func TestGzip(t *testing.T) {
	c, all := plain(t)
	c.Do(Post("/a", "key", "body").Gzipped())
	s := <-all
	wants(t, "encoding", s.header.Get("Content-Encoding"), "gzip")
	for name, b := range map[string]struct{ in, want string }{
		"gzipped": {s.body, "body"},
		"bomb":    {string(Bomb(`{"x":"`, 2, `"}`)), `{"x":"` + strings.Repeat("a", 2<<20) + `"}`},
	} {
		zr, err := gzip.NewReader(strings.NewReader(b.in))
		if err != nil {
			t.Fatal(err)
		}
		out, err := io.ReadAll(zr)
		if err != nil || string(out) != b.want {
			t.Errorf("%s: %v, %d bytes, want %d", name, err, len(out), len(b.want))
		}
	}
	if n := len(Bomb("", 1024, "")); n > 2<<20 {
		t.Errorf("a bomb of 1 GiB has %d bytes", n)
	}
}

// The clients that leave are gone for the server, and have read what they should have.
func TestLeaving(t *testing.T) {
	for _, rst := range []bool{false, true} {
		for _, overTLS := range []bool{false, true} {
			t.Run(fmt.Sprintf("rst=%v,tls=%v", rst, overTLS), func(t *testing.T) {
				s := faultd.New(t, faultd.Options{TLS: overTLS})
				c := Client{Addr: s.Addr, RST: rst, Limit: patience}
				if overTLS {
					c.TLS = &tls.Config{RootCAs: s.CA(), ServerName: "localhost", MinVersion: tls.VersionTLS12}
				}
				s.On("m", faultd.Script{faultd.Mark("arrived"), faultd.SSE(), faultd.Open(), faultd.Say(1, 5), faultd.Silence()})
				req := Post("/v1/chat/completions", "key", `{"model":"m","stream":true}`)
				left := func(n int) {
					t.Helper()
					e, err := s.Wait(n, patience, func(e faultd.Entry) bool { return e.Outcome == faultd.Cancelled })
					if err != nil {
						t.Fatal(err)
					}
					// To close with something unread is a reset too; and a write may notice first.
					if rst && !overTLS && e[n-1].GoneBy == "FIN" {
						t.Error("gone by FIN, want RST")
					}
				}
				r := c.LeaveAfterEvents(req, 4)
				wants(t, "events", says(len(r.Events), r.Text(), r.Done, r.Whole), "4 "+faultd.WordsText(3)+" false false")
				left(1)
				r = c.LeaveAfterText(req, len(faultd.WordsText(5)))
				wants(t, "text", r.Text(), faultd.WordsText(5))
				left(2)
				r = c.LeaveAfterBytes(req, 1)
				wants(t, "bytes", len(r.Body) > 0 && !r.Whole, true)
				left(3)
				if err := c.LeaveUnread(req, s.Reached("arrived")); err != nil {
					t.Error(err)
				}
				left(4)
				b := req.Bytes()
				if err := c.LeaveInRequest(b, len(b)-1, nil); err != nil {
					t.Error(err)
				}
				left(5)
			})
		}
	}
}

func TestAnswers(t *testing.T) {
	s := faultd.New(t, faultd.Options{})
	c := Client{Addr: s.Addr, Limit: patience}
	ask := func(stream bool, script ...faultd.Step) Reply {
		s.On("m", faultd.Script(script))
		return c.Do(Post("/v1/chat/completions", "key", fmt.Sprintf(`{"model":"m","stream":%v}`, stream)))
	}
	r := ask(true, faultd.Healthy(60))
	wants(t, "stream", says(r.Text(), r.Done, r.Whole, r.Chunked, r.Finish(), r.Fault()), faultd.WordsText(60)+" true true true stop <nil>")
	wants(t, "in time", r.FirstByte > 0 && r.FirstByte <= r.Events[0].At && r.Events[59].At <= r.Took, true)
	r = ask(false, faultd.Healthy(60))
	wants(t, "whole", says(r.Text(), r.Done, r.Whole, r.Finish()), faultd.WordsText(60)+" false true stop")
	r = ask(true, faultd.SSE(), faultd.Say(1, 2), faultd.Text(": a comment\n\n"), faultd.FailEvent(503), faultd.End())
	wants(t, "error event", says(r.Text(), r.Comments, r.Fault().Type, r.Done), "w0001 w0002 1 server_error false")
	r = ask(false, faultd.FailCode(429, "insufficient_quota"))
	wants(t, "error", says(r.Status, r.Fault().Code), "429 insufficient_quota")
	r = ask(true, faultd.SSE(), faultd.Say(1, 2), faultd.Close())
	wants(t, "cut off", says(r.Text(), r.Whole, r.Err), "w0001 w0002 false unexpected EOF")
	r = ask(true, faultd.Head(200, "Content-Type: text/event-stream"), faultd.Say(1, 2))
	wants(t, "until the close", says(r.Whole, r.UntilClose), "true true")
	r = ask(true, faultd.Close())
	wants(t, "no answer", says(r.Status, r.Closed, r.Err), "0 true EOF")
}

// The faulty upstream answers pipelined requests in turn, and says nothing more once it has closed.
func TestPipelineUpstream(t *testing.T) {
	s := faultd.New(t, faultd.Options{})
	s.On("m", faultd.Script{faultd.Healthy(1)}, faultd.Script{faultd.Healthy(2)}, faultd.Script{faultd.Reset()})
	req := Post("/v1/chat/completions", "key", `{"model":"m"}`)
	all := Client{Addr: s.Addr, Limit: patience}.Pipeline(req, req, req, req)
	wants(t, "answers", says(all[0].Text(), all[1].Text(), all[2].Status, all[3].Status), "w0001 w0001 w0002 0 0")
	wants(t, "journal", says(len(s.Conns()), len(s.Entries("m"))), "1 3")
}

// A slow reader holds the server up, and goes when it is told to.
func TestReadSlowly(t *testing.T) {
	s := faultd.New(t, faultd.Options{SendBuffer: 4 << 10})
	s.On("m", faultd.Script{faultd.SSE(), faultd.Forever()})
	s.On("short", faultd.Script{faultd.Healthy(3)})
	c := Client{Addr: s.Addr, Limit: patience}
	r := c.ReadSlowly(Post("/v1/chat/completions", "key", `{"model":"short"}`), 100, time.Microsecond, 0, nil)
	wants(t, "short", says(r.Text(), r.Whole), faultd.WordsText(3)+" true")

	leave, over := make(chan struct{}), make(chan Reply)
	go func() {
		over <- c.ReadSlowly(Post("/v1/chat/completions", "key", `{"model":"m"}`), 64, time.Millisecond, 4<<10, leave)
	}()
	if _, err := s.WaitSent("m", 1, patience); err != nil {
		t.Fatal(err)
	}
	// By the time that it has read so little, a fast server would have sent much more.
	time.Sleep(100 * time.Millisecond)
	sent := s.Entries("m")[0].Sent
	close(leave)
	if r := <-over; int64(len(r.Body)) > sent+64 || r.Whole {
		t.Errorf("read %d of %d bytes", len(r.Body), sent)
	}
	if sent > 8<<20 {
		t.Errorf("%d bytes were sent to a slow reader", sent)
	}
	if _, err := s.WaitCancelled("m", patience); err != nil {
		t.Error(err)
	}
}

// One stream of many is reset, and only that one.
func TestParallel(t *testing.T) {
	for _, overTLS := range []bool{false, true} {
		s := faultd.New(t, faultd.Options{TLS: overTLS, HTTP2: true})
		c := Client{Addr: s.Addr, Limit: patience}
		if overTLS {
			c.TLS = &tls.Config{RootCAs: s.CA(), ServerName: "localhost", MinVersion: tls.VersionTLS12}
		}
		reqs := make([]Request, 100)
		for i := range reqs {
			model := "m"
			if i == 42 {
				model = "left"
			}
			reqs[i] = Post("/v1/chat/completions", "key", fmt.Sprintf(`{"model":%q,"stream":true}`, model))
		}
		s.On("left", faultd.Script{faultd.Mark("here"), faultd.SSE(), faultd.Silence()})
		s.On("m", faultd.Script{faultd.SSE(), faultd.Open(), faultd.Wait("left"), faultd.Say(1, 20), faultd.Rest(20), faultd.End()})
		go func() {
			if _, err := s.WaitCancelled("left", patience); err == nil {
				s.Release("left")
			}
		}()
		for i, r := range c.Parallel(reqs, map[int]<-chan struct{}{42: s.Reached("here")}) {
			if err := faultd.CheckWords(r.Text(), 20); i != 42 && (err != nil || !r.Done) {
				t.Errorf("stream %d: %v, %v", i, err, r.Err)
			}
			if i == 42 && r.Err == nil {
				t.Error("the stream that was left ended well")
			}
		}
		e := s.Entries("left")
		wants(t, "journal", says(len(s.Conns()), len(e), e[0].GoneBy, len(s.Entries("m"))), "1 1 RST_STREAM 99")
	}
	if r := (Client{Addr: "127.0.0.1:1"}).Parallel(make([]Request, 1), nil); r[0].Err == nil {
		t.Error("no server, and no error")
	}
}

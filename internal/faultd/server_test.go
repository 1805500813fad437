package faultd

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// What a script does must be what a client sees, by each of the protocols.
func TestScripts(t *testing.T) {
	stream := OpenAI.Stream("m", 60)
	half := string(bytes.Join(append(stream.Open, stream.Words[:40]...), nil))
	zipped := func(s string) string {
		zr, err := gzip.NewReader(strings.NewReader(s))
		if err != nil {
			return err.Error()
		}
		b, err := io.ReadAll(zr)
		if err != nil {
			return err.Error()
		}
		return string(b)
	}
	tests := map[string]struct {
		script  Script
		status  int
		body    string
		decode  func(string) string
		broken  bool // the client must see that the answer is not whole
		outcome Outcome
		only1   bool // HTTP/1 alone can do it
		only2   bool
	}{
		"healthy":             {script: Script{Healthy(60)}, status: 200, body: string(stream.Bytes()), outcome: Done},
		"refusal":             {script: Script{Fail(429, "Retry-After: 2")}, status: 429, body: string(OpenAI.Error(429, "", ErrorText)), outcome: Done},
		"FIN half-way":        {script: Script{SSE(), Open(), Say(1, 40), Close()}, status: 200, body: half, broken: true, outcome: Broken},
		"no last chunk":       {script: Script{SSE(), Open(), Say(1, 40)}, status: 200, body: half, broken: true, outcome: Broken},
		"RST once read":       {script: Script{SSE(), Open(), Say(1, 40), Wait("read"), Reset()}, status: 200, body: half, broken: true, outcome: Broken},
		"RST_STREAM":          {script: Script{SSE(), Open(), Say(1, 40), Wait("read"), ResetStream(2)}, status: 200, body: half, broken: true, outcome: Broken},
		"half-close":          {script: Script{SSE(), Open(), Say(1, 40), HalfClose()}, status: 200, body: half, broken: true, outcome: Broken},
		"GOAWAY, then all":    {script: Script{GoAway(0), Healthy(60)}, status: 200, body: string(stream.Bytes()), outcome: Done, only2: true},
		"too long a length":   {script: Script{Lying(200, 5, "application/json", []byte("{}"))}, status: 200, body: "{}", broken: true, outcome: Broken},
		"too short a length":  {script: Script{Lying(200, -1, "application/json", []byte("{}"), "Connection: close")}, status: 200, body: "{", outcome: Broken, only1: true},
		"until the close":     {script: Script{Head(200), Text("all")}, status: 200, body: "all", outcome: Done, only1: true},
		"empty":               {script: Script{Answer(200, "application/json", nil)}, status: 200, outcome: Done},
		"split, mapped":       {script: Script{SSE(), Split(1, LineEnds("\r\n", Text("a\n\n"))), End()}, status: 200, body: "a\r\n\r\n", outcome: Done},
		"cut and joined":      {script: Script{SSE(), Join(CutAt([]int{1, 2}, Text("ab", "c"))), End()}, status: 200, body: "abc", outcome: Done},
		"spaced and repeated": {script: Script{SSE(), Repeat(2, Spaced(time.Millisecond, Text("ab", "c"))), End()}, status: 200, body: "abcabc", outcome: Done},
		"gzip by event":       {script: Script{SSE("Content-Encoding: gzip"), Gzip(Open(), Say(1, 40)), End()}, status: 200, body: half, decode: zipped, outcome: Done},
		"large":               {script: Script{SSE(), Large(3 << 20), End()}, status: 200, body: string(OpenAI.Delta("m", strings.Repeat("x", 3<<20))), outcome: Done},
		"interim, trailers":   {script: Script{Interim(103), SSE("Trailer: x-a"), Text("b"), End("x-a: 1")}, status: 200, body: "b", outcome: Done},
		"raw":                 {script: Script{Raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")}, status: 200, broken: true, outcome: Broken, only1: true},
		"page":                {script: Script{Page(502, 300)}, status: 502, outcome: Done, decode: func(s string) string { return s[:0] }},
		"unscripted":          {status: 501, body: "no script for this model", outcome: Done},
	}
	for _, proto := range []string{"http/1.1", "https/1.1", "h2c", "h2"} {
		t.Run(proto, func(t *testing.T) {
			h2 := strings.HasPrefix(proto, "h2")
			for name, tt := range tests {
				if (tt.only1 && h2) || (tt.only2 && !h2) {
					continue
				}
				t.Run(name, func(t *testing.T) {
					s := New(t, Options{TLS: proto == "https/1.1" || proto == "h2", HTTP2: h2})
					if tt.script != nil {
						s.On("m", tt.script)
					}
					// An RST takes away what has not been read yet.
					seen := &after{len(half), func() { s.Release("read") }}
					g := ask(t, client(t, s, h2), s.URL+paths[OpenAI],
						`{"model":"m","stream":true,"stream_options":{"include_usage":true}}`, seen)
					if g.status != tt.status {
						t.Fatalf("status %d (%v), want %d", g.status, g.err, tt.status)
					}
					if tt.decode != nil {
						g.body = tt.decode(g.body)
					}
					if g.body != tt.body {
						t.Errorf("body %.300q, want %.300q", g.body, tt.body)
					}
					if (g.err != nil) != tt.broken {
						t.Errorf("error %v, want one: %v", g.err, tt.broken)
					}
					e, err := s.WaitEnded("m", 1, patience)
					if err != nil {
						t.Fatal(err)
					}
					if e[0].Outcome != tt.outcome || e[0].Status != tt.status && name != "raw" {
						t.Errorf("the journal has %s with %d, want %s", e[0].Outcome, e[0].Status, tt.outcome)
					}
				})
			}
		})
	}
}

// Successive requests get successive scripts, and the last one stays.
func TestSuccession(t *testing.T) {
	s := New(t, Options{})
	s.On("m", Script{Fail(500)}, Script{Fail(429)}, Script{Healthy(1)})
	c := client(t, s, false)
	for i, want := range []int{500, 429, 200, 200} {
		if g := asks(t, s, c, "m"); g.status != want {
			t.Errorf("request %d: status %d (%v), want %d", i, g.status, g.err, want)
		}
	}
	entries, err := s.WaitEnded("m", 4, patience)
	if err != nil || len(entries) != 4 || entries[3].Script != 2 || entries[3].Conn != entries[0].Conn {
		t.Errorf("journal: %s", s)
	}
	if n := s.OpenConns(); n != 1 {
		t.Errorf("%d connections are open, want the one that was kept", n)
	}
	s.Forget()
	asks(t, s, c, "m")
	if entries = s.Entries(""); len(entries) != 1 || entries[0].Seq != 5 || entries[0].Conn != 1 || len(s.Conns()) != 1 {
		t.Errorf("journal: %s, want the fifth request alone", s)
	}
}

// A client that goes is noticed wherever the script is, and how it went is told.
func TestCancelled(t *testing.T) {
	tests := map[string]struct {
		script Script
		sent   int64 // bytes of the body to wait for
	}{
		"before any byte": {script: Script{Mark("begun"), Silence()}},
		"at a gate":       {script: Script{Mark("begun"), SSE(), Open(), Say(1, 5), Wait("never")}, sent: 100},
		"asleep":          {script: Script{Mark("begun"), Sleep(time.Hour)}},
		"never-ending":    {script: Script{Mark("begun"), SSE(), Forever()}, sent: 1 << 20},
	}
	for _, h2 := range []bool{false, true} {
		for name, tt := range tests {
			t.Run(name+map[bool]string{true: " h2"}[h2], func(t *testing.T) {
				s := New(t, Options{TLS: h2, HTTP2: h2})
				s.On("m", tt.script)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+paths[Anthropic], strings.NewReader(`{"model":"m"}`))
				if err != nil {
					t.Fatal(err)
				}
				var wg sync.WaitGroup
				wg.Go(func() {
					resp, err := client(t, s, h2).Do(req)
					if err == nil {
						_, err = io.Copy(io.Discard, resp.Body)
						resp.Body.Close()
					}
					if !errors.Is(err, context.Canceled) {
						t.Errorf("the client saw %v", err)
					}
				})
				<-s.Reached("begun")
				if _, err := s.WaitSent("m", tt.sent, patience); err != nil {
					t.Fatal(err)
				}
				cancel()
				e, err := s.WaitCancelled("m", patience)
				if err != nil {
					t.Fatal(err)
				}
				want := "FIN RST WRITE"
				if h2 {
					want = "RST_STREAM"
				}
				if !strings.Contains(want, e.GoneBy) || e.Gone.IsZero() || e.Dialect != Anthropic {
					t.Errorf("gone by %q at %v, want %s; dialect %s", e.GoneBy, e.Gone, want, e.Dialect)
				}
				wg.Wait()
			})
		}
	}
}

// What goes wrong before any request.
func TestConnections(t *testing.T) {
	tests := map[string]struct {
		opts Options
		want string
	}{
		"reset at once":      {Options{Accept: AcceptReset}, "reset by peer|EOF|broken pipe"},
		"reset in handshake": {Options{TLS: true, Accept: ResetHandshake}, "reset by peer"},
		"expired":            {Options{TLS: true, Cert: Expired}, "expired"},
		"wrong name":         {Options{TLS: true, Cert: WrongName}, "127.0.0.1"},
		"unknown authority":  {Options{TLS: true, Cert: Untrusted}, "unknown authority"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := New(t, tt.opts)
			g := asks(t, s, client(t, s, false), "m")
			found := false
			for w := range strings.SplitSeq(tt.want, "|") {
				found = found || g.err != nil && strings.Contains(g.err.Error(), w)
			}
			if !found || len(s.Entries("")) != 0 || len(s.Conns()) == 0 {
				t.Errorf("error %v, want %s; journal %s", g.err, tt.want, s)
			}
		})
	}
	t.Run("silent", func(t *testing.T) {
		s := New(t, Options{Accept: AcceptSilent})
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		req, _ := http.NewRequestWithContext(ctx, http.MethodPost, s.URL, strings.NewReader("{}"))
		if _, err := client(t, s, false).Do(req); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v, want the deadline", err)
		}
	})
	t.Run("refused", func(t *testing.T) {
		addr, release, err := Refused()
		if err != nil {
			t.Fatal(err)
		}
		defer release()
		if _, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", addr); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("error %v, want a refusal", err)
		}
	})
}

// The death of an upstream ends what runs, and the server serves what comes next.
func TestCloseConns(t *testing.T) {
	s := New(t, Options{})
	s.On("m", Script{Mark("begun"), Silence()}, Script{Healthy(3)})
	var wg sync.WaitGroup
	c := client(t, s, false)
	wg.Go(func() {
		if g := asks(t, s, c, "m"); g.err == nil {
			t.Error("the client saw no error")
		}
	})
	<-s.Reached("begun")
	s.CloseConns()
	wg.Wait()
	e, err := s.WaitEnded("m", 1, patience)
	if err != nil || e[0].Outcome != Aborted {
		t.Fatalf("%v; journal %s", err, s)
	}
	if g := asks(t, s, c, "m"); g.status != 200 {
		t.Errorf("status %d (%v)", g.status, g.err)
	}
}

// A client that does not read holds the upstream up.
func TestBackPressure(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		s := New(t, Options{SendBuffer: 16 << 10, TLS: h2, HTTP2: h2})
		s.On("m", Script{SSE(), Forever()})
		ctx, cancel := context.WithCancel(t.Context())
		req, _ := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+paths[OpenAI], strings.NewReader(`{"model":"m"}`))
		resp, err := client(t, s, h2).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		// The journal stands still once all buffers on the way are full.
		var before int64 = -1
		for n := s.Entries("m")[0].Sent; n != before; n = s.Entries("m")[0].Sent {
			before = n
			time.Sleep(50 * time.Millisecond)
		}
		if before > 32<<20 {
			t.Errorf("%d bytes were sent to nobody", before)
		}
		cancel()
		resp.Body.Close()
		if _, err := s.WaitCancelled("m", patience); err != nil {
			t.Error(err)
		}
	}
}

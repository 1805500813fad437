package relay

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/layergateway/layergateway/access"
)

// TestStopWaiting: who waits for a place when the process ends is told, and not
// left without an answer.
func TestStopWaiting(t *testing.T) {
	for _, drain := range []time.Duration{0, time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			a := &upstream{answers: []answer{{body: good}}}
			r := setup(t, a, nil, gateJSON(``))
			defer r.Gates.Close()
			r.Drain = drain
			r.Concurrency = access.Concurrency{Slots: new(access.Slots), Limit: 1, Queue: 1, Wait: time.Hour}
			leave, err := r.Concurrency.Enter(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer leave()
			time.AfterFunc(time.Second, func() { r.Flights.Stop(t.Context()) })
			start := time.Now()
			w, rec := ask(r, hi, nil)
			if e := errorOf(t, w.Body.Bytes()); w.Code != 503 || *e.Code != "gateway_stopping" || rec.Outcome != GatewayError || len(a.got) != 0 {
				t.Errorf("drain %s: %d %s %s, asked %d times", drain, w.Code, w.Body, rec.Outcome, len(a.got))
			}
			if took := time.Since(start); took != time.Second {
				t.Errorf("drain %s: after %s", drain, took)
			}
		})
	}
}

// halfSent is a request of which the body's beginning alone has come, to a server
// that waits no longer than it says, 0 for ever.
func halfSent(t *testing.T, r *Relay, limit time.Duration) (net.Conn, <-chan *Record) {
	t.Helper()
	records := make(chan *Record, 1)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		rec := NewRecord(r.Now())
		r.Chat(w, req, &access.Key{Name: "k"}, rec)
		records <- rec
	}))
	server.Config.ReadTimeout = limit
	server.Start()
	t.Cleanup(server.Close)
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"); err != nil {
		t.Fatal(err)
	}
	return conn, records
}

// answered checks the answer to a request that was not sent whole.
func answered(t *testing.T, conn net.Conn, rec *Record, status int, code string, outcome Outcome) {
	t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != status || !strings.Contains(string(body), code) || rec.Outcome != outcome || rec.Status != status {
		t.Errorf("%d %s (%v), %s", resp.StatusCode, body, err, rec.Outcome)
	}
}

// TestStopInBody: nor is who has not sent all of its request.
func TestStopInBody(t *testing.T) {
	r := setup(t, nil, nil, gateJSON(``))
	conn, records := halfSent(t, r, 0)
	for r.Flights.Len() == 0 {
		time.Sleep(time.Millisecond)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	r.Flights.Stop(ctx)
	if ctx.Err() != nil {
		t.Fatal("the body is waited for")
	}
	answered(t, conn, <-records, 503, "gateway_stopping", GatewayError)
}

// TestLateBody: who is too slow for the server to send its request hears so.
func TestLateBody(t *testing.T) {
	conn, records := halfSent(t, setup(t, nil, nil, gateJSON(``)), 200*time.Millisecond)
	answered(t, conn, <-records, 408, "request_timeout", Rejected)
}

// TestStopSent: the process does not end before the answers that were ended with
// it have been sent to their end.
func TestStopSent(t *testing.T) {
	f := NewFlights()
	behind := make(chan struct{}) // what the server does behind the gateway's handler
	answer := func(w http.ResponseWriter, r *http.Request) {
		told := f.Tell(r.Context())
		defer told()
		ctx, landed := f.begin(r.Context(), nil)
		defer landed()
		_, _ = io.WriteString(w, "begun, ")
		_ = http.NewResponseController(w).Flush()
		<-ctx.Done()
		_, _ = io.WriteString(w, "and ended")
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer(w, r)
		<-behind
	}))
	defer server.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	time.AfterFunc(20*time.Millisecond, func() { close(behind) })
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	f.Stop(ctx)
	server.CloseClientConnections() // as the process's end does
	if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "begun, and ended" || ctx.Err() != nil {
		t.Errorf("%q, %v, %v", body, err, ctx.Err())
	}
}

// TestClosing: who is on a connection that the server is about to close is told
// before, and nobody else.
func TestClosing(t *testing.T) {
	for _, test := range []struct {
		major   int
		drain   time.Duration
		outcome Outcome
		took    time.Duration
	}{
		{1, 0, Timeout, 5 * time.Second},
		{2, 0, Timeout, 5 * time.Second},
		{3, 0, GatewayError, time.Second},
		{3, time.Minute, GatewayError, time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := setup(t, &upstream{answers: []answer{{hang: true}}}, nil, gateJSON(`"timeouts":{"total":"5s"}`))
			defer r.Gates.Close()
			closing, soon := context.WithCancel(t.Context())
			defer soon()
			r.Closing, r.Drain = closing, test.drain
			time.AfterFunc(time.Second, soon)
			req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/chat/completions", strings.NewReader(hi))
			req.ProtoMajor = test.major
			rec := NewRecord(r.Now())
			r.Chat(httptest.NewRecorder(), req, &access.Key{Name: "k"}, rec)
			if took := rec.Total; rec.Outcome != test.outcome || took != test.took {
				t.Errorf("HTTP/%d: %s after %s", test.major, rec.Outcome, took)
			}
		})
	}
}

package relay

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/layergateway/layergateway/access"
	"github.com/layergateway/layergateway/health"
)

// TestTimeouts checks each limit on a clock of its own.
func TestTimeouts(t *testing.T) {
	list := strings.SplitAfter(goodStream, "\n\n")
	content := list[0] + list[1]
	tests := []struct {
		id     string
		body   string
		sent   string // before the silence
		took   time.Duration
		status int
		begun  bool
	}{
		{"D14 no headers", hiStream, "-", 3 * time.Second, 504, false},
		{"D15 no content", hiStream, list[0], 3 * time.Second, 504, false},
		{"idle", hiStream, content, 5 * time.Second, 200, true},
		{"total", hi, "-", 60 * time.Second, 504, false},
	}
	for _, test := range tests {
		t.Run(test.id, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var ctx context.Context
				u := &upstream{}
				a := answer{typ: "text/event-stream", read: io.MultiReader(strings.NewReader(test.sent), silent(func() context.Context { return ctx }))}
				if test.sent == "-" {
					a = answer{hang: true}
				}
				u.answers = []answer{a}
				r := setup(t, u, nil, gateJSON(`"timeouts":{"firstToken":"3s","idle":"5s","total":"60s"}`))
				p := r.Providers["a"]
				p.Transport = roundTrip(func(req *http.Request) (*http.Response, error) { ctx = req.Context(); return u.RoundTrip(req) })
				start := time.Now()
				w, rec := ask(r, test.body, nil)
				if took := time.Since(start); took != test.took {
					t.Errorf("took %s", took)
				}
				if w.Code != test.status || rec.Outcome != Timeout {
					t.Errorf("%d %s %s", w.Code, rec.Outcome, w.Body)
				}
				out := w.Body.String()
				if e := errorOf(t, []byte(out[strings.LastIndex(out, `{"error"`):])); *e.Code != "provider_timeout" {
					t.Errorf("got %s", out)
				}
				r.Gates.Close()
			})
		})
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestOpenBehindTheEnd: an answer that has ended is not held up by a connection
// that stays open, nor lost with it.
func TestOpenBehindTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ctx context.Context
		u := &upstream{answers: []answer{{typ: "text/event-stream", read: io.MultiReader(strings.NewReader(goodStream), silent(func() context.Context { return ctx }))}}}
		r := setup(t, u, nil, gateJSON(``))
		r.Providers["a"].Transport = roundTrip(func(req *http.Request) (*http.Response, error) { ctx = req.Context(); return u.RoundTrip(req) })
		start := time.Now()
		w, rec := ask(r, hiStream, nil)
		if rec.Outcome != OK || !strings.HasSuffix(w.Body.String(), "data: [DONE]\n\n") || time.Since(start) != linger {
			t.Errorf("%s after %s: %s", rec.Outcome, time.Since(start), w.Body)
		}
		r.Gates.Close()
	})
}

// TestKeepalive: comments while the upstream is silent, none before its first
// content.
func TestKeepalive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parts := []io.Reader{strings.NewReader(goodStream[:strings.Index(goodStream, "\n\n")+2]), pause(40 * time.Second)}
		rest := goodStream[strings.Index(goodStream, "\n\n")+2:]
		i := strings.Index(rest, "\n\n") + 2
		parts = append(parts, strings.NewReader(rest[:i]), pause(40*time.Second), strings.NewReader(rest[i:]))
		r := setup(t, &upstream{answers: []answer{{typ: "text/event-stream", read: io.MultiReader(parts...)}}}, nil, gateJSON(``))
		r.Keepalive = 15 * time.Second
		w, rec := ask(r, hiStream, nil)
		out := w.Body.String()
		if strings.Count(out, ": ping\n\n") != 2 || strings.HasPrefix(out, ":") || rec.Outcome != OK {
			t.Errorf("%s: %s", rec.Outcome, out)
		}
		r.Gates.Close()
	})
}

func pause(d time.Duration) io.Reader {
	return readerFunc(func([]byte) (int, error) { time.Sleep(d); return 0, io.EOF })
}

// TestRetry: what may pass is tried again after a pause, as often as the gate
// has it; what won't is not.
func TestRetry(t *testing.T) {
	for _, test := range []struct {
		name    string
		answers []answer
		tries   int
		status  int
	}{
		{"passes", []answer{{status: 500}, {body: good}}, 2, 200},
		{"stays", []answer{{status: 500}}, 3, 502},
		{"limit", []answer{{status: 429}, {body: good}}, 1, 429},
		{"caller's fault", []answer{{status: 400}, {body: good}}, 1, 400},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := &upstream{answers: test.answers}
				r := setup(t, a, nil, strings.Replace(gateJSON(``), `"maxRetries":0`, `"maxRetries":2`, 1))
				w, rec := ask(r, hi, nil)
				if w.Code != test.status || len(rec.Tries) != test.tries || len(a.got) != test.tries {
					t.Errorf("%d after %d tries", w.Code, len(rec.Tries))
				}
				for _, body := range a.got {
					if body != a.got[0] {
						t.Errorf("bodies differ: %s", a.got)
					}
				}
				r.Gates.Close()
			})
		})
	}
}

// TestIdlePutOff (D33): whatever comes shows that a stream is alive.
func TestIdlePutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		list := strings.SplitAfter(goodStream, "\n\n")
		parts := []io.Reader{strings.NewReader(list[0] + list[1])}
		for range 4 {
			parts = append(parts, pause(3*time.Second), strings.NewReader(": still here\n\n"))
		}
		a := answer{typ: "text/event-stream", read: io.MultiReader(append(parts, strings.NewReader(strings.Join(list[2:], "")))...)}
		r := setup(t, &upstream{answers: []answer{a}}, nil, gateJSON(`"timeouts":{"idle":"5s"}`))
		defer r.Gates.Close()
		if w, rec := ask(r, hiStream, nil); rec.Outcome != OK {
			t.Errorf("%s: %s", rec.Outcome, w.Body)
		}
	})
}

// TestRetryBudget: what is asked again is within the process's budget, and given
// back to it.
func TestRetryBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &upstream{answers: []answer{{status: 500}}}
		r := setup(t, a, nil, strings.Replace(gateJSON(``), `"maxRetries":0`, `"maxRetries":2`, 1))
		defer r.Gates.Close()
		taken := 0
		for r.Retries.Take() {
			taken++
		}
		if _, rec := ask(r, hi, nil); len(rec.Tries) != 1 {
			t.Errorf("%d tries beyond the budget", len(rec.Tries))
		}
		for range taken {
			r.Retries.Give()
		}
		if _, rec := ask(r, hi, nil); len(rec.Tries) != 3 {
			t.Errorf("%d tries within the budget", len(rec.Tries))
		}
		for range taken {
			if !r.Retries.Take() {
				t.Error("a retry was not given back")
			}
		}
	})
}

// trickle sends some bytes twice a second until the request is cancelled.
func trickle(ctx func() context.Context, text string) io.Reader {
	return readerFunc(func(p []byte) (int, error) {
		select {
		case <-ctx().Done():
			return 0, ctx().Err()
		case <-time.After(500 * time.Millisecond):
			return copy(p, text), nil
		}
	})
}

// TestTrickle: an answer that does not end holds nobody up once all is known of
// it: neither behind its terminal mark, nor where it is a refusal.
func TestTrickle(t *testing.T) {
	for _, test := range []struct {
		name string
		body string
		a    answer
		rest string
		code int
		took time.Duration
	}{
		{"behind a stream", hiStream, answer{typ: "text/event-stream", body: goodStream}, ": x\n\n", 200, linger},
		{"behind a stream that was not asked for", hi, answer{typ: "text/event-stream", body: goodStream}, ": x\n\n", 200, linger},
		{"a failure of a stream", hiStream, answer{status: 500}, " ", 502, maxErrorTime},
		{"a failure", hi, answer{status: 500, body: "<html>"}, "x", 502, maxErrorTime},
		{"a refusal", hi, answer{status: 400, body: `{"error":{"message":"no"}}`}, "", 400, maxErrorTime},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var ctx context.Context
				of := func() context.Context { return ctx }
				test.a.read = io.MultiReader(strings.NewReader(test.a.body), trickle(of, test.rest))
				u := &upstream{answers: []answer{test.a}}
				r := setup(t, u, nil, gateJSON(``))
				defer r.Gates.Close()
				r.Providers["a"].Transport = roundTrip(func(req *http.Request) (*http.Response, error) { ctx = req.Context(); return u.RoundTrip(req) })
				start := time.Now()
				w, rec := ask(r, test.body, nil)
				if took := time.Since(start); w.Code != test.code || took > test.took || rec.Tries[0].Status != max(test.a.status, 200) {
					t.Errorf("%d after %s: %s", w.Code, took, w.Body)
				}
			})
		})
	}
}

// leisurely is a client that takes its time for each write.
type leisurely struct {
	*httptest.ResponseRecorder
	each time.Duration
}

func (w *leisurely) Write(b []byte) (int, error) {
	time.Sleep(w.each)
	return w.ResponseRecorder.Write(b)
}

// TestSlowClient: while the client takes what has come, the provider is not the
// one who is silent.
func TestSlowClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var parts []io.Reader
		for _, event := range strings.SplitAfter(goodStream, "\n\n") {
			parts = append(parts, strings.NewReader(event))
		}
		u := &upstream{answers: []answer{{typ: "text/event-stream", read: io.MultiReader(parts...)}}}
		r := setup(t, u, nil, gateJSON(`"timeouts":{"firstToken":"3s","idle":"5s","total":"60s"}`))
		defer r.Gates.Close()
		w := &leisurely{httptest.NewRecorder(), 6 * time.Second}
		rec := NewRecord(r.Now())
		r.Chat(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/chat/completions", strings.NewReader(hiStream)), &access.Key{Name: "k"}, rec)
		if rec.Outcome != OK || !strings.HasSuffix(w.Body.String(), "data: [DONE]\n\n") {
			t.Errorf("%s: %s", rec.Outcome, w.Body)
		}
	})
}

// TestLongAnswers: answers that come for longer than the gate allows, whose
// clients may be why, don't make the provider one that fails.
func TestLongAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		list := strings.SplitAfter(goodStream, "\n\n")
		var ctx context.Context
		of := func() context.Context { return ctx }
		r := setup(t, nil, nil, gateJSON(`"timeouts":{"total":"5s"}`))
		defer r.Gates.Close()
		r.Providers["a"].Transport = roundTrip(func(req *http.Request) (*http.Response, error) {
			ctx = req.Context()
			body := io.MultiReader(strings.NewReader(list[0]), trickle(of, list[1]))
			return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"text/event-stream"}}, Body: io.NopCloser(body), Request: req}, nil
		})
		for n := range 8 {
			if _, rec := ask(r, hiStream, nil); rec.Outcome != Timeout || len(rec.Tries) != 1 || rec.Tries[0].Status != 200 {
				t.Fatalf("request %d: %s, %d tries", n, rec.Outcome, len(rec.Tries))
			}
		}
		for _, state := range r.Providers["a"].Health.Snapshot(r.Providers["a"].Keys.Values()) {
			if state.Reason != health.Usable || state.Failures != 0 {
				t.Errorf("it is %s with %d failures", state.Reason, state.Failures)
			}
		}
	})
}

package relay

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/layergateway/layergateway/access"
	"github.com/layergateway/layergateway/provider"
	"github.com/layergateway/layergateway/provider/compat"
)

// slow answers after a delay, whole or as a stream.
func slow(delay time.Duration, body string, cancelled *sync.Map, name string) http.RoundTripper {
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		_, _ = io.Copy(io.Discard, r.Body)
		select {
		case <-r.Context().Done():
			cancelled.Store(name, true)
			return nil, r.Context().Err()
		case <-time.After(delay):
		}
		typ := "application/json"
		if strings.HasPrefix(body, "data:") {
			typ = "text/event-stream"
		}
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {typ}}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
	})
}

// TestHedge: a second target starts beside one that is silent, and who is first
// to say something answers.
func TestHedge(t *testing.T) {
	const hedged = `"routingStrategy":"fallback","fallbackModels":["b/m"],"hedge":"1s"`
	for _, test := range []struct {
		name   string
		a, b   time.Duration
		serves string
		tries  int
		lost   string // the upstream that was cancelled
		took   time.Duration
	}{
		{"the first is quick", 500 * time.Millisecond, 0, "a", 1, "", 500 * time.Millisecond},
		{"the second is quicker", 10 * time.Second, 500 * time.Millisecond, "b", 2, "a", 1500 * time.Millisecond},
		{"the first after all", 2 * time.Second, 10 * time.Second, "a", 2, "b", 2 * time.Second},
	} {
		for _, body := range []string{hi, hiStream} {
			t.Run(test.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := setup(t, nil, nil, gateJSON(hedged))
					answer := good
					if body == hiStream {
						answer = goodStream
					}
					var cancelled sync.Map
					r.Providers["a"].Transport = slow(test.a, answer, &cancelled, "a")
					r.Providers["b"].Transport = slow(test.b, answer, &cancelled, "b")
					start := time.Now()
					w, rec := ask(r, body, nil)
					if w.Code != 200 || rec.Outcome != OK || rec.Provider != test.serves || len(rec.Tries) != test.tries {
						t.Fatalf("%d %s by %s after %d tries: %s", w.Code, rec.Outcome, rec.Provider, len(rec.Tries), w.Body)
					}
					if took := time.Since(start); took != test.took {
						t.Errorf("took %s", took)
					}
					if got := strings.Count(w.Body.String(), `"cost"`); got == 0 {
						t.Errorf("no cost: %s", w.Body)
					}
					for _, try := range rec.Tries {
						if try.Lost != (try.Provider == test.lost) {
							t.Errorf("%s: lost is %v", try.Provider, try.Lost)
						}
					}
					if test.lost != "" {
						if _, ok := cancelled.Load(test.lost); !ok {
							t.Errorf("%s was not ended", test.lost)
						}
						if !rec.Tries[1].Hedge || rec.Tries[0].Hedge {
							t.Errorf("hedges: %v %v", rec.Tries[0].Hedge, rec.Tries[1].Hedge)
						}
					}
					r.Gates.Close()
				})
			})
		}
	}
}

// TestHedgeFailures: what fails is replaced at once, and a fault of the
// caller's ends both.
func TestHedgeFailures(t *testing.T) {
	const hedged = `"routingStrategy":"fallback","fallbackModels":["b/m"],"hedge":"1s"`
	synctest.Test(t, func(t *testing.T) {
		b := &upstream{answers: []answer{{body: good}}}
		r := setup(t, &upstream{answers: []answer{{status: 500}}}, b, gateJSON(hedged))
		start := time.Now()
		if w, rec := ask(r, hi, nil); w.Code != 200 || rec.Provider != "b" || rec.Tries[1].Hedge || time.Since(start) != 0 {
			t.Errorf("%d by %s after %s", w.Code, rec.Provider, time.Since(start))
		}
		b.answers[0] = answer{status: 400, body: `{"error":{"message":"no"}}`}
		var cancelled sync.Map
		r.Providers["a"].Transport = slow(time.Minute, good, &cancelled, "a")
		if w, rec := ask(r, hi, nil); w.Code != 400 || rec.Outcome != Rejected {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		if _, ok := cancelled.Load("a"); !ok {
			t.Error("a was not ended")
		}
		b.answers[0] = answer{status: 500}
		r.Providers["a"].Transport = slow(0, `{"error":`, &cancelled, "a")
		if w, rec := ask(r, hi, nil); w.Code != 502 || rec.Outcome != ProviderError {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		r.Gates.Close()
	})
}

// TestStop (D81): what is under way when the process ends is told so.
func TestStop(t *testing.T) {
	for _, begun := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var ctx context.Context
			sent := ""
			if begun {
				sent = goodStream[:strings.Index(goodStream, `"lo"`)-100]
			}
			u := &upstream{answers: []answer{{typ: "text/event-stream", read: io.MultiReader(strings.NewReader(sent), silent(func() context.Context { return ctx }))}}}
			r := setup(t, u, nil, gateJSON(``))
			r.Providers["a"].Transport = roundTrip(func(req *http.Request) (*http.Response, error) { ctx = req.Context(); return u.RoundTrip(req) })
			stopped := make(chan struct{})
			time.AfterFunc(time.Second, func() {
				defer close(stopped)
				if r.Flights.Len() != 1 {
					t.Errorf("%d are under way", r.Flights.Len())
				}
				r.Flights.Stop(t.Context())
				if r.Flights.Len() != 0 {
					t.Errorf("%d are under way behind the end", r.Flights.Len())
				}
			})
			w, rec := ask(r, hiStream, nil)
			out := w.Body.String()
			if e := errorOf(t, []byte(out[strings.LastIndex(out, `{"error"`):])); *e.Code != "gateway_stopping" {
				t.Errorf("got %s", out)
			}
			status, outcome := 503, GatewayError
			if begun {
				status, outcome = 200, Truncated
			}
			if w.Code != status || rec.Outcome != outcome || rec.Fault != "" {
				t.Errorf("%d %s %s", w.Code, rec.Outcome, rec.Fault)
			}
			<-stopped
			if w, _ := ask(r, hi, nil); w.Code != 503 {
				t.Errorf("after the end: %d", w.Code)
			}
			r.Gates.Close()
		})
	}
}

// deaf is a Chat that understands a refusal only once something has happened.
type deaf struct {
	provider.Chat
	until <-chan struct{}
}

func (d deaf) Error(status int, h http.Header, body []byte) *provider.Error {
	<-d.until
	return d.Chat.Error(status, h, body)
}

// TestLoserFails: what becomes of an attempt beside which another one has begun
// to answer is nothing to that answer.
func TestLoserFails(t *testing.T) {
	const hedged = `"routingStrategy":"fallback","fallbackModels":["b/m"],"hedge":"1s"`
	for _, status := range []int{500, 400, 401} {
		synctest.Test(t, func(t *testing.T) {
			list := strings.SplitAfter(goodStream, "\n\n")
			b := answer{typ: "text/event-stream", read: io.MultiReader(strings.NewReader(list[0]+list[1]), pause(time.Second), strings.NewReader(strings.Join(list[2:], "")))}
			r := setup(t, &upstream{answers: []answer{{status: status, body: `{}`}}}, &upstream{answers: []answer{b}}, gateJSON(hedged))
			defer r.Gates.Close()
			w := &attentive{ResponseRecorder: httptest.NewRecorder(), wants: `"hel"`, seen: make(chan struct{})}
			a := r.Providers["a"]
			a.NewChat = func() provider.Chat { return deaf{compat.New(compat.Options{})(), w.seen} }
			rec := NewRecord(r.Now())
			r.Chat(w, httptest.NewRequest(http.MethodPost, "/v1/chat/completions", strings.NewReader(hiStream)), &access.Key{Name: "k"}, rec)
			if rec.Outcome != OK || rec.Provider != "b" || !strings.HasSuffix(w.Body.String(), "data: [DONE]\n\n") {
				t.Errorf("%d: %s by %s: %s", status, rec.Outcome, rec.Provider, w.Body)
			}
		})
	}
}

// TestHedgeGoesOn: a hedge that fails is replaced at once, since the first target
// is silent still.
func TestHedgeGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &upstream{answers: []answer{{status: 500}}}
		r := setup(t, nil, b, gateJSON(`"routingStrategy":"fallback","fallbackModels":["b/m","b/other"],"hedge":"1s"`))
		defer r.Gates.Close()
		var cancelled sync.Map
		r.Providers["a"].Transport = slow(time.Minute, good, &cancelled, "a")
		b.answers = append(b.answers, answer{body: good})
		start := time.Now()
		w, rec := ask(r, hi, nil)
		if w.Code != 200 || rec.Model != "other" || len(rec.Tries) != 3 || !rec.Tries[2].Hedge || time.Since(start) != time.Second {
			t.Errorf("%d by %s after %s and %d tries", w.Code, rec.Model, time.Since(start), len(rec.Tries))
		}
	})
}

// TestSlowIsKnown: a target that is too slow to ever answer is known for that, and
// not taken for one that was never asked.
func TestSlowIsKnown(t *testing.T) {
	const fastest = `"routingStrategy":"lowest-latency","fallbackModels":["b/m"]`
	for _, more := range []string{`"hedge":"1s"`, `"timeouts":{"firstToken":"3s"}`} {
		for _, body := range []string{hi, hiStream} {
			if body == hi && !strings.Contains(more, "hedge") {
				continue // whole answers have all the time there is
			}
			synctest.Test(t, func(t *testing.T) {
				r := setup(t, nil, nil, gateJSON(fastest+","+more))
				defer r.Gates.Close()
				var cancelled sync.Map
				answer := good
				if body == hiStream {
					answer = goodStream
				}
				r.Providers["a"].Transport = slow(time.Minute, answer, &cancelled, "a")
				r.Providers["b"].Transport = slow(500*time.Millisecond, answer, &cancelled, "b")
				for i, want := range []string{"a", "b", "b"} {
					_, rec := ask(r, body, nil)
					if more == `"hedge":"1s"` && i == 0 && rec.Provider != "b" || rec.Tries[0].Provider != want {
						t.Errorf("%s: request %d began with %s", more, i, rec.Tries[0].Provider)
					}
				}
			})
		}
	}
}

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

// TestKeysRotate: a key that the provider refuses is left out, also by the
// requests that follow.
func TestKeysRotate(t *testing.T) {
	for _, test := range []struct {
		status int
		rest   int // requests with the first key, of six
	}{{401, 1}, {402, 1}, {403, 1}, {429, 1}, {500, 3}} {
		synctest.Test(t, func(t *testing.T) {
			r := setup(t, nil, nil, gateJSON(""))
			var seen []string
			p := r.Providers["a"]
			p.Keys = provider.NewKeys([]string{"sk-dead", "sk-fine"}, "")
			p.Transport = roundTrip(func(req *http.Request) (*http.Response, error) {
				key := strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer ")
				seen = append(seen, key)
				status, body := 200, good
				if key == "sk-dead" {
					status, body = test.status, `{"error":{"message":"bad sk-dead"}}`
				}
				return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}, "Retry-After": {"30"}}, Body: io.NopCloser(strings.NewReader(body)), Request: req}, nil
			})
			bad := 0
			for range 6 {
				w, rec := ask(r, hi, nil)
				if w.Code != 200 {
					bad++
				}
				if strings.Contains(w.Body.String(), "sk-") || len(rec.Tries) == 0 {
					t.Errorf("%d: %s", w.Code, w.Body)
				}
			}
			dead := 0
			for _, key := range seen {
				if key == "sk-dead" {
					dead++
				}
			}
			if dead != test.rest || (bad > 0) != (test.status == 500) {
				t.Errorf("%d: the key was used %d times, %d requests failed", test.status, dead, bad)
			}
			r.Gates.Close()
		})
	}
}

// TestCooling (W36): the newest Retry-After counts, other targets serve
// meanwhile, and with all cooling the client is told how long.
func TestCooling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limited := func(after string) answer {
			return answer{status: 429, header: http.Header{"Retry-After": {after}}, body: `{"error":{"message":"slow down"}}`}
		}
		a := &upstream{answers: []answer{limited("1"), limited("5"), limited("30"), {body: good}}}
		b := &upstream{answers: []answer{{body: good}}}
		r := setup(t, a, b, gateJSON(`"routingStrategy":"fallback","fallbackModels":["b/m"]`),
			`{"id":"`+otherID+`","name":"alone","model":"a/m"}`)
		alone := strings.Replace(hi, "assistant", "alone", 1)
		for i, wait := range []time.Duration{time.Second, 5 * time.Second, 30 * time.Second} {
			if w, rec := ask(r, hi, nil); w.Code != 200 || rec.Provider != "b" || len(rec.Tries) != 2 {
				t.Errorf("%d by %s", w.Code, rec.Provider)
			}
			// While it cools, it isn't asked.
			if w, rec := ask(r, hi, nil); w.Code != 200 || rec.Provider != "b" || len(rec.Tries) != 1 || len(a.got) != i+1 {
				t.Errorf("%d by %s, a was asked %d times", w.Code, rec.Provider, len(a.got))
			}
			w, rec := askAs(t.Context(), r, alone, nil, &access.Key{Name: "k"})
			if w.Code != 429 || rec.Outcome != ProviderError || len(a.got) != i+1 || w.Header().Get("Retry-After") != limitedFor(wait) {
				t.Errorf("all cool: %d %v %s", w.Code, w.Header(), w.Body)
			}
			time.Sleep(wait)
		}
		if w, rec := ask(r, hi, nil); w.Code != 200 || rec.Provider != "a" {
			t.Errorf("%d by %s", w.Code, rec.Provider)
		}
		r.Gates.Close()
	})
}

// TestLimitedWithoutAWait: a target that has refused without a word of for how
// long is left out while there is another, and asked again where there is none.
func TestLimitedWithoutAWait(t *testing.T) {
	for _, body := range []string{
		`{"error":{"message":"slow down"}}`,
		`{"error":{"message":"nothing is left","type":"insufficient_quota","code":"insufficient_quota"}}`,
	} {
		synctest.Test(t, func(t *testing.T) {
			a := &upstream{answers: []answer{{status: 429, body: body}, {body: good}}}
			b := &upstream{answers: []answer{{body: good}}}
			r := setup(t, a, b, gateJSON(`"routingStrategy":"fallback","fallbackModels":["b/m"]`),
				`{"id":"`+otherID+`","name":"alone","model":"a/m"}`)
			for range 2 {
				if w, rec := ask(r, hi, nil); w.Code != 200 || rec.Provider != "b" || len(a.got) != 1 {
					t.Errorf("%d by %s, a was asked %d times", w.Code, rec.Provider, len(a.got))
				}
			}
			alone := strings.Replace(hi, "assistant", "alone", 1)
			if w, rec := askAs(t.Context(), r, alone, nil, &access.Key{Name: "k"}); w.Code != 200 || len(rec.Tries) != 1 {
				t.Errorf("%d after %d attempts: %s", w.Code, len(rec.Tries), w.Body)
			}
			r.Gates.Close()
		})
	}
}

func limitedFor(d time.Duration) string {
	return strings.TrimSuffix(d.String(), "s")
}

// TestBreaker: a target that keeps failing is left out while another one is
// left, is asked all the same when none is, and comes back.
func TestBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &upstream{answers: []answer{{status: 500}}}
		b := &upstream{answers: []answer{{body: good}}}
		r := setup(t, a, b, gateJSON(`"routingStrategy":"fallback","fallbackModels":["b/m"]`))
		for range 20 {
			if w, rec := ask(r, hi, nil); w.Code != 200 || rec.Provider != "b" {
				t.Fatalf("%d by %s", w.Code, rec.Provider)
			}
		}
		if len(a.got) != 5 {
			t.Errorf("a was asked %d times", len(a.got))
		}
		b.answers[0] = answer{status: 500}
		if w, _ := ask(r, hi, nil); w.Code != 502 || len(a.got) != 6 {
			t.Errorf("%d, a was asked %d times", w.Code, len(a.got))
		}
		a.answers[0] = answer{body: good}
		time.Sleep(11 * time.Second)
		if w, rec := ask(r, hi, nil); w.Code != 200 || rec.Provider != "a" {
			t.Errorf("%d by %s", w.Code, rec.Provider)
		}
		r.Gates.Close()
	})
}

// TestWaitForOverloaded: a provider's wish to wait is the least of a pause, and
// none beyond the deadline is kept.
func TestWaitForOverloaded(t *testing.T) {
	for _, test := range []struct {
		after string
		code  int
		took  time.Duration
	}{{"7", 200, 7 * time.Second}, {"40", 503, 0}} {
		synctest.Test(t, func(t *testing.T) {
			a := &upstream{answers: []answer{{status: 503, header: http.Header{"Retry-After": {test.after}}, body: `{}`}, {body: good}}}
			r := setup(t, a, nil, `{"id":"`+assistantID+`","name":"assistant","model":"a/m","timeouts":{"total":"30s"}}`)
			start := time.Now()
			w, _ := ask(r, hi, nil)
			if took := time.Since(start); w.Code != test.code || took < test.took || took > test.took+time.Second {
				t.Errorf("%d after %s: %s", w.Code, took, w.Body)
			}
			r.Gates.Close()
		})
	}
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

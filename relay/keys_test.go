package relay

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/layergateway/layergateway/access"
	"github.com/layergateway/layergateway/provider"
)

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

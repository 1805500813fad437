package relay

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/layergateway/layergateway/provider/anthropic"
)

// TestUnfit: that a target can't be told all of a request is no answer where the
// one that could has failed.
func TestUnfit(t *testing.T) {
	const strict = `"strict":true,"routingStrategy":"fallback","fallbackModels":["b/m","a/other"]`
	body := strings.Replace(hi, `"messages"`, `"logprobs":true,"messages"`, 1)
	a, b := &upstream{answers: []answer{{status: 503}}}, &upstream{}
	r := setup(t, a, b, gateJSON(strict))
	r.Providers["b"].NewChat = anthropic.New(anthropic.Options{})
	if w, rec := ask(r, body, nil); w.Code != 503 || rec.Outcome != ProviderError || len(a.got) != 2 {
		t.Errorf("%d %s, %d were asked: %s", w.Code, rec.Outcome, len(a.got), w.Body)
	}
	a.answers = append(a.answers, answer{status: 503}, answer{status: 503}, answer{body: good})
	if w, rec := ask(r, body, nil); w.Code != 200 || rec.Model != "other" {
		t.Errorf("%d by %s: %s", w.Code, rec.Model, w.Body)
	}
	r.Providers["a"].NewChat = r.Providers["b"].NewChat
	if w, rec := ask(r, body, nil); w.Code != 400 || rec.Outcome != Rejected || *errorOf(t, w.Body.Bytes()).Param != "logprobs" {
		t.Errorf("%d %s: %s", w.Code, rec.Outcome, w.Body)
	}
}

// TestUnfitBeside: nor is it one while the target that could is still asked, or is
// yet to be.
func TestUnfitBeside(t *testing.T) {
	const strict = `"strict":true,"routingStrategy":"fallback","fallbackModels":["b/m"]`
	body := strings.Replace(hi, `"messages"`, `"logprobs":true,"messages"`, 1)
	synctest.Test(t, func(t *testing.T) {
		r := setup(t, nil, nil, gateJSON(strict+`,"hedge":"1s"`))
		defer r.Gates.Close()
		var cancelled sync.Map
		r.Providers["a"].Transport = slow(3*time.Second, good, &cancelled, "a")
		r.Providers["b"].NewChat = anthropic.New(anthropic.Options{})
		if w, rec := ask(r, body, nil); w.Code != 200 || rec.Provider != "a" || len(rec.Tries) != 2 {
			t.Errorf("%d by %s after %d attempts: %s", w.Code, rec.Provider, len(rec.Tries), w.Body)
		}
	})
	// The first is left out at first, since it is known to fail.
	a := &upstream{answers: []answer{{status: 401}, {body: good}}}
	r := setup(t, a, nil, gateJSON(strict))
	r.Providers["b"].NewChat = anthropic.New(anthropic.Options{})
	if w, rec := ask(r, body, nil); w.Code != 502 || rec.Outcome != ProviderError {
		t.Errorf("%d %s: %s", w.Code, rec.Outcome, w.Body)
	}
	if w, rec := ask(r, body, nil); w.Code != 200 || rec.Provider != "a" {
		t.Errorf("%d %s: %s", w.Code, rec.Outcome, w.Body)
	}
}

// TestLeftovers: a target that only got what others had left of the time is not
// the one that was slow.
func TestLeftovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := setup(t, nil, nil, gateJSON(`"routingStrategy":"fallback","fallbackModels":["b/m"],"timeouts":{"total":"10s","firstToken":"9s"}`))
		defer r.Gates.Close()
		var cancelled sync.Map
		r.Providers["a"].Transport = slow(time.Minute, goodStream, &cancelled, "a")
		r.Providers["b"].Transport = slow(2*time.Second, goodStream, &cancelled, "b")
		if w, rec := ask(r, hiStream, nil); w.Code != 504 || rec.Outcome != Timeout || len(rec.Tries) != 2 {
			t.Errorf("%d %s: %s", w.Code, rec.Outcome, w.Body)
		}
		if d, known := r.Providers["b"].Health.Latency("m", true); known {
			t.Errorf("b is known to take %s", d)
		}
		if d, known := r.Providers["a"].Health.Latency("m", true); !known || d != 9*time.Second {
			t.Errorf("a is known to take %s", d)
		}
		for _, s := range r.Providers["b"].Health.Snapshot([]string{"sk-secret-b"}) {
			if s.Failures > 0 {
				t.Errorf("b has failed: %+v", s)
			}
		}
	})
}

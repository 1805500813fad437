package limit

import (
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"time"
)

func perMinute(n int64) []Rate { return []Rate{{n, time.Minute}} }

func testExactlyTheLimitPasses(t *testing.T, w world) {
	c := &clock{time: noon}
	s := w.open(t, Options{}, c)
	who := key(t, Limits{Requests: perMinute(100)})
	var passed atomic.Int64
	crowd(400, func(int) {
		if _, err := s.Admit(t.Context(), asking(who)); err == nil {
			passed.Add(1)
		}
	})
	if passed.Load() != 100 {
		t.Fatalf("%d passed of 400, the limit is 100", passed.Load())
	}
	c.add(20 * time.Second)
	if d := refuse(t, s, asking(who), ReasonRequests); d.RetryAfter != 40*time.Second {
		t.Errorf("retry after %v, want 40s", d.RetryAfter)
	}
	c.add(40*time.Second - time.Microsecond)
	refuse(t, s, asking(who), ReasonRequests)
	c.add(time.Microsecond)
	for range 100 {
		admit(t, s, asking(who))
	}
	refuse(t, s, asking(who), ReasonRequests)
}

func testWaitingAsLongAsToldHelps(t *testing.T, w world) {
	c := &clock{time: noon}
	s := w.open(t, Options{}, c)
	who := key(t, Limits{Requests: []Rate{{5, time.Minute}, {30, time.Hour}}})
	var times []time.Time
	for len(times) < 100 {
		_, err := s.Admit(t.Context(), asking(who))
		if err == nil {
			times = append(times, c.now())
			c.add(700 * time.Millisecond)
			continue
		}
		var d *Denial
		if !errors.As(err, &d) {
			t.Fatal(err)
		}
		wait := d.RetryAfter
		c.add(wait - time.Second)
		if wait > time.Second {
			refuse(t, s, asking(who), d.Reason)
		}
		c.add(time.Second)
		admit(t, s, asking(who))
		times = append(times, c.now())
	}
	for i := range times {
		if i+5 < len(times) && times[i+5].Sub(times[i]) < time.Minute {
			t.Fatalf("6 requests within a minute, at %v and %v", times[i], times[i+5])
		}
		if i+30 < len(times) && times[i+30].Sub(times[i]) < time.Hour {
			t.Fatalf("31 requests within an hour, at %v and %v", times[i], times[i+30])
		}
	}
}

func testAllLimitsOrNone(t *testing.T, w world) {
	s := w.open(t, Options{}, &clock{time: noon})
	web := key(t, Limits{Requests: perMinute(3), Tokens: perMinute(1000), Budgets: []Budget{{Amount: dollar, Period: Daily}}})
	busy := gate(t, Limits{Requests: perMinute(1)})
	other, err := ForGate("g2", "other", &Limits{Requests: perMinute(10)})
	if err != nil {
		t.Fatal(err)
	}
	admit(t, s, asking(web, busy).of(10).costing(dollar/10))
	for range 20 {
		if d := refuse(t, s, asking(web, busy).of(10).costing(dollar/10), ReasonRequests); d.Subject != busy {
			t.Fatalf("%s refused", d.Subject.Name)
		}
	}
	g := admit(t, s, asking(web, other).of(10).costing(dollar/10))
	if m := g.Meters(); m.Requests.Remaining != 1 || m.Tokens.Remaining != 980 {
		t.Errorf("what was refused was counted: %+v", m)
	}
	left(t, s, key(t, Limits{Budgets: []Budget{{Amount: dollar, Period: Daily}}}), dollar*8/10)
}

func testTokensAreEstimatedAndSettled(t *testing.T, w world) {
	c := &clock{time: noon}
	s := w.open(t, Options{}, c)
	who := key(t, Limits{Tokens: perMinute(1000)})
	less := admit(t, s, asking(who).of(600))
	refuse(t, s, asking(who).of(401), ReasonTokens)
	less.Settle(100, 0)
	calm(s)
	more := admit(t, s, asking(who).of(900))
	refuse(t, s, asking(who).of(1), ReasonTokens)
	c.add(30 * time.Second)
	more.Settle(1200, 0) // 300 more, from now on
	calm(s)
	c.add(30 * time.Second)
	if d := refuse(t, s, asking(who).of(701), ReasonTokens); d.RetryAfter != 30*time.Second {
		t.Errorf("retry after %v, want 30s", d.RetryAfter)
	}
	never := admit(t, s, asking(who).of(700))
	never.Release()
	calm(s)
	g := admit(t, s, asking(who).of(700))
	// Only the first end counts.
	never.Release()
	never.Settle(5000, 0)
	calm(s)
	refuse(t, s, asking(who).of(1), ReasonTokens)
	c.add(2 * time.Minute)
	g.Settle(1, 0) // long gone from the window
	calm(s)
	admit(t, s, asking(who).of(1000))
	d := refuse(t, s, asking(who).of(1001), ReasonTooLarge)
	if d.RetryAfter != 0 || !d.Response().NoRetry {
		t.Errorf("waiting does not help: %+v", d)
	}
}

func testMetersAreTheTightest(t *testing.T, w world) {
	c := &clock{time: noon}
	s := w.open(t, Options{}, c)
	web := key(t, Limits{Requests: []Rate{{10, time.Minute}, {12, time.Hour}}, Tokens: perMinute(5000)})
	assistant := gate(t, Limits{Requests: perMinute(11)})
	m := admit(t, s, asking(web, assistant).of(100)).Meters()
	want := Meters{Meter{10, 9, time.Minute}, Meter{5000, 4900, time.Minute}}
	if m != want {
		t.Errorf("%+v, want %+v", m, want)
	}
	for range 9 {
		admit(t, s, asking(web, assistant))
	}
	c.add(15 * time.Second)
	d := refuse(t, s, asking(web, assistant), ReasonRequests)
	if want := (Meter{10, 0, 45 * time.Second}); d.Meters.Requests != want {
		t.Errorf("%+v, want %+v", d.Meters.Requests, want)
	}
	c.add(45 * time.Second)
	m = admit(t, s, asking(web, assistant)).Meters()
	if want := (Meter{12, 1, time.Hour}); m.Requests != want {
		t.Errorf("%+v, want %+v", m.Requests, want)
	}
}

func TestHeaders(t *testing.T) {
	h := http.Header{}
	Meters{Requests: Meter{100, 99, 90500 * time.Millisecond}, Tokens: Meter{1000, 0, 120300 * time.Microsecond}}.SetHeaders(h)
	for name, want := range map[string]string{
		"x-ratelimit-limit-requests": "100", "x-ratelimit-remaining-requests": "99", "x-ratelimit-reset-requests": "1m31s",
		"x-ratelimit-limit-tokens": "1000", "x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "120ms",
	} {
		if got := h.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	h = http.Header{}
	Meters{}.SetHeaders(h)
	if len(h) > 0 {
		t.Errorf("no limits, and headers %v", h)
	}
}

func testChangedLimitsKeepWhatWasUsed(t *testing.T, w world) {
	s := w.open(t, Options{}, &clock{time: noon})
	limits := func(n int64) *Subject {
		return key(t, Limits{Requests: perMinute(n), Budgets: []Budget{{Amount: dollar * 10, Period: Monthly}}})
	}
	for range 10 {
		admit(t, s, asking(limits(10)).costing(dollar/10)).Settle(0, dollar/10)
	}
	calm(s)
	refuse(t, s, asking(limits(5)), ReasonRequests)
	if m := admit(t, s, asking(limits(20))).Meters(); m.Requests.Remaining != 9 {
		t.Errorf("%d left of 20, want 9", m.Requests.Remaining)
	}
	left(t, s, key(t, Limits{Budgets: []Budget{{Amount: dollar * 3, Period: Monthly}}}), dollar*2)
}

func testClockJumps(t *testing.T, w world) {
	c := &clock{time: noon}
	s := w.open(t, Options{}, c)
	who := key(t, Limits{Requests: perMinute(3)})
	for range 3 {
		admit(t, s, asking(who))
	}
	c.add(-24 * time.Hour)
	if d := refuse(t, s, asking(who), ReasonRequests); d.RetryAfter != time.Minute {
		t.Errorf("retry after %v: what was used counts as of now, for no longer than the window", d.RetryAfter)
	}
	c.add(30 * time.Second)
	refuse(t, s, asking(who), ReasonRequests)
	c.add(30 * time.Second)
	for range 3 {
		admit(t, s, asking(who))
	}
	c.add(1000 * 24 * time.Hour)
	for range 3 {
		admit(t, s, asking(who))
	}
	c.set(noon)
	refuse(t, s, asking(who), ReasonRequests)
	c.add(time.Minute)
	admit(t, s, asking(who))
}

package health

import (
	"math"
	"testing"
	"time"
)

func TestLatency(t *testing.T) {
	play(t, func(s *scene) {
		want := func(want time.Duration, stream bool) {
			t.Helper()
			got, ok := s.board.Latency("m", stream)
			if ok != (want > 0) || (got-want).Abs() > time.Microsecond {
				t.Fatalf("latency %v, %t, want %v", got, ok, want)
			}
		}
		measure := func(d time.Duration, stream bool) {
			s.pick().Done(Result{Verdict: Good, FirstToken: d, Stream: stream})
		}
		want(0, true)
		s.end(Good, 1) // it had no content
		want(0, true)
		measure(time.Second, true)
		measure(3*time.Second, true) // with the other key
		want(2*time.Second, true)
		want(0, false)
		measure(10*time.Second, false)
		want(10*time.Second, false)
		// The two seconds of before weigh as much as one new measurement.
		time.Sleep(halfLife)
		want(2*time.Second, true)
		measure(4*time.Second, true)
		want(3*time.Second, true)
		time.Sleep(recently)
		want(3*time.Second, true)
		time.Sleep(instant)
		want(0, true)
		if _, ok := s.board.Latency("other", true); ok {
			t.Fatal("another model has a latency")
		}
	}, "a", "b")
}

// One request finds out how fast a model is; the others don't all wait on it.
func TestLatencyIsFoundByOne(t *testing.T) {
	play(t, func(s *scene) {
		want := func(want time.Duration, known bool) {
			t.Helper()
			if got, ok := s.board.Latency("m", true); ok != known || got != want {
				t.Fatalf("latency %v, %t, want %v, %t", got, ok, want, known)
			}
		}
		want(0, false)
		whole := s.pick()
		whole.Ask(false)
		want(0, false) // that says nothing of streams
		first, second := s.pick(), s.pick()
		want(0, false)
		first.Ask(true)
		want(math.MaxInt64, true)
		first.Heard(time.Second)
		want(time.Second, true) // long before its end
		time.Sleep(recently + instant)
		want(0, false)
		second.Ask(true)
		want(time.Second, true) // as it was
		second.Done(Result{})
		second.Done(Result{})
		want(0, false)
		first.Done(Result{Verdict: Good, FirstToken: time.Second, Stream: true})
		want(0, false) // it has been measured before
		whole.Done(Result{Verdict: Good})
		if len(s.board.asked) > 0 {
			t.Fatalf("%v are under way", s.board.asked)
		}
	}, "a")
}

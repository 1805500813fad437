package health

import (
	"testing"
	"time"
)

func TestBreakerTrips(t *testing.T) {
	for _, row := range []struct {
		name  string
		ends  string        // an attempt each: g, b, n, l as its verdict
		every time.Duration // from one to the next
		trips bool
	}{
		{"five in a row", "bbbbb", 0, true},
		{"four in a row", "bbbb", 0, false},
		{"rarely, but in a row", "bbbbb", time.Minute, true},
		{"not in a row", "bbbbgbbbb", 0, false},
		{"neutral ones between", "bbnbnbnb", 0, true},
		{"half of twenty", "gbgbgbgbgbgbgbgbgbgb", 0, true},
		{"half of nineteen", "gbgbgbgbgbgbgbgbgbg", 0, false},
		{"half of twenty with neutral ones", "gbgbgbgbgbnnnnnnnngbgbgbgbgb", 0, true},
		{"less than half", "ggbggbggbggbggbggbggbggbggbggbggb", 0, false},
		{"half of twenty in more than 30 s", "gbgbgbgbgbgbgbgbgbgbgbgb", 2 * time.Second, false},
		{"half of twenty in less", "gbgbgbgbgbgbgbgbgbgb", 1300 * time.Millisecond, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			play(t, func(s *scene) {
				verdicts := map[rune]Verdict{'g': Good, 'b': Bad, 'n': Neutral}
				for i, c := range row.ends {
					if i > 0 {
						time.Sleep(row.every)
					}
					s.end(verdicts[c], 1)
				}
				if !row.trips {
					s.pick()
					return
				}
				s.out(Tripped, tripOpen)
				if _, err := s.board.Pick(s.keys, "other", nil); err != nil {
					t.Fatal("another model:", err)
				}
			}, "a")
		})
	}
}

func trip(s *scene) {
	s.Helper()
	s.end(Bad, tripRow)
	s.out(Tripped, tripOpen)
}

func TestBreakerLetsOneThrough(t *testing.T) {
	play(t, func(s *scene) {
		trip(s)
		time.Sleep(tripOpen - instant)
		s.out(Tripped, instant)
		time.Sleep(instant)
		// Ends that say nothing of the provider give the place back, however many.
		for _, v := range []Verdict{Neutral, Limited, Neutral, Neutral} {
			probe := s.pick()
			s.out(Tripped, probeTime)
			probe.Done(Result{Verdict: v, Wait: instant})
			time.Sleep(instant)
		}
		s.end(Bad, 1)
		s.out(Tripped, tripOpen)
		time.Sleep(tripOpen)
		s.end(Good, 1)
		s.end(Bad, tripRow-1) // closed, and nothing is held against it
		s.pick()
		s.pick()
	}, "a")
}

func TestStreamsCountWhenTheyEnd(t *testing.T) {
	play(t, func(s *scene) {
		var running []*Lease
		for range tripRow {
			running = append(running, s.pick())
		}
		s.end(Good, 1)
		time.Sleep(10 * tripWindow) // longer than what the breaker looks at
		for _, l := range running {
			l.Done(Result{Verdict: Bad})
		}
		s.out(Tripped, tripOpen)
	}, "a")
}

func TestOldEndsDoNotMoveAnOpenBreaker(t *testing.T) {
	play(t, func(s *scene) {
		old := []*Lease{s.pick(), s.pick(), s.pick(), s.pick()}
		time.Sleep(instant)
		trip(s)
		old[0].Done(Result{Verdict: Good})
		s.out(Tripped, tripOpen)
		time.Sleep(time.Second)
		old[1].Done(Result{Verdict: Bad})
		s.out(Tripped, tripOpen-time.Second)
		time.Sleep(tripOpen)
		old[2].Done(Result{Verdict: Good}) // nor an almost closed one
		probe := s.pick()
		old[3].Done(Result{Verdict: Bad})
		s.out(Tripped, probeTime)
		probe.Done(Result{Verdict: Good})
		s.pick()
	}, "a")
}

func TestInsistedUpon(t *testing.T) {
	play(t, func(s *scene) {
		trip(s)
		time.Sleep(time.Second)
		s.insist().Done(Result{Verdict: Bad})
		s.insist().Done(Result{})
		s.out(Tripped, tripOpen-time.Second)
		s.insist().Done(Result{Verdict: Good}) // so it works again
		s.end(Bad, tripRow-1)
		s.pick()

		trip := s.pick()
		trip.Done(Result{Verdict: Bad})
		time.Sleep(tripOpen)
		probe := s.pick()
		s.insist().Done(Result{Verdict: Good}) // it was faster than the probe
		probe.Done(Result{Verdict: Bad})
		s.end(Bad, tripRow-2)
		s.pick()
	}, "a")
}

func TestProbeThatNeverEnds(t *testing.T) {
	play(t, func(s *scene) {
		trip(s)
		time.Sleep(tripOpen)
		s.pick() // a probe, of which nothing is heard
		s.insist().Done(Result{Verdict: Good})
		trip(s)
		time.Sleep(tripOpen)
		s.pick()
		s.out(Tripped, probeTime)
	}, "a")
}

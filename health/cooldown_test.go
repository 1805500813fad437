package health

import (
	"testing"
	"time"
)

func TestLimitedWithoutAWait(t *testing.T) {
	play(t, func(s *scene) {
		for _, wait := range []int{1, 2, 4, 8, 16, 32, 60, 60} {
			s.end(Limited, 1)
			s.out(Cooling, seconds(wait))
			time.Sleep(seconds(wait))
		}
		s.end(Good, 1)
		s.end(Limited, 1)
		s.out(Cooling, firstLimit)
		time.Sleep(firstLimit + mostLimit)
		s.end(Limited, 1)
		s.out(Cooling, 2*time.Second)
		time.Sleep(2*time.Second + mostLimit + instant)
		s.end(Limited, 1) // long after: another cause
		s.out(Cooling, firstLimit)
	}, "a")
}

func TestLimitedSideBySide(t *testing.T) {
	play(t, func(s *scene) {
		var running []*Lease
		for range 10 {
			running = append(running, s.pick())
		}
		for _, l := range running {
			l.Done(Result{Verdict: Limited})
		}
		s.out(Cooling, firstLimit) // one cause, so it doesn't grow
	}, "a")
}

// Only the provider's own word keeps a key from those who have nobody else to ask.
func TestInsistWhileItCools(t *testing.T) {
	play(t, func(s *scene) {
		s.end(Limited, 1)
		s.out(Cooling, firstLimit)
		l := s.insist()
		s.insist().Done(Result{Verdict: Limited, Wait: 5 * time.Second})
		_, err := s.board.Insist(s.keys, "m", nil)
		s.is(err, Cooling, 5*time.Second)
		l.Done(Result{Verdict: Good})
		_, err = s.board.Insist(s.keys, "m", nil)
		s.is(err, Cooling, 5*time.Second)
		time.Sleep(seconds(5))
		s.end(Good, 1)
	}, "a")
}

func TestTheNewestRetryAfterCounts(t *testing.T) {
	for _, row := range []struct {
		name  string
		waits []int // of attempts side by side, in seconds; 0 is none
		want  int
	}{
		{"W36", []int{1, 5, 30}, 30},
		{"W36 the shorter one", []int{30, 5, 1}, 1},
		{"none after one", []int{30, 0}, 30},
		{"one after none", []int{0, 3}, 3},
		{"D03 a long one", []int{1e9}, 60},
		{"D03 a negative one", []int{-5}, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			play(t, func(s *scene) {
				var running []*Lease
				for range row.waits {
					running = append(running, s.pick())
				}
				for i, l := range running {
					l.Done(Result{Verdict: Limited, Wait: seconds(row.waits[i])})
				}
				s.out(Cooling, seconds(row.want))
			}, "a")
		})
	}
}

func TestLimitsDoNotCountAgainstTheBreaker(t *testing.T) {
	play(t, func(s *scene) {
		for range 2 * tripEnough {
			s.end(Limited, 1)
			time.Sleep(mostLimit)
		}
		s.end(Good, 1)
	}, "a")
}

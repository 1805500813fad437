package health

import (
	"testing"
	"time"
)

func TestDeadKeyComesBackByProbes(t *testing.T) {
	play(t, func(s *scene) {
		s.end(Refused, 1)
		for _, wait := range []int{30, 60, 120, 240, 480, 600, 600} {
			s.out(Dead, seconds(wait))
			time.Sleep(seconds(wait) - instant)
			s.out(Dead, instant)
			time.Sleep(instant)
			probe := s.pick()
			s.out(Dead, probeTime) // one at a time
			probe.Done(Result{Verdict: Refused})
		}
		time.Sleep(longest)
		s.pick().Done(Result{Verdict: Good})
		s.end(Refused, 1)
		s.out(Dead, 30*time.Second) // it starts anew
	}, "a")
}

func TestProbeThatDoesNotEndIt(t *testing.T) {
	for _, row := range []struct {
		verdict Verdict
		reason  Reason
		wait    time.Duration // until the next probe
	}{
		{Neutral, Usable, 0},
		{Bad, Dead, firstDeath},
		{Limited, Cooling, firstDeath}, // and dead, which is longer
		{Spent, Cooling, firstSpent},
	} {
		t.Run(row.verdict.String(), func(t *testing.T) {
			play(t, func(s *scene) {
				s.end(Refused, 1)
				time.Sleep(firstDeath)
				s.end(row.verdict, 1)
				if row.reason != Usable {
					s.out(row.reason, row.wait)
					time.Sleep(row.wait)
				}
				s.pick()
				s.out(Dead, probeTime) // so that was a probe
			}, "a")
		})
	}
}

func TestKeyDiesOnce(t *testing.T) {
	play(t, func(s *scene) {
		running := []*Lease{s.pick(), s.pick(), s.pick(), s.pick()}
		time.Sleep(instant)
		for _, l := range running[:3] {
			l.Done(Result{Verdict: Refused})
			time.Sleep(time.Second)
		}
		s.out(Dead, firstDeath-3*time.Second)
		running[3].Done(Result{Verdict: Good}) // it began before
		s.out(Dead, firstDeath-3*time.Second)

		s.insist().Done(Result{Verdict: Refused}) // out of turn: the schedule stays
		s.out(Dead, firstDeath-3*time.Second)
		s.insist().Done(Result{Verdict: Good})
		s.pick()
		s.pick()
	}, "a")
}

func TestProbeOfAKeyThatLivesAgain(t *testing.T) {
	play(t, func(s *scene) {
		s.end(Refused, 1)
		time.Sleep(firstDeath)
		probe := s.pick()
		s.insist().Done(Result{Verdict: Good})
		s.end(Refused, 1)
		probe.Done(Result{Verdict: Refused}) // no probe of this death
		s.out(Dead, firstDeath)
	}, "a")
}

func TestSpentQuota(t *testing.T) {
	play(t, func(s *scene) {
		running := s.pick()
		for _, wait := range []int{60, 120, 240, 480, 600, 600} {
			s.end(Spent, 1)
			s.out(Cooling, seconds(wait))
			if _, err := s.board.Pick(s.keys, "other", nil); err == nil {
				t.Fatal("another model got the key")
			}
			s.insist() // nobody knows for how long it is spent
			time.Sleep(seconds(wait))
		}
		running.Done(Result{Verdict: Good}) // it began before
		s.end(Spent, 1)
		s.out(Cooling, longest)
		time.Sleep(longest)
		s.end(Good, 1)
		s.end(Spent, 1)
		s.out(Cooling, firstSpent)
	}, "a")
}

package health

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// scene is a board in a bubble whose time only passes when the test sleeps.
type scene struct {
	*testing.T
	board *Board
	keys  []string
}

// instant is the least time there is.
const instant = time.Nanosecond

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

func play(t *testing.T, f func(s *scene), keys ...string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f(&scene{t, NewBoard(time.Now), keys})
	})
}

func (s *scene) pick(tried ...string) *Lease {
	s.Helper()
	l, err := s.board.Pick(s.keys, "m", tried)
	if err != nil {
		s.Fatalf("nothing was picked: %v", err)
	}
	return l
}

func (s *scene) insist(tried ...string) *Lease {
	s.Helper()
	l, err := s.board.Insist(s.keys, "m", tried)
	if err != nil {
		s.Fatalf("nothing was given: %v", err)
	}
	return l
}

func (s *scene) end(v Verdict, n int) {
	s.Helper()
	for range n {
		s.pick().Done(Result{Verdict: v})
	}
}

// out checks that nothing is picked, for reason and for wait from now.
func (s *scene) out(reason Reason, wait time.Duration, tried ...string) {
	s.Helper()
	l, err := s.board.Pick(s.keys, "m", tried)
	if err == nil {
		s.Fatalf("%q was picked, want none: %v", l.Key, reason)
	}
	s.is(err, reason, wait)
}

func (s *scene) is(err error, reason Reason, wait time.Duration) {
	s.Helper()
	var u *Unavailable
	if !errors.As(err, &u) {
		s.Fatalf("error %v, want *Unavailable", err)
	}
	if got := time.Until(u.Until); u.Reason != reason || got != wait {
		s.Fatalf("%v for %v, want %v for %v", u.Reason, got, reason, wait)
	}
	if u.Error() == "" || strings.Contains(u.Error(), "secret") {
		s.Fatalf("error text %q", u)
	}
}

func TestKeysTakeTurns(t *testing.T) {
	play(t, func(s *scene) {
		for _, want := range []string{"a", "b", "c", "a"} {
			if l := s.pick(); l.Key != want {
				t.Fatalf("picked %q, want %q", l.Key, want)
			}
		}
		// Without b its turns go to both of the others.
		for _, want := range []string{"c", "a", "c", "a"} {
			if l := s.pick("b"); l.Key != want {
				t.Fatalf("without b: picked %q, want %q", l.Key, want)
			}
		}
		s.out(Tried, 0, "c", "b", "a")
	}, "a", "b", "c")
}

func TestNoKeys(t *testing.T) {
	play(t, func(s *scene) {
		_, err := s.board.Pick(nil, "m", nil)
		var u *Unavailable
		if !errors.As(err, &u) || u.Reason != Usable || !u.Until.IsZero() || u.Error() != "no key is configured" {
			t.Fatalf("got %v", err)
		}
		var none *Lease
		none.Done(Result{Verdict: Bad}) // a caller without a key needs no case of its own
	})
}

func TestTheOnesThatAreOut(t *testing.T) {
	play(t, func(s *scene) {
		a := s.pick()
		b := s.pick()
		a.Done(Result{Verdict: Refused})                        // a: 30 s
		b.Done(Result{Verdict: Limited, Wait: 5 * time.Second}) // b: 5 s
		s.out(Cooling, 5*time.Second)
		s.out(Dead, 30*time.Second, "b")
		s.out(Tried, 5*time.Second, "a", "b")
		if l := s.insist(); l.Key != "a" {
			t.Fatalf("insisted on %q: it cools down", l.Key)
		}
		_, err := s.board.Insist(s.keys, "m", []string{"a"})
		s.is(err, Cooling, 5*time.Second)
		// Another model has only the dead key left out.
		if l, err := s.board.Pick(s.keys, "other", nil); err != nil || l.Key != "b" {
			t.Fatalf("other model: %v, %v", l, err)
		}
	}, "a", "b")
}

func TestInsistTakesTheSoonest(t *testing.T) {
	play(t, func(s *scene) {
		late, soon := s.pick(), s.pick()
		soon.Done(Result{Verdict: Refused})
		time.Sleep(time.Second)
		late.Done(Result{Verdict: Refused})
		for range 2 {
			if l := s.insist(); l.Key != soon.Key {
				t.Fatalf("insisted on %q, want the one that is due first", l.Key)
			}
		}
	}, "a", "b")
}

// TestConcurrent has many at work on a few keys and models, ending in all ways:
// whatever they leave behind passes.
func TestConcurrent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBoard(time.Now)
		keys := []string{"a", "b", "c"}
		var wg sync.WaitGroup
		for w := range 16 {
			wg.Go(func() {
				r := rand.New(rand.NewPCG(1, uint64(w)))
				for range 300 {
					pick := b.Pick
					if r.IntN(4) == 0 {
						pick = b.Insist
					}
					l, err := pick(keys, fmt.Sprint(r.IntN(3)), keys[:r.IntN(2)])
					time.Sleep(time.Duration(r.IntN(1000)) * time.Millisecond)
					b.Latency("1", true)
					b.Snapshot(keys)
					if err == nil {
						res := Result{Verdict: Verdict(r.IntN(6)), FirstToken: time.Second, Stream: true}
						l.Done(res)
						l.Done(Result{Verdict: Refused})
					}
				}
			})
		}
		wg.Wait()
		// Everything that was taken has been given back: all of it comes to life again.
		time.Sleep(longest)
		for _, model := range []string{"0", "1", "2"} {
			for range keys {
				l, err := b.Pick(keys, model, nil)
				if err != nil {
					t.Fatal(err)
				}
				l.Done(Result{Verdict: Good})
			}
			for range keys {
				if _, err := b.Pick(keys, model, nil); err != nil {
					t.Fatal(err)
				}
			}
		}
		for _, row := range b.Snapshot(keys) {
			if row.Reason != Usable {
				t.Errorf("%+v", row)
			}
		}
	})
}

func TestForgetsWhatIsIdle(t *testing.T) {
	play(t, func(s *scene) {
		for range tripRow {
			s.pick().Done(Result{Verdict: Bad})
		}
		for i := range 2 * maxPairs {
			l, err := s.board.Pick(s.keys, fmt.Sprint("made-up-", i), nil)
			if err != nil {
				t.Fatal(err)
			}
			l.Done(Result{}) // the provider doesn't know it
		}
		s.out(Tripped, tripOpen)
		for i := range 2 * maxPairs {
			l, err := s.board.Pick(s.keys, fmt.Sprint("real-", i), nil)
			if err != nil {
				t.Fatal(err)
			}
			l.Done(Result{Verdict: Good, FirstToken: 1})
			_, _ = s.board.Pick(s.keys, "m", nil) // in use, so it stays
		}
		s.out(Tripped, tripOpen)
		b := s.board
		if p, l := len(b.pairs.entries), len(b.latencies.entries); p != maxPairs || l != maxLatencies || b.pairs.order.Len() != p {
			t.Errorf("%d pairs and %d latencies are kept", p, l)
		}
		for i := range 2 * maxKeys {
			_, _ = b.Pick([]string{fmt.Sprint(i)}, "m", nil)
		}
		if n := len(b.keys.entries); n != maxKeys {
			t.Errorf("%d keys are kept", n)
		}
	}, "a")
}

func TestKeysAreNotKept(t *testing.T) {
	play(t, func(s *scene) {
		for _, v := range []Verdict{Good, Bad, Limited, Refused, Spent} {
			s.insist("other").Done(Result{Verdict: v})
			s.board.keys.peek(s.board.hash("secret")).spent = cooldown{}
			s.board.pairs.peek(pair{s.board.hash("secret"), "m"}).cool = cooldown{}
		}
		if all := fmt.Sprintf("%+v", s.board.Snapshot(s.keys)); strings.Contains(all, "secret") {
			t.Error(all)
		}
		s.board.keys.all(func(_ uint64, k *keyState) {
			if k.probe != nil {
				t.Error("an attempt that has ended is kept")
			}
		})
		s.board.pairs.all(func(_ pair, p *pairState) {
			if p.trial != nil {
				t.Error("an attempt that has ended is kept")
			}
		})
	}, "secret", "other")
}

func BenchmarkPickDone(b *testing.B) {
	for _, parallel := range []bool{false, true} {
		b.Run(fmt.Sprintf("parallel=%t", parallel), func(b *testing.B) {
			board := NewBoard(time.Now)
			keys := []string{"sk-a-key-of-some-length-0123456789"}
			one := func() {
				l, err := board.Pick(keys, "gpt-5", nil)
				if err != nil {
					b.Error(err)
					return
				}
				l.Done(Result{Verdict: Good, FirstToken: 1, Stream: true})
			}
			b.ReportAllocs()
			if !parallel {
				for b.Loop() {
					one()
				}
				return
			}
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					one()
				}
			})
		})
	}
}

package health

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSnapshot(t *testing.T) {
	play(t, func(s *scene) {
		now := time.Now()
		a, b := s.pick(), s.pick()
		a.Done(Result{Verdict: Bad, FirstToken: time.Second, Stream: true})
		b.Done(Result{Verdict: Refused})
		other, err := s.board.Pick(s.keys, "another", nil)
		if err != nil {
			t.Fatal(err)
		}
		other.Done(Result{Verdict: Limited, Wait: 2 * time.Second})
		got := s.board.Snapshot(append(s.keys, "", "new"))
		want := []State{
			{Index: 0, Label: "ca978112"},
			{Index: 0, Label: "ca978112", Model: "another", Reason: Cooling, Until: now.Add(2 * time.Second), Last: Limited},
			{Index: 0, Label: "ca978112", Model: "m", Failures: 1, Last: Bad, Latency: time.Second},
			{Index: 1, Label: "3e23e816", Reason: Dead, Until: now.Add(firstDeath), Last: Refused},
			{Index: 2},
			{Index: 3, Label: "11507a0e"},
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
		if len(s.board.keys.entries) != 2 {
			t.Error("looking on leaves traces")
		}
	}, "a", "b")
}

// What may be tried again is shown as well once it has answered, and not before.
func TestSnapshotUntilItAnswers(t *testing.T) {
	play(t, func(s *scene) {
		now := time.Now()
		dead := s.pick()
		dead.Done(Result{Verdict: Refused})
		for range tripRow {
			s.pick().Done(Result{Verdict: Bad})
		}
		time.Sleep(max(firstDeath, tripOpen) + time.Hour)
		want := []State{
			{Index: 0, Label: "ca978112", Reason: Dead, Until: now.Add(firstDeath), Last: Refused},
			{Index: 1, Label: "3e23e816"},
			{Index: 1, Label: "3e23e816", Model: "m", Reason: Tripped, Until: now.Add(tripOpen), Failures: tripRow, Last: Bad},
		}
		if d := cmp.Diff(want, s.board.Snapshot(s.keys)); d != "" {
			t.Error(d)
		}
		for range 2 {
			s.pick().Done(Result{Verdict: Good})
		}
		for _, row := range s.board.Snapshot(s.keys) {
			if row.Reason != Usable || !row.Until.IsZero() {
				t.Errorf("has answered: %+v", row)
			}
		}
	}, "a", "b")
}

// A model that nobody asks for any more is not shown as one that fails for ever.
func TestSnapshotOfNobodysModel(t *testing.T) {
	play(t, func(s *scene) {
		for range tripRow {
			s.pick().Done(Result{Verdict: Bad})
		}
		time.Sleep(unasked - 1)
		if rows := s.board.Snapshot(s.keys); len(rows) != 2 || rows[1].Reason != Tripped {
			t.Errorf("a day is not over: %+v", rows)
		}
		time.Sleep(time.Nanosecond)
		if rows := s.board.Snapshot(s.keys); len(rows) != 1 || rows[0].Reason != Usable {
			t.Errorf("a day later: %+v", rows)
		}
		s.pick().Done(Result{Verdict: Bad})
		if rows := s.board.Snapshot(s.keys); len(rows) != 2 || rows[1].Reason != Tripped {
			t.Errorf("it fails anew: %+v", rows)
		}
	}, "a")
}

func TestNames(t *testing.T) {
	seen := map[string]bool{}
	for v := Neutral; v <= Refused; v++ {
		seen[v.String()] = true
	}
	for r := Usable; r <= Tried; r++ {
		seen[r.String()] = true
		seen[(&Unavailable{Reason: r}).Error()] = true
	}
	if len(seen) != 6+2*5 {
		t.Errorf("%d names: %v", len(seen), seen)
	}
}

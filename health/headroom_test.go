package health

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestHeadroomIn(t *testing.T) {
	now := time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC)
	header := func(pairs ...string) http.Header {
		h := http.Header{"Content-Type": {"application/json"}, "X-Ratelimit-Limit-Alone": {"5"}}
		for i := 0; i < len(pairs); i += 2 {
			h.Set(pairs[i], pairs[i+1])
		}
		return h
	}
	many := header()
	for i := range 50 {
		many.Set(fmt.Sprintf("x-ratelimit-remaining-%02d", i), "1")
	}
	if got := HeadroomIn(many, now); len(got) != maxHeadroom {
		t.Errorf("%d are kept", len(got))
	}
	for name, test := range map[string]struct {
		header http.Header
		want   []Headroom
	}{
		"none": {header: header()},
		"openai": {
			header("x-ratelimit-limit-requests", "5000", "x-ratelimit-remaining-requests", "4999", "x-ratelimit-reset-requests", "12ms",
				"x-ratelimit-limit-tokens", "800000", "x-ratelimit-remaining-tokens", "799990", "x-ratelimit-reset-tokens", "6m0s"),
			[]Headroom{{"requests", 4999, 5000, now.Add(12 * time.Millisecond)}, {"tokens", 799990, 800000, now.Add(6 * time.Minute)}},
		},
		"anthropic": {
			header("anthropic-ratelimit-input-tokens-limit", "40000", "anthropic-ratelimit-input-tokens-remaining", "0",
				"anthropic-ratelimit-input-tokens-reset", "2027-01-31T12:01:00Z", "anthropic-ratelimit-unified-status", "allowed"),
			[]Headroom{{"input-tokens", 0, 40000, now.Add(time.Minute)}},
		},
		"without a unit, in milliseconds": {
			header("x-ratelimit-limit", "20", "x-ratelimit-remaining", "19", "x-ratelimit-reset", fmt.Sprint(now.Add(time.Hour).UnixMilli())),
			[]Headroom{{"requests", 19, 20, now.Add(time.Hour).Local()}},
		},
		"seconds":      {header("x-ratelimit-remaining-tokens-minute", "7", "x-ratelimit-reset-tokens-minute", "1.5"), []Headroom{{"tokens-minute", 7, 0, now.Add(1500 * time.Millisecond)}}},
		"nothing more": {header("x-ratelimit-remaining-tokens", "7", "x-ratelimit-reset-tokens", "soon"), []Headroom{{What: "tokens", Remaining: 7}}},
		"no number":    {header: header("x-ratelimit-remaining-tokens", "many", "x-ratelimit-remaining-"+strings.Repeat("x", 99), "1")},
	} {
		t.Run(name, func(t *testing.T) {
			if d := cmp.Diff(test.want, HeadroomIn(test.header, now)); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestHeadroomOfTheNewest: an answer that took long says nothing newer than one that
// was given since.
func TestHeadroomOfTheNewest(t *testing.T) {
	play(t, func(s *scene) {
		told := func(n int64) []Headroom { return []Headroom{{What: "requests", Remaining: n}} }
		long, short, silent := s.pick(), s.pick(), s.pick()
		early := time.Now()
		time.Sleep(time.Second)
		short.Done(Result{Verdict: Good, Headroom: told(1), Told: time.Now()})
		long.Done(Result{Verdict: Good, Headroom: told(2), Told: early})
		silent.Done(Result{Verdict: Good})
		row := s.board.Snapshot(s.keys)[1]
		if len(row.Headroom) != 1 || row.Headroom[0].Remaining != 1 || !row.Told.Equal(time.Now()) {
			t.Errorf("%+v at %s", row.Headroom, row.Told)
		}
	}, "a")
}

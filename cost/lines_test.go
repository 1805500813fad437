package cost

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestLines(t *testing.T) {
	p := given(t, "3", "15", "0.3", "3.75")
	p.Services = map[string]Share{"batch": {1, 2}}
	got := p.Lines(Usage{
		Input: Of(1205), CachedInput: Of(1000), CacheWrite: Of(100), Output: Of(340), Reasoning: Of(40), Service: "batch",
	})
	half := Share{1, 2}
	want := []Line{
		{"cached input", 1000, usd(t, "0.0000003"), half, usd(t, "0.00015")},
		{"cache write", 100, usd(t, "0.00000375"), half, usd(t, "0.0001875")},
		{"input", 105, usd(t, "0.000003"), half, usd(t, "0.0001575")},
		{"reasoning", 40, usd(t, "0.000015"), half, usd(t, "0.0003")},
		{"output", 300, usd(t, "0.000015"), half, usd(t, "0.00225")},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	if got := (Price{}).Lines(Usage{Input: Of(1), Output: Of(1)}); got != nil {
		t.Errorf("an unknown price has lines: %v", got)
	}
}

// A bill's lines add up to it, whatever the price and the usage.
func TestLinesAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, u := drawStored(t), drawAnyUsage(t)
		bill := p.Bill(u)
		var sum Amount
		for _, line := range p.Lines(u) {
			sum = sum.Add(line.Amount)
		}
		if bill.Status != Unpriced && sum != bill.Total {
			t.Fatalf("the lines come to %v, the bill to %v", sum, bill.Total)
		}
	})
}

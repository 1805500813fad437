package gate

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// known is a Ranker of what a test knows, by model; it counts how often it is asked.
type known struct {
	latencies map[string]time.Duration
	costs     map[string]int64
	asked     map[string]int
}

func (k *known) Latency(t Target) (time.Duration, bool) {
	k.asked[t.Model]++
	latency, ok := k.latencies[t.Model]
	return latency, ok
}

func (k *known) Cost(t Target) (int64, bool) {
	k.asked[t.Model]++
	cost, ok := k.costs[t.Model]
	return cost, ok
}

func TestOrder(t *testing.T) {
	targets := []Target{{"p", "a", 1}, {"p", "b", 1}, {"p", "c", 1}, {"p", "d", 1}}
	type latencies = map[string]time.Duration
	type costs = map[string]int64
	fast := func(l latencies) *known { return &known{latencies: l} }
	cheap := func(c costs) *known { return &known{costs: c} }
	for name, test := range map[string]struct {
		gate   *Gate
		ranker *known
		turns  []string
	}{
		"single":              {&Gate{Strategy: Single, Targets: targets}, nil, []string{"a", "a"}},
		"fallback":            {&Gate{Strategy: Fallback, Targets: targets}, nil, []string{"abcd", "abcd"}},
		"round-robin of one":  {&Gate{Strategy: RoundRobin, Targets: targets[:1]}, nil, []string{"a", "a"}},
		"equal weights":       {roundRobin(1, 1, 1), nil, []string{"abc", "bca", "cab", "abc"}},
		"equal heavy weights": {roundRobin(7, 7), nil, []string{"ab", "ba", "ab"}},
		"smooth":              {roundRobin(5, 1, 1), nil, []string{"abc", "abc", "bac", "acb", "cab", "abc", "abc", "abc"}},
		"the last is heavy":   {roundRobin(1, 3), nil, []string{"ba", "ab", "ba", "ba", "ba", "ab"}},
		"weighted of one":     {&Gate{Strategy: Weighted, Targets: targets[:1]}, nil, []string{"a", "a"}},
		"latency":             {latency(targets), fast(latencies{"a": 4, "b": 2, "c": 3, "d": 1}), []string{"dbca", "dbca"}},
		"latency, equals":     {latency(targets), fast(latencies{"a": 2, "b": 1, "c": 2, "d": 1}), []string{"bdac"}},
		"latency, unknown":    {latency(targets), fast(latencies{"a": 0, "c": 1}), []string{"bdac"}},
		"latency, none known": {latency(targets), fast(nil), []string{"abcd"}},
		"latency, no ranker":  {latency(targets), nil, []string{"abcd"}},
		"latency of one":      {latency(targets[:1]), fast(nil), []string{"a"}},
		"cost":                {cheapest(targets), cheap(costs{"a": 4, "b": 2, "c": 3, "d": 1}), []string{"dbca", "dbca"}},
		"cost, equals":        {cheapest(targets), cheap(costs{"a": 2, "b": 1, "c": 2, "d": 1}), []string{"bdac"}},
		"cost, unknown":       {cheapest(targets), cheap(costs{"b": math.MaxInt64 - 1, "d": 0}), []string{"dbac"}},
		"cost, none known":    {cheapest(targets), cheap(nil), []string{"abcd"}},
		"cost, no ranker":     {cheapest(targets), nil, []string{"abcd"}},
	} {
		t.Run(name, func(t *testing.T) {
			written := slices.Clone(test.gate.Targets)
			for i, want := range test.turns {
				var ranker Ranker
				if test.ranker != nil {
					test.ranker.asked = map[string]int{}
					ranker = test.ranker
				}
				if got := letters(test.gate.Order(ranker)); got != want {
					t.Errorf("turn %d: got %s, want %s", i, got, want)
				}
				if test.ranker == nil {
					continue
				}
				for model, n := range test.ranker.asked {
					if n != 1 || len(test.gate.Targets) == 1 {
						t.Errorf("turn %d: asked %d times about %s", i, n, model)
					}
				}
			}
			if !slices.Equal(test.gate.Targets, written) {
				t.Errorf("the gate's own targets were moved: %v", test.gate.Targets)
			}
		})
	}
}

func latency(targets []Target) *Gate  { return &Gate{Strategy: LowestLatency, Targets: targets} }
func cheapest(targets []Target) *Gate { return &Gate{Strategy: LowestCost, Targets: targets} }

// What a Ranker has to say may change while it is asked; only strategies that need it do so.
func TestOrderAsksOnlyWhenNeeded(t *testing.T) {
	targets := []Target{{"p", "a", 1}, {"p", "b", 2}}
	for _, g := range []*Gate{{Strategy: Single, Targets: targets}, {Strategy: Fallback, Targets: targets},
		{Strategy: Weighted, Targets: targets}, roundRobin(1, 2)} {
		k := &known{asked: map[string]int{}}
		if g.Order(k); len(k.asked) > 0 {
			t.Errorf("%s asked about %v", g.Strategy, k.asked)
		}
	}
}

// Each order of four targets comes as often as drawing by weight without putting back has it.
func TestDraw(t *testing.T) {
	targets := []Target{{"p", "a", 1}, {"p", "b", 2}, {"p", "c", 3}, {"p", "d", 4}}
	random := rand.New(rand.NewPCG(1, 2))
	const draws = 200_000
	counts := map[string]int{}
	for range draws {
		counts[letters(draw(targets, random.IntN))]++
	}
	var chi float64
	var each func(chosen []Target, left []Target, chance float64)
	each = func(chosen, left []Target, chance float64) {
		if len(left) == 0 {
			want := chance * draws
			chi += math.Pow(float64(counts[letters(chosen)])-want, 2) / want
			return
		}
		total := 0
		for _, t := range left {
			total += t.Weight
		}
		for i, t := range left {
			each(append(slices.Clone(chosen), t), slices.Delete(slices.Clone(left), i, i+1),
				chance*float64(t.Weight)/float64(total))
		}
	}
	each(nil, targets, 1)
	// 24 orders: of a right distribution, one run in a thousand is above 49.7. This one always is the same.
	if len(counts) != 24 || chi > 49.7 {
		t.Errorf("chi-squared is %.1f: %v", chi, counts)
	}
}

// However the numbers fall, each target comes once, and the random source is asked for what is left.
func TestDrawProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weights := rapid.SliceOfN(rapid.IntRange(1, maxWeight), 1, 8).Draw(t, "weights")
		g := roundRobin(weights...)
		left := 0
		for _, w := range weights {
			left += w
		}
		var asked []int
		order := draw(g.Targets, func(n int) int {
			asked = append(asked, n)
			return rapid.IntRange(0, n-1).Draw(t, "random")
		})
		for i, n := range asked {
			if n != left {
				t.Fatalf("draw %d is among %d, want %d", i, n, left)
			}
			left -= order[i].Weight
		}
		if len(asked) != len(weights)-1 {
			t.Fatalf("%d draws for %d targets", len(asked), len(weights))
		}
		slices.SortFunc(order, func(a, b Target) int { return int(a.Model[0]) - int(b.Model[0]) })
		if !slices.Equal(order, g.Targets) {
			t.Fatalf("got %v of %v", order, g.Targets)
		}
	})
}

func TestWeightedIsDrawn(t *testing.T) {
	g := &Gate{Strategy: Weighted, Targets: []Target{{"p", "a", 1}, {"p", "b", 1}}}
	seen := map[string]bool{}
	// That one of two doesn't come in a thousand draws is as good as impossible.
	for range 1000 {
		seen[letters(g.Order(nil))] = true
	}
	if len(seen) != 2 || !seen["ab"] || !seen["ba"] {
		t.Errorf("got %v", seen)
	}
}

func TestOrderAllocates(t *testing.T) {
	targets := []Target{{"p", "a", 1}, {"p", "b", 2}, {"p", "c", 3}}
	k := &known{latencies: map[string]time.Duration{"a": 2, "b": 1}, asked: map[string]int{"a": 0, "b": 0, "c": 0}}
	for _, test := range []struct {
		gate *Gate
		most float64
	}{
		{&Gate{Strategy: Single, Targets: targets}, 0},
		{&Gate{Strategy: Fallback, Targets: targets}, 0},
		{roundRobin(1, 2, 3), 1},
		{&Gate{Strategy: Weighted, Targets: targets}, 1},
		{latency(targets), 1},
		{cheapest(targets), 1},
	} {
		if n := testing.AllocsPerRun(100, func() { test.gate.Order(k) }); n > test.most {
			t.Errorf("%s: %v allocations, want at most %v", test.gate.Strategy, n, test.most)
		}
	}
}

package gate

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// roundRobin makes a gate with targets a, b, c … of the given weights.
func roundRobin(weights ...int) *Gate {
	targets := make([]Target, len(weights))
	for i, w := range weights {
		targets[i] = Target{"p", string(rune('a' + i)), w}
	}
	return &Gate{Strategy: RoundRobin, Targets: targets, turns: &turns{smooth(targets), new(cycle)}}
}

func letters(order []Target) string {
	var b strings.Builder
	for _, t := range order {
		b.WriteString(t.Model)
	}
	return b.String()
}

func TestCycleProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weights := rapid.SliceOfN(rapid.IntRange(1, maxWeight), 1, 8).Draw(t, "weights")
		g := roundRobin(weights...)
		total, period := 0, len(g.turns.sequence)
		for _, w := range weights {
			total += w
		}
		counts := make([]int, len(weights))
		for turn := range period {
			order := g.turns.next(g.Targets)
			if len(order) != len(weights) {
				t.Fatalf("turn %d: %d targets of %d", turn, len(order), len(weights))
			}
			first := int(order[0].Model[0] - 'a')
			counts[first]++
			// Smooth: at no moment has a target had a whole turn more than its share so far.
			if ahead := counts[first]*total - (turn+1)*weights[first]; ahead >= total {
				t.Fatalf("turn %d: target %d is ahead by %d/%d turns", turn, first, ahead, total)
			}
			seen := map[string]bool{}
			for _, target := range order {
				if seen[target.Model] {
					t.Fatalf("turn %d: %s is tried twice: %s", turn, target.Model, letters(order))
				}
				seen[target.Model] = true
			}
			// What is left comes by its next turn.
			next := func(model string) int {
				for i := 0; ; i++ {
					if g.Targets[g.turns.sequence[(turn+i)%period]].Model == model {
						return i
					}
				}
			}
			if !slices.IsSortedFunc(order, func(a, b Target) int { return next(a.Model) - next(b.Model) }) {
				t.Fatalf("turn %d: %s is not by next turns", turn, letters(order))
			}
			if turn > 50 && period > 200 && turn < period-1 {
				// The middle of a long period: only count it.
				for range period - turn - 2 {
					counts[g.turns.next(g.Targets)[0].Model[0]-'a']++
				}
				counts[g.turns.next(g.Targets)[0].Model[0]-'a']++
				break
			}
		}
		for i, n := range counts {
			if n*total != period*weights[i] {
				t.Fatalf("target %d of weights %v had %d turns of %d", i, weights, n, period)
			}
		}
	})
}

// However many requests run at once, and however often the table is reloaded meanwhile, the shares are exact.
func TestCycleIsExactUnderReload(t *testing.T) {
	file := newFile(t)
	text := func(version int) string {
		return gateWith(fmt.Sprintf(`"name":"g","description":"%d","routingStrategy":"round-robin","fallbackModels":[{"model":"p/b","weight":2},{"model":"p/c","weight":4}]`, version))
	}
	file.write(text(0))
	table := file.table(t, Options{})
	const workers, each = 8, 7 * 40
	counts := make([]map[string]int, workers)
	var group sync.WaitGroup
	for w := range workers {
		counts[w] = map[string]int{}
		group.Go(func() {
			for i := range each {
				if w == 0 && i%20 == 0 {
					file.write(text(i))
					if changed, err := table.Reload(); err != nil || changed != (i > 0) {
						t.Errorf("Reload: %v, %v", changed, err)
					}
				}
				g, ok := table.Lookup("g")
				if !ok {
					t.Error("the gate is gone")
					return
				}
				counts[w][g.Order(nil)[0].Model]++
			}
		})
	}
	group.Wait()
	sum := map[string]int{}
	for _, c := range counts {
		for model, n := range c {
			sum[model] += n
		}
	}
	const period = workers * each / 7
	if sum["gpt-4o"] != period || sum["b"] != 2*period || sum["c"] != 4*period {
		t.Errorf("got %v, want shares of 1, 2 and 4 times %d", sum, period)
	}
}

func TestCyclePosition(t *testing.T) {
	file, cycles := newFile(t), NewCycles()
	text := func(description, models string) string {
		return gateWith(`"name":"g","description":"` + description + `","routingStrategy":"round-robin","fallbackModels":[` + models + `]`)
	}
	turn := func(table *Table, want string) {
		t.Helper()
		g, ok := table.Lookup("g")
		if !ok {
			t.Fatal("the gate is gone")
		}
		if got := g.Order(nil)[0].Model; got != want {
			t.Errorf("got the turn of %s, want %s", got, want)
		}
	}
	file.write(text("1", `"p/b","p/c"`))
	first := file.table(t, Options{Cycles: cycles})
	turn(first, "gpt-4o")
	file.write(text("2", `"p/b","p/c"`))
	if changed, err := first.Reload(); !changed || err != nil {
		t.Fatal(changed, err)
	}
	turn(first, "b") // kept over a reload of the file

	second := file.table(t, Options{Cycles: cycles})
	old, _ := first.Lookup("g")
	first.Close()
	turn(second, "c")                        // kept over a reload of the configuration
	if old.Order(nil)[0].Model != "gpt-4o" { // a request that began before it takes its turn in the same cycle
		t.Error("an old gate has another cycle")
	}
	turn(second, "b")

	file.write(text("2", `"p/b","p/c","p/d"`))
	if changed, err := second.Reload(); !changed || err != nil {
		t.Fatal(changed, err)
	}
	turn(second, "gpt-4o") // other targets, another cycle
	if cycles.Len() != 1 {
		t.Errorf("%d cycles are kept for one gate", cycles.Len())
	}
	file.write(`[]`)
	if changed, err := second.Reload(); !changed || err != nil {
		t.Fatal(changed, err)
	}
	if cycles.Len() != 0 {
		t.Errorf("%d cycles are kept for no gate", cycles.Len())
	}
	file.write(text("3", `"p/b"`))
	if _, err := second.Reload(); err != nil {
		t.Fatal(err)
	}
	file.write(text("3", `"p/b", 7`))
	if _, err := second.Reload(); err == nil || cycles.Len() != 1 {
		t.Errorf("after a bad edit: %v, %d cycles", err, cycles.Len())
	}
	second.Close()
	second.Close()
	if cycles.Len() != 0 {
		t.Errorf("%d cycles are kept without a table", cycles.Len())
	}
}

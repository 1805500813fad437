package anthropic

import (
	"fmt"
	"testing"
)

// TestIDs: ids that come again get numbers, past those that are taken already,
// at the same price however often they come.
func TestIDs(t *testing.T) {
	c := conversation{ids: map[string]string{}, used: map[string]int{}}
	for i, step := range []struct{ id, want string }{
		{"c", "c"}, {"c_3", "c_3"}, {"c", "c_2"}, {"c", "c_4"}, {"c_3", "c_3_2"}, {"c_2", "c_2_2"}, {"c", "c_5"},
	} {
		if got := c.newID(step.id); got != step.want || c.ids[step.id] != step.want {
			t.Errorf("%d: %s is %s, want %s", i, step.id, got, step.want)
		}
	}
	for n := 6; n <= 2000; n++ {
		if got, want := c.newID("c"), fmt.Sprintf("c_%d", n); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	}
	if n := testing.AllocsPerRun(10, func() { c.newID("c") }); n > 20 {
		t.Errorf("an id that came 2000 times costs %v allocations", n)
	}
}

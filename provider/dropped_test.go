package provider

import (
	"slices"
	"testing"
)

func TestDropped(t *testing.T) {
	var d Dropped
	if d.Names() != nil {
		t.Error("nothing is something")
	}
	for _, name := range []string{"b", "a", "b", "a", "c"} {
		d.Add(name)
	}
	if got := d.Names(); !slices.Equal(got, []string{"b", "a", "c"}) {
		t.Errorf("got %v", got)
	}
}

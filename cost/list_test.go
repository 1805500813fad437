package cost

import (
	"slices"
	"testing"
)

// TestEntries: each model of the list, and of what was laid over it, is there once
// and has the price that is billed.
func TestEntries(t *testing.T) {
	c, err := Builtin().Overlay([]byte(modelsDev), "prices.json")
	if err != nil {
		t.Fatal(err)
	}
	list := c.Entries(day)
	found := make(map[string]string)
	for _, e := range list {
		id := e.Provider + "/" + e.Model
		if found[id] != "" {
			t.Errorf("%s is there twice", id)
		}
		found[id] = perMillion(e.Price) + " by " + e.Price.Version
		if p, ok := c.Price(e.Provider, e.Model, day); !ok || p.Rates != e.Price.Rates {
			t.Errorf("%s is billed at other rates", id)
		}
	}
	for id, want := range map[string]string{
		"openai/gpt-4o": "2 8 by prices.json", "openai/gpt-4o-mini": "0.15 0.6 by genai-prices@0.1.8",
		"my-host/gpt-4o": "0 0 by prices.json", "anthropic/claude-next": "4 20 by prices.json",
		"openai/gpt-4o-2024-08-06": "", // another name of gpt-4o
	} {
		if found[id] != want {
			t.Errorf("%s: %q, want %q", id, found[id], want)
		}
	}
	if len(list) < 500 || !slices.IsSortedFunc(list, func(a, b Entry) int {
		return slices.Compare([]string{a.Provider, a.Model}, []string{b.Provider, b.Model})
	}) {
		t.Errorf("%d entries, not in order", len(list))
	}
}

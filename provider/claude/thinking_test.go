package claude

import "testing"

func TestThink(t *testing.T) {
	for _, c := range []struct {
		model, effort string
		limit         int64
		free          bool
		want          Thought // Type is empty: nil
		word          string
		carried       bool
	}{
		{"claude-3-haiku-20240307", "none", 4096, true, Thought{}, "", true},
		{"claude-3-haiku-20240307", "high", 4096, true, Thought{}, "", false},
		{"claude-3-7-sonnet-20250219", "none", 4096, true, Thought{Type: "disabled"}, "", true},
		{"claude-3-7-sonnet-20250219", "high", 10000, true, Thought{Type: "enabled", Budget: 6000}, "", true},
		{"claude-3-7-sonnet-20250219", "minimal", 1025, true, Thought{Type: "enabled", Budget: 1024}, "", true},
		{"claude-3-7-sonnet-20250219", "minimal", 1024, true, Thought{}, "", false},
		{"claude-3-7-sonnet-20250219", "high", 10000, false, Thought{}, "", false},
		{"claude-sonnet-4-6", "minimal", 100, false, Thought{Type: "adaptive", Display: "summarized"}, "low", true},
		{"claude-sonnet-4-6", "xhigh", 100, true, Thought{Type: "adaptive", Display: "summarized"}, "max", true},
		{"claude-opus-4-7", "xhigh", 100, true, Thought{Type: "adaptive", Display: "summarized"}, "xhigh", true},
		{"claude-fable-5", "none", 100, true, Thought{}, "low", false},
		{"claude-sonnet-5-5", "none", 100, true, Thought{Type: "between_tools"}, "", true},
	} {
		got, word, carried := Of(c.model).Think(c.effort, c.limit, c.free)
		if (got == nil) != (c.want.Type == "") || got != nil && *got != c.want || word != c.word || carried != c.carried {
			t.Errorf("%+v: %+v, %q, %v", c, got, word, carried)
		}
		if thinks := c.want.Budget > 0 || c.want.Display != ""; got.Thinks() != thinks {
			t.Errorf("%+v thinks: %v", c, got.Thinks())
		}
	}
	for effort, want := range map[string]bool{"none": true, "max": true, "": false, "immense": false} {
		if IsEffort(effort) != want {
			t.Errorf("%q is an effort: %v", effort, !want)
		}
	}
}

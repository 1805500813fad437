package claude

// Thought asks a model to think, or not to: the request's thinking.
type Thought struct {
	Type    string `json:"type"` // adaptive, enabled, disabled, between_tools
	Budget  int64  `json:"budget_tokens,omitzero"`
	Display string `json:"display,omitzero"`
}

// minBudget is the least budget of tokens that thinking can have.
const minBudget = 1024

// effort is one of OpenAI's reasoning efforts: Anthropic's own word for it, and
// the share of max_tokens in per cent that is its budget where models take one.
type effort struct {
	name    string
	percent int64
}

var efforts = map[string]effort{
	"minimal": {"low", 2},
	"low":     {"low", 10},
	"medium":  {"medium", 30},
	"high":    {"high", 60},
	"xhigh":   {"xhigh", 90},
	"max":     {"max", 90},
}

// IsEffort reports whether OpenAI has the reasoning effort.
func IsEffort(name string) bool {
	_, ok := efforts[name]
	return ok || name == "none"
}

// Think says in the model's terms how hard to think: thinking, which may be nil,
// and output_config.effort, which may be empty. limit is max_tokens. free is
// false where the request forces a tool, or goes on with a turn that has begun
// without thinking: beside a budget, Anthropic refuses either, and what a client
// says plainly counts more than how hard to think. carried is false where the
// effort, or a part of what it says, is lost.
func (g Generation) Think(name string, limit int64, free bool) (thinking *Thought, word string, carried bool) {
	if name == "none" {
		switch {
		case g.Thinking == NoThinking:
			return nil, "", true
		case g.Off != "":
			return &Thought{Type: g.Off}, "", true
		}
		return nil, "low", false
	}
	e := efforts[name]
	switch g.Thinking {
	case AdaptiveThinking:
		if e.name == "xhigh" && !g.XHigh {
			e.name = "max"
		}
		return &Thought{Type: "adaptive", Display: "summarized"}, e.name, true
	case BudgetThinking:
		// The client's own limit holds: it pays for thinking as well.
		if budget := max(minBudget, limit*e.percent/100); free && budget < limit {
			return &Thought{Type: "enabled", Budget: budget}, "", true
		}
	}
	return nil, "", false
}

// Thinks reports whether the thought asks for any.
func (t *Thought) Thinks() bool {
	return t != nil && (t.Type == "enabled" || t.Type == "adaptive")
}

package cohere

import (
	"strings"

	"github.com/layergateway/layergateway/openai"
)

// efforts are how much a model may think, for what OpenAI calls it. Cohere
// itself takes none and high alone from OpenAI's clients, and recommends not to
// limit thinking; what is between are budgets in tokens, 0 being no limit.
// https://docs.cohere.com/docs/reasoning
var efforts = map[string]thinking{
	"none":    {Type: "disabled"},
	"minimal": {Type: "enabled", TokenBudget: 1024},
	"low":     {Type: "enabled", TokenBudget: 2048},
	"medium":  {Type: "enabled", TokenBudget: 8192},
	"high":    {Type: "enabled"},
	"xhigh":   {Type: "enabled"},
	"max":     {Type: "enabled"},
}

// families tells by the beginning of its name whether a model thinks. Of those
// that are not here nothing is known: the newest ones, an operator's own.
var families = []struct {
	prefix string
	thinks bool
}{
	{"command-a-reasoning", true},
	{"command-a-plus", true},
	{"command-a-03", false},
	{"command-a-vision", false},
	{"command-a-translate", false},
	{"command-r", false},
	{"command-light", false},
	{"c4ai-", false},
}

// thinks tells whether a model thinks, as far as that is known.
func thinks(model string) (yes, known bool) {
	for _, f := range families {
		if strings.HasPrefix(model, f.prefix) {
			return f.thinks, true
		}
	}
	return false, false
}

// think sets how much the model thinks. Who does not ask leaves it the model's
// own default.
func (t *translation) think() error {
	effort := t.in.ReasoningEffort
	if effort == "" {
		return nil
	}
	x, ok := efforts[effort]
	if !ok {
		return openai.Invalid("invalid_value", "reasoning_effort", "'reasoning_effort' must be one of none, minimal, low, medium, high, xhigh, max")
	}
	if yes, known := thinks(t.body.Model); known && !yes {
		if effort != "none" {
			t.drop("reasoning_effort")
		}
		return nil
	}
	// The limit of the answer holds the thoughts too.
	if limit := t.in.Limit(); x.TokenBudget > 0 && limit > 0 {
		x.TokenBudget = min(x.TokenBudget, max(limit/2, 1))
	}
	t.body.Thinking = &x
	return nil
}

// takesThoughts tells whether the model reads the thoughts of earlier answers,
// which it refuses while it doesn't think itself.
func (t *translation) takesThoughts() bool {
	if t.body.Thinking != nil {
		return t.body.Thinking.Type == "enabled"
	}
	yes, _ := thinks(t.body.Model)
	return yes
}

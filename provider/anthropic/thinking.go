package anthropic

import (
	"cmp"
	"slices"

	"github.com/layergateway/layergateway/openai"
)

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

// think carries reasoning_effort, as far as the model and the rest of the
// request allow.
func (t *translation) think() error {
	name := t.in.ReasoningEffort
	if name == "" {
		return nil
	}
	if name == "none" {
		t.noThinking()
		return nil
	}
	e, ok := efforts[name]
	if !ok {
		return openai.Invalid("invalid_value", "reasoning_effort", "'reasoning_effort' can't be %q", name)
	}
	switch t.generation.thinking {
	case adaptiveThinking:
		if e.name == "xhigh" && !t.generation.xhigh {
			e.name = "max"
		}
		t.body.Thinking = &thinking{Type: "adaptive", Display: "summarized"}
		t.body.OutputConfig.Effort = e.name
		return nil
	case budgetThinking:
		// The client's own limit holds: it pays for thinking as well.
		budget := max(minBudget, t.body.MaxTokens*e.percent/100)
		// With a budget, Anthropic refuses to have a tool forced, and to go on
		// with a turn that has begun without thinking. What the client said
		// plainly counts more than how hard to think.
		if budget < t.body.MaxTokens && !t.body.ToolChoice.forces() && !t.goesOnWithoutThinking() {
			t.body.Thinking = &thinking{Type: "enabled", Budget: budget}
			return nil
		}
	}
	t.drop("reasoning_effort")
	return nil
}

// noThinking turns thinking off, or down where it can't be off.
func (t *translation) noThinking() {
	switch g := t.generation; {
	case g.thinking == noThinking:
	case g.off != "":
		t.body.Thinking = &thinking{Type: g.off}
	default:
		t.body.OutputConfig.Effort = "low"
		t.drop("reasoning_effort")
	}
}

// goesOnWithoutThinking reports whether the answer continues a turn of the
// assistant's that has no thinking in front: the conversation ends with its
// words, or with the results of its tool calls. Clients of OpenAI's send back
// nothing but text and tool calls.
func (t *translation) goesOnWithoutThinking() bool {
	turns := t.body.Messages
	n := len(turns)
	if n > 1 && turns[n-1].results > 0 {
		n--
	}
	last := &turns[n-1]
	return last.Role == "assistant" && last.Content[0].Type != "thinking" && last.Content[0].Type != "redacted_thinking"
}

// reasoningFormat marks reasoning details as Anthropic's. The signature in them
// is bound to the text, and both to the provider, so other providers' details
// are not sent.
const reasoningFormat = "anthropic-claude-v1"

// withThinking puts the thinking that an earlier answer came with back where it
// was among what the assistant said. An OpenAI message does not say how text and
// tool calls lay between the thinking, so they fill the places that it leaves;
// but something must stand behind the last of it, or Anthropic refuses the turn.
func withThinking(said []block, details []openai.ReasoningDetail) []block {
	var thoughts []openai.ReasoningDetail
	for _, d := range details {
		if d.Format == reasoningFormat && (d.Signature != "" || d.Data != "") {
			thoughts = append(thoughts, d)
		}
	}
	if len(thoughts) == 0 || len(said) == 0 {
		return said
	}
	slices.SortStableFunc(thoughts, func(a, b openai.ReasoningDetail) int { return cmp.Compare(a.Index, b.Index) })
	places := thoughts[len(thoughts)-1].Index - (len(thoughts) - 1)
	if places >= len(said) {
		// Blocks lay there that OpenAI's message can't have, such as a search:
		// which place is whose is not known.
		places = 0
	}
	blocks := make([]block, 0, len(thoughts)+len(said))
	for _, d := range thoughts {
		for ; places > 0 && len(blocks) < d.Index; places-- {
			blocks, said = append(blocks, said[0]), said[1:]
		}
		if d.Type == "reasoning.encrypted" {
			blocks = append(blocks, block{Type: "redacted_thinking", Data: d.Data})
		} else {
			blocks = append(blocks, block{Type: "thinking", Thinking: &d.Text, Signature: d.Signature})
		}
	}
	return append(blocks, said...)
}

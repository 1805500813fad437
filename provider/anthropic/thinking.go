package anthropic

import (
	"cmp"
	"slices"

	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/provider/claude"
)

// think carries reasoning_effort, as far as the model and the rest of the
// request allow.
func (t *translation) think() error {
	name := t.in.ReasoningEffort
	if name == "" {
		return nil
	}
	if !claude.IsEffort(name) {
		return openai.Invalid("invalid_value", "reasoning_effort", "'reasoning_effort' can't be %q", name)
	}
	var carried bool
	free := !t.body.ToolChoice.forces() && !t.goesOnWithoutThinking()
	t.body.Thinking, t.body.OutputConfig.Effort, carried = t.generation.Think(name, t.body.MaxTokens, free)
	if !carried {
		t.drop("reasoning_effort")
	}
	return nil
}

// goesOnWithoutThinking reports whether the answer continues a turn of the
// assistant's that has no thinking in front: the conversation ends with its
// words, or with the results of its tool calls. Clients of OpenAI's send back
// nothing but text and tool calls.
func (t *translation) goesOnWithoutThinking() bool {
	turns := t.body.Messages
	n := len(turns)
	if n > 1 && len(turns[n-1].results) > 0 {
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

package bedrock

import (
	"cmp"
	"encoding/base64"
	"slices"

	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/provider/claude"
)

// ranks are OpenAI's reasoning efforts, from the least on.
var ranks = []string{"minimal", "low", "medium", "high", "xhigh", "max"}

// think carries reasoning_effort to where the model's maker has it.
func (t *translation) think() error {
	name := t.in.ReasoningEffort
	if name == "" {
		return nil
	}
	if !claude.IsEffort(name) {
		return openai.Invalid("invalid_value", "reasoning_effort", "'reasoning_effort' can't be %q", name)
	}
	switch x := &t.body.Additional; t.model.thinking {
	case noThinking:
		if name != "none" {
			t.drop("reasoning_effort")
		}
	case claudeThinking:
		t.thinkAsClaude(name)
	case novaThinking:
		x.ReasoningNova = t.thinkAsNova(name)
	case effortThinking:
		// These models always think.
		if x.ReasoningEffort = t.effort(name); name == "none" {
			t.drop("reasoning_effort")
		}
	case objectThinking:
		x.Reasoning = &effortObject{Effort: "none"}
		if name != "none" {
			x.Reasoning.Effort = t.effort(name)
		}
	case configThinking:
		// These models don't think unless they are asked to.
		if name != "none" {
			x.ReasoningConfig = t.effort(name)
		}
	}
	return nil
}

// effort is the model's word for one of OpenAI's efforts: the next that is no
// less.
func (t *translation) effort(name string) string {
	asked := slices.Index(ranks, name)
	for _, word := range t.model.efforts {
		if slices.Index(ranks, word) >= asked {
			return word
		}
	}
	return t.model.efforts[len(t.model.efforts)-1]
}

// novaHigh is an effort beside which Nova takes no limit and no sampling.
const novaHigh = "high"

func (t *translation) thinkAsNova(name string) *novaReasoning {
	if name == "none" {
		return &novaReasoning{Type: "disabled"}
	}
	word := t.effort(name)
	if word == novaHigh && t.body.InferenceConfig.MaxTokens != 0 {
		// The client's limit holds: it bounds what it pays.
		word = "medium"
		t.drop("reasoning_effort")
	}
	return &novaReasoning{Type: "enabled", Effort: word}
}

func (t *translation) thinkAsClaude(name string) {
	limit := cmp.Or(t.body.InferenceConfig.MaxTokens, t.model.generation.Limit)
	thought, word, carried := t.model.generation.Think(name, limit, !t.forced() && !t.goesOnWithoutThinking())
	if !carried {
		t.drop("reasoning_effort")
	}
	if t.body.Additional.Thinking = thought; thought != nil && thought.Budget > 0 {
		t.body.InferenceConfig.MaxTokens = limit // which must be more than the budget
	}
	if word != "" {
		t.body.Additional.OutputConfig = &claudeOutput{Effort: word}
	}
}

// goesOnWithoutThinking reports whether the answer continues a turn of the
// assistant's that has no thinking in front: the conversation ends with its
// words, or with the results of its tool calls.
func (t *translation) goesOnWithoutThinking() bool {
	turns := t.body.Messages
	n := len(turns)
	if n > 1 && turns[n-1].results > 0 {
		n--
	}
	last := &turns[n-1]
	return last.Role == "assistant" && last.Content[0].Reasoning == nil
}

// claudeFormat marks thinking with Claude's signature, which every platform that
// serves Claude takes: a conversation can move between this one and Anthropic's.
const claudeFormat = "anthropic-claude-v1"

// format marks reasoning details that only models of the same maker on Bedrock
// can read.
func (m *model) format(signed bool) string {
	switch {
	case signed && m.thinking == claudeThinking:
		return claudeFormat
	case m.maker == "":
		return "bedrock-converse-v1"
	}
	return "bedrock-" + m.maker + "-v1"
}

// withReasoning puts the reasoning that an earlier answer came with back to its
// place among what the assistant said, but for the end.
func (t *translation) withReasoning(said []block, details []openai.ReasoningDetail) []block {
	if len(said) == 0 {
		return said
	}
	details = slices.Clone(details)
	slices.SortStableFunc(details, func(a, b openai.ReasoningDetail) int { return cmp.Compare(a.Index, b.Index) })
	blocks := make([]block, 0, len(said)+len(details))
	for _, d := range details {
		b := t.reasoningBlock(&d)
		if b == nil {
			continue
		}
		for len(blocks) < d.Index && len(said) > 1 { // never behind the last
			blocks, said = append(blocks, said[0]), said[1:]
		}
		blocks = append(blocks, block{Reasoning: b})
	}
	return append(blocks, said...)
}

// reasoningBlock is nil for what the model could not read.
func (t *translation) reasoningBlock(d *openai.ReasoningDetail) *reasoning {
	switch {
	case d.Type == "reasoning.text" && d.Signature != "" && d.Format == t.model.format(true):
		return &reasoning{Text: &reasoningText{Text: d.Text, Signature: d.Signature}}
	case d.Type == "reasoning.encrypted" && d.Data != "" && d.Format == t.model.format(false):
		if b, err := base64.StdEncoding.DecodeString(d.Data); err == nil {
			return &reasoning{Redacted: b}
		}
	}
	return nil
}

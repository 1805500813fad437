package upstream

import (
	"fmt"
	"slices"
	"strings"
)

// turn is one or several messages of the same role in a row, which count as one.
type turn struct {
	role   string
	first  int // of its messages
	blocks []turnBlock
}

type turnBlock struct {
	at   string // messages.1.content.0
	kind string
	m    map[string]any
}

func anthropicMerge(messages []any) []turn {
	var turns []turn
	for i, msg := range each(messages) {
		if role := str(msg, "role"); len(turns) == 0 || turns[len(turns)-1].role != role {
			turns = append(turns, turn{role: role, first: i})
		}
		t := &turns[len(turns)-1]
		if s, ok := msg["content"].(string); ok {
			t.blocks = append(t.blocks, turnBlock{fmt.Sprintf("messages.%d.content.0", i), "text", map[string]any{"text": s}})
		}
		for j, b := range each(items(msg, "content")) {
			t.blocks = append(t.blocks, turnBlock{fmt.Sprintf("messages.%d.content.%d", i, j), str(b, "type"), b})
		}
	}
	return turns
}

// anthropicTurns checks that each tool_use has its tool_result at the start of the next turn and the other
// way round, and that thinking comes back as it went out.
func anthropicTurns(req map[string]any, _ anthropicModel) *refusal {
	turns := anthropicMerge(items(req, "messages"))
	var calls []string // of the turn before
	seen := map[string]bool{}
	for i, t := range turns {
		var answered []string
		leading := true
		for _, b := range t.blocks {
			if b.kind != "tool_result" {
				leading = false
				continue
			}
			id := str(b.m, "tool_use_id")
			if t.role != "user" || !slices.Contains(calls, id) || !leading || slices.Contains(answered, id) {
				if slices.Contains(calls, id) && !leading {
					continue // told below, as a call without its result
				}
				return anthropicInvalid("%s: unexpected `tool_use_id` found in `tool_result` blocks: %s. "+
					"Each `tool_result` block must have a corresponding `tool_use` block in the previous message.", b.at, id)
			}
			answered = append(answered, id)
		}
		if no := unanswered(calls, answered, turns, i); no != nil {
			return no
		}
		calls = nil
		for _, b := range t.blocks {
			if b.kind != "tool_use" {
				continue
			}
			id := str(b.m, "id")
			if t.role != "assistant" {
				return anthropicInvalid("messages.%d: `tool_use` blocks can only be in `assistant` messages", t.first)
			}
			if seen[id] {
				return anthropicInvalid("messages: `tool_use` ids must be unique")
			}
			seen[id] = true
			calls = append(calls, id)
		}
	}
	if no := unanswered(calls, nil, turns, len(turns)); no != nil {
		return no
	}
	return anthropicThoughts(req, turns)
}

func unanswered(calls, answered []string, turns []turn, next int) *refusal {
	left := slices.DeleteFunc(slices.Clone(calls), func(id string) bool { return slices.Contains(answered, id) })
	if len(left) == 0 {
		return nil
	}
	return anthropicInvalid("messages.%d: `tool_use` ids were found without `tool_result` blocks immediately after: %s. "+
		"Each `tool_use` block must have a corresponding `tool_result` block in the next message.",
		turns[next-1].first, strings.Join(left, ", "))
}

// anthropicThoughts checks the signed blocks. Everywhere a signature must be ours; in the last assistant
// turn all blocks of an answer must be there, in order; with thinking enabled, an answer that called tools
// must begin with its thinking.
func anthropicThoughts(req map[string]any, turns []turn) *refusal {
	var last turn
	for _, t := range turns {
		if t.role != "assistant" {
			continue
		}
		last = t
		for _, b := range t.blocks {
			if _, ok := anthropicSeal(b); isThought(b.kind) && !ok {
				return anthropicInvalid("%s: Invalid `%s` in `%s` block", b.at, signatureOf(b.kind), b.kind)
			}
		}
	}
	if at := misplaced(last); at != "" {
		return anthropicInvalid("%s: `thinking` or `redacted_thinking` blocks in the latest assistant message cannot be modified. "+
			"These blocks must remain as they were in the original response.", at)
	}
	called := slices.ContainsFunc(last.blocks, func(b turnBlock) bool { return b.kind == "tool_use" })
	if called && str(sub(req, "thinking"), "type") == "enabled" && !isThought(last.blocks[0].kind) {
		return anthropicInvalid("%s.type: Expected `thinking` or `redacted_thinking`, but found `%s`. When `thinking` is enabled, "+
			"a final `assistant` message must start with a thinking block (preceeding the lastmost set of `tool_use` and `tool_result` blocks). "+
			"We recommend you include thinking blocks from previous turns. To avoid this requirement, disable `thinking`.",
			last.blocks[0].at, last.blocks[0].kind)
	}
	return nil
}

// misplaced returns where a turn's signed blocks are not those of their answer, whole and in order, or "".
// Calls of another answer behind them count too: the thinking was taken from elsewhere.
func misplaced(t turn) string {
	var open seal // the last signed block
	next := 0     // the place that must follow
	for _, b := range t.blocks {
		s, thought := anthropicSeal(b)
		switch {
		case thought && (s.place != next || (next > 0 && s.answer != open.answer)):
			return b.at
		case thought:
			if open, next = s, s.place+1; next == s.of {
				next = 0
			}
		case next != 0:
			return b.at
		case b.kind == "tool_use" && open.answer != "":
			if answer, ours := strings.CutPrefix(str(b.m, "id"), "toolu_01"); ours && !strings.HasPrefix(answer, open.answer) {
				return b.at
			}
		}
	}
	if next != 0 {
		return t.blocks[len(t.blocks)-1].at
	}
	return ""
}

func isThought(kind string) bool { return kind == "thinking" || kind == "redacted_thinking" }

func signatureOf(kind string) string {
	if kind == "thinking" {
		return "signature"
	}
	return "data"
}

// anthropicSeal reads a block's signature; false if it has none, or not ours over what the block says.
func anthropicSeal(b turnBlock) (seal, bool) {
	switch b.kind {
	case "thinking":
		return openSeal(str(b.m, "signature"), "thinking:"+str(b.m, "thinking"))
	case "redacted_thinking":
		return openSeal(str(b.m, "data"), "redacted")
	}
	return seal{}, false
}

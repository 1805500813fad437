package openai

import "github.com/go-json-experiment/json/jsontext"

// Answer takes what a model says, piece by piece, from whatever wire format it
// came in. Stream makes chunks of it and Whole one completion, so that a dialect
// says everything once and both forms of an answer agree.
//
// choice is the index of the choice, 0 where there is only one.
type Answer interface {
	// Head names the answer; the first call counts.
	Head(h Head)
	Text(choice int, s string)
	Reasoning(choice int, s string)
	Refusal(choice int, s string)
	// ToolCall begins a tool call and gives its index among the choice's tool
	// calls. extra is its extra_content, or nil.
	ToolCall(choice int, id, name string, extra jsontext.Value) (index int)
	// Arguments adds to the JSON text of a tool call's arguments.
	Arguments(choice, index int, s string)
	// Member sets a further member of the message: annotations, images,
	// reasoning_details, extra_content. Arrays and strings given in several calls
	// are joined.
	Member(choice int, name string, v jsontext.Value)
	// Logprobs adds token probabilities: an object of arrays, as OpenAI has it.
	Logprobs(choice int, v jsontext.Value)
	// Finish ends a choice with one of OpenAI's reasons; native is the provider's
	// own word for it.
	Finish(choice int, reason, native string)

	// RawChunk and RawCompletion take what an OpenAI-shaped upstream sent, to be
	// passed on by edits of its bytes.
	RawChunk(c *Chunk) error
	RawCompletion(c *Completion) error
}

// Head is what an answer says of itself.
type Head struct {
	ID          string
	Model       string
	Created     int64  // seconds since 1970
	ServiceTier string // empty: left out
}

// Finish reasons of OpenAI.
const (
	FinishStop          = "stop"
	FinishLength        = "length"
	FinishToolCalls     = "tool_calls"
	FinishContentFilter = "content_filter"
)

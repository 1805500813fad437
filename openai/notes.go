package openai

import "github.com/go-json-experiment/json/jsontext"

// Notes are what has been noticed of a chunk, or of a whole answer, when it was
// read. Who mends answers of servers that have habits of their own finds by them
// what there is to mend, without a search of each chunk.
type Notes struct {
	Usage   jsontext.Value   // nil where there is none
	Error   jsontext.Value   // nil where there is none
	Tier    jsontext.Value   // service_tier; nil where there is none
	Reasons []jsontext.Value // the choices' finish_reasons that are strings
	Traits  Traits
	head    struct{ id, object, created, model jsontext.Value }
}

// Traits are what few chunks have.
type Traits uint16

const (
	// Unclear is noted where a chunk has a name that is written with an escape,
	// or usage is there twice. What that means needs a closer look.
	Unclear Traits = 1 << iota
	// MessageInChunk is noted where a chunk's choice has a message, as in a whole answer.
	MessageInChunk
	// ReasoningText is noted where a string is named reasoning.
	ReasoningText
	// ContentParts is noted where content is an array.
	ContentParts
	// ArgumentsObject is noted where a call in a chunk has an object for arguments.
	ArgumentsObject
	// WholeCalls is noted where a whole answer has calls.
	WholeCalls
	// UsageInChoice is noted where a choice has an object named usage.
	UsageInChoice
	// UsageByGroq is noted where there is an x_groq.
	UsageByGroq
)

// Head gives one of the members id, object, created and model, which say what
// answer this is: the first of its name, nil where there is none.
func (n *Notes) Head(name string) jsontext.Value {
	switch name {
	case "id":
		return n.head.id
	case "object":
		return n.head.object
	case "created":
		return n.head.created
	case "model":
		return n.head.model
	}
	return nil
}

// first notes a member of which the first counts.
func first(to *jsontext.Value, v jsontext.Value) {
	if *to == nil {
		*to = v
	}
}

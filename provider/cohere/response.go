package cohere

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// response is a whole answer. An error has its text as message.
type response struct {
	ID           string         `json:"id"`
	FinishReason string         `json:"finish_reason"`
	Message      jsontext.Value `json:"message"`
	Usage        usage          `json:"usage"`
	Logprobs     list[logprob]  `json:"logprobs"`
}

// event is one event of a stream, told apart by its type.
type event struct {
	Type  string `json:"type"`
	ID    string `json:"id"`    // of message-start
	Index int    `json:"index"` // of the content block
	Delta struct {
		Message      said   `json:"message"`
		FinishReason string `json:"finish_reason"` // of message-end, as the rest
		Error        string `json:"error"`
		Usage        usage  `json:"usage"`
	} `json:"delta"`
	Logprobs list[logprob]  `json:"logprobs"`
	Message  jsontext.Value `json:"message"` // of an error
}

// said is what the model says: a whole answer's message, or what an event adds
// to it.
type said struct {
	Content   list[content]    `json:"content"`
	ToolPlan  string           `json:"tool_plan"`
	ToolCalls list[calledTool] `json:"tool_calls"`
	Citations list[citation]   `json:"citations"`
}

// list is an array in a whole answer and a single object in an event.
type list[T any] []T

// UnmarshalJSONFrom takes an array, null or one of what the array would hold.
func (l *list[T]) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if k := dec.PeekKind(); k == '[' || k == 'n' {
		return json.UnmarshalDecode(dec, (*[]T)(l))
	}
	var one T
	err := json.UnmarshalDecode(dec, &one)
	*l = list[T]{one}
	return err
}

// content is a block of text or of thoughts, whose deltas don't repeat the type.
type content struct {
	Text     string `json:"text"`
	Thinking string `json:"thinking"`
}

// UnmarshalJSONFrom also takes text as a plain string, as it is in requests.
func (c *content) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if dec.PeekKind() == '"' {
		return json.UnmarshalDecode(dec, &c.Text)
	}
	type plain content
	return json.UnmarshalDecode(dec, (*plain)(c))
}

type calledTool struct {
	ID       string `json:"id"`
	Function struct {
		Name      string `json:"name"`
		Arguments string `json:"arguments"`
	} `json:"function"`
}

// logprob is a piece of text with the probabilities of its tokens.
type logprob struct {
	Text     string           `json:"text"`
	Logprobs []jsontext.Value `json:"logprobs"`
}

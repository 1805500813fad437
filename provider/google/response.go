package google

import "github.com/go-json-experiment/json/jsontext"

// response is a whole answer, and equally each event of a stream.
type response struct {
	Candidates     []candidate     `json:"candidates"`
	PromptFeedback *promptFeedback `json:"promptFeedback"`
	UsageMetadata  usageMetadata   `json:"usageMetadata"`
	ModelVersion   string          `json:"modelVersion"`
	ResponseID     string          `json:"responseId"`
	CreateTime     string          `json:"createTime"` // Vertex AI alone
	Error          jsontext.Value  `json:"error"`
}

// promptFeedback has a reason where the prompt was refused, and safety ratings
// where it was not.
type promptFeedback struct {
	BlockReason        string `json:"blockReason"`
	BlockReasonMessage string `json:"blockReasonMessage"`
}

type candidate struct {
	Index   int `json:"index"` // absent: 0
	Content struct {
		Parts []answerPart `json:"parts"`
	} `json:"content"`
	FinishReason      string         `json:"finishReason"`
	LogprobsResult    *logprobs      `json:"logprobsResult"`
	GroundingMetadata jsontext.Value `json:"groundingMetadata"`
	CitationMetadata  jsontext.Value `json:"citationMetadata"`
}

// answerPart is one piece of an answer. What Google's own tools did
// (executableCode, codeExecutionResult, toolCall, toolResponse) is not read: it
// is no part of the answer's text, and OpenAI's shape has no place for it.
type answerPart struct {
	Text             string      `json:"text"`
	Thought          bool        `json:"thought"` // the text is a summary of thoughts
	InlineData       *blob       `json:"inlineData"`
	FunctionCall     *calledPart `json:"functionCall"`
	ThoughtSignature string      `json:"thoughtSignature"`

	ExecutableCode      jsontext.Value `json:"executableCode"`
	CodeExecutionResult jsontext.Value `json:"codeExecutionResult"`
	ToolCall            jsontext.Value `json:"toolCall"`
	ToolResponse        jsontext.Value `json:"toolResponse"`
}

// ofTool tells whether the part belongs to one of Google's own tools.
func (p *answerPart) ofTool() bool {
	return p.ExecutableCode != nil || p.CodeExecutionResult != nil || p.ToolCall != nil || p.ToolResponse != nil
}

// calledPart is a function call: whole, with args, or begun by a part with a
// name and continued by parts without, until one will not continue.
type calledPart struct {
	ID           string         `json:"id"`
	Name         string         `json:"name"`
	Args         jsontext.Value `json:"args"`
	PartialArgs  []partialArg   `json:"partialArgs"`
	WillContinue bool           `json:"willContinue"`
}

// partialArg sets one place in the arguments, or adds to the string there.
type partialArg struct {
	JSONPath     string         `json:"jsonPath"`
	StringValue  *string        `json:"stringValue"`
	NumberValue  jsontext.Value `json:"numberValue"`
	BoolValue    jsontext.Value `json:"boolValue"`
	NullValue    jsontext.Value `json:"nullValue"`
	WillContinue bool           `json:"willContinue"` // the string goes on
}

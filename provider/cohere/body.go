package cohere

import "github.com/go-json-experiment/json/jsontext"

// request is the body of a chat. Cohere refuses members that it doesn't know.
type request struct {
	Model            string          `json:"model"`
	Stream           bool            `json:"stream"`
	Messages         []message       `json:"messages"`
	Tools            []tool          `json:"tools,omitempty"`
	StrictTools      bool            `json:"strict_tools,omitzero"`
	ToolChoice       string          `json:"tool_choice,omitzero"` // REQUIRED or NONE; absent: the model decides
	ResponseFormat   *responseFormat `json:"response_format,omitzero"`
	Thinking         *thinking       `json:"thinking,omitzero"`
	MaxTokens        int64           `json:"max_tokens,omitzero"`
	StopSequences    []string        `json:"stop_sequences,omitempty"`
	Temperature      jsontext.Value  `json:"temperature,omitzero"`
	P                jsontext.Value  `json:"p,omitzero"`
	Seed             jsontext.Value  `json:"seed,omitzero"`
	FrequencyPenalty jsontext.Value  `json:"frequency_penalty,omitzero"`
	PresencePenalty  jsontext.Value  `json:"presence_penalty,omitzero"`
	Logprobs         bool            `json:"logprobs,omitzero"`
}

// message has no content where it has tool calls, but for the thoughts that led
// to them: Cohere refuses text there.
type message struct {
	Role       string         `json:"role"`             // system, user, assistant, tool
	Content    jsontext.Value `json:"content,omitzero"` // a string or []part
	ToolPlan   string         `json:"tool_plan,omitzero"`
	ToolCalls  []toolCall     `json:"tool_calls,omitempty"`
	ToolCallID string         `json:"tool_call_id,omitzero"`
}

// part is one piece of a message's content: a user's text and image_url, an
// assistant's thinking and text.
type part struct {
	Type     string    `json:"type"`
	Text     string    `json:"text,omitzero"`
	Thinking string    `json:"thinking,omitzero"`
	ImageURL *imageURL `json:"image_url,omitzero"`
}

type imageURL struct {
	URL    string `json:"url"`
	Detail string `json:"detail,omitzero"` // auto, low, high
}

type toolCall struct {
	ID       string       `json:"id"`
	Type     string       `json:"type"` // function
	Function functionCall `json:"function"`
}

type functionCall struct {
	Name      string `json:"name"`
	Arguments string `json:"arguments"` // JSON
}

type tool struct {
	Type     string   `json:"type"` // function
	Function function `json:"function"`
}

type function struct {
	Name        string         `json:"name"`
	Description string         `json:"description,omitzero"`
	Parameters  jsontext.Value `json:"parameters"`
}

type responseFormat struct {
	Type       string         `json:"type"` // json_object
	JSONSchema jsontext.Value `json:"json_schema,omitzero"`
}

type thinking struct {
	Type        string `json:"type"` // enabled, disabled
	TokenBudget int64  `json:"token_budget,omitzero"`
}

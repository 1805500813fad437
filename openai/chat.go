package openai

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Chat is a chat completion request as translations to other wire formats read
// it. Numbers that only pass through keep their digits.
type Chat struct {
	Messages          []Message       `json:"messages"`
	Tools             []Tool          `json:"tools"`
	ToolChoice        *ToolChoice     `json:"tool_choice"`
	ParallelToolCalls *bool           `json:"parallel_tool_calls"`
	ResponseFormat    *ResponseFormat `json:"response_format"`
	ReasoningEffort   string          `json:"reasoning_effort"`
	Temperature       jsontext.Value  `json:"temperature"`
	TopP              jsontext.Value  `json:"top_p"`
	FrequencyPenalty  jsontext.Value  `json:"frequency_penalty"`
	PresencePenalty   jsontext.Value  `json:"presence_penalty"`
	Seed              jsontext.Value  `json:"seed"`
	N                 *int            `json:"n"`
	Stop              Strings         `json:"stop"`
	Logprobs          *bool           `json:"logprobs"`
	TopLogprobs       *int            `json:"top_logprobs"`
	ServiceTier       string          `json:"service_tier"`
	User              string          `json:"user"`
	SafetyIdentifier  string          `json:"safety_identifier"`
	Modalities        []string        `json:"modalities"`
	WebSearchOptions  jsontext.Value  `json:"web_search_options"`
	Metadata          jsontext.Value  `json:"metadata"` // an object

	MaxTokens           *int64 `json:"max_tokens"`
	MaxCompletionTokens *int64 `json:"max_completion_tokens"`

	// The deprecated forms of tools and tool_choice; Decode folds them in.
	Functions    []Function  `json:"functions"`
	FunctionCall *ToolChoice `json:"function_call"`
}

// Message is one message of a conversation.
type Message struct {
	Role         string         `json:"role"`
	Name         string         `json:"name"`
	Content      Content        `json:"content"`
	Refusal      string         `json:"refusal"`
	ToolCalls    []ToolCall     `json:"tool_calls"`
	ToolCallID   string         `json:"tool_call_id"`
	FunctionCall *FunctionCall  `json:"function_call"` // deprecated
	CacheControl jsontext.Value `json:"cache_control"`

	// Reasoning state that a client sends back as it got it.
	ReasoningContent string            `json:"reasoning_content"`
	ReasoningDetails []ReasoningDetail `json:"reasoning_details"`
	ExtraContent     *ExtraContent     `json:"extra_content"`

	// ToolPlan is what Cohere's models say they will do, beside their tool calls.
	ToolPlan string `json:"tool_plan"`

	// Images that the model made in an earlier turn: an array of image_url
	// parts, where a gateway gave it.
	Images jsontext.Value `json:"images"`
}

// Content is a message's content: parts, where a plain string is one text part.
type Content []Part

// UnmarshalJSONFrom takes a string, an array of parts or null.
func (c *Content) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	switch dec.PeekKind() {
	case '"':
		var s string
		if err := json.UnmarshalDecode(dec, &s); err != nil {
			return err
		}
		*c = Content{{Type: "text", Text: s}}
		return nil
	case 'n':
		*c = nil
		return dec.SkipValue()
	}
	var parts []Part
	if err := json.UnmarshalDecode(dec, &parts); err != nil {
		return err
	}
	*c = parts
	return nil
}

// Text joins the content's text parts.
func (c Content) Text() string {
	var s strings.Builder
	for _, p := range c {
		if p.Type == "text" {
			s.WriteString(p.Text)
		}
	}
	return s.String()
}

// Part is one piece of a message's content.
type Part struct {
	Type         string         `json:"type"` // text, image_url, input_audio, file, refusal, video_url
	Text         string         `json:"text"`
	Refusal      string         `json:"refusal"`
	ImageURL     *ImageURL      `json:"image_url"`
	VideoURL     *ImageURL      `json:"video_url"`
	InputAudio   *InputAudio    `json:"input_audio"`
	File         *File          `json:"file"`
	CacheControl jsontext.Value `json:"cache_control"`
	ExtraContent *ExtraContent  `json:"extra_content"`
}

// ImageURL is an image by https URL or data URL.
type ImageURL struct {
	URL    string `json:"url"`
	Detail string `json:"detail"`
}

// UnmarshalJSONFrom also takes the bare string that some clients send.
func (u *ImageURL) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if dec.PeekKind() == '"' {
		return json.UnmarshalDecode(dec, &u.URL)
	}
	type plain ImageURL
	return json.UnmarshalDecode(dec, (*plain)(u))
}

// InputAudio is audio as base64.
type InputAudio struct {
	Data   string `json:"data"`
	Format string `json:"format"` // wav, mp3
}

// File is a document: base64 in a data URL, a URL, or a provider's file id.
type File struct {
	FileData string `json:"file_data"`
	FileID   string `json:"file_id"`
	FileURL  string `json:"file_url"`
	Filename string `json:"filename"`
}

// ExtraContent carries what one provider alone understands, in the place where
// that provider's own OpenAI endpoint has it.
type ExtraContent struct {
	Google *struct {
		ThoughtSignature string `json:"thought_signature"`
	} `json:"google"`
}

// ThoughtSignature is Gemini's signature, empty if there is none.
func (x *ExtraContent) ThoughtSignature() string {
	if x == nil || x.Google == nil {
		return ""
	}
	return x.Google.ThoughtSignature
}

// ReasoningDetail is one block of a model's reasoning, in the shape OpenRouter
// gave it: text with its signature, or data that only the provider can read.
// Index is the block's place in the provider's own list of content blocks.
type ReasoningDetail struct {
	Type      string `json:"type"` // reasoning.text, reasoning.encrypted
	Text      string `json:"text,omitzero"`
	Signature string `json:"signature,omitzero"`
	Data      string `json:"data,omitzero"`
	Format    string `json:"format"` // whose it is, such as anthropic-claude-v1
	Index     int    `json:"index"`
}

// ResponseFormat is the form that the answer must have.
type ResponseFormat struct {
	Type       string `json:"type"` // text, json_object, json_schema
	JSONSchema *struct {
		Name        string         `json:"name"`
		Description string         `json:"description"`
		Schema      jsontext.Value `json:"schema"`
		Strict      *bool          `json:"strict"`
	} `json:"json_schema"`
}

// Strings is a string or a list of them.
type Strings []string

// UnmarshalJSONFrom takes a string, an array of strings or null.
func (s *Strings) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if dec.PeekKind() == '"' {
		var one string
		err := json.UnmarshalDecode(dec, &one)
		*s = Strings{one}
		return err
	}
	return json.UnmarshalDecode(dec, (*[]string)(s))
}

// Limit is the output limit that the client asked for; 0 is none.
func (c *Chat) Limit() int64 {
	switch {
	case c.MaxCompletionTokens != nil:
		return *c.MaxCompletionTokens
	case c.MaxTokens != nil:
		return *c.MaxTokens
	}
	return 0
}

// EndUser is the client's end user.
func (c *Chat) EndUser() string {
	if c.SafetyIdentifier != "" {
		return c.SafetyIdentifier
	}
	return c.User
}

// DecodeChat reads the request, with the edits made, for a translation. The
// error is an *Error that names the parameter.
func DecodeChat(r *Request, e *Edits) (*Chat, error) {
	var c Chat
	if err := json.Unmarshal(r.Append(nil, e), &c); err != nil {
		var sem *json.SemanticError
		if !errors.As(err, &sem) {
			return nil, jsonError(err)
		}
		param := ParamOf(sem.JSONPointer)
		if sem.Err != nil {
			return nil, Invalid("invalid_type", param, "'%s' %s", param, sem.Err)
		}
		return nil, Invalid("invalid_type", param, "'%s' has the wrong type", param)
	}
	return &c, c.fold()
}

// fold turns the deprecated forms into today's.
func (c *Chat) fold() error {
	for i, t := range c.Tools {
		if t.Type == "function" && (t.Function == nil || t.Function.Name == "") {
			return missing(fmt.Sprintf("tools[%d].function.name", i))
		}
	}
	for i := range c.Functions {
		f := &c.Functions[i]
		if f.Name == "" {
			return missing(fmt.Sprintf("functions[%d].name", i))
		}
		c.Tools = append(c.Tools, Tool{Type: "function", Function: f})
	}
	if c.ToolChoice == nil {
		c.ToolChoice = c.FunctionCall
	}
	last := "" // the function called last, which a function message answers
	for i := range c.Messages {
		m := &c.Messages[i]
		if m.FunctionCall != nil && len(m.ToolCalls) == 0 {
			last = fmt.Sprintf("call_%d", i)
			m.ToolCalls = []ToolCall{{ID: last, Type: "function", Function: *m.FunctionCall}}
		}
		if m.Role == "function" {
			m.Role, m.ToolCallID = "tool", last
		}
	}
	return nil
}

func missing(param string) error {
	return Invalid("missing_field", param, "'%s' is missing", param)
}

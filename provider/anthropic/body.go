package anthropic

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/provider/claude"
)

// body is a request of the Messages API.
type body struct {
	Version       string          `json:"anthropic_version,omitzero"`
	Model         string          `json:"model,omitzero"`
	MaxTokens     int64           `json:"max_tokens"`
	System        []block         `json:"system,omitempty"`
	Messages      []turn          `json:"messages"`
	Tools         []tool          `json:"tools,omitempty"`
	ToolChoice    *toolChoice     `json:"tool_choice,omitzero"`
	Thinking      *claude.Thought `json:"thinking,omitzero"`
	OutputConfig  outputConfig    `json:"output_config,omitzero"`
	Temperature   jsontext.Value  `json:"temperature,omitzero"`
	TopP          jsontext.Value  `json:"top_p,omitzero"`
	StopSequences []string        `json:"stop_sequences,omitempty"`
	Metadata      metadata        `json:"metadata,omitzero"`
	ServiceTier   string          `json:"service_tier,omitzero"`
	Stream        bool            `json:"stream,omitzero"`
}

// turn is all that one side says before the other does.
type turn struct {
	Role    string  `json:"role"` // user, assistant
	Content []block `json:"content"`
	results []block // tool results: they go in front of the content
}

// block is a piece of content of any type; what a type does not have is empty.
type block struct {
	Type string `json:"type"`

	Text string `json:"text,omitzero"` // text

	Thinking  *string `json:"thinking,omitzero"` // thinking: there, even if empty
	Signature string  `json:"signature,omitzero"`
	Data      string  `json:"data,omitzero"` // redacted_thinking

	ID    string         `json:"id,omitzero"` // tool_use
	Name  string         `json:"name,omitzero"`
	Input jsontext.Value `json:"input,omitzero"`

	ToolUseID string  `json:"tool_use_id,omitzero"` // tool_result
	Content   []block `json:"content,omitempty"`

	Source *source `json:"source,omitzero"` // image, document
	Title  string  `json:"title,omitzero"`

	CacheControl jsontext.Value `json:"cache_control,omitzero"`
}

// source is where an image or a document comes from.
type source struct {
	Type      string `json:"type"` // base64, text, url, file
	MediaType string `json:"media_type,omitzero"`
	Data      string `json:"data,omitzero"`
	URL       string `json:"url,omitzero"`
	FileID    string `json:"file_id,omitzero"`
}

// tool is a function, or a tool of Anthropic's own with its settings in Own.
type tool struct {
	Type         string         `json:"type,omitzero"`
	Name         string         `json:"name,omitzero"`
	Description  string         `json:"description,omitzero"`
	InputSchema  jsontext.Value `json:"input_schema,omitzero"`
	Strict       bool           `json:"strict,omitzero"`
	Own          jsontext.Value `json:",embed"`
	CacheControl jsontext.Value `json:"cache_control,omitzero"`
}

type toolChoice struct {
	Type            string `json:"type"` // auto, any, tool, none
	Name            string `json:"name,omitzero"`
	DisableParallel bool   `json:"disable_parallel_tool_use,omitzero"`
}

// forces reports whether the model must call a tool.
func (t *toolChoice) forces() bool { return t != nil && (t.Type == "any" || t.Type == "tool") }

type outputConfig struct {
	Effort string  `json:"effort,omitzero"`
	Format *format `json:"format,omitzero"`
}

type format struct {
	Type   string         `json:"type"`
	Schema jsontext.Value `json:"schema"`
}

type metadata struct {
	UserID string `json:"user_id,omitzero"`
}

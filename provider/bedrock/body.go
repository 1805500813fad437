package bedrock

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/provider/claude"
)

// body is a request of Converse and of ConverseStream.
type body struct {
	Messages        []turn          `json:"messages"`
	System          []block         `json:"system,omitempty"`
	InferenceConfig inferenceConfig `json:"inferenceConfig,omitzero"`
	ToolConfig      toolConfig      `json:"toolConfig,omitzero"`
	OutputConfig    *outputConfig   `json:"outputConfig,omitzero"`
	Additional      additional      `json:"additionalModelRequestFields,omitzero"`
	ServiceTier     *kind           `json:"serviceTier,omitzero"`
	Metadata        jsontext.Value  `json:"requestMetadata,omitzero"`
}

// turn is all that one side says before the other does.
type turn struct {
	Role    string  `json:"role"` // user, assistant
	Content []block `json:"content"`
	results int     // blocks up to the last tool result's, at the front
	front   []block // these blocks, until the conversation is whole
}

// block is a piece of content: one member is set.
type block struct {
	Text       string      `json:"text,omitzero"`
	Image      *media      `json:"image,omitzero"`
	Video      *media      `json:"video,omitzero"`
	Document   *media      `json:"document,omitzero"`
	ToolUse    *toolUse    `json:"toolUse,omitzero"`
	ToolResult *toolResult `json:"toolResult,omitzero"`
	Reasoning  *reasoning  `json:"reasoningContent,omitzero"`
	CachePoint *cachePoint `json:"cachePoint,omitzero"`
}

// media is an image, a video or a document; only documents have a name.
type media struct {
	Format string `json:"format"`
	Name   string `json:"name,omitzero"`
	Source struct {
		Bytes string `json:"bytes"` // base64
	} `json:"source"`
}

type toolUse struct {
	ID    string         `json:"toolUseId"`
	Name  string         `json:"name"`
	Input jsontext.Value `json:"input,omitzero"` // an object
}

type toolResult struct {
	ID      string  `json:"toolUseId"`
	Content []block `json:"content"`
}

// reasoning is what the model thought: text, or bytes for the model alone.
type reasoning struct {
	Text     *reasoningText `json:"reasoningText,omitzero"`
	Redacted []byte         `json:"redactedContent,omitempty"`
}

type reasoningText struct {
	Text      string `json:"text"`
	Signature string `json:"signature,omitzero"`
}

// cachePoint ends what is to be cached.
type cachePoint struct {
	Type string `json:"type"` // default
	TTL  string `json:"ttl,omitzero"`
}

type inferenceConfig struct {
	MaxTokens     int64          `json:"maxTokens,omitzero"`
	Temperature   jsontext.Value `json:"temperature,omitzero"`
	TopP          jsontext.Value `json:"topP,omitzero"`
	StopSequences []string       `json:"stopSequences,omitempty"`
}

type toolConfig struct {
	Tools      []tool      `json:"tools,omitempty"`
	ToolChoice *toolChoice `json:"toolChoice,omitzero"`
}

// tool is a function, or the end of what is to be cached.
type tool struct {
	Spec       *toolSpec   `json:"toolSpec,omitzero"`
	CachePoint *cachePoint `json:"cachePoint,omitzero"`
}

type toolSpec struct {
	Name        string      `json:"name"`
	Description string      `json:"description,omitzero"`
	InputSchema inputSchema `json:"inputSchema"`
	Strict      bool        `json:"strict,omitzero"`
}

type inputSchema struct {
	JSON jsontext.Value `json:"json"`
}

// toolChoice has one member; none of them is a choice of the model's.
type toolChoice struct {
	Any  *struct{} `json:"any,omitzero"`
	Tool *named    `json:"tool,omitzero"`
}

type named struct {
	Name string `json:"name"`
}

// kind is an object that is told by its type.
type kind struct {
	Type string `json:"type"`
}

type outputConfig struct {
	TextFormat textFormat `json:"textFormat"`
}

type textFormat struct {
	Type      string    `json:"type"` // json_schema
	Structure structure `json:"structure"`
}

type structure struct {
	JSONSchema jsonSchema `json:"jsonSchema"`
}

type jsonSchema struct {
	Name        string `json:"name,omitzero"`
	Description string `json:"description,omitzero"`
	Schema      string `json:"schema"` // JSON
}

// additional are fields of the models' makers: which of them a model takes is
// said by its thinking.
type additional struct {
	Thinking        *claude.Thought   `json:"thinking,omitzero"`
	OutputConfig    *claudeOutput     `json:"output_config,omitzero"`
	ToolChoice      *claudeToolChoice `json:"tool_choice,omitzero"`
	ReasoningNova   *novaReasoning    `json:"reasoningConfig,omitzero"`
	ReasoningConfig string            `json:"reasoning_config,omitzero"`
	ReasoningEffort string            `json:"reasoning_effort,omitzero"`
	Reasoning       *effortObject     `json:"reasoning,omitzero"`
}

type claudeOutput struct {
	Effort string `json:"effort"`
}

// claudeToolChoice takes the place of toolChoice for what that can't say.
type claudeToolChoice struct {
	Type            string `json:"type"` // auto, any, tool
	Name            string `json:"name,omitzero"`
	DisableParallel bool   `json:"disable_parallel_tool_use"`
}

type novaReasoning struct {
	Type   string `json:"type"` // enabled, disabled
	Effort string `json:"maxReasoningEffort,omitzero"`
}

type effortObject struct {
	Effort string `json:"effort"`
}

package gate

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Config is a gate as it is written. The names of its fields are Layer's, so a gate exported from there loads unchanged;
// null means that a field is unset.
type Config struct {
	// The gate's UUID, in upper or lower case. Required.
	ID string `json:"id"`

	// A second way to refer to the gate, unique among all gates: at most 128 bytes, without control characters, not like
	// a UUID, not beginning with "layer/" or "layer:". Default: none.
	Name string `json:"name,omitzero"`

	// What the gate is for, in words. Default: none.
	Description string `json:"description,omitzero"`

	// Words to find the gate by. Default: none.
	Tags []string `json:"tags,omitzero"`

	// What the gate does: chat, embeddings, image, tts, stt, video, ocr. Default: chat.
	TaskType string `json:"taskType,omitzero"`

	// The model to ask: "<provider>/<model>", or the id of a model that one configured provider serves. Required.
	Model string `json:"model"`

	// The models beside the first one, each as text or as {"model","weight"}. One that is listed again, the first one too,
	// has the sum of its weights. Default: none.
	FallbackModels []FallbackModel `json:"fallbackModels,omitzero"`

	// How a request chooses among the models: single, fallback, round-robin, weighted, lowest-latency, lowest-cost.
	// Default: single.
	RoutingStrategy string `json:"routingStrategy,omitzero"`

	// Text that the model is given before the conversation. Default: none.
	SystemPrompt string `json:"systemPrompt,omitzero"`

	// What becomes of a request's own system prompt: prepend (the gate's comes first), default (the gate's is used only
	// if the request has none), replace. Default: prepend.
	SystemPromptMode string `json:"systemPromptMode,omitzero"`

	// Sampling temperature, from 0 to 2, for requests that don't or mayn't set one. Default: the model's own.
	Temperature Number `json:"temperature,omitzero"`

	// The most tokens to generate, for requests that don't or mayn't set it. Default: the model's own.
	MaxTokens Number `json:"maxTokens,omitzero"`

	// Nucleus sampling, from 0 to 1, for requests that don't or mayn't set it. Default: the model's own.
	TopP Number `json:"topP,omitzero"`

	// What a request may set itself: true, false, {"model","temperature","maxTokens","topP": bool} or a list of those
	// names. Default: all but model.
	AllowOverrides AllowOverrides `json:"allowOverrides,omitzero"`

	// Whether the response format below is forced. Default: true if there is one.
	ResponseFormatEnabled *bool `json:"responseFormatEnabled,omitzero"`

	// The format that each answer is forced to have: text, json_object, json_schema. Default: as the request says.
	ResponseFormatType string `json:"responseFormatType,omitzero"`

	// The schema of json_schema: a JSON schema, or OpenAI's {"name","description","strict","schema"}. Default: none.
	ResponseFormatSchema jsontext.Value `json:"responseFormatSchema,omitzero"`

	// How long to wait for the model. Default: {"firstToken":"2m","idle":"2m","total":"10m"}.
	Timeouts TimeoutsConfig `json:"timeouts,omitzero"`

	// How long the first model may be silent before a second one is asked the same: the first content wins, and both cost.
	// It needs fallbackModels and another strategy than single. Default: a second one only after a failure.
	Hedge Duration `json:"hedge,omitzero"`

	// How often one model is asked again after a failure, before the next model is, from 0 to 10. Default: 1.
	MaxRetries Number `json:"maxRetries,omitzero"`

	// Whether a request is refused where a part of it would otherwise be overridden or dropped. Default: false.
	Strict bool `json:"strict,omitzero"`

	// Whether the gate refuses all requests. Default: false.
	Paused bool `json:"paused,omitzero"`

	LimitsConfig

	Advisory
}

// Advisory holds the fields of Layer's gates that this gateway keeps and doesn't act on.
type Advisory struct {
	// The kind of task within taskType. Kept, not used. Default: none.
	TaskSubtype jsontext.Value `json:"taskSubtype,omitzero"`
	// How much price matters to Layer's advice. Kept, not used. Default: none.
	CostWeight jsontext.Value `json:"costWeight,omitzero"`
	// How much latency matters to Layer's advice. Kept, not used. Default: none.
	LatencyWeight jsontext.Value `json:"latencyWeight,omitzero"`
	// How much quality matters to Layer's advice. Kept, not used. Default: none.
	QualityWeight jsontext.Value `json:"qualityWeight,omitzero"`
	// How Layer's advice is found. Kept, not used. Default: none.
	AnalysisMethod jsontext.Value `json:"analysisMethod,omitzero"`
	// How often Layer's advice is renewed. Kept, not used. Default: none.
	ReanalysisPeriod jsontext.Value `json:"reanalysisPeriod,omitzero"`
	// Layer's advice. Kept, not used. Default: none.
	TaskAnalysis jsontext.Value `json:"taskAnalysis,omitzero"`
	// Whether Layer acts on its advice. Kept, not used. Default: none.
	AutoApplyRecommendations jsontext.Value `json:"autoApplyRecommendations,omitzero"`
	// The price that Layer's advice stays below. Kept, not used. Default: none.
	MaxCostPer1kTokens jsontext.Value `json:"maxCostPer1kTokens,omitzero"`
	// The latency that Layer's advice stays below. Kept, not used. Default: none.
	MaxLatencyMs jsontext.Value `json:"maxLatencyMs,omitzero"`
	// What was spent in Layer in the current period. Kept, not used. Default: none.
	SpendingCurrent jsontext.Value `json:"spendingCurrent,omitzero"`
	// When Layer's current period began. Kept, not used. Default: none.
	SpendingPeriodStart jsontext.Value `json:"spendingPeriodStart,omitzero"`
	// Whether Layer suspended the gate for its spending. Kept, not used. Default: none.
	SpendingStatus jsontext.Value `json:"spendingStatus,omitzero"`
	// The gate's owner in Layer. Kept, not used. Default: none.
	UserID jsontext.Value `json:"userId,omitzero"`
	// When the gate was made. Kept, not used. Default: none.
	CreatedAt jsontext.Value `json:"createdAt,omitzero"`
	// When the gate was last changed. Kept, not used. Default: none.
	UpdatedAt jsontext.Value `json:"updatedAt,omitzero"`
	// When the gate was deleted. Kept, not used. Default: none.
	DeletedAt jsontext.Value `json:"deletedAt,omitzero"`
}

// Decode reads one gate and checks it. Unknown fields, wrong types and values out of range are errors; each names its
// field, and all that Validate finds are joined.
func Decode(data []byte) (*Config, error) {
	c := new(Config)
	if err := c.UnmarshalJSON(data); err != nil {
		return nil, err
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return c, nil
}

// UnmarshalJSON reads a gate strictly, as to names and types of fields. Whether their values make sense is Validate's
// business, so that a program which fills a Config and one which reads it hear the same.
func (c *Config) UnmarshalJSON(data []byte) error {
	type plain Config // without this method
	if err := json.Unmarshal(data, (*plain)(c), json.RejectUnknownMembers(true)); err != nil {
		return fieldError(err)
	}
	return nil
}

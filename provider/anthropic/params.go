package anthropic

import (
	"slices"
	"strings"

	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/provider"
	"github.com/layergateway/layergateway/provider/claude"
)

// Carried is every parameter of a chat completion that reaches Anthropic, and
// how. All others are dropped and reported.
var Carried = map[string]string{
	"model":                 "model",
	"messages":              "messages and system",
	"max_completion_tokens": "max_tokens; the model's own limit where the client gives none",
	"max_tokens":            "max_tokens",
	"temperature":           "temperature, at most 1; dropped for models that refuse it and while thinking",
	"top_p":                 "top_p; dropped for models that refuse it, beside temperature from Claude 4.1 on, and while thinking",
	"stop":                  "stop_sequences; blank ones are dropped",
	"tools":                 "tools; Anthropic's own tools as they are",
	"functions":             "tools",
	"tool_choice":           "tool_choice; dropped where it forces a tool and the model refuses that; allowed_tools by leaving the others out",
	"function_call":         "tool_choice; dropped where that is",
	"parallel_tool_calls":   "tool_choice.disable_parallel_tool_use",
	"response_format":       "output_config.format; before Claude 4.5 a tool that the model must call; json_object as an instruction",
	"reasoning_effort":      "thinking, and output_config.effort from Claude 4.6 on; dropped for models that don't think so",
	"user":                  "metadata.user_id",
	"safety_identifier":     "metadata.user_id",
	"service_tier":          "service_tier: auto, and default as standard_only; others dropped",
	"stream":                "stream",
	"stream_options":        "by the gateway",
	"modalities":            "text alone",
	"n":                     "1 alone",
}

// CarriedByPlatforms is what the services of other makers carry otherwise.
var CarriedByPlatforms = map[string]string{
	"model":        "the URL's path",
	"service_tier": "default alone",
}

// translation makes Anthropic's request of a chat completion.
type translation struct {
	in         *openai.Chat
	generation claude.Generation
	platform   *Platform
	body       body
	dropped    provider.Dropped
	schemaTool string // the tool that stands for response_format, if any
	files      bool   // files are named by their id
}

// drop reports a parameter, or a part of one, that is not carried.
func (t *translation) drop(name string) {
	t.dropped.Add(name)
}

func (t *translation) run() error {
	if n := t.in.N; n != nil && *n > 1 {
		return openai.Invalid("unsupported_value", "n", "'n' can only be 1 for this gate's provider, Anthropic")
	}
	if !slices.ContainsFunc(t.in.Modalities, func(m string) bool { return m == "text" }) && len(t.in.Modalities) > 0 {
		return openai.Invalid("unsupported_value", "modalities", "'modalities' must have text: this gate's provider, Anthropic, gives nothing else")
	}
	if len(t.in.Modalities) > 1 {
		t.drop("modalities")
	}
	t.limit()
	for _, step := range []func() error{t.converse, t.tools, t.format, t.think} {
		if err := step(); err != nil {
			return err
		}
	}
	t.sample()
	t.stop()
	t.body.Metadata.UserID = t.in.EndUser()
	t.serviceTier()
	return nil
}

// serviceTier carries the tiers that Anthropic itself has. Other platforms have
// the default alone.
func (t *translation) serviceTier() {
	switch tier := t.in.ServiceTier; {
	case tier != "" && tier != "auto" && tier != "default":
		t.drop("service_tier")
	case tier == "" || t.platform != nil:
	case tier == "auto":
		t.body.ServiceTier = "auto"
	default:
		t.body.ServiceTier = "standard_only"
	}
}

// limit sets max_tokens, which Anthropic requires.
func (t *translation) limit() {
	t.body.MaxTokens = t.in.Limit()
	if t.body.MaxTokens == 0 {
		t.body.MaxTokens = t.generation.Limit
	}
}

// sample carries temperature and top_p as far as the model takes them.
func (t *translation) sample() {
	var dropped []string
	t.body.Temperature, t.body.TopP, dropped = t.generation.Sample(t.in.Temperature, t.in.TopP, t.body.Thinking.Thinks())
	for _, name := range dropped {
		t.drop(name)
	}
}

// stop carries the stop sequences; Anthropic refuses blank ones.
func (t *translation) stop() {
	for _, s := range t.in.Stop {
		if strings.TrimSpace(s) == "" {
			t.drop("stop")
			continue
		}
		t.body.StopSequences = append(t.body.StopSequences, s)
	}
}

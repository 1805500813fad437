package bedrock

import (
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/provider"
)

// Carried is every parameter of a chat completion that reaches Bedrock, and how.
// All others are dropped and reported.
var Carried = map[string]string{
	"model":                 "the path, as one segment",
	"messages":              "messages and system",
	"max_completion_tokens": "inferenceConfig.maxTokens",
	"max_tokens":            "inferenceConfig.maxTokens",
	"temperature":           "inferenceConfig.temperature, at most 1; dropped for Claude models that refuse it and while thinking",
	"top_p":                 "inferenceConfig.topP; dropped for Claude models that refuse it, and while thinking",
	"stop":                  "inferenceConfig.stopSequences; blank ones are dropped",
	"tools":                 "toolConfig.tools",
	"functions":             "toolConfig.tools",
	"tool_choice":           "toolConfig.toolChoice; dropped where it forces a tool and the model refuses that; allowed_tools and none by leaving tools out",
	"function_call":         "toolConfig.toolChoice; dropped where tool_choice is",
	"parallel_tool_calls":   "additionalModelRequestFields.tool_choice for Claude, dropped for others",
	"response_format":       "outputConfig where the model takes it, else a tool that it must call, else an instruction, and json_schema dropped; json_object as an instruction",
	"reasoning_effort":      "additionalModelRequestFields, under the name that the model's maker gave it; dropped for models that don't think so",
	"metadata":              "requestMetadata; what Bedrock refuses is dropped",
	"service_tier":          "serviceTier: default, flex, priority; others dropped",
	"stream":                "the operation, converse or converse-stream",
	"stream_options":        "by the gateway",
	"modalities":            "text alone",
	"n":                     "1 alone",
}

// translation makes Bedrock's request of a chat completion.
type translation struct {
	in         *openai.Chat
	metadata   jsontext.Value // as the client sent it
	model      model
	body       body
	dropped    provider.Dropped
	schemaTool string // the tool that stands for response_format, if any
}

// drop reports a parameter, or a part of one, that is not carried.
func (t *translation) drop(name string) {
	t.dropped.Add(name)
}

func (t *translation) run() error {
	if n := t.in.N; n != nil && *n > 1 {
		return openai.Invalid("unsupported_value", "n", "'n' can only be 1 for this gate's provider, Bedrock")
	}
	if m := t.in.Modalities; len(m) > 0 {
		if !slices.Contains(m, "text") {
			return openai.Invalid("unsupported_value", "modalities", "'modalities' must have text: this gate's provider, Bedrock, gives nothing else")
		}
		if len(m) > 1 {
			t.drop("modalities")
		}
	}
	t.body.InferenceConfig.MaxTokens = t.in.Limit()
	for _, step := range []func() error{t.converse, t.tools, t.format, t.think} {
		if err := step(); err != nil {
			return err
		}
	}
	t.choose()
	t.sample()
	t.stop()
	t.tag()
	switch t.in.ServiceTier {
	case "", "auto":
	case "default", "flex", "priority":
		t.body.ServiceTier = &kind{t.in.ServiceTier}
	default:
		t.drop("service_tier")
	}
	return nil
}

// sample carries temperature and top_p.
func (t *translation) sample() {
	c := &t.body.InferenceConfig
	var dropped []string
	c.Temperature, c.TopP, dropped = t.model.generation.Sample(t.in.Temperature, t.in.TopP, t.body.Additional.Thinking.Thinks())
	if n := t.body.Additional.ReasoningNova; n != nil && n.Effort == novaHigh {
		// Nova takes neither beside its highest effort.
		if c.Temperature != nil {
			dropped = append(dropped, "temperature")
		}
		if c.TopP != nil {
			dropped = append(dropped, "top_p")
		}
		c.Temperature, c.TopP = nil, nil
	}
	for _, name := range dropped {
		t.drop(name)
	}
}

// stop carries the stop sequences; blank ones are refused.
func (t *translation) stop() {
	for _, s := range t.in.Stop {
		if strings.TrimSpace(s) == "" {
			t.drop("stop")
			continue
		}
		t.body.InferenceConfig.StopSequences = append(t.body.InferenceConfig.StopSequences, s)
	}
}

// taggable is what Bedrock takes as a name or value of metadata.
var taggable = regexp.MustCompile(`^[a-zA-Z0-9\s:_@$#=/+,.-]{1,256}$`)

const maxTags = 16

// tag carries metadata, by which the operator's logs of invocations can be
// searched.
func (t *translation) tag() {
	if t.metadata.Kind() != '{' {
		return
	}
	var tags map[string]jsontext.Value
	if err := json.Unmarshal(t.metadata, &tags); err != nil {
		t.drop("metadata")
		return
	}
	kept := map[string]string{}
	for name, v := range tags {
		var s string
		if json.Unmarshal(v, &s) != nil || !taggable.MatchString(name) || !taggable.MatchString(s) || len(tags) > maxTags {
			t.drop("metadata")
			continue
		}
		kept[name] = s
	}
	if len(kept) > 0 {
		// A map of strings always has JSON.
		t.body.Metadata, _ = json.Marshal(kept, json.Deterministic(true))
	}
}

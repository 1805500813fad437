package google

import (
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/provider"
)

// maxStops is how many stop sequences Gemini takes.
const maxStops = 5

// translation makes the body of one request. It knows neither the URL nor the
// credential.
type translation struct {
	service    *service
	asked      *openai.Chat
	model      string
	stream     bool
	generation int
	body       request
	tier       string // Google's name of the service tier
	dropped    provider.Dropped
}

func newTranslation(s *service, asked *openai.Chat, call *provider.Call) *translation {
	return &translation{service: s, asked: asked, model: call.Model, stream: call.Stream, generation: generation(call.Model)}
}

// translate fills the body. The error is an *openai.Error.
func (t *translation) translate() error {
	steps := []func() error{t.messages, t.tools, t.format, t.reasoning, t.sampling}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	t.modalities()
	t.serviceTier()
	t.labels()
	return nil
}

// drop notes a parameter, or a part of one, that has no equivalent here.
func (t *translation) drop(name string) {
	t.dropped.Add(name)
}

func (t *translation) config() *generationConfig {
	if t.body.GenerationConfig == nil {
		t.body.GenerationConfig = new(generationConfig)
	}
	return t.body.GenerationConfig
}

// format asks for JSON. Gemini always keeps to a schema that it is given, so
// that strict needs no equivalent.
func (t *translation) format() error {
	f := t.asked.ResponseFormat
	if f == nil || f.Type == "text" {
		return nil
	}
	// Before Gemini 3 functions and JSON exclude each other: with a 400.
	if t.generation < gemini3 && t.generation != unknown && t.functions() {
		t.drop("response_format")
		return nil
	}
	switch f.Type {
	case "json_object":
		t.config().ResponseMIMEType = "application/json"
	case "json_schema":
		if f.JSONSchema == nil || f.JSONSchema.Schema.Kind() != '{' {
			return openai.Invalid("missing_field", "response_format.json_schema.schema", "'response_format.json_schema.schema' is missing: give the JSON schema as an object")
		}
		t.config().ResponseMIMEType = "application/json"
		t.config().ResponseJSONSchema = f.JSONSchema.Schema
	default:
		return openai.Invalid("invalid_value", "response_format.type", "'response_format.type' must be text, json_object or json_schema")
	}
	return nil
}

// reasoning sets how much the model thinks. Who asks for thinking gets the
// thoughts' summaries; who does not ask leaves the model its own default.
func (t *translation) reasoning() error {
	asked := t.asked.ReasoningEffort
	if asked == "" {
		return nil
	}
	if !isEffort(asked) {
		return openai.Invalid("invalid_value", "reasoning_effort", "'reasoning_effort' must be one of none, minimal, low, medium, high, xhigh, max")
	}
	e, ok := effortsOf(t.model)[asked]
	if !ok {
		if asked != "none" {
			t.drop("reasoning_effort")
		}
		return nil
	}
	c := &thinkingConfig{IncludeThoughts: asked != "none", ThinkingLevel: e.level}
	if e.level == "" {
		c.ThinkingBudget = &e.budget
	}
	t.config().ThinkingConfig = c
	return nil
}

// penalty is a penalty that the model takes: since 2.5 they answer 400 "Penalty
// is not enabled" to any but 0.
func (t *translation) penalty(name string, v jsontext.Value) jsontext.Value {
	if t.generation < gemini25 || len(v) == 0 || v.Kind() == 'n' {
		return v
	}
	if f, err := strconv.ParseFloat(string(v), 64); err != nil || f != 0 {
		t.drop(name)
	}
	return nil
}

func (t *translation) sampling() error {
	a := t.asked
	set := func(to func(*generationConfig) *jsontext.Value, v jsontext.Value) {
		if len(v) > 0 && v.Kind() != 'n' {
			*to(t.config()) = v
		}
	}
	set(func(c *generationConfig) *jsontext.Value { return &c.Temperature }, a.Temperature)
	set(func(c *generationConfig) *jsontext.Value { return &c.TopP }, a.TopP)
	set(func(c *generationConfig) *jsontext.Value { return &c.Seed }, a.Seed)
	set(func(c *generationConfig) *jsontext.Value { return &c.PresencePenalty }, t.penalty("presence_penalty", a.PresencePenalty))
	set(func(c *generationConfig) *jsontext.Value { return &c.FrequencyPenalty }, t.penalty("frequency_penalty", a.FrequencyPenalty))
	if limit := a.Limit(); limit != 0 {
		t.config().MaxOutputTokens = limit
	}
	if a.N != nil && *a.N != 1 {
		t.config().CandidateCount = *a.N
	}
	if len(a.Stop) > maxStops {
		return openai.Invalid("array_above_max_length", "stop", "'stop' has more than %d sequences, which is what the model takes", maxStops)
	}
	if len(a.Stop) > 0 {
		t.config().StopSequences = a.Stop
	}
	switch wanted := a.Logprobs != nil && *a.Logprobs; {
	case wanted:
		t.config().ResponseLogprobs = true
		if a.TopLogprobs != nil {
			t.config().Logprobs = *a.TopLogprobs
		}
	case a.TopLogprobs != nil && *a.TopLogprobs > 0:
		t.drop("top_logprobs") // OpenAI has it with logprobs only
	}
	return nil
}

// modalities asks for images beside text. Speech is left out: Gemini speaks
// with models of their own, in a format that OpenAI's shape has no place for.
func (t *translation) modalities() {
	var list []string
	for _, m := range t.asked.Modalities {
		switch m {
		case "text", "image":
			list = append(list, strings.ToUpper(m))
		default:
			t.drop("modalities")
		}
	}
	if slices.Contains(list, "IMAGE") {
		t.config().ResponseModalities = list
	}
}

// serviceTiers maps OpenAI's service tiers; auto asks for nothing.
var serviceTiers = map[string]string{"default": "standard", "flex": "flex", "priority": "priority"}

func (t *translation) serviceTier() {
	asked := t.asked.ServiceTier
	tier, ok := serviceTiers[asked]
	if !ok && asked != "" && asked != "auto" {
		t.drop("service_tier")
	}
	if t.tier = tier; t.service.tierHeader == "" {
		t.body.ServiceTier = tier
	} else if tier == "standard" {
		t.tier = "" // what there is without the header
	}
}

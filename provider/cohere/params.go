package cohere

import (
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/provider"
)

// Carried is every parameter of a chat completion that reaches Cohere, and how.
// All others are dropped and reported, and so is what is left behind of these.
var Carried = map[string]string{
	"model":                 "model",
	"messages":              "messages, with parts as Cohere has them",
	"max_completion_tokens": "max_tokens",
	"max_tokens":            "max_tokens",
	"temperature":           "temperature, at most 1",
	"top_p":                 "p, from 0.01 to 0.99",
	"frequency_penalty":     "frequency_penalty, at most 1; dropped where negative",
	"presence_penalty":      "presence_penalty, at most 1; dropped where negative",
	"seed":                  "seed; dropped where negative",
	"stop":                  "stop_sequences, at most 5",
	"logprobs":              "logprobs",
	"tools":                 "tools, and strict_tools where all are strict",
	"functions":             "tools",
	"tool_choice":           "tool_choice; a named function and allowed_tools by leaving the others out",
	"function_call":         "tool_choice",
	"response_format":       "response_format json_object, with json_schema; dropped beside tools",
	"reasoning_effort":      "thinking; dropped for models that don't think",
	"stream":                "stream",
	"stream_options":        "by the gateway",
	"n":                     "1 alone",
	"modalities":            "text alone",
	"service_tier":          "default alone",
}

// withoutEquivalent leaves of the names those that nothing is made of.
func withoutEquivalent(asked []string) []string {
	return slices.DeleteFunc(asked, func(name string) bool { return Carried[name] != "" })
}

// maxStops is how many stop sequences Cohere takes.
const maxStops = 5

// translation makes the body of one request.
type translation struct {
	in      *openai.Chat
	body    request
	dropped provider.Dropped
}

// run fills the body. The error is an *openai.Error.
func (t *translation) run() error {
	if n := t.in.N; n != nil && *n > 1 {
		return openai.Invalid("unsupported_value", "n", "'n' can only be 1 for this gate's provider, Cohere")
	}
	if m := t.in.Modalities; len(m) > 0 && !slices.Contains(m, "text") {
		return openai.Invalid("unsupported_value", "modalities", "'modalities' must have text: this gate's provider, Cohere, gives nothing else")
	}
	if len(t.in.Modalities) > 1 {
		t.drop("modalities")
	}
	// The messages depend on whether the model thinks.
	for _, step := range []func() error{t.think, t.messages, t.tools, t.format, t.stop} {
		if err := step(); err != nil {
			return err
		}
	}
	t.sample()
	t.body.MaxTokens = t.in.Limit()
	if tier := t.in.ServiceTier; tier != "" && tier != "auto" && tier != "default" {
		t.drop("service_tier")
	}
	return nil
}

// drop reports a parameter, or a part of one, that has no equivalent here.
func (t *translation) drop(name string) {
	t.dropped.Add(name)
}

// sample carries what shapes the choice of tokens, where Cohere's ranges are
// narrower than OpenAI's at the nearest value that there is.
func (t *translation) sample() {
	t.body.Temperature = within(t.in.Temperature, "", "1")
	t.body.P = within(t.in.TopP, "0.01", "0.99")
	t.body.FrequencyPenalty = t.penalty("frequency_penalty", t.in.FrequencyPenalty)
	t.body.PresencePenalty = t.penalty("presence_penalty", t.in.PresencePenalty)
	if strings.HasPrefix(string(t.in.Seed), "-") {
		t.drop("seed")
	} else {
		t.body.Seed = within(t.in.Seed, "", "")
	}
	t.body.Logprobs = t.in.Logprobs != nil && *t.in.Logprobs
}

// penalty carries a penalty. A negative one would be a reward, which Cohere
// doesn't have; 0 is left out, since some models take only one of the two.
func (t *translation) penalty(name string, v jsontext.Value) jsontext.Value {
	switch f, ok := number(v); {
	case !ok || f == 0:
		return nil
	case f < 0:
		t.drop(name)
		return nil
	}
	return within(v, "", "1")
}

// within gives a number with its digits, or the limit that it is beyond; empty
// is no limit. What is no number gives nil.
func within(v jsontext.Value, low, high string) jsontext.Value {
	f, ok := number(v)
	if !ok {
		return nil
	}
	if least, err := strconv.ParseFloat(low, 64); err == nil && f < least {
		return jsontext.Value(low)
	}
	if most, err := strconv.ParseFloat(high, 64); err == nil && f > most {
		return jsontext.Value(high)
	}
	return v
}

func number(v jsontext.Value) (float64, bool) {
	if v.Kind() != '0' {
		return 0, false
	}
	f, _ := strconv.ParseFloat(string(v), 64) // a number: out of range is an infinity
	return f, true
}

func (t *translation) stop() error {
	t.body.StopSequences = slices.DeleteFunc(slices.Clone(t.in.Stop), func(s string) bool { return s == "" })
	if len(t.body.StopSequences) > maxStops {
		return openai.Invalid("array_above_max_length", "stop", "'stop' has more than %d sequences, which is what the model takes", maxStops)
	}
	return nil
}

// format asks for JSON, which Cohere does with a schema or without, but not
// beside tools. It always keeps to a schema that it is given, so that strict
// needs no equivalent.
func (t *translation) format() error {
	f := t.in.ResponseFormat
	if f == nil || f.Type == "text" {
		return nil
	}
	format := &responseFormat{Type: "json_object"}
	switch f.Type {
	case "json_object":
	case "json_schema":
		if f.JSONSchema == nil || f.JSONSchema.Schema.Kind() != '{' {
			return openai.Invalid("missing_field", "response_format.json_schema.schema", "'response_format.json_schema.schema' is missing: give the JSON schema as an object")
		}
		format.JSONSchema = f.JSONSchema.Schema
	default:
		return openai.Invalid("invalid_value", "response_format.type", "'response_format.type' must be text, json_object or json_schema")
	}
	if len(t.body.Tools) > 0 {
		t.drop("response_format")
		return nil
	}
	t.body.ResponseFormat = format
	return nil
}

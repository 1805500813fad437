package fidelity

import (
	"slices"
	"strings"
	"testing"
)

// sample is values that ask for something, the most usual first, and what may
// stand beside them in a request: by default, nothing.
type sample struct {
	values []string
	beside []string
}

func (s sample) contexts() []string {
	if s.beside == nil {
		return []string{""}
	}
	return s.beside
}

const (
	weather   = `{"type":"function","function":{"name":"get_weather","parameters":{"type":"object","properties":{"city":{"type":"string"}}}}}`
	clock     = `{"type":"function","function":{"name":"get_time"}}`
	withTools = `"tools":[` + weather + `,` + clock + `]`
)

var samples = map[string]sample{
	"audio":                  {values: []string{`{"voice":"alloy","format":"wav"}`}},
	"frequency_penalty":      {values: []string{`0.5`, `-0.5`}},
	"function_call":          {values: []string{`{"name":"get_weather"}`, `"none"`}, beside: []string{`"functions":[{"name":"get_weather"}]`}},
	"functions":              {values: []string{`[{"name":"get_weather","parameters":{"type":"object","properties":{}}}]`}},
	"logit_bias":             {values: []string{`{"1734":-100}`}},
	"logprobs":               {values: []string{`true`}},
	"max_completion_tokens":  {values: []string{`3000`}},
	"max_tokens":             {values: []string{`3000`}},
	"messages":               {values: []string{`[{"role":"user","content":"And then?"}]`}},
	"metadata":               {values: []string{`{"topic":"weather"}`, `{"topic":"weather","Not a label!":"*"}`}},
	"modalities":             {values: []string{`["text","image"]`, `["text","audio"]`}},
	"model":                  {values: []string{`anthropic.another`}},
	"moderation":             {values: []string{`{"enabled":true}`}},
	"n":                      {values: []string{`2`}},
	"parallel_tool_calls":    {values: []string{`false`}, beside: []string{withTools}},
	"prediction":             {values: []string{`{"type":"content","content":"Hello"}`}},
	"presence_penalty":       {values: []string{`0.5`, `-0.5`}},
	"prompt_cache_key":       {values: []string{`"k"`}},
	"prompt_cache_options":   {values: []string{`{"mode":"explicit"}`}},
	"prompt_cache_retention": {values: []string{`"24h"`}},
	"reasoning_effort":       {values: []string{`"high"`, `"none"`, `"minimal"`, `"low"`, `"medium"`, `"xhigh"`, `"max"`}},
	"response_format": {values: []string{
		`{"type":"json_schema","json_schema":{"name":"city","strict":true,"schema":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"],"additionalProperties":false}}}`,
		`{"type":"json_object"}`,
	}, beside: []string{``, withTools}},
	"safety_identifier": {values: []string{`"u-1"`}},
	"seed":              {values: []string{`7`, `-7`}},
	"service_tier":      {values: []string{`"flex"`, `"default"`, `"priority"`, `"scale"`}},
	"stop":              {values: []string{`["END"]`, `"END"`, `["END"," "]`}},
	"store":             {values: []string{`true`}},
	"stream":            {values: []string{`true`}},
	"stream_options":    {values: []string{`{"include_usage":true}`}, beside: []string{`"stream":true`}},
	"temperature":       {values: []string{`0.5`}},
	"tool_choice": {values: []string{
		`{"type":"function","function":{"name":"get_weather"}}`, `"required"`, `"none"`,
		`{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[{"type":"function","function":{"name":"get_time"}}]}}`,
	}, beside: []string{withTools}},
	"tools":              {values: []string{`[` + weather + `]`}},
	"top_logprobs":       {values: []string{`3`}, beside: []string{`"logprobs":true`, ``}},
	"top_p":              {values: []string{`0.5`}},
	"user":               {values: []string{`"u-1"`}},
	"verbosity":          {values: []string{`"low"`, `"high"`}},
	"web_search_options": {values: []string{`{"search_context_size":"medium"}`}, beside: []string{``, withTools}},
}

// request is a body with one parameter more; an empty one is none.
func request(param, value, beside string) string {
	members := []string{`"model":"g"`, `"messages":[{"role":"user","content":"Hello"}]`, beside}
	switch param {
	case "", "model":
	case "messages":
		members[1] = `"messages":` + value
	default:
		members = append(members, `"`+param+`":`+value)
	}
	members = slices.DeleteFunc(members, func(s string) bool { return s == "" })
	return "{" + strings.Join(members, ",") + "}"
}

// quiet reports whether a value may change nothing and be reported by nobody,
// since it asks for what happens anyway.
func quiet(t *testing.T, c *Column, model, param, value string) bool {
	t.Helper()
	switch {
	case param == "service_tier":
		return value == `"default"`
	case param == "tool_choice":
		return value == `"none"` && c.Cell("tools").Fate == Dropped
	case param == "reasoning_effort" && value == `"none"`:
		// The model can't think: more than nothing is reported.
		_, dropped, err := run{c, model, request(param, `"high"`, "")}.send(t)
		return err == nil && names(dropped, param)
	}
	return false
}

package google

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/openai"
)

// Carried is every parameter of OpenAI's that has an equivalent, and what it
// becomes. Some are carried only in part, or only to some models: what is left
// behind of these is found while translating.
var Carried = map[string]string{
	"model":                 "the URL's path",
	"messages":              "contents, systemInstruction",
	"stream":                "streamGenerateContent",
	"stream_options":        "usageMetadata is in every answer",
	"tools":                 "tools[].functionDeclarations, or Google's own tools as they are",
	"functions":             "tools[].functionDeclarations",
	"tool_choice":           "toolConfig.functionCallingConfig",
	"function_call":         "toolConfig.functionCallingConfig",
	"web_search_options":    "tools[].googleSearch; dropped beside functions before Gemini 3, and on Vertex AI",
	"response_format":       "generationConfig.responseMimeType, responseJsonSchema; dropped beside functions before Gemini 3",
	"reasoning_effort":      "generationConfig.thinkingConfig; dropped for models that don't think",
	"temperature":           "generationConfig.temperature",
	"top_p":                 "generationConfig.topP",
	"frequency_penalty":     "generationConfig.frequencyPenalty; dropped for models since 2.5",
	"presence_penalty":      "generationConfig.presencePenalty; dropped for models since 2.5",
	"seed":                  "generationConfig.seed",
	"n":                     "generationConfig.candidateCount",
	"stop":                  "generationConfig.stopSequences",
	"logprobs":              "generationConfig.responseLogprobs",
	"top_logprobs":          "generationConfig.logprobs; dropped without logprobs",
	"max_tokens":            "generationConfig.maxOutputTokens",
	"max_completion_tokens": "generationConfig.maxOutputTokens",
	"modalities":            "generationConfig.responseModalities: text, image; others dropped",
	"service_tier":          "serviceTier: default as standard, flex, priority; others dropped",
}

// CarriedByVertex is what Vertex AI carries otherwise.
var CarriedByVertex = map[string]string{
	"metadata":     "labels; what is not fit to be one is dropped",
	"service_tier": "the header X-Vertex-AI-LLM-Shared-Request-Type: flex, priority; others but default dropped",
}

// asksNothing holds, for parameters without equivalent, the value that only says
// what Gemini does anyway. An empty value never asks for anything.
var asksNothing = map[string]string{
	"parallel_tool_calls": "true",
	"verbosity":           `"medium"`,
}

// withoutEquivalent lists the request's parameters that nothing is made of.
func (s *service) withoutEquivalent(r *openai.Request, e *openai.Edits) []string {
	var list []string
	for _, name := range r.Present(e) {
		if _, ok := Carried[name]; ok {
			continue
		}
		if _, ok := s.carried[name]; ok {
			continue
		}
		v, _ := r.Field(name)
		if quiet, ok := asksNothing[name]; ok && string(v) == quiet {
			continue
		}
		if !empty(v) || name == "parallel_tool_calls" {
			list = append(list, name)
		}
	}
	return list
}

// empty tells whether v is false, "", {} or [].
func empty(v jsontext.Value) bool {
	switch v.Kind() {
	case 'f':
		return true
	case '"', '{', '[':
		return strings.Trim(string(v[1:len(v)-1]), " \t\r\n") == ""
	}
	return false
}

package upstream

import "regexp"

// openAIRequest is the body of chat completions: https://github.com/openai/openai-openapi, as of 2026-08.
var openAIRequest = object(map[string]rule{
	"audio":                  anyObj,
	"frequency_penalty":      number(-2, 2),
	"function_call":          anything,
	"functions":              list(1, 128, anyObj),
	"logit_bias":             dict(number(-100, 100)),
	"logprobs":               boolean,
	"max_completion_tokens":  integer(1, noLimit),
	"max_tokens":             integer(1, noLimit),
	"messages":               list(1, 0, openAIMessage),
	"metadata":               dict(sized(0, 512, nil)),
	"modalities":             list(1, 0, enum("text", "audio")),
	"model":                  text,
	"moderation":             anything,
	"n":                      integer(1, 128),
	"parallel_tool_calls":    boolean,
	"prediction":             anyObj,
	"presence_penalty":       number(-2, 2),
	"prompt_cache_key":       text,
	"prompt_cache_options":   anyObj,
	"prompt_cache_retention": enum("in_memory", "24h"),
	"reasoning_effort":       enum("none", "minimal", "low", "medium", "high", "xhigh", "max"),
	"response_format":        openAIFormat,
	"safety_identifier":      sized(0, 64, nil),
	"seed":                   integer(-noLimit, noLimit),
	"service_tier":           enum("auto", "default", "flex", "scale", "priority", "fast"),
	"stop":                   either(alternative{"string", text}, alternative{"array", list(1, 4, text)}),
	"store":                  boolean,
	"stream":                 boolean,
	"stream_options":         object(map[string]rule{"include_usage": boolean, "include_obfuscation": boolean}),
	"temperature":            number(0, 2),
	"tool_choice":            openAIChoice,
	"tools":                  list(1, 128, openAITool),
	"top_logprobs":           integer(0, 20),
	"top_p":                  number(0, 1),
	"user":                   text,
	"verbosity":              enum("low", "medium", "high"),
	"web_search_options":     anyObj,
}, "messages")

var (
	openAIName   = sized(1, 64, regexp.MustCompile(`^[a-zA-Z0-9_-]+$`))
	openAICallID = sized(1, 40, nil)
)

var openAIMessage = tagged("role", map[string]rule{
	"developer": openAITexts("content"),
	"system":    openAITexts("content"),
	"user": object(map[string]rule{
		"role": text, "name": text,
		"content": either(alternative{"string", text}, alternative{"array", list(1, 0, openAIPart)}),
	}, "content"),
	"assistant": object(map[string]rule{
		"role": text, "name": text, "refusal": text,
		"content": either(alternative{"string", text}, alternative{"array", list(1, 0, tagged("type", map[string]rule{
			"text": openAIText, "refusal": object(map[string]rule{"type": text, "refusal": text}, "refusal"),
		}))}),
		"audio":         object(map[string]rule{"id": text}, "id"),
		"annotations":   list(0, 0, anyObj),
		"parsed":        anything, // of the official SDKs' helpers, whose loops send it back
		"function_call": anyObj,
		"tool_calls": list(1, 0, tagged("type", map[string]rule{
			"function": object(map[string]rule{
				"type": text, "id": openAICallID,
				"function": object(map[string]rule{
					"name": openAIName, "arguments": text, "parsed_arguments": anything,
				}, "name", "arguments"),
			}, "id", "function"),
			"custom": object(map[string]rule{"type": text, "id": openAICallID, "custom": anyObj}, "id", "custom"),
		})),
	}),
	"tool": object(map[string]rule{
		"role": text, "tool_call_id": text, "content": openAIContentTexts,
	}, "tool_call_id", "content"),
	"function": object(map[string]rule{"role": text, "name": text, "content": text}, "name", "content"),
})

var openAIText = object(map[string]rule{"type": text, "text": text, "prompt_cache_breakpoint": anyObj}, "text")

var openAIContentTexts = either(alternative{"string", text},
	alternative{"array", list(1, 0, tagged("type", map[string]rule{"text": openAIText}))})

func openAITexts(required ...string) rule {
	return object(map[string]rule{"role": text, "name": text, "content": openAIContentTexts}, required...)
}

var openAIPart = tagged("type", map[string]rule{
	"text": openAIText,
	"image_url": object(map[string]rule{"type": text, "image_url": object(map[string]rule{
		"url": text, "detail": enum("auto", "low", "high", "original"),
	}, "url")}, "image_url"),
	"input_audio": object(map[string]rule{"type": text, "input_audio": object(map[string]rule{
		"data": text, "format": enum("wav", "mp3"),
	}, "data", "format")}, "input_audio"),
	"file": object(map[string]rule{"type": text, "file": object(map[string]rule{
		"file_data": text, "file_id": text, "filename": text,
	})}, "file"),
})

var openAITool = tagged("type", map[string]rule{
	"function": object(map[string]rule{"type": text, "function": object(map[string]rule{
		"name": openAIName, "description": text, "parameters": anyObj, "strict": boolean,
	}, "name")}, "function"),
	"custom": object(map[string]rule{"type": text, "custom": anyObj}, "custom"),
})

var openAIChoice = either(
	alternative{"string", enum("none", "auto", "required")},
	alternative{"object", tagged("type", map[string]rule{
		"function": object(map[string]rule{
			"type": text, "function": object(map[string]rule{"name": text}, "name"),
		}, "function"),
		"custom": object(map[string]rule{"type": text, "custom": anyObj}, "custom"),
		"allowed_tools": object(map[string]rule{"type": text, "allowed_tools": object(map[string]rule{
			"mode": enum("auto", "required"), "tools": list(1, 0, anyObj),
		}, "mode", "tools")}, "allowed_tools"),
	})})

var openAIFormat = tagged("type", map[string]rule{
	"text":        object(map[string]rule{"type": text}),
	"json_object": object(map[string]rule{"type": text}),
	"json_schema": object(map[string]rule{"type": text, "json_schema": object(map[string]rule{
		"name": openAIName, "description": text, "schema": anyObj, "strict": boolean,
	}, "name")}, "json_schema"),
})

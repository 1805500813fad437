package upstream

import "regexp"

// anthropicRequest is the body of Messages: anthropic-sdk-typescript, as of 2026-09.
var anthropicRequest = object(map[string]rule{
	"cache_control":      anthropicCache,
	"container":          anything,
	"context_management": anyObj,
	"inference_geo":      text,
	"max_tokens":         integer(1, noLimit),
	"mcp_servers":        list(0, 0, anyObj),
	"messages":           list(1, 0, anthropicMessage),
	"metadata":           object(map[string]rule{"user_id": sized(0, 512, nil)}),
	"model":              sized(1, 256, nil),
	"output_config": object(map[string]rule{
		"effort": enum("low", "medium", "high", "xhigh", "max"),
		"format": tagged("type", map[string]rule{
			"json_schema": object(map[string]rule{"type": text, "schema": anyObj}, "schema"),
		}),
	}),
	"service_tier":   enum("auto", "standard_only"),
	"stop_sequences": list(0, 0, sized(1, 0, nil)),
	"stream":         boolean,
	"system":         either(alternative{"string", text}, alternative{"array", list(0, 0, tagged("type", map[string]rule{"text": anthropicText}))}),
	"temperature":    number(0, 1),
	"thinking": tagged("type", map[string]rule{
		"enabled": object(map[string]rule{
			"type": text, "budget_tokens": integer(1024, noLimit), "display": anthropicDisplay,
		}, "budget_tokens"),
		"adaptive": object(map[string]rule{"type": text, "display": anthropicDisplay}),
		"disabled": object(map[string]rule{"type": text}),
	}),
	"tool_choice": tagged("type", map[string]rule{
		"auto": object(map[string]rule{"type": text, "disable_parallel_tool_use": boolean}),
		"any":  object(map[string]rule{"type": text, "disable_parallel_tool_use": boolean}),
		"none": object(map[string]rule{"type": text}),
		"tool": object(map[string]rule{"type": text, "name": text, "disable_parallel_tool_use": boolean}, "name"),
	}),
	"tools":           list(0, 0, anthropicTool),
	"top_k":           integer(0, noLimit),
	"top_p":           number(0, 1),
	"user_profile_id": text,
}, "max_tokens", "messages", "model")

var (
	anthropicDisplay = enum("summarized", "omitted")
	anthropicCache   = object(map[string]rule{"type": enum("ephemeral"), "ttl": enum("5m", "1h")}, "type")
	anthropicID      = sized(1, 0, regexp.MustCompile(`^[a-zA-Z0-9_-]+$`))
	anthropicName    = sized(1, 128, regexp.MustCompile(`^[a-zA-Z0-9_-]{1,128}$`))
	anthropicText    = object(map[string]rule{
		"type": text, "text": text, "cache_control": anthropicCache, "citations": anything,
	}, "text")
)

var anthropicMessage = object(map[string]rule{
	"role":    enum("user", "assistant"),
	"content": either(alternative{"string", text}, alternative{"array", list(0, 0, anthropicBlock)}),
}, "role", "content")

var anthropicImage = object(map[string]rule{
	"type": text, "cache_control": anthropicCache,
	"source": tagged("type", map[string]rule{
		"base64": object(map[string]rule{
			"type": text, "media_type": enum("image/jpeg", "image/png", "image/gif", "image/webp"), "data": sized(1, 0, nil),
		}, "media_type", "data"),
		"url":  object(map[string]rule{"type": text, "url": text}, "url"),
		"file": object(map[string]rule{"type": text, "file_id": text}, "file_id"),
	}),
}, "source")

var anthropicDocument = object(map[string]rule{
	"type": text, "title": text, "context": text, "citations": anyObj, "cache_control": anthropicCache,
	"source": tagged("type", map[string]rule{
		"base64": object(map[string]rule{
			"type": text, "media_type": enum("application/pdf"), "data": sized(1, 0, nil),
		}, "media_type", "data"),
		"text":    object(map[string]rule{"type": text, "media_type": enum("text/plain"), "data": text}, "media_type", "data"),
		"content": object(map[string]rule{"type": text, "content": anything}, "content"),
		"url":     object(map[string]rule{"type": text, "url": text}, "url"),
		"file":    object(map[string]rule{"type": text, "file_id": text}, "file_id"),
	}),
}, "source")

var anthropicToolResult = object(map[string]rule{
	"type": text, "tool_use_id": anthropicID, "is_error": boolean, "cache_control": anthropicCache,
	"content": either(alternative{"string", text}, alternative{"array", list(0, 0, tagged("type", map[string]rule{
		"text": anthropicText, "image": anthropicImage, "document": anthropicDocument,
		"search_result": anyObj, "tool_reference": anyObj,
	}))}),
}, "tool_use_id")

var anthropicBlock = tagged("type", map[string]rule{
	"text":        anthropicText,
	"image":       anthropicImage,
	"document":    anthropicDocument,
	"tool_result": anthropicToolResult,
	"tool_use": object(map[string]rule{
		"type": text, "id": anthropicID, "name": sized(1, 200, nil), "input": anyObj, "cache_control": anthropicCache, "caller": anyObj,
	}, "id", "name", "input"),
	"thinking":          object(map[string]rule{"type": text, "thinking": text, "signature": text}, "thinking", "signature"),
	"redacted_thinking": object(map[string]rule{"type": text, "data": text}, "data"),

	"search_result":              anyObj,
	"server_tool_use":            anyObj,
	"web_search_tool_result":     anyObj,
	"web_fetch_tool_result":      anyObj,
	"tool_search_tool_result":    anyObj,
	"mcp_tool_use":               anyObj,
	"mcp_tool_result":            anyObj,
	"container_upload":           anyObj,
	"code_execution_tool_result": anyObj,
})

// anthropicTool is a tool of the caller's own, or one of Anthropic's servers with a dated type.
func anthropicTool(at *path, v any) *fault {
	m, ok := v.(map[string]any)
	if t := str(m, "type"); ok && t != "" && t != "custom" {
		return object(withKeys(m), "name")(at, v)
	}
	return anthropicCustom(at.member("custom"), v)
}

// withKeys allows whatever keys an object has.
func withKeys(m map[string]any) map[string]rule {
	fields := map[string]rule{}
	for k := range m {
		fields[k] = anything
	}
	return fields
}

var anthropicCustom = object(map[string]rule{
	"type": text, "name": anthropicName, "description": text, "cache_control": anthropicCache, "strict": boolean,
	"defer_loading": boolean, "allowed_callers": anything, "input_examples": anything, "eager_input_streaming": boolean,
	"input_schema": anthropicInput,
}, "name", "input_schema")

// anthropicInput is a JSON schema of type object.
func anthropicInput(at *path, v any) *fault {
	m, ok := v.(map[string]any)
	if !ok {
		return &fault{at: at, what: wrongType, want: "object", got: v}
	}
	if _, ok := m["type"]; !ok {
		return &fault{at: at, what: missing, key: "type"}
	}
	return enum("object")(at.key("type"), m["type"])
}

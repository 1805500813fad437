package upstream

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// anthropicLimits checks what the model allows of the sampling parameters.
func anthropicLimits(req map[string]any, m anthropicModel) *refusal {
	if n := count(req, "max_tokens"); n > m.most {
		return anthropicInvalid("max_tokens: %d > %d, which is the maximum allowed number of output tokens for %s", n, m.most, m.snapshot)
	}
	for _, s := range items(req, "stop_sequences") {
		if strings.TrimSpace(s.(string)) == "" {
			return anthropicInvalid("stop_sequences: each stop sequence must contain non-whitespace")
		}
	}
	temperature, hot := req["temperature"].(float64)
	topP, nucleus := req["top_p"].(float64)
	switch {
	case m.oneOf && hot && nucleus:
		return anthropicInvalid("`temperature` and `top_p` cannot both be specified for this model. Please use only one.")
	case m.fixed && hot && temperature != 1:
		return anthropicInvalid("`temperature` is not supported for this model.")
	case m.fixed && nucleus && topP < 0.99:
		return anthropicInvalid("`top_p` is not supported for this model.")
	case m.fixed && has(req, "top_k"):
		return anthropicInvalid("`top_k` is not supported for this model.")
	}
	return nil
}

// anthropicThinking checks thinking against the model and the other parameters.
func anthropicThinking(req map[string]any, m anthropicModel) *refusal {
	thinking := sub(req, "thinking")
	kind := str(thinking, "type")
	effort := str(sub(req, "output_config"), "effort")
	switch {
	case effort != "" && m.efforts == nil:
		return anthropicInvalid("This model does not support the effort parameter.")
	case effort != "" && !slices.Contains(m.efforts, effort):
		return anthropicInvalid("This model does not support effort level '%s'. Supported levels: %s.", effort, strings.Join(m.efforts, ", "))
	case kind == "" || kind == "disabled":
		return nil
	case kind == "adaptive" && !m.adaptive:
		return anthropicInvalid("adaptive thinking is not supported on this model")
	case kind == "enabled" && !m.enabled && m.adaptive:
		return anthropicInvalid("\"thinking.type.enabled\" is not supported for this model. " +
			"Use \"thinking.type.adaptive\" and \"output_config.effort\" to control thinking behavior.")
	case kind == "enabled" && !m.enabled:
		return anthropicInvalid("'%s' does not support thinking.", m.snapshot)
	case kind == "enabled" && count(thinking, "budget_tokens") >= count(req, "max_tokens"):
		return anthropicInvalid("`max_tokens` must be greater than `thinking.budget_tokens`. Please consult our documentation at " +
			"https://docs.claude.com/en/docs/build-with-claude/extended-thinking#max-tokens-and-context-window-size")
	}
	if t, ok := req["temperature"].(float64); ok && t != 1 {
		return anthropicInvalid("`temperature` may only be set to 1 when thinking is enabled.")
	}
	if p, ok := req["top_p"].(float64); ok && p < 0.95 {
		return anthropicInvalid("`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled.")
	}
	if has(req, "top_k") {
		return anthropicInvalid("`top_k` must be unset when thinking is enabled.")
	}
	if choice := str(sub(req, "tool_choice"), "type"); kind == "enabled" && (choice == "any" || choice == "tool") {
		return anthropicInvalid("Thinking may not be enabled when tool_choice forces tool use.")
	}
	return nil
}

func anthropicTools(req map[string]any, m anthropicModel) *refusal {
	var names []string
	for i, t := range each(items(req, "tools")) {
		name := str(t, "name")
		if slices.Contains(names, name) {
			return anthropicInvalid("tools: Tool names must be unique.")
		}
		names = append(names, name)
		if truth(t, "strict") {
			if no := anthropicSchema(fmt.Sprintf("tools.%d.custom", i), sub(t, "input_schema"), m); no != nil {
				return no
			}
		}
	}
	choice := sub(req, "tool_choice")
	kind := str(choice, "type")
	switch {
	case kind != "" && len(names) == 0:
		return anthropicInvalid("tool_choice: tool_choice may only be specified while providing tools")
	case kind == "tool" && !slices.Contains(names, str(choice, "name")):
		return anthropicInvalid("Tool '%s' not found in provided tools", str(choice, "name"))
	case m.unforced && (kind == "any" || kind == "tool"):
		return anthropicInvalid("tool_choice: type '%s' is not supported by this model", kind)
	}
	return nil
}

func anthropicFormat(req map[string]any, m anthropicModel) *refusal {
	format := sub(sub(req, "output_config"), "format")
	if format == nil {
		return nil
	}
	return anthropicSchema("output_config.format.schema", sub(format, "schema"), m)
}

// anthropicSchema checks a schema that the output is held to. Its keywords are those of structured outputs.
func anthropicSchema(at string, schema map[string]any, m anthropicModel) *refusal {
	if !m.format {
		return anthropicInvalid("'%s' does not support output format.", m.snapshot)
	}
	if bad := strictObjects(schema, false); bad != nil {
		return anthropicInvalid("%s: For 'object' type, 'additionalProperties' must be explicitly set to false", at)
	}
	if bad := keywordless(schema, "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf",
		"minLength", "maxLength", "maxItems", "uniqueItems", "oneOf"); bad != nil {
		return anthropicInvalid("%s: property '%s' is not supported", at, bad.what)
	}
	return nil
}

// anthropicTexts checks for text that is empty, or ends in a space where the model is to go on, and for
// too many marks of the cache.
func anthropicTexts(req map[string]any, m anthropicModel) *refusal {
	messages := items(req, "messages")
	marks := 0
	mark := func(b map[string]any) {
		if has(b, "cache_control") {
			marks++
		}
	}
	mark(req)
	for i, b := range each(items(req, "system")) {
		mark(b)
		if str(b, "text") == "" {
			return anthropicInvalid("system.%d: text content blocks must be non-empty", i)
		}
	}
	for _, t := range each(items(req, "tools")) {
		mark(t)
	}
	for i, msg := range each(messages) {
		last := i == len(messages)-1
		assistant := str(msg, "role") == "assistant"
		if empty(msg["content"]) && !(last && assistant) {
			return anthropicInvalid("messages.%d: all messages must have non-empty content except for the optional final assistant message", i)
		}
		for _, b := range each(items(msg, "content")) {
			mark(b)
			if str(b, "type") != "text" {
				continue
			}
			if s := str(b, "text"); s == "" {
				return anthropicInvalid("messages: text content blocks must be non-empty")
			} else if strings.TrimSpace(s) == "" {
				return anthropicInvalid("messages: text content blocks must contain non-whitespace text")
			}
		}
		if !last || !assistant {
			continue
		}
		if s := anthropicPlain(msg["content"]); s != strings.TrimRight(s, " \t\r\n") {
			return anthropicInvalid("messages: final assistant content cannot end with trailing whitespace")
		}
		if kind := str(sub(req, "thinking"), "type"); m.noPrefill || kind == "enabled" || kind == "adaptive" {
			return anthropicInvalid("This model does not support assistant message prefill. The conversation must end with a user message.")
		}
	}
	if marks > 4 {
		return anthropicInvalid("A maximum of 4 blocks with cache_control may be provided. Found %d.", marks)
	}
	return nil
}

func empty(content any) bool {
	switch c := content.(type) {
	case string:
		return c == ""
	case []any:
		return len(c) == 0
	}
	return false
}

// anthropicMedia checks images and documents, which the provider decodes or fetches.
func anthropicMedia(req map[string]any, _ anthropicModel) *refusal {
	for i, msg := range each(items(req, "messages")) {
		for j, b := range each(items(msg, "content")) {
			kind, source := str(b, "type"), sub(b, "source")
			at := fmt.Sprintf("messages.%d.content.%d.%s.source.%s", i, j, kind, str(source, "type"))
			switch {
			case kind != "image" && kind != "document":
			case str(source, "type") == "url":
				if !strings.HasPrefix(str(source, "url"), "https://") {
					return anthropicInvalid("%s.url: Only HTTPS URLs are supported.", at)
				}
			case str(source, "type") == "base64":
				data, err := base64.StdEncoding.DecodeString(str(source, "data"))
				if err != nil {
					return anthropicInvalid("%s.data: Invalid base64 data", at)
				}
				told, found := str(source, "media_type"), http.DetectContentType(data)
				if kind == "image" && !strings.HasPrefix(found, "image/") {
					return anthropicInvalid("Could not process image")
				}
				if told != found {
					return anthropicInvalid("%s.data: The %s was specified using the %s media type, but the %[2]s appears to be a %[4]s %[2]s",
						at, kind, told, found)
				}
			}
		}
	}
	return nil
}

package upstream

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
)

// googleField is a refusal of the API's own validation, which names the field of the request.
func googleField(field, format string, args ...any) *refusal {
	return googleInvalid("* GenerateContentRequest.%s: %s\n", field, fmt.Sprintf(format, args...))
}

// googleContents checks that every part says one thing, in a role there is.
func googleContents(req map[string]any, _ googleModel) *refusal {
	contents := items(req, "contents")
	if len(contents) == 0 {
		return googleField("contents", "contents is not specified")
	}
	if system := sub(req, "systemInstruction"); system != nil {
		if no := googleParts("system_instruction", system); no != nil {
			return no
		}
	}
	for i, c := range each(contents) {
		if role := str(c, "role"); !slices.Contains([]string{"", "user", "model", "function"}, role) {
			return googleInvalid("Please use a valid role: user, model.")
		}
		if no := googleParts(fmt.Sprintf("contents[%d]", i), c); no != nil {
			return no
		}
	}
	return nil
}

var googleData = []string{
	"codeExecutionResult", "executableCode", "fileData", "functionCall", "functionResponse", "inlineData", "text", "toolCall", "toolResponse",
}

func googleParts(at string, content map[string]any) *refusal {
	if len(items(content, "parts")) == 0 {
		return googleField(at+".parts", "contents.parts must not be empty.")
	}
	for j, p := range each(items(content, "parts")) {
		here := fmt.Sprintf("%s.parts[%d]", at, j)
		var set []string
		for _, k := range googleData {
			if _, ok := p[k]; ok {
				set = append(set, k)
			}
		}
		switch {
		case len(set) > 1:
			return googleInvalid("Invalid value at '%s' (oneof), oneof field 'data' is already set. Cannot set '%s'", here, set[1])
		case len(set) == 0, set[0] == "text" && str(p, "text") == "" && !has(p, "thoughtSignature"):
			return googleField(here+".data", "required oneof field 'data' must have one initialized field")
		}
		if no := googleMedium(here, p); no != nil {
			return no
		}
	}
	return nil
}

func googleMedium(at string, p map[string]any) *refusal {
	if inline := sub(p, "inlineData"); inline != nil {
		mime := str(inline, "mimeType")
		if _, err := base64.StdEncoding.DecodeString(plainBase64(str(inline, "data"))); err != nil {
			return googleInvalid("Invalid value at '%s.inline_data.data' (TYPE_BYTES), Base64 decoding failed", at)
		}
		known := []string{"image/png", "image/jpeg", "image/webp", "image/heic", "image/heif", "application/pdf", "application/json"}
		kind, _, _ := strings.Cut(mime, "/")
		if !slices.Contains(known, mime) && !slices.Contains([]string{"audio", "video", "text"}, kind) {
			return googleInvalid("Unsupported MIME type: %s", mime)
		}
	}
	if file := sub(p, "fileData"); file != nil && !strings.HasPrefix(str(file, "fileUri"), "https://") {
		return googleInvalid("Invalid or unsupported file uri: %s", str(file, "fileUri"))
	}
	return nil
}

// googleTools checks declarations and how they may be called.
func googleTools(req map[string]any, _ googleModel) *refusal {
	var declared []any
	for i, t := range each(items(req, "tools")) {
		for j, f := range each(items(t, "functionDeclarations")) {
			at := fmt.Sprintf("tools[%d].function_declarations[%d]", i, j)
			if name := str(f, "name"); !googleName.MatchString(name) {
				return googleField(at+".name", "Invalid function name. Must start with a letter or an underscore. Must be alphameric (a-z, A-Z, 0-9), "+
					"underscores (_), dots (.) or dashes (-), with a maximum length of 64.")
			} else if slices.Contains(declared, any(name)) {
				return googleInvalid("Duplicate function declaration found: %s", name)
			} else {
				declared = append(declared, name)
			}
			if has(f, "parameters") && has(f, "parametersJsonSchema") {
				return googleField(at, "parameters and parameters_json_schema cannot both be set")
			}
			if no := googleSubset(at+".parameters", sub(f, "parameters")); no != nil {
				return no
			}
		}
	}
	calling := sub(sub(req, "toolConfig"), "functionCallingConfig")
	allowed := items(calling, "allowedFunctionNames")
	const at = "tool_config.function_calling_config"
	switch mode := str(calling, "mode"); {
	case calling != nil && declared == nil && mode != "NONE" && mode != "":
		return googleInvalid("Function calling config is set without function_declarations.")
	case len(allowed) > 0 && mode != "ANY" && mode != "VALIDATED":
		return googleField(at+".allowed_function_names", "allowed_function_names should be set only when mode is ANY or VALIDATED")
	}
	for _, name := range allowed {
		if !slices.Contains(declared, name) {
			return googleField(at+".allowed_function_names", "%v is not among the declared functions", name)
		}
	}
	return nil
}

// googleSubset checks what a schema of the OpenAPI subset must keep to.
func googleSubset(at string, schema map[string]any) *refusal {
	if schema == nil {
		return nil
	}
	kind, format, properties := typeOf(schema), str(schema, "format"), sub(schema, "properties")
	switch {
	case kind == "array" && !has(schema, "items"):
		return googleField(at+".items", "missing field.")
	case has(schema, "enum") && kind != "string":
		return googleField(at+".enum", "only allowed for STRING type")
	case kind == "string" && format != "" && format != "enum" && format != "date-time":
		return googleField(at+".format", "only 'enum' and 'date-time' are supported for STRING type")
	case properties != nil && kind != "object":
		return googleField(at+".properties", "only allowed for OBJECT type")
	}
	for i, name := range items(schema, "required") {
		if s, _ := name.(string); !has(properties, s) {
			return googleField(fmt.Sprintf("%s.required[%d]", at, i), "property is not defined")
		}
	}
	for _, name := range sortedKeys(properties) {
		if no := googleSubset(fmt.Sprintf("%s.properties[%s]", at, name), sub(properties, name)); no != nil {
			return no
		}
	}
	return googleSubset(at+".items", sub(schema, "items"))
}

// googleOutput checks the generation config but for thinking.
func googleOutput(req map[string]any, m googleModel) *refusal {
	config := sub(req, "generationConfig")
	const at = "generation_config."
	mime := str(config, "responseMimeType")
	switch {
	case outside(config, "temperature", 0, 2):
		return googleField(at+"temperature", "temperature must be in the range [0.0, 2.0].")
	case outside(config, "topP", 0, 1):
		return googleField(at+"top_p", "top_p must be in the range [0.0, 1.0].")
	case outside(config, "maxOutputTokens", 1, noLimit):
		return googleField(at+"max_output_tokens", "max_output_tokens must be positive.")
	case outside(config, "candidateCount", 1, 8):
		return googleField(at+"candidate_count", "candidate_count must be in the range [1, 8].")
	case len(items(config, "stopSequences")) > 5:
		return googleField(at+"stop_sequences", "at most 5 stop sequences are allowed.")
	case has(config, "logprobs") && !truth(config, "responseLogprobs"):
		return googleField(at+"logprobs", "logprobs should be set only when response_logprobs is set.")
	case !m.penalty && (outside(config, "presencePenalty", 0, 0) || outside(config, "frequencyPenalty", 0, 0)):
		return googleInvalid("Penalty is not enabled for models/%s", m.name)
	case !slices.Contains([]string{"", "text/plain", "application/json", "text/x.enum"}, mime):
		return googleField(at+"response_mime_type", "allowed mimetypes are `text/plain`, `application/json`, `application/xml`, `application/yaml` and `text/x.enum`.")
	case has(config, "responseSchema") && has(config, "responseJsonSchema"):
		return googleField(at+"response_json_schema", "response_schema and response_json_schema cannot both be set.")
	case (has(config, "responseSchema") || has(config, "responseJsonSchema")) && mime != "application/json" && mime != "text/x.enum":
		return googleField(at+"response_schema", "only allowed when response_mime_type is `application/json`.")
	case mime == "application/json" && !m.combines && hasFunctions(req):
		return googleInvalid("Function calling with a response mime type: 'application/json' is unsupported")
	}
	return googleSubset(at+"response_schema", sub(config, "responseSchema"))
}

func outside(m map[string]any, key string, min, max float64) bool {
	n, ok := m[key].(float64)
	return ok && (n < min || n > max)
}

func hasFunctions(req map[string]any) bool {
	for _, t := range each(items(req, "tools")) {
		if len(items(t, "functionDeclarations")) > 0 {
			return true
		}
	}
	return false
}

func googleThinking(req map[string]any, m googleModel) *refusal {
	thinking := sub(sub(req, "generationConfig"), "thinkingConfig")
	level := strings.ToUpper(str(thinking, "thinkingLevel"))
	budget, budgeted := thinking["thinkingBudget"].(float64)
	n := int(budget)
	switch {
	case thinking == nil:
		return nil
	case budgeted && level != "":
		return googleInvalid("You can only set only one of thinking budget and thinking level.")
	case m.most == 0 && (budgeted && n != 0 || level != "" || truth(thinking, "includeThoughts")):
		return googleInvalid("Thinking is not enabled for models/%s", m.name)
	case level != "" && m.levels == nil:
		return googleInvalid("Thinking level is not supported for this model.")
	case level != "" && !slices.Contains(m.levels, level):
		return googleInvalid("Thinking level %s is not supported for this model. Please retry with other thinking level.", level)
	case budgeted && n == 0 && !m.off && m.most > 0:
		return googleInvalid("Budget 0 is invalid. This model only works in thinking mode.")
	case budgeted && n != 0 && n != -1 && (n < m.least || n > m.most):
		return googleInvalid("The thinking budget %d is invalid. Please choose a value between %d and %d.", n, m.least, m.most)
	case truth(thinking, "includeThoughts") && budgeted && n == 0:
		return googleInvalid("include_thoughts is only enabled when thinking is enabled.")
	}
	return nil
}

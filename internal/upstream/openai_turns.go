package upstream

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
)

// refuses is what a model does not take although the format has it.
func (m openAIModel) refuses(req map[string]any) *refusal {
	effort := str(req, "reasoning_effort")
	if m.efforts == nil {
		if effort != "" {
			return openAIInvalid("Unrecognized request argument supplied: reasoning_effort", "", "")
		}
		return nil
	}
	if has(req, "max_tokens") {
		return openAIInvalid("Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
			"max_tokens", "unsupported_parameter")
	}
	if effort != "" && !slices.Contains(m.efforts, effort) {
		return openAIInvalid(fmt.Sprintf("Unsupported value: 'reasoning_effort' does not support '%s' with this model. Supported values are: %s.",
			effort, quotedList(m.efforts)), "reasoning_effort", "unsupported_value")
	}
	if m.sampling && (effort == "" || effort == "none") {
		return nil
	}
	for key, only := range map[string]float64{"temperature": 1, "top_p": 1, "presence_penalty": 0, "frequency_penalty": 0} {
		if v, ok := req[key].(float64); ok && v != only {
			return openAIInvalid(fmt.Sprintf("Unsupported value: '%s' does not support %v with this model. Only the default (%v) value is supported.",
				key, v, only), key, "unsupported_value")
		}
	}
	for _, key := range []string{"logprobs", "top_logprobs", "logit_bias"} {
		if has(req, key) && req[key] != false {
			return openAIInvalid("Unsupported parameter: '"+key+"' is not supported with this model.", key, "unsupported_parameter")
		}
	}
	return nil
}

// openAITurns checks how messages follow each other, and what their parts hold.
func openAITurns(req map[string]any, m openAIModel) *refusal {
	open := map[string]bool{} // calls that wait for their result
	var order []string
	called := 0
	unanswered := func() *refusal {
		var ids []string
		for _, id := range order {
			if open[id] {
				ids = append(ids, id)
			}
		}
		if ids == nil {
			return nil
		}
		return openAIInvalid("An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'."+
			" The following tool_call_ids did not have response messages: "+strings.Join(ids, ", "), fmt.Sprintf("messages.[%d].role", called), "")
	}
	messages := items(req, "messages")
	for i, msg := range each(messages) {
		role := str(msg, "role")
		if role == "tool" {
			if id := str(msg, "tool_call_id"); !open[id] {
				return openAIInvalid("Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.",
					fmt.Sprintf("messages.[%d].role", i), "")
			} else {
				open[id] = false
			}
			continue
		}
		if no := unanswered(); no != nil {
			return no
		}
		open, order, called = map[string]bool{}, nil, i
		if role == "assistant" && !has(msg, "content") && !has(msg, "tool_calls") && !has(msg, "audio") && !has(msg, "refusal") && !has(msg, "function_call") {
			return openAIInvalid("Invalid value for 'content': expected a string, got null.", fmt.Sprintf("messages.[%d].content", i), "")
		}
		for _, c := range each(items(msg, "tool_calls")) {
			open[str(c, "id")] = true
			order = append(order, str(c, "id"))
		}
		if no := openAIParts(i, msg, m); no != nil {
			return no
		}
	}
	return unanswered()
}

func openAIParts(i int, msg map[string]any, m openAIModel) *refusal {
	for j, part := range each(items(msg, "content")) {
		at := fmt.Sprintf("messages[%d].content[%d]", i, j)
		switch str(part, "type") {
		case "input_audio":
			if !m.audio {
				return openAIInvalid(fmt.Sprintf("Invalid 'messages[%d]'. Content blocks are expected to be either text or image_url type.", i),
					fmt.Sprintf("messages[%d]", i), "invalid_value")
			}
			if _, err := base64.StdEncoding.DecodeString(str(sub(part, "input_audio"), "data")); err != nil {
				return openAIInvalid("Invalid base64 audio.", at+".input_audio.data", "invalid_value")
			}
		case "image_url":
			if m.blind {
				return openAIInvalid("Invalid content type. image_url is only supported by certain models.",
					fmt.Sprintf("messages.[%d].content.[%d].type", i, j), "")
			}
			if no := openAIImage(str(sub(part, "image_url"), "url"), at+".image_url.url"); no != nil {
				return no
			}
		case "file":
			data := str(sub(part, "file"), "file_data")
			if _, _, ok := dataURL(data); data != "" && !ok {
				return openAIInvalid("Invalid file data: '"+at+".file.file_data'. Expected a base64-encoded data URL with an application/pdf MIME type"+
					" (e.g. 'data:application/pdf;base64,aGVsbG8gd29ybGQK'), but got a value without the 'data:' prefix.", at+".file.file_data", "invalid_value")
			}
		}
	}
	return nil
}

func openAIImage(url, at string) *refusal {
	mime, _, ok := dataURL(url)
	switch {
	case strings.HasPrefix(url, "https://"), strings.HasPrefix(url, "http://"):
		return nil
	case !strings.HasPrefix(url, "data:"):
		return openAIInvalid("Invalid '"+at+"'. Expected a valid URL, but got a value with an invalid format.", at, "invalid_value")
	case !ok:
		return openAIInvalid("Invalid base64 image_url.", at, "invalid_base64")
	case !slices.Contains([]string{"image/png", "image/jpeg", "image/gif", "image/webp"}, mime):
		return openAIInvalid("You uploaded an unsupported image. Please make sure your image has of one the following formats:"+
			" ['png', 'jpeg', 'gif', 'webp'].", "", "invalid_image_format")
	}
	return nil
}

// dataURL reads data:<mime>;base64,<data>.
func dataURL(url string) (mime string, data []byte, ok bool) {
	rest, ok := strings.CutPrefix(url, "data:")
	mime, coded, comma := strings.Cut(rest, ";base64,")
	data, err := base64.StdEncoding.DecodeString(coded)
	return mime, data, ok && comma && err == nil && len(data) > 0
}

// openAIOutput checks what depends on tools, format and stream together.
func openAIOutput(req map[string]any) *refusal {
	if has(req, "stream_options") && !truth(req, "stream") {
		return openAIInvalid("The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options", "")
	}
	for _, key := range []string{"tool_choice", "parallel_tool_calls"} {
		if has(req, key) && !has(req, "tools") {
			return openAIInvalid(fmt.Sprintf("Invalid value for '%[1]s': '%[1]s' is only allowed when 'tools' are specified.", key), key, "")
		}
	}
	if has(req, "top_logprobs") && !truth(req, "logprobs") {
		return openAIInvalid("The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.", "top_logprobs", "")
	}
	for i, t := range each(items(req, "tools")) {
		if no := openAIFunction(i, sub(t, "function")); no != nil {
			return no
		}
	}
	if named := str(sub(sub(req, "tool_choice"), "function"), "name"); named != "" {
		if !slices.ContainsFunc(items(req, "tools"), func(t any) bool { return str(sub(t.(map[string]any), "function"), "name") == named }) {
			return openAIInvalid("Tool choice '"+named+"' not found in 'tools' parameter.", "tool_choice", "")
		}
	}
	format := sub(req, "response_format")
	if str(format, "type") == "json_object" && !mentionsJSON(items(req, "messages")) {
		return openAIInvalid("'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.", "messages", "")
	}
	named := sub(format, "json_schema")
	if truth(named, "strict") {
		return openAIStrict("response_format", str(named, "name"), "response_format", sub(named, "schema"), "")
	}
	return nil
}

func openAIFunction(i int, f map[string]any) *refusal {
	at := fmt.Sprintf("tools[%d].function.parameters", i)
	parameters := sub(f, "parameters")
	if parameters == nil {
		return nil
	}
	if parameters["type"] != "object" && len(parameters) > 0 {
		return openAIInvalid(fmt.Sprintf("Invalid schema for function '%s': schema must be a JSON Schema of 'type: \"object\"', got 'type: \"%v\"'.",
			str(f, "name"), orNone(parameters["type"])), at, "invalid_function_parameters")
	}
	if truth(f, "strict") {
		return openAIStrict("function", str(f, "name"), at, parameters, "invalid_function_parameters")
	}
	return nil
}

func openAIStrict(what, name, at string, schema map[string]any, code string) *refusal {
	bad := strictObjects(schema, true)
	if bad == nil {
		return nil
	}
	why := "'additionalProperties' is required to be supplied and to be false."
	if property, ok := strings.CutPrefix(bad.what, "required "); ok {
		why = "'required' is required to be supplied and to be an array including every key in properties. Missing '" + property + "'."
	}
	return openAIInvalid(fmt.Sprintf("Invalid schema for %s '%s': In context=%s, %s", what, name, bad.context(), why), at, code)
}

func orNone(v any) any {
	if v == nil {
		return "None"
	}
	return v
}

func mentionsJSON(messages []any) bool {
	for _, msg := range each(messages) {
		if strings.Contains(strings.ToLower(openAIPlain(msg["content"])), "json") {
			return true
		}
	}
	return false
}

// openAIPlain is the text of a message's content.
func openAIPlain(content any) string {
	if s, ok := content.(string); ok {
		return s
	}
	parts, _ := content.([]any)
	var all []string
	for _, part := range each(parts) {
		if s := str(part, "text"); s != "" {
			all = append(all, s)
		}
	}
	return strings.Join(all, " ")
}

// turns reads the conversation: the prompt with its media, and the results since.
func (openAI) turns(a *ask, req map[string]any) {
	names := map[string]string{}
	for _, msg := range each(items(req, "messages")) {
		plain := openAIPlain(msg["content"])
		a.read += 1 + tokens(plain)
		switch str(msg, "role") {
		case "user":
			if plain != "" {
				a.prompt, a.media, a.rounds = plain, nil, nil
			}
			for _, part := range each(items(msg, "content")) {
				a.media = append(a.media, openAIMedia(part)...)
			}
		case "assistant":
			for _, c := range each(items(msg, "tool_calls")) {
				f := sub(c, "function")
				names[str(c, "id")] = str(f, "name")
				a.read += 1 + tokens(str(f, "arguments"))
			}
			if has(msg, "tool_calls") {
				a.rounds = append(a.rounds, nil)
			}
		case "tool":
			last := len(a.rounds) - 1
			a.rounds[last] = append(a.rounds[last], result{names[str(msg, "tool_call_id")], plain})
		}
	}
	a.read += 85 * len(a.media)
}

func openAIMedia(part map[string]any) []media {
	kinds := map[string]string{"image_url": "image", "file": "file", "input_audio": "audio"}
	kind, ok := kinds[str(part, "type")]
	if !ok {
		return nil
	}
	if kind == "audio" {
		audio := sub(part, "input_audio")
		data, _ := base64.StdEncoding.DecodeString(str(audio, "data"))
		return []media{{kind: kind, mime: "audio/" + str(audio, "format"), bytes: len(data)}}
	}
	url := str(sub(part, "image_url"), "url") + str(sub(part, "file"), "file_data")
	if mime, data, ok := dataURL(url); ok {
		return []media{{kind: kind, mime: mime, bytes: len(data)}}
	}
	return []media{{kind: kind, url: url}}
}

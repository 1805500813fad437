package conformance

import "bytes"

// How OpenAI writes an answer, and how Mistral and DeepSeek write it otherwise.

func openAIWhole(s said) []byte   { return chatWhole(s, "", false) }
func deepseekWhole(s said) []byte { return chatWhole(s, "reasoning_content", false) }
func mistralWhole(s said) []byte  { return chatWhole(s, "", true) }

func openAIStream(s said, cut cutter) []byte   { return chatStream(s, cut, "", false) }
func deepseekStream(s said, cut cutter) []byte { return chatStream(s, cut, "reasoning_content", false) }
func mistralStream(s said, cut cutter) []byte  { return chatStream(s, cut, "", true) }

func chatUsage(s said) object {
	return object{"prompt_tokens": s.input, "completion_tokens": s.output, "total_tokens": s.input + s.output,
		"prompt_tokens_details":     object{"cached_tokens": s.cached},
		"completion_tokens_details": object{"reasoning_tokens": s.reasoning}}
}

// thinkingPart is a thought of Mistral's.
func thinkingPart(s string) []any {
	return []any{object{"type": "thinking", "thinking": []any{object{"type": "text", "text": s}}}}
}

func chatWhole(s said, reasoning string, parts bool) []byte {
	m := object{"role": "assistant", "content": s.text}
	if reasoning != "" && s.thinking != "" {
		m[reasoning] = s.thinking
	}
	if parts && s.thinking != "" {
		m["content"] = append(thinkingPart(s.thinking), object{"type": "text", "text": s.text})
	}
	var calls []any
	for _, c := range s.calls {
		calls = append(calls, object{"id": c.id, "type": "function", "function": object{"name": c.name, "arguments": c.arguments}})
	}
	if calls != nil {
		m["tool_calls"] = calls
	}
	return encode(object{"id": "chatcmpl-1", "object": "chat.completion", "created": 1700000000, "model": "m",
		"choices": []any{object{"index": 0, "message": m, "finish_reason": s.finish}}, "usage": chatUsage(s)})
}

func chatStream(s said, cut cutter, reasoning string, parts bool) []byte {
	var b bytes.Buffer
	send := func(choices []any, usage any) {
		event(&b, "", object{"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1700000000, "model": "m",
			"choices": choices, "usage": usage})
	}
	delta := func(d object) { send([]any{object{"index": 0, "delta": d, "finish_reason": nil}}, nil) }
	delta(object{"role": "assistant", "content": ""})
	for _, piece := range cut(s.thinking) {
		switch {
		case reasoning != "":
			delta(object{reasoning: piece})
		case parts && piece != "":
			delta(object{"content": thinkingPart(piece)})
		}
	}
	for _, piece := range cut(s.text) {
		delta(object{"content": piece})
	}
	for i, c := range s.calls {
		delta(object{"tool_calls": []any{object{"index": i, "id": c.id, "type": "function", "function": object{"name": c.name, "arguments": ""}}}})
		for _, piece := range cut(c.arguments) {
			delta(object{"tool_calls": []any{object{"index": i, "function": object{"arguments": piece}}}})
		}
	}
	send([]any{object{"index": 0, "delta": object{}, "finish_reason": s.finish}}, nil)
	send([]any{}, chatUsage(s))
	b.WriteString("data: [DONE]\n\n")
	return b.Bytes()
}

// event writes a server-sent event.
func event(b *bytes.Buffer, name string, data object) {
	if name != "" {
		b.WriteString("event: " + name + "\n")
	}
	b.WriteString("data: ")
	b.Write(encode(data))
	b.WriteString("\n\n")
}

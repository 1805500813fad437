package conformance

import "bytes"

var cohereStops = map[string]string{"stop": "COMPLETE", "length": "MAX_TOKENS", "tool_calls": "TOOL_CALL"}

func cohereUsage(s said) object {
	return object{"billed_units": object{"input_tokens": s.input / 2, "output_tokens": s.output},
		"tokens": object{"input_tokens": s.input, "output_tokens": s.output}, "cached_tokens": s.cached}
}

func cohereCall(c call, arguments string) object {
	return object{"id": c.id, "type": "function", "function": object{"name": c.name, "arguments": arguments}}
}

func cohereWhole(s said) []byte {
	m := object{"role": "assistant"}
	content := []any{}
	if s.thinking != "" {
		content = append(content, object{"type": "thinking", "thinking": s.thinking})
	}
	switch {
	case len(s.calls) > 0:
		m["tool_plan"] = s.text
	case s.text != "":
		content = append(content, object{"type": "text", "text": s.text})
	}
	calls := []any{}
	for _, c := range s.calls {
		calls = append(calls, cohereCall(c, c.arguments))
	}
	m["content"], m["tool_calls"] = content, calls
	return encode(object{"id": "c1", "finish_reason": cohereStops[s.finish], "message": m, "usage": cohereUsage(s)})
}

func cohereStream(s said, cut cutter) []byte {
	var b bytes.Buffer
	send := func(kind string, data object) {
		data["type"] = kind
		event(&b, kind, data)
	}
	message := func(m object) object { return object{"message": m} }
	send("message-start", object{"id": "c1", "delta": message(object{"role": "assistant"})})
	at := 0
	block := func(kind, text string) {
		if text == "" {
			return
		}
		send("content-start", object{"index": at, "delta": message(object{"content": object{"type": kind, kind: ""}})})
		for _, p := range cut(text) {
			send("content-delta", object{"index": at, "delta": message(object{"content": object{kind: p}})})
		}
		send("content-end", object{"index": at})
		at++
	}
	block("thinking", s.thinking)
	if len(s.calls) == 0 {
		block("text", s.text)
	} else {
		for _, p := range cut(s.text) {
			send("tool-plan-delta", object{"delta": message(object{"tool_plan": p})})
		}
	}
	for i, c := range s.calls {
		send("tool-call-start", object{"index": i, "delta": message(object{"tool_calls": cohereCall(c, "")})})
		for _, p := range cut(c.arguments) {
			send("tool-call-delta", object{"index": i, "delta": message(object{"tool_calls": object{"function": object{"arguments": p}}})})
		}
		send("tool-call-end", object{"index": i})
	}
	send("message-end", object{"delta": object{"finish_reason": cohereStops[s.finish], "usage": cohereUsage(s)}})
	return b.Bytes()
}

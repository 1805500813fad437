package conformance

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

var googleStops = map[string]string{"stop": "STOP", "length": "MAX_TOKENS", "tool_calls": "STOP"}

// Thoughts are counted beside the candidates.
func googleUsage(s said) object {
	return object{"promptTokenCount": s.input, "cachedContentTokenCount": s.cached, "candidatesTokenCount": s.output - s.reasoning,
		"thoughtsTokenCount": s.reasoning, "totalTokenCount": s.input + s.output}
}

func googleCalls(s said) (parts []any) {
	for i, c := range s.calls {
		p := object{"functionCall": object{"id": c.id, "name": c.name, "args": jsontext.Value(c.arguments)}}
		if i == 0 && s.signature != "" {
			p["thoughtSignature"] = s.signature
		}
		parts = append(parts, p)
	}
	return parts
}

func googleResponse(parts []any, finish string, usage object) object {
	candidate := object{"index": 0, "content": object{"role": "model", "parts": parts}}
	if finish != "" {
		candidate["finishReason"] = finish
	}
	return object{"responseId": "r1", "modelVersion": "m", "candidates": []any{candidate}, "usageMetadata": usage}
}

func googleWhole(s said) []byte {
	parts := []any{}
	if s.thinking != "" {
		parts = append(parts, object{"text": s.thinking, "thought": true})
	}
	if s.text != "" {
		parts = append(parts, object{"text": s.text})
	}
	return encode(googleResponse(append(parts, googleCalls(s)...), googleStops[s.finish], googleUsage(s)))
}

func googleStream(s said, cut cutter) []byte {
	var b bytes.Buffer
	sofar := object{"promptTokenCount": s.input, "cachedContentTokenCount": s.cached, "totalTokenCount": s.input}
	send := func(p any) { event(&b, "", googleResponse([]any{p}, "", sofar)) }
	for _, p := range cut(s.thinking) {
		send(object{"text": p, "thought": true})
	}
	for _, p := range cut(s.text) {
		send(object{"text": p})
	}
	for _, p := range googleCalls(s) {
		send(p)
	}
	event(&b, "", googleResponse([]any{object{"text": ""}}, googleStops[s.finish], googleUsage(s)))
	return b.Bytes()
}

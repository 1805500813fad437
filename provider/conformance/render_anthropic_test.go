package conformance

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

var anthropicStops = map[string]string{"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}

// The cache's part of the input is counted beside it.
func anthropicUsage(s said) object {
	return object{"input_tokens": s.input - s.cached, "cache_read_input_tokens": s.cached, "cache_creation_input_tokens": 0,
		"output_tokens": s.output, "output_tokens_details": object{"thinking_tokens": s.reasoning}}
}

func anthropicBlocks(s said) []any {
	blocks := []any{}
	if s.thinking != "" {
		blocks = append(blocks, object{"type": "thinking", "thinking": s.thinking, "signature": s.signature})
	}
	if s.text != "" {
		blocks = append(blocks, object{"type": "text", "text": s.text})
	}
	for _, c := range s.calls {
		blocks = append(blocks, object{"type": "tool_use", "id": c.id, "name": c.name, "input": jsontext.Value(c.arguments)})
	}
	return blocks
}

func anthropicWhole(s said) []byte {
	return encode(object{"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": anthropicBlocks(s),
		"stop_reason": anthropicStops[s.finish], "usage": anthropicUsage(s)})
}

func anthropicStream(s said, cut cutter) []byte {
	var b bytes.Buffer
	send := func(kind string, data object) {
		data["type"] = kind
		event(&b, kind, data)
	}
	begin := anthropicUsage(s)
	begin["output_tokens"], begin["output_tokens_details"] = 1, object{"thinking_tokens": 0}
	send("message_start", object{"message": object{"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": []any{}, "usage": begin}})
	at := 0
	block := func(start object, deltas ...object) {
		send("content_block_start", object{"index": at, "content_block": start})
		for _, d := range deltas {
			send("content_block_delta", object{"index": at, "delta": d})
		}
		send("content_block_stop", object{"index": at})
		at++
	}
	pieces := func(kind, member, text string) (list []object) {
		for _, p := range cut(text) {
			list = append(list, object{"type": kind, member: p})
		}
		return list
	}
	if s.thinking != "" {
		deltas := pieces("thinking_delta", "thinking", s.thinking)
		block(object{"type": "thinking", "thinking": "", "signature": ""}, append(deltas, object{"type": "signature_delta", "signature": s.signature})...)
	}
	if s.text != "" {
		block(object{"type": "text", "text": ""}, pieces("text_delta", "text", s.text)...)
	}
	for _, c := range s.calls {
		block(object{"type": "tool_use", "id": c.id, "name": c.name, "input": object{}}, pieces("input_json_delta", "partial_json", c.arguments)...)
	}
	end := object{"output_tokens": s.output, "output_tokens_details": object{"thinking_tokens": s.reasoning}}
	send("message_delta", object{"delta": object{"stop_reason": anthropicStops[s.finish]}, "usage": end})
	send("message_stop", object{})
	return b.Bytes()
}

package conformance

import (
	"bytes"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
	"github.com/go-json-experiment/json/jsontext"
)

var bedrockStops = map[string]string{"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}

func bedrockUsage(s said) object {
	return object{"inputTokens": s.input - s.cached, "cacheReadInputTokens": s.cached, "cacheWriteInputTokens": 0,
		"outputTokens": s.output, "totalTokens": s.input + s.output}
}

func bedrockWhole(s said) []byte {
	blocks := []any{}
	if s.thinking != "" {
		blocks = append(blocks, object{"reasoningContent": object{"reasoningText": object{"text": s.thinking, "signature": s.signature}}})
	}
	if s.text != "" {
		blocks = append(blocks, object{"text": s.text})
	}
	for _, c := range s.calls {
		blocks = append(blocks, object{"toolUse": object{"toolUseId": c.id, "name": c.name, "input": jsontext.Value(c.arguments)}})
	}
	return encode(object{"output": object{"message": object{"role": "assistant", "content": blocks}},
		"stopReason": bedrockStops[s.finish], "usage": bedrockUsage(s)})
}

func bedrockStream(s said, cut cutter) []byte {
	var b bytes.Buffer
	send := func(kind string, data object) {
		m := eventstream.Message{Payload: encode(data)}
		for name, v := range map[string]string{":event-type": kind, ":content-type": "application/json", ":message-type": "event"} {
			m.Headers.Set(name, eventstream.StringValue(v))
		}
		if err := eventstream.NewEncoder().Encode(&b, m); err != nil {
			panic(err) // of a test's own making
		}
	}
	send("messageStart", object{"role": "assistant"})
	at := 0
	delta := func(d object) { send("contentBlockDelta", object{"contentBlockIndex": at, "delta": d}) }
	stop := func() {
		send("contentBlockStop", object{"contentBlockIndex": at})
		at++
	}
	if s.thinking != "" {
		for _, p := range cut(s.thinking) {
			delta(object{"reasoningContent": object{"text": p}})
		}
		delta(object{"reasoningContent": object{"signature": s.signature}})
		stop()
	}
	if s.text != "" {
		for _, p := range cut(s.text) {
			delta(object{"text": p})
		}
		stop()
	}
	for _, c := range s.calls {
		send("contentBlockStart", object{"contentBlockIndex": at, "start": object{"toolUse": object{"toolUseId": c.id, "name": c.name}}})
		for _, p := range cut(c.arguments) {
			delta(object{"toolUse": object{"input": p}})
		}
		stop()
	}
	send("messageStop", object{"stopReason": bedrockStops[s.finish]})
	send("metadata", object{"usage": bedrockUsage(s)})
	return b.Bytes()
}

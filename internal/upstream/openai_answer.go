package upstream

import (
	"errors"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// openAIBatch is a run of chunk members that stay the same over a stream.
type openAIBatch struct {
	x       *exchange
	created int64
}

func (x *exchange) openAIFinish() string {
	switch {
	case x.orders.finish != "":
		return x.orders.finish
	case x.answer.calls != nil:
		return "tool_calls"
	case x.answer.cut:
		return "length"
	}
	return "stop"
}

func openAIUsage(u Usage) jsontext.Value {
	return document(
		pair{"prompt_tokens", u.Input}, pair{"completion_tokens", u.Output}, pair{"total_tokens", u.Input + u.Output},
		pair{"prompt_tokens_details", document(pair{"cached_tokens", u.Cached}, pair{"audio_tokens", 0})},
		pair{"completion_tokens_details", document(
			pair{"reasoning_tokens", u.Reasoning}, pair{"audio_tokens", 0},
			pair{"accepted_prediction_tokens", 0}, pair{"rejected_prediction_tokens", 0})},
	)
}

// calls gives each call the id and form it has in a message; in a stream, its index too.
func (x *exchange) openAICall(i int, args string, stream bool) jsontext.Value {
	c := x.answer.calls[i]
	members := []pair{
		{"id", "call_" + x.id + "abcdefghijklmno" + strconv.Itoa(i)}, {"type", "function"},
		{"function", document(pair{"name", c.name}, pair{"arguments", args})},
	}
	if stream {
		members = append([]pair{{"index", i}}, members...)
	}
	return document(members...)
}

func (openAI) whole(x *exchange) jsontext.Value {
	message := []pair{{"role", "assistant"}, {"content", orNull(x.answer.preface + x.answer.text)}}
	if len(x.answer.calls) > 0 {
		var calls []jsontext.Value
		for i, c := range x.answer.calls {
			calls = append(calls, x.openAICall(i, string(c.args), false))
		}
		message = append(message, pair{"tool_calls", calls})
	} else {
		message[1].value = x.answer.text
	}
	message = append(message, pair{"refusal", nil}, pair{"annotations", []any{}})
	var choices []jsontext.Value
	for i := range x.ask.choices {
		choices = append(choices, document(
			pair{"index", i}, pair{"message", document(message...)}, pair{"logprobs", nil}, pair{"finish_reason", x.openAIFinish()}))
	}
	return document(
		pair{"id", "chatcmpl-" + x.id}, pair{"object", "chat.completion"}, pair{"created", time.Now().Unix()},
		pair{"model", x.ask.model}, pair{"choices", choices}, pair{"usage", openAIUsage(x.answer.usage)},
		pair{"service_tier", "default"}, pair{"system_fingerprint", "fp_upstream"},
	)
}

func (openAI) stream(x *exchange) error {
	if err := x.open("text/event-stream; charset=utf-8"); err != nil {
		return err
	}
	b := openAIBatch{x: x, created: time.Now().Unix()}
	err := b.content()
	if errors.Is(err, errOrdered) {
		no := openAI{}.ordered(&orders{status: 500})
		e := openAIError(no)
		_ = e.Compact()
		return x.frame(event("", e))
	}
	if err != nil {
		return err
	}
	for i := range x.ask.choices {
		if err := x.frame(b.chunk(i, document(), x.openAIFinish())); err != nil {
			return err
		}
	}
	if x.ask.usageChunk {
		if err := x.frame(b.event([]any{}, openAIUsage(x.answer.usage))); err != nil {
			return err
		}
	}
	return x.frame([]byte("data: [DONE]\n\n"))
}

// content sends the deltas of all choices, a word or a fragment each.
func (b openAIBatch) content() error {
	x := b.x
	for i := range x.ask.choices {
		if b.x.answer.calls == nil || x.answer.preface != "" {
			x.hold(b.chunk(i, document(pair{"role", "assistant"}, pair{"content", ""}, pair{"refusal", nil}), ""))
		}
		for _, word := range pieces(x.answer.preface + x.answer.text) {
			if err := x.chunk(b.chunk(i, document(pair{"content", word}), "")); err != nil {
				return err
			}
		}
		for k, c := range x.answer.calls {
			head := []pair{{"tool_calls", []jsontext.Value{x.openAICall(k, "", true)}}}
			if k == 0 && x.answer.preface == "" {
				head = append([]pair{{"role", "assistant"}, {"content", nil}}, append(head, pair{"refusal", nil})...)
			}
			x.hold(b.chunk(i, document(head...), ""))
			for _, part := range fragments(string(c.args)) {
				delta := document(pair{"index", k}, pair{"function", document(pair{"arguments", part})})
				if err := x.chunk(b.chunk(i, document(pair{"tool_calls", []jsontext.Value{delta}}), "")); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// chunk is one event with one choice; an empty finish is null.
func (b openAIBatch) chunk(choice int, delta jsontext.Value, finish string) []byte {
	return b.event([]jsontext.Value{document(
		pair{"index", choice}, pair{"delta", delta}, pair{"logprobs", nil}, pair{"finish_reason", orNull(finish)})}, nil)
}

// event is one event: usage is null but in the last chunk, and absent if it was not asked for. The
// obfuscation evens out the lengths of chunks.
func (b openAIBatch) event(choices any, usage any) []byte {
	members := []pair{
		{"id", "chatcmpl-" + b.x.id}, {"object", "chat.completion.chunk"}, {"created", b.created}, {"model", b.x.ask.model},
		{"service_tier", "default"}, {"system_fingerprint", "fp_upstream"}, {"choices", choices},
	}
	if b.x.ask.usageChunk {
		members = append(members, pair{"usage", usage})
	}
	if b.x.ask.obfuscate {
		members = append(members, pair{"obfuscation", "abcdefghijklmnop"[rand.IntN(15):]})
	}
	return event("", document(members...))
}

// event is one server-sent event, with a name if it has one.
func event(name string, data jsontext.Value) []byte {
	out := []byte{}
	if name != "" {
		out = append(out, "event: "+name+"\n"...)
	}
	out = append(out, "data: "...)
	out = append(out, data...)
	return append(out, "\n\n"...)
}

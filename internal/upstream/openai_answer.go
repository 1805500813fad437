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
	*habits
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

// call gives each call the id and form it has in a message; in a stream, its index too.
func (d openAI) call(x *exchange, i int, args string, stream bool) jsontext.Value {
	c := x.answer.calls[i]
	id := "call_" + x.id + "abcdefghijklmno" + strconv.Itoa(i)
	if d.ids != nil {
		id = x.id + strconv.Itoa(i)
	}
	members := []pair{{"id", id}}
	if !d.bare {
		members = append(members, pair{"type", "function"})
	}
	members = append(members, pair{"function", document(pair{"name", c.name}, pair{"arguments", args})})
	if stream {
		members = append([]pair{{"index", i}}, members...)
	}
	return document(members...)
}

// think adds the reasoning to the members of a message or a delta, where the server has it.
func (d openAI) think(members []pair, thought string) []pair {
	switch {
	case thought == "" || d.reasoning == "":
		return members
	case d.reasoning != "parts":
		return append(members, pair{d.reasoning, thought})
	}
	parts := []jsontext.Value{document(pair{"type", "thinking"},
		pair{"thinking", []jsontext.Value{document(pair{"type", "text"}, pair{"text", thought})}})}
	for i, m := range members {
		if m.name != "content" {
			continue
		}
		if s, ok := m.value.(string); ok {
			parts = append(parts, document(pair{"type", "text"}, pair{"text", s}))
		}
		members[i].value = parts
		return members
	}
	return append(members, pair{"content", parts})
}

func (d openAI) whole(x *exchange) jsontext.Value {
	message := []pair{{"role", "assistant"}, {"content", orNull(x.answer.preface + x.answer.text)}}
	if len(x.answer.calls) > 0 {
		var calls []jsontext.Value
		for i, c := range x.answer.calls {
			calls = append(calls, d.call(x, i, string(c.args), false))
		}
		message = append(message, pair{"tool_calls", calls})
	} else {
		message[1].value = x.answer.text
	}
	message = d.think(message, x.answer.thinking)
	message = append(message, pair{"refusal", nil}, pair{"annotations", []any{}})
	var choices []jsontext.Value
	for i := range x.ask.choices {
		choices = append(choices, document(
			pair{"index", i}, pair{"message", document(message...)}, pair{"logprobs", nil}, pair{"finish_reason", x.openAIFinish()}))
	}
	return document(
		pair{"id", "chatcmpl-" + x.id}, pair{"object", "chat.completion"}, pair{"created", time.Now().Unix()},
		pair{"model", x.ask.model}, pair{"choices", choices}, pair{"usage", d.bill(x.answer.usage)},
		pair{"service_tier", "default"}, pair{"system_fingerprint", "fp_upstream"},
	)
}

func (d openAI) stream(x *exchange) error {
	if err := x.open("text/event-stream; charset=utf-8"); err != nil {
		return err
	}
	b := openAIBatch{habits: d.habits, x: x, created: time.Now().Unix()}
	if d.filters {
		x.hold(event("", document(pair{"choices", []any{}}, pair{"created", 0}, pair{"id", ""}, pair{"model", ""}, pair{"object", ""},
			pair{"prompt_filter_results", []any{}})))
	}
	if d.comments {
		x.hold([]byte(": OPENROUTER PROCESSING\n\n"))
	}
	err := b.content()
	if errors.Is(err, errOrdered) {
		e := d.error(d.ordered(&orders{status: 500}))
		_ = e.Compact()
		return x.frame(event("", e))
	}
	if err != nil {
		return err
	}
	for i := range x.ask.choices {
		if err := x.frame(b.finish(i)); err != nil {
			return err
		}
	}
	if x.ask.usageChunk && d.usage != usageFinish && d.usage != usageChoice {
		if err := x.frame(b.event([]any{}, d.bill(x.answer.usage))); err != nil {
			return err
		}
	}
	return x.frame([]byte("data: [DONE]\n\n"))
}

// finish is the chunk that ends a choice, with the usage where the server has it there.
func (b openAIBatch) finish(i int) []byte {
	choice := []pair{{"index", i}, {"delta", document()}, {"logprobs", nil}, {"finish_reason", b.x.openAIFinish()}}
	bill := b.bill(b.x.answer.usage)
	switch b.usage {
	case usageFinish:
		return b.event([]jsontext.Value{document(choice...)}, bill)
	case usageChoice:
		choice = append(choice, pair{"usage", bill})
	case usageGroq:
		return b.event([]jsontext.Value{document(choice...)}, nil, pair{"x_groq", document(pair{"id", "req_" + b.x.id}, pair{"usage", bill})})
	}
	return b.event([]jsontext.Value{document(choice...)}, nil)
}

// content sends the deltas of all choices, a word or a fragment each.
func (b openAIBatch) content() error {
	x, d := b.x, openAI{b.habits}
	for i := range x.ask.choices {
		if d.reasoning != "" {
			for _, word := range pieces(x.answer.thinking) {
				if err := x.chunk(b.chunk(i, document(d.think([]pair{{"role", "assistant"}}, word)...))); err != nil {
					return err
				}
			}
		}
		if b.x.answer.calls == nil || x.answer.preface != "" {
			x.hold(b.chunk(i, document(pair{"role", "assistant"}, pair{"content", ""}, pair{"refusal", nil})))
		}
		for _, word := range pieces(x.answer.preface + x.answer.text) {
			if err := x.chunk(b.chunk(i, document(pair{"content", word}))); err != nil {
				return err
			}
		}
		for k, c := range x.answer.calls {
			parts, start := fragments(string(c.args)), ""
			if d.habits.whole {
				parts, start = nil, string(c.args)
			}
			head := []pair{{"tool_calls", []jsontext.Value{d.call(x, k, start, true)}}}
			if k == 0 && x.answer.preface == "" {
				head = append([]pair{{"role", "assistant"}, {"content", nil}}, append(head, pair{"refusal", nil})...)
			}
			send := func(b []byte) error { x.hold(b); return nil }
			if parts == nil {
				send = x.chunk
			}
			if err := send(b.chunk(i, document(head...))); err != nil {
				return err
			}
			for _, part := range parts {
				delta := document(pair{"index", k}, pair{"function", document(pair{"arguments", part})})
				if err := x.chunk(b.chunk(i, document(pair{"tool_calls", []jsontext.Value{delta}}))); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// chunk is one event with one choice.
func (b openAIBatch) chunk(choice int, delta jsontext.Value) []byte {
	return b.event([]jsontext.Value{document(
		pair{"index", choice}, pair{"delta", delta}, pair{"logprobs", nil}, pair{"finish_reason", nil})}, nil)
}

// event is one event: usage is null but in the last chunk, and absent if it was not asked for. The
// obfuscation evens out the lengths of chunks.
func (b openAIBatch) event(choices any, usage any, more ...pair) []byte {
	members := []pair{
		{"id", "chatcmpl-" + b.x.id}, {"object", "chat.completion.chunk"}, {"created", b.created}, {"model", b.x.ask.model},
		{"service_tier", "default"}, {"system_fingerprint", "fp_upstream"}, {"choices", choices},
	}
	members = append(members, more...)
	if b.x.ask.usageChunk || usage != nil {
		members = append(members, pair{"usage", usage})
	}
	if b.x.ask.obfuscate && b.model == "" {
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

package upstream

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// anthropicPart is one content block of an answer: as it is whole, as it starts in a stream, and its deltas.
type anthropicPart struct {
	whole  jsontext.Value
	start  jsontext.Value
	deltas []jsontext.Value
}

func (x *exchange) anthropicParts() []anthropicPart {
	var parts []anthropicPart
	if x.answer.thinking != "" {
		parts = append(parts, x.anthropicThinking()...)
	}
	if s := x.answer.preface + x.answer.text; s != "" || x.answer.calls == nil {
		parts = append(parts, anthropicTextPart(s))
	}
	for i, c := range x.answer.calls {
		head := []pair{{"type", "tool_use"}, {"id", fmt.Sprintf("toolu_01%sabcdefghijklm%d", x.id, i)}, {"name", c.name}}
		p := anthropicPart{
			whole:  document(append(head, pair{"input", c.args})...),
			start:  document(append(head, pair{"input", document()})...),
			deltas: []jsontext.Value{anthropicDelta("input_json_delta", "partial_json", "")},
		}
		// A call without arguments has no fragment but the empty one.
		if string(c.args) != "{}" {
			for _, f := range fragments(string(c.args)) {
				p.deltas = append(p.deltas, anthropicDelta("input_json_delta", "partial_json", f))
			}
		}
		parts = append(parts, p)
	}
	return parts
}

func (x *exchange) anthropicThinking() []anthropicPart {
	n := 1
	if x.orders.redacted {
		n = 2
	}
	told := x.answer.thinking
	if x.ask.secret || x.orders.omitted {
		told = ""
	}
	signature := seal{x.id, 0, n}.sign("thinking:" + told)
	p := anthropicPart{
		whole: document(pair{"type", "thinking"}, pair{"thinking", told}, pair{"signature", signature}),
		start: document(pair{"type", "thinking"}, pair{"thinking", ""}, pair{"signature", ""}),
	}
	for _, word := range pieces(told) {
		p.deltas = append(p.deltas, anthropicDelta("thinking_delta", "thinking", word))
	}
	p.deltas = append(p.deltas, anthropicDelta("signature_delta", "signature", signature))
	parts := []anthropicPart{p}
	if x.orders.redacted {
		block := document(pair{"type", "redacted_thinking"}, pair{"data", seal{x.id, 1, n}.sign("redacted")})
		parts = append(parts, anthropicPart{whole: block, start: block})
	}
	return parts
}

func anthropicTextPart(s string) anthropicPart {
	p := anthropicPart{
		whole: document(pair{"type", "text"}, pair{"text", s}),
		start: document(pair{"type", "text"}, pair{"text", ""}),
	}
	for _, word := range pieces(s) {
		p.deltas = append(p.deltas, anthropicDelta("text_delta", "text", word))
	}
	return p
}

func anthropicDelta(kind, field, s string) jsontext.Value {
	return document(pair{"type", kind}, pair{field, s})
}

// anthropicStop is the stop reason and the stop sequence.
func (x *exchange) anthropicStop() (reason string, sequence any) {
	switch {
	case x.orders.finish != "":
		return x.orders.finish, nil
	case x.answer.calls != nil:
		return "tool_use", nil
	case x.answer.cut:
		return "max_tokens", nil
	case x.answer.stop != "":
		return "stop_sequence", x.answer.stop
	}
	return "end_turn", nil
}

// anthropicUsage leaves cached tokens out of the input, as Anthropic counts.
func anthropicUsage(u Usage, output int) jsontext.Value {
	return document(
		pair{"input_tokens", u.Input - u.Cached - u.CacheWrite}, pair{"cache_creation_input_tokens", u.CacheWrite},
		pair{"cache_read_input_tokens", u.Cached},
		pair{"cache_creation", document(pair{"ephemeral_5m_input_tokens", u.CacheWrite}, pair{"ephemeral_1h_input_tokens", 0})},
		pair{"output_tokens", output},
		pair{"output_tokens_details", document(pair{"thinking_tokens", min(u.Reasoning, output)})},
		pair{"service_tier", "standard"}, pair{"inference_geo", "not_available"})
}

// message is the answer's frame, with the content and stop reason it has at that time.
func (x *exchange) anthropicMessage(content []jsontext.Value, reason, sequence any, output int) jsontext.Value {
	return document(
		pair{"model", x.ask.model}, pair{"id", "msg_01" + x.id}, pair{"type", "message"}, pair{"role", "assistant"},
		pair{"content", content}, pair{"stop_reason", reason}, pair{"stop_sequence", sequence}, pair{"stop_details", nil},
		pair{"usage", anthropicUsage(x.answer.usage, output)})
}

func (anthropic) whole(x *exchange) jsontext.Value {
	content := []jsontext.Value{}
	for _, p := range x.anthropicParts() {
		content = append(content, p.whole)
	}
	reason, sequence := x.anthropicStop()
	return x.anthropicMessage(content, reason, sequence, x.answer.usage.Output)
}

func (anthropic) stream(x *exchange) error {
	if err := x.open("text/event-stream; charset=utf-8"); err != nil {
		return err
	}
	err := x.anthropicContent()
	if errors.Is(err, errOrdered) {
		no := anthropic{}.ordered(&orders{status: 529})
		return x.frame(event("error", anthropicError(no, x.id)))
	}
	if err != nil {
		return err
	}
	reason, sequence := x.anthropicStop()
	u := x.answer.usage
	tail := padded("message_delta",
		pair{"delta", document(pair{"stop_reason", reason}, pair{"stop_sequence", sequence}, pair{"stop_details", nil})},
		// Cumulative, and the input once more: a reader that adds would count it twice.
		pair{"usage", document(
			pair{"input_tokens", u.Input - u.Cached - u.CacheWrite}, pair{"cache_creation_input_tokens", u.CacheWrite},
			pair{"cache_read_input_tokens", u.Cached}, pair{"output_tokens", u.Output},
			pair{"output_tokens_details", document(pair{"thinking_tokens", u.Reasoning})})})
	return x.frame(append(tail, padded("message_stop")...))
}

func (x *exchange) anthropicContent() error {
	x.hold(padded("message_start", pair{"message", x.anthropicMessage([]jsontext.Value{}, nil, nil, 1)}))
	for i, p := range x.anthropicParts() {
		x.hold(padded("content_block_start", pair{"index", i}, pair{"content_block", p.start}))
		if i == 0 {
			x.hold(event("ping", jsontext.Value(`{"type": "ping"}`)))
		}
		for k, d := range p.deltas {
			if err := x.chunk(padded("content_block_delta", pair{"index", i}, pair{"delta", d})); err != nil {
				return err
			}
			if i == 0 && k == 4 {
				x.hold(event("ping", jsontext.Value(`{"type": "ping"}`)))
			}
		}
		x.hold(padded("content_block_stop", pair{"index", i}))
	}
	return nil
}

// padded is an event whose data has spaces in front of its last brace, more or fewer with its length, as
// Anthropic's have.
func padded(kind string, members ...pair) []byte {
	data := string(document(append([]pair{{"type", kind}}, members...)...))
	pad := strings.Repeat(" ", len(data)%16)
	return event(kind, jsontext.Value(data[:len(data)-1]+pad+"}"))
}

package anthropic

import (
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/sse"
)

// lenient reads what a provider sends: nothing is refused that can be read.
var lenient = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

// event is one event of a stream.
type event struct {
	Type    string        `json:"type"`
	Index   int           `json:"index"`
	Message *message      `json:"message"`
	Block   *contentBlock `json:"content_block"`
	Delta   delta         `json:"delta"`
	Usage   usage         `json:"usage"`
	Error   *failure      `json:"error"`
}

// delta adds to a block or, in message_delta, ends the message.
type delta struct {
	Type        string       `json:"type"`
	Text        string       `json:"text"`
	PartialJSON string       `json:"partial_json"`
	Thinking    string       `json:"thinking"`
	Signature   string       `json:"signature"`
	Citation    *citation    `json:"citation"`
	StopReason  string       `json:"stop_reason"`
	StopDetails *stopDetails `json:"stop_details"`
}

var errNotBegun = errors.New("the stream does not begin with message_start")

// Event implements provider.Chat. Types that are not known, such as ping, are
// ignored.
func (c *chat) Event(ev sse.Event, a openai.Answer) error {
	if string(ev.Data) == "[DONE]" { // of servers that speak OpenAI's format as well
		return nil
	}
	var e event
	if err := json.Unmarshal(ev.Data, &e, lenient); err != nil {
		if c.answer.done { // no rubbish behind its end makes an answer worse
			return nil
		}
		return fmt.Errorf("read event: %w", err)
	}
	if e.Type == "" {
		e.Type = string(ev.Name)
	}
	if e.Error != nil {
		return e.Error.provider(0)
	}
	w := &c.answer
	switch e.Type {
	case "error":
		return errors.New("the stream has an error event without an error")
	case "message_start":
		if e.Message == nil {
			return errNotBegun
		}
		w.start(e.Message, c.options.Now(), a)
	case "content_block_start", "content_block_delta", "content_block_stop", "message_delta", "message_stop":
		if !w.begun {
			return errNotBegun
		}
		return w.event(&e, a)
	}
	return nil
}

func (w *answer) event(e *event, a openai.Answer) error {
	switch e.Type {
	case "content_block_start":
		if e.Block != nil {
			return w.open(e.Index, e.Block, a)
		}
	case "content_block_delta":
		w.delta(e.Index, &e.Delta, a)
	case "content_block_stop":
		w.close(e.Index, a)
	case "message_delta":
		// Usage adds nothing to what was said of it before: it says it anew.
		w.usage.update(e.Usage)
		if e.Delta.StopReason != "" {
			w.stop = e.Delta.StopReason
		}
		w.refused(e.Delta.StopDetails)
	case "message_stop":
		w.closeAll(a)
		w.done = true
	}
	return nil
}

func (w *answer) delta(index int, d *delta, a openai.Answer) {
	b, ok := w.blocks[index]
	if !ok {
		return
	}
	switch {
	case d.Type == "text_delta" && b.kind == textBlock:
		w.text(d.Text, a)
	case d.Type == "citations_delta" && d.Citation != nil:
		b.citations = append(b.citations, *d.Citation)
	case d.Type == "input_json_delta":
		w.input(b, d.PartialJSON, a)
	case d.Type == "thinking_delta" && b.kind == thinkingBlock:
		w.think(b, d.Thinking, a)
	case d.Type == "signature_delta":
		b.signature = d.Signature
	}
}

func (w *answer) refused(d *stopDetails) {
	if d != nil && d.Explanation != "" {
		w.refusal = d.Explanation
	}
}

// Whole implements provider.Chat.
func (c *chat) Whole(body []byte, a openai.Answer) error {
	var m message
	if err := json.Unmarshal(body, &m, lenient); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	if m.Error != nil {
		return m.Error.provider(0)
	}
	if m.Type != "message" {
		return fmt.Errorf("the answer's type is %q, not message", m.Type)
	}
	w := &c.answer
	w.start(&m, c.options.Now(), a)
	for i := range m.Content {
		if err := w.open(i, &m.Content[i], a); err != nil {
			return err
		}
		w.close(i, a)
	}
	w.stop = m.StopReason
	w.refused(m.StopDetails)
	w.done = true
	w.finish(a)
	return nil
}

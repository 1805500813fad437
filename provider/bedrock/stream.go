package bedrock

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/sse"
)

// lenient reads what a provider sends: nothing is refused that can be read.
var lenient = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

// whole is an answer of Converse.
type whole struct {
	Output struct {
		Message struct {
			Content []block `json:"content"`
		} `json:"message"`
	} `json:"output"`
	StopReason string `json:"stopReason"`
	Usage      *usage `json:"usage"`
	Tier       kind   `json:"serviceTier"`
}

var errNoStop = errors.New("the answer has no stopReason")

// Whole implements provider.Chat. Blocks for which OpenAI has no place, such as
// results of Bedrock's own tools, are left out.
func (c *chat) Whole(body []byte, a openai.Answer) error {
	var m whole
	if err := json.Unmarshal(body, &m, lenient); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	if m.StopReason == "" {
		return errNoStop
	}
	w := &c.answer
	w.begin(a)
	for i, b := range m.Output.Message.Content {
		w.text(b.Text, a)
		if b.ToolUse != nil {
			if err := w.tool(i, b.ToolUse, a); err != nil {
				return err
			}
			w.blocks[i].input(argumentsOf(b.ToolUse.Input), a)
		}
		if r := b.Reasoning; r != nil {
			var t reasoningText
			if r.Text != nil {
				t = *r.Text
			}
			w.think(i, t.Text, t.Signature, r.Redacted, a)
		}
		w.close(i, a)
	}
	w.meter(m.Usage, m.Tier.Type)
	w.stop(m.StopReason, a)
	return nil
}

func (w *answer) meter(u *usage, service string) {
	if u != nil {
		w.usage, w.metered = *u, true
		w.usage.service = service
	}
}

// streamEvent is an event of ConverseStream; what its kind does not have is
// empty.
type streamEvent struct {
	Index int `json:"contentBlockIndex"`
	Start struct {
		ToolUse *toolUse `json:"toolUse"`
	} `json:"start"`
	Delta      delta  `json:"delta"`
	StopReason string `json:"stopReason"`
	Usage      *usage `json:"usage"`
	Tier       kind   `json:"serviceTier"`
}

// delta adds to a block. Blocks of text and of reasoning begin with the first.
type delta struct {
	Text    string `json:"text"`
	ToolUse *struct {
		Input string `json:"input"`
	} `json:"toolUse"`
	Reasoning *struct {
		Text      string `json:"text"`
		Signature string `json:"signature"`
		Redacted  []byte `json:"redactedContent"`
	} `json:"reasoningContent"`
}

// Event implements provider.Chat. Kinds that are not known are ignored.
func (c *chat) Event(ev sse.Event, a openai.Answer) error {
	switch name := string(ev.Name); name {
	case "messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata":
		var e streamEvent
		if err := json.Unmarshal(ev.Data, &e, lenient); err != nil {
			return fmt.Errorf("read event: %w", err)
		}
		return c.answer.event(name, &e, a)
	default:
		if exception, ok := strings.CutPrefix(name, exceptionPrefix); ok {
			f, _ := readFailure(ev.Data)
			return f.error(exception)
		}
	}
	return nil
}

var errNoTool = errors.New("a tool's input comes before the tool")

func (w *answer) event(name string, e *streamEvent, a openai.Answer) error {
	if name == "metadata" { // before the stop, or behind it
		w.meter(e.Usage, e.Tier.Type)
		w.metered = true
		return nil
	}
	if w.stopped {
		return nil
	}
	w.begin(a)
	switch name {
	case "contentBlockStart":
		if e.Start.ToolUse != nil {
			return w.tool(e.Index, e.Start.ToolUse, a)
		}
	case "contentBlockDelta":
		return w.delta(e.Index, &e.Delta, a)
	case "contentBlockStop":
		w.close(e.Index, a)
	case "messageStop":
		if e.StopReason == "" {
			return errNoStop
		}
		w.stop(e.StopReason, a)
	}
	return nil
}

func (w *answer) delta(index int, d *delta, a openai.Answer) error {
	w.text(d.Text, a)
	if d.ToolUse != nil {
		b, ok := w.blocks[index]
		if !ok || b.kind == thinkingBlock {
			return errNoTool
		}
		b.input(d.ToolUse.Input, a)
	}
	if r := d.Reasoning; r != nil {
		w.think(index, r.Text, r.Signature, r.Redacted, a)
	}
	return nil
}

func encode(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

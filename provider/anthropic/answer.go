package anthropic

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/openai"
)

// message is a whole answer, or what a stream's message_start has of it.
type message struct {
	Type        string         `json:"type"`
	ID          string         `json:"id"`
	Model       string         `json:"model"`
	Content     []contentBlock `json:"content"`
	StopReason  string         `json:"stop_reason"`
	StopDetails *stopDetails   `json:"stop_details"`
	Usage       usage          `json:"usage"`
	Error       *failure       `json:"error"`
}

// stopDetails explain a refusal.
type stopDetails struct {
	Explanation string `json:"explanation"`
}

// contentBlock is a block of an answer, whole or as it begins.
type contentBlock struct {
	Type      string         `json:"type"`
	Text      string         `json:"text"`
	Citations []citation     `json:"citations"`
	Thinking  string         `json:"thinking"`
	Signature string         `json:"signature"`
	Data      string         `json:"data"`
	ID        string         `json:"id"`
	Name      string         `json:"name"`
	Input     jsontext.Value `json:"input"`
}

// citation is what a piece of text rests on; of those, pages of the web have an
// equivalent.
type citation struct {
	URL   string `json:"url"`
	Title string `json:"title"`
}

// answer says Anthropic's content blocks to an openai.Answer.
type answer struct {
	model      string // as it was asked for
	schemaTool string // the tool whose input is the answer's text, if any

	begun, done, finished bool
	usage                 usage
	stop                  string
	refusal               string

	blocks map[int]*openBlock // by the block's index
	base   int                // blocks of messages before this one
	count  int                // blocks up to now
	calls  int

	said        int             // runes of text up to now
	held        strings.Builder // text beside schemaTool's, if that does not come
	structured  bool            // schemaTool has been called
	details     []openai.ReasoningDetail
	annotations []annotation
}

// openBlock is a block that has begun.
type openBlock struct {
	kind      blockKind
	detail    int // index of its reasoning detail
	call      int // index among the tool calls
	input     jsontext.Value
	wrote     bool // input has come in deltas
	start     int  // runes of text in front of it
	citations []citation
	thinking  strings.Builder
	signature string
}

type blockKind int

const (
	otherBlock blockKind = iota // not for OpenAI's clients: searches and their results
	textBlock
	thinkingBlock
	toolBlock
	answerBlock // the call of schemaTool
)

type annotation struct {
	Type string      `json:"type"`
	URL  urlCitation `json:"url_citation"`
}

type urlCitation struct {
	Start int    `json:"start_index"` // characters of the content
	End   int    `json:"end_index"`
	Title string `json:"title"`
	URL   string `json:"url"`
}

// start begins a message. A stream may have several, where the upstream began
// anew or paused: they are one answer to the client, with the newest's usage.
func (w *answer) start(m *message, now time.Time, a openai.Answer) {
	w.closeAll(a)
	w.base, w.done = w.count, false
	w.usage = m.Usage
	if w.begun {
		return
	}
	w.begun = true
	w.blocks = map[int]*openBlock{}
	h := openai.Head{ID: m.ID, Model: m.Model, Created: now.Unix()}
	if h.Model == "" {
		h.Model = w.model
	}
	switch m.Usage.ServiceTier {
	case "standard":
		h.ServiceTier = "default"
	case "priority":
		h.ServiceTier = "priority"
	}
	a.Head(h)
}

var errNoName = errors.New("a tool_use block has no name")

// open begins a block with what it has from the start.
func (w *answer) open(index int, c *contentBlock, a openai.Answer) error {
	w.close(index, a)
	b := &openBlock{detail: w.base + index, start: w.said}
	w.blocks[index] = b
	w.count = max(w.count, w.base+index+1)
	switch c.Type {
	case "text":
		b.kind, b.citations = textBlock, c.Citations
		w.text(c.Text, a)
	case "thinking":
		b.kind, b.signature = thinkingBlock, c.Signature
		w.think(b, c.Thinking, a)
	case "redacted_thinking":
		w.details = append(w.details, openai.ReasoningDetail{Type: "reasoning.encrypted", Data: c.Data, Format: reasoningFormat, Index: b.detail})
	case "tool_use":
		if c.Name == "" {
			return errNoName
		}
		b.input = c.Input
		switch {
		case w.schemaTool == "" || c.Name != w.schemaTool:
			b.kind = toolBlock
			b.call = a.ToolCall(0, c.ID, c.Name, nil)
			w.calls++
		case !w.structured:
			b.kind, w.structured = answerBlock, true
		}
	}
	return nil
}

// text says text, unless schemaTool's input is to be all that there is.
func (w *answer) text(s string, a openai.Answer) {
	if w.schemaTool != "" {
		w.held.WriteString(s)
		return
	}
	w.say(s, a)
}

func (w *answer) say(s string, a openai.Answer) {
	if s != "" {
		w.said += utf8.RuneCountInString(s)
		a.Text(0, s)
	}
}

func (w *answer) think(b *openBlock, s string, a openai.Answer) {
	if s != "" {
		b.thinking.WriteString(s)
		a.Reasoning(0, s)
	}
}

// input adds to a tool's input.
func (w *answer) input(b *openBlock, s string, a openai.Answer) {
	if s == "" {
		return
	}
	switch b.kind {
	case toolBlock:
		a.Arguments(0, b.call, s)
	case answerBlock:
		w.say(s, a)
	}
	b.wrote = true
}

// close ends a block.
func (w *answer) close(index int, a openai.Answer) {
	b, ok := w.blocks[index]
	if !ok {
		return
	}
	delete(w.blocks, index)
	switch b.kind {
	case toolBlock, answerBlock:
		if !b.wrote {
			// The input that came with the block's beginning; {} if it has none.
			w.input(b, compactObject(b.input), a)
		}
	case thinkingBlock:
		// Unsigned thinking can't be sent back.
		if b.signature != "" {
			w.details = append(w.details, openai.ReasoningDetail{Type: "reasoning.text", Text: b.thinking.String(), Signature: b.signature, Format: reasoningFormat, Index: b.detail})
		}
	case textBlock:
		for _, c := range b.citations {
			if c.URL != "" && w.schemaTool == "" {
				w.annotations = append(w.annotations, annotation{Type: "url_citation", URL: urlCitation{Start: b.start, End: w.said, Title: c.Title, URL: c.URL}})
			}
		}
	}
}

func compactObject(v jsontext.Value) string {
	if v.Kind() != '{' || v.Compact(jsontext.AllowDuplicateNames(true)) != nil {
		return "{}"
	}
	return string(v)
}

func (w *answer) closeAll(a openai.Answer) {
	for _, index := range slices.Sorted(maps.Keys(w.blocks)) {
		w.close(index, a)
	}
}

// finish says what comes last: what belongs to the whole message, once, so that
// clients that put deltas together and clients that replace both get it whole;
// then the finish reason.
func (w *answer) finish(a openai.Answer) {
	if w.finished {
		return
	}
	w.finished = true
	w.closeAll(a)
	if !w.structured {
		w.say(w.held.String(), a)
	}
	if w.refusal != "" {
		a.Refusal(0, w.refusal)
	}
	if len(w.annotations) > 0 {
		member(a, "annotations", w.annotations)
	}
	if len(w.details) > 0 {
		slices.SortStableFunc(w.details, func(x, y openai.ReasoningDetail) int { return cmp.Compare(x.Index, y.Index) })
		member(a, "reasoning_details", w.details)
	}
	a.Finish(0, w.reason(), w.stop)
}

func member(a openai.Answer, name string, v any) {
	// Text that is not valid UTF-8 has been mended when it was read.
	if b, err := json.Marshal(v); err == nil {
		a.Member(0, name, b)
	}
}

// stopReasons are Anthropic's in OpenAI's terms. pause_turn is a long turn of
// server tools that waits to be sent back as it is, for which OpenAI has no
// word: the raw value says it.
var stopReasons = map[string]string{
	"end_turn":                      openai.FinishStop,
	"stop_sequence":                 openai.FinishStop,
	"pause_turn":                    openai.FinishStop,
	"max_tokens":                    openai.FinishLength,
	"model_context_window_exceeded": openai.FinishLength,
	"tool_use":                      openai.FinishToolCalls,
	"refusal":                       openai.FinishContentFilter,
}

func (w *answer) reason() string {
	reason := stopReasons[w.stop]
	if reason == "" || reason == openai.FinishToolCalls && w.calls == 0 {
		return openai.FinishStop
	}
	return reason
}

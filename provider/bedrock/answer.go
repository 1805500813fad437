package bedrock

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/layergateway/layergateway/openai"
)

// answer says Bedrock's content blocks to an openai.Answer.
type answer struct {
	now        func() time.Time
	name       string // the model as it was asked for: Bedrock does not say it
	model      model
	schemaTool string // the tool whose input is the answer's text, if any

	begun, stopped, metered bool
	usage                   usage

	blocks     map[int]*openBlock // by the block's index
	calls      int
	held       strings.Builder // text beside schemaTool's, if that does not come
	structured bool            // schemaTool has been called
	details    []openai.ReasoningDetail
}

// openBlock is a block that has begun.
type openBlock struct {
	kind      blockKind
	call      int  // index among the tool calls
	wrote     bool // input has come
	thinking  strings.Builder
	signature string
	redacted  []byte
}

type blockKind int

const (
	thinkingBlock blockKind = iota
	toolBlock
	answerBlock // the call of schemaTool
	spareBlock  // a further one
)

// begin says what the answer is. Bedrock gives its id in a header alone, so it
// gets one here.
func (w *answer) begin(a openai.Answer) {
	if !w.begun {
		w.begun = true
		a.Head(openai.Head{ID: "chatcmpl-" + uuid.NewString(), Model: w.name, Created: w.now().Unix()})
	}
}

// text says text, unless schemaTool's input is to be all that there is.
func (w *answer) text(s string, a openai.Answer) {
	if w.schemaTool != "" {
		w.held.WriteString(s)
		return
	}
	say(s, a)
}

func say(s string, a openai.Answer) {
	if s != "" {
		a.Text(0, s)
	}
}

var errNoName = errors.New("a tool use has no name")

// tool begins a tool call.
func (w *answer) tool(index int, x *toolUse, a openai.Answer) error {
	if x.Name == "" {
		return errNoName
	}
	w.close(index, a)
	b := &openBlock{kind: spareBlock}
	w.blocks[index] = b
	switch {
	case x.Name != w.schemaTool:
		b.kind = toolBlock
		b.call = a.ToolCall(0, x.ID, x.Name, nil)
		w.calls++
	case !w.structured:
		b.kind, w.structured = answerBlock, true
	}
	return nil
}

// input adds to a tool's input.
func (b *openBlock) input(s string, a openai.Answer) {
	if s == "" {
		return
	}
	switch b.kind {
	case toolBlock:
		a.Arguments(0, b.call, s)
	case answerBlock:
		say(s, a)
	}
	b.wrote = true
}

// think adds to a block of reasoning, and begins it where it has not begun.
func (w *answer) think(index int, text, signature string, redacted []byte, a openai.Answer) {
	b, ok := w.blocks[index]
	if !ok {
		b = &openBlock{kind: thinkingBlock}
		w.blocks[index] = b
	}
	if text != "" {
		b.thinking.WriteString(text)
		a.Reasoning(0, text)
	}
	b.signature += signature
	b.redacted = append(b.redacted, redacted...)
}

// close ends a block.
func (w *answer) close(index int, a openai.Answer) {
	b, ok := w.blocks[index]
	if !ok {
		return
	}
	delete(w.blocks, index)
	if b.kind != thinkingBlock {
		if !b.wrote { // a tool without arguments
			b.input("{}", a)
		}
		return
	}
	// Reasoning that is neither signed nor sealed is not taken back.
	if b.signature != "" {
		w.details = append(w.details, openai.ReasoningDetail{Type: "reasoning.text", Text: b.thinking.String(), Signature: b.signature, Format: w.model.format(true), Index: index})
	}
	if len(b.redacted) > 0 {
		w.details = append(w.details, openai.ReasoningDetail{Type: "reasoning.encrypted", Data: encode(b.redacted), Format: w.model.format(false), Index: index})
	}
}

// stop says what comes last: what belongs to the whole message, then the finish
// reason.
func (w *answer) stop(native string, a openai.Answer) {
	if w.stopped {
		return
	}
	w.stopped = true
	for _, index := range slices.Sorted(maps.Keys(w.blocks)) {
		w.close(index, a)
	}
	if !w.structured {
		say(w.held.String(), a)
	}
	if len(w.details) > 0 {
		slices.SortStableFunc(w.details, func(x, y openai.ReasoningDetail) int { return x.Index - y.Index })
		// Text that is not valid UTF-8 has been mended when it was read.
		if v, err := json.Marshal(w.details); err == nil {
			a.Member(0, "reasoning_details", v)
		}
	}
	a.Finish(0, w.reason(native), native)
}

// stopReasons are Bedrock's in OpenAI's terms; all others are a plain stop.
var stopReasons = map[string]string{
	"max_tokens":                    openai.FinishLength,
	"model_context_window_exceeded": openai.FinishLength,
	"guardrail_intervened":          openai.FinishContentFilter,
	"content_filtered":              openai.FinishContentFilter,
}

// reason goes by the calls that there are, since models stop for them under
// several names, and since schemaTool's is none to the client.
func (w *answer) reason(native string) string {
	switch reason, ok := stopReasons[native]; {
	case ok:
		return reason
	case w.calls > 0:
		return openai.FinishToolCalls
	}
	return openai.FinishStop
}

// argumentsOf is a tool's whole input as the JSON text of an object. Some models
// give that text itself.
func argumentsOf(v jsontext.Value) string {
	if v.Kind() == '"' {
		var s string
		if json.Unmarshal(v, &s) == nil {
			return s
		}
	}
	if v.Kind() != '{' || v.Compact(jsontext.AllowDuplicateNames(true)) != nil {
		return "{}"
	}
	return string(v)
}

package openai

import (
	"bytes"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// Whole makes one chat completion of an answer.
type Whole struct {
	head    Head
	hasHead bool
	choices []*message // by index, nil where nothing came
	native  string
	raw     *Completion // an OpenAI-shaped upstream's answer, to be edited
	usage   jsontext.Value
}

type message struct {
	text, reasoning, refusal []byte
	hasText                  bool
	calls                    []wholeCall
	members                  []wholeMember
	logprobs                 []wholeMember
	placed                   calls // the upstream's own numbers of calls
	finish                   string
}

type wholeCall struct {
	id, name  string
	arguments []byte
	extra     jsontext.Value
}

type wholeMember struct {
	name  string
	value jsontext.Value
}

// NewWhole makes an empty answer.
func NewWhole() *Whole { return new(Whole) }

func (w *Whole) choice(i int) *message {
	for len(w.choices) <= i {
		w.choices = append(w.choices, nil)
	}
	if w.choices[i] == nil {
		w.choices[i] = new(message)
	}
	return w.choices[i]
}

// Head implements Answer.
func (w *Whole) Head(h Head) {
	if !w.hasHead {
		w.head, w.hasHead = h, true
	}
}

// Text implements Answer.
func (w *Whole) Text(choice int, s string) {
	m := w.choice(choice)
	m.text, m.hasText = append(m.text, s...), true
}

// Reasoning implements Answer.
func (w *Whole) Reasoning(choice int, s string) {
	m := w.choice(choice)
	m.reasoning = append(m.reasoning, s...)
}

// Refusal implements Answer.
func (w *Whole) Refusal(choice int, s string) {
	m := w.choice(choice)
	m.refusal = append(m.refusal, s...)
}

// ToolCall implements Answer.
func (w *Whole) ToolCall(choice int, id, name string, extra jsontext.Value) int {
	m := w.choice(choice)
	if id == "" {
		id = NewCallID()
	}
	m.calls = append(m.calls, wholeCall{id: id, name: name, extra: bytes.Clone(extra)})
	return len(m.calls) - 1
}

// Arguments implements Answer.
func (w *Whole) Arguments(choice, index int, s string) {
	if c := w.choice(choice).calls; index >= 0 && index < len(c) {
		c[index].arguments = append(c[index].arguments, s...)
	}
}

// Member implements Answer.
func (w *Whole) Member(choice int, name string, v jsontext.Value) {
	m := w.choice(choice)
	m.members = join(m.members, name, v)
}

// join adds a member to a list of them; arrays and strings of the same name
// become one, anything else takes the place of what was there.
func join(list []wholeMember, name string, v jsontext.Value) []wholeMember {
	for i := range list {
		x := &list[i]
		switch {
		case x.name != name:
			continue
		case emptyValue(v):
		case emptyValue(x.value) || x.value.Kind() != v.Kind():
			x.value = bytes.Clone(v)
		case v.Kind() == '[':
			x.value = append(x.value[:len(x.value)-1], ',')
			x.value = append(x.value, v[1:]...)
		case v.Kind() == '"':
			x.value = append(x.value[:len(x.value)-1], v[1:]...)
		default:
			x.value = bytes.Clone(v)
		}
		return list
	}
	return append(list, wholeMember{name, bytes.Clone(v)})
}

// Logprobs implements Answer.
func (w *Whole) Logprobs(choice int, v jsontext.Value) {
	m := w.choice(choice)
	fields, err := objectFields(v)
	if err != nil {
		return // not as documented: nothing that a client could read
	}
	for _, f := range fields {
		m.logprobs = join(m.logprobs, f.key, v[f.start:f.end])
	}
}

// Finish implements Answer.
func (w *Whole) Finish(choice int, reason, native string) {
	w.choice(choice).finish, w.native = reason, native
}

// Finished reports whether every choice has its finish reason.
func (w *Whole) Finished() bool {
	for _, m := range w.choices {
		if m != nil && m.finish == "" {
			return false
		}
	}
	return len(w.choices) > 0 || w.raw != nil
}

// NativeFinish is the provider's own word for the finish reason.
func (w *Whole) NativeFinish() string { return w.native }

// Usage is the usage object of an OpenAI-shaped upstream, nil if none came.
func (w *Whole) Usage() jsontext.Value { return w.usage }

// Append writes the completion with the trailer.
func (w *Whole) Append(b []byte, t Trailer) []byte {
	if w.raw != nil {
		return w.raw.append(b, t)
	}
	b = append(slices.Grow(b, 256+t.size()), `{"id":`...)
	b = AppendString(b, w.head.ID)
	b = append(b, `,"object":"chat.completion","created":`...)
	b = strconv.AppendInt(b, w.head.Created, 10)
	b = append(b, `,"model":`...)
	b = AppendString(b, w.head.Model)
	b = append(b, `,"choices":[`...)
	first := true
	for i, m := range w.choices {
		if m == nil {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(b, `{"index":`...)
		b = strconv.AppendInt(b, int64(i), 10)
		b = m.append(append(b, `,"message":`...))
		b = append(b, `,"logprobs":`...)
		b = appendObject(b, m.logprobs)
		b = append(b, `,"finish_reason":`...)
		b = append(appendStringOrNull(b, m.finish), '}')
	}
	b = append(b, ']')
	if w.head.ServiceTier != "" {
		b = append(b, `,"service_tier":`...)
		b = AppendString(b, w.head.ServiceTier)
	}
	b = append(b, `,"usage":`...)
	b = appendValueOrNull(b, t.Usage)
	return append(t.append(b), '}')
}

func (m *message) append(b []byte) []byte {
	// Escapes take more than this, other answers less.
	b = slices.Grow(b, len(m.text)+len(m.text)/8+len(m.reasoning)+256)
	b = append(b, `{"role":"assistant","content":`...)
	if m.hasText || len(m.calls) == 0 && len(m.refusal) == 0 && len(m.members) == 0 {
		b = AppendString(b, m.text)
	} else {
		b = append(b, "null"...)
	}
	b = append(b, `,"refusal":`...)
	b = appendStringOrNull(b, string(m.refusal))
	if len(m.reasoning) > 0 {
		b = append(b, `,"reasoning_content":`...)
		b = AppendString(b, m.reasoning)
	}
	for i, c := range m.calls {
		if i == 0 {
			b = append(b, `,"tool_calls":[`...)
		} else {
			b = append(b, ',')
		}
		b = append(b, `{"id":`...)
		b = AppendString(b, c.id)
		b = append(b, `,"type":"function","function":{"name":`...)
		b = AppendString(b, c.name)
		b = append(b, `,"arguments":`...)
		b = append(AppendString(b, c.arguments), '}')
		if c.extra != nil {
			b = append(b, `,"extra_content":`...)
			b = append(b, c.extra...)
		}
		b = append(b, '}')
	}
	if len(m.calls) > 0 {
		b = append(b, ']')
	}
	for _, x := range m.members {
		b = append(b, ',')
		b = append(AppendString(b, x.name), ':')
		b = append(b, x.value...)
	}
	return append(b, '}')
}

// appendObject appends an object of the members, null if there are none.
func appendObject(b []byte, members []wholeMember) []byte {
	if len(members) == 0 {
		return append(b, "null"...)
	}
	for i, x := range members {
		b = append(b, "{,"[min(i, 1)])
		b = append(AppendString(b, x.name), ':')
		b = append(b, x.value...)
	}
	return append(b, '}')
}

func appendValueOrNull(b []byte, v []byte) []byte {
	if v == nil {
		return append(b, "null"...)
	}
	return append(b, v...)
}

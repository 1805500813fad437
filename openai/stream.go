package openai

import (
	"bytes"
	"io"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// Trailer is what the gateway adds to an answer: JSON values.
type Trailer struct {
	Usage []byte // the usage object, with cost and cost_details; nil: unknown
	Cost  []byte // US dollars, or null
	Layer []byte // the layer object
}

// size is about as much as a trailer takes.
func (t *Trailer) size() int { return len(t.Usage) + len(t.Cost) + len(t.Layer) + 64 }

// Stream makes an answer's chunks, as events ready for the wire. It keeps the
// promises of OpenAI's streams whatever comes in: a role in the first delta of a
// choice and in no other, tool calls numbered from 0 with ids, one usage chunk
// at the end for those who asked and none for the others.
type Stream struct {
	includeUsage bool
	head         []byte // a chunk up to its choices
	buf          []byte // events that are ready
	last         int    // where the newest of them begins
	held         []byte // the last chunk with a finish_reason, waiting for the trailer
	usageChunk   []byte // the upstream's own usage chunk
	usage        []byte // the upstream's own usage object
	choices      []choiceState
	patches      []patch
	content      bool
	native       string
	listener     Listener
}

type choiceState struct {
	started  bool
	finished bool
	calls    calls
}

// NewStream makes a stream; includeUsage is what the client's stream_options
// say.
func NewStream(includeUsage bool) *Stream { return &Stream{includeUsage: includeUsage} }

// Listener hears what a model writes, piece by piece. It keeps no piece.
type Listener interface {
	io.Writer
	io.StringWriter
}

// Listen lets w hear what the model writes, as it comes: text, thoughts,
// refusals, names and arguments of calls.
func (s *Stream) Listen(w Listener) { s.listener = w }

func (s *Stream) heard(piece string) {
	if s.listener != nil {
		// It only listens.
		_, _ = s.listener.WriteString(piece)
	}
}

// Ready gives the events that can go out and forgets them; they are valid until
// the stream is fed again.
func (s *Stream) Ready() []byte {
	b := s.buf
	s.buf = s.buf[:0]
	return b
}

// Pending is the number of bytes that Ready would give.
func (s *Stream) Pending() int { return len(s.buf) }

// Content reports whether anything has come that a user would see: before it, a
// failed attempt can be forgotten.
func (s *Stream) Content() bool { return s.content }

// Finished reports whether every choice that began has its finish_reason.
func (s *Stream) Finished() bool {
	for i := range s.choices {
		if s.choices[i].started && !s.choices[i].finished {
			return false
		}
	}
	return len(s.choices) > 0
}

// NativeFinish is the provider's own word for the last finish reason.
func (s *Stream) NativeFinish() string { return s.native }

// Usage is the usage object of an OpenAI-shaped upstream, nil if none came.
func (s *Stream) Usage() jsontext.Value { return s.usage }

func (s *Stream) choice(i int) *choiceState {
	for len(s.choices) <= i {
		s.choices = append(s.choices, choiceState{})
	}
	return &s.choices[i]
}

// Head implements Answer.
func (s *Stream) Head(h Head) {
	if len(s.head) > 0 {
		return
	}
	b := append(s.head, `{"id":`...)
	b = AppendString(b, h.ID)
	b = append(b, `,"object":"chat.completion.chunk","created":`...)
	b = strconv.AppendInt(b, h.Created, 10)
	b = append(b, `,"model":`...)
	b = AppendString(b, h.Model)
	if h.ServiceTier != "" {
		b = append(b, `,"service_tier":`...)
		b = AppendString(b, h.ServiceTier)
	}
	s.head = append(b, `,"choices":[`...)
}

// open begins a chunk with one choice, up to its delta's members; the role goes
// out first, on its own.
func (s *Stream) open(choice int) {
	s.release()
	c := s.choice(choice)
	if !c.started {
		c.started = true
		s.begin(choice)
		s.buf = append(s.buf, `"role":"assistant","content":""`...)
		s.close("", nil)
	}
	s.begin(choice)
}

func (s *Stream) begin(choice int) {
	s.Head(Head{}) // if there is none by now
	s.beginEvent()
	s.buf = append(s.buf, s.head...)
	s.buf = append(s.buf, `{"index":`...)
	s.buf = strconv.AppendInt(s.buf, int64(choice), 10)
	s.buf = append(s.buf, `,"delta":{`...)
}

func (s *Stream) close(finish string, logprobs jsontext.Value) {
	s.buf = append(s.buf, `},"logprobs":`...)
	if logprobs == nil {
		logprobs = jsontext.Value("null")
	}
	s.buf = appendLine(s.buf, logprobs)
	s.buf = append(s.buf, `,"finish_reason":`...)
	s.buf = appendStringOrNull(s.buf, finish)
	s.buf = append(s.buf, "}]"...)
	if s.includeUsage {
		s.buf = append(s.buf, `,"usage":null`...)
	}
	s.buf = append(s.buf, "}\n\n"...)
}

// release lets a held chunk go as it is: another one follows it.
func (s *Stream) release() {
	if len(s.held) > 0 {
		s.beginEvent()
		s.buf = append(s.buf, s.held...)
		s.buf = append(s.buf, "\n\n"...)
		s.held = s.held[:0]
	}
}

func (s *Stream) beginEvent() {
	s.last = len(s.buf)
	s.buf = append(s.buf, "data: "...)
}

// appendLine appends JSON without its line breaks, which would end the event's
// line: inside strings it has none.
func appendLine(b, v []byte) []byte {
	start := len(b)
	b = append(b, v...)
	for _, c := range []byte("\n\r") {
		rest := b[start:]
		for i := bytes.IndexByte(rest, c); i >= 0; i = bytes.IndexByte(rest, c) {
			rest[i] = ' '
			rest = rest[i+1:]
		}
	}
	return b
}

func (s *Stream) text(choice int, member, v string) {
	if v == "" {
		return
	}
	s.open(choice)
	s.buf = append(s.buf, '"')
	s.buf = append(s.buf, member...)
	s.buf = append(s.buf, `":`...)
	s.buf = AppendString(s.buf, v)
	s.close("", nil)
	s.content = true
	s.heard(v)
}

// Text implements Answer.
func (s *Stream) Text(choice int, v string) { s.text(choice, "content", v) }

// Reasoning implements Answer.
func (s *Stream) Reasoning(choice int, v string) { s.text(choice, "reasoning_content", v) }

// Refusal implements Answer.
func (s *Stream) Refusal(choice int, v string) { s.text(choice, "refusal", v) }

// ToolCall implements Answer.
func (s *Stream) ToolCall(choice int, id, name string, extra jsontext.Value) int {
	s.open(choice)
	c := s.choice(choice)
	index := len(c.calls)
	if id == "" {
		id = NewCallID()
	}
	c.calls = append(c.calls, callState{id: id})
	s.heard(name)
	s.buf = append(s.buf, `"tool_calls":[{"index":`...)
	s.buf = strconv.AppendInt(s.buf, int64(index), 10)
	s.buf = append(s.buf, `,"id":`...)
	s.buf = AppendString(s.buf, id)
	s.buf = append(s.buf, `,"type":"function","function":{"name":`...)
	s.buf = AppendString(s.buf, name)
	s.buf = append(s.buf, `,"arguments":""}`...)
	if extra != nil {
		s.buf = append(s.buf, `,"extra_content":`...)
		s.buf = appendLine(s.buf, extra)
	}
	s.buf = append(s.buf, "}]"...)
	s.close("", nil)
	s.content = true
	return index
}

// NewCompletionID makes an id for an answer whose provider gave none.
func NewCompletionID() string { return "chatcmpl-" + NewCallID()[len("call_"):] }

// Arguments implements Answer.
func (s *Stream) Arguments(choice, index int, v string) {
	if v == "" {
		return
	}
	s.open(choice)
	s.buf = append(s.buf, `"tool_calls":[{"index":`...)
	s.buf = strconv.AppendInt(s.buf, int64(index), 10)
	s.buf = append(s.buf, `,"function":{"arguments":`...)
	s.buf = AppendString(s.buf, v)
	s.buf = append(s.buf, "}}]"...)
	s.close("", nil)
	s.heard(v)
}

// Member implements Answer.
func (s *Stream) Member(choice int, name string, v jsontext.Value) {
	s.open(choice)
	s.buf = AppendString(s.buf, name)
	s.buf = append(s.buf, ':')
	s.buf = appendLine(s.buf, v)
	s.close("", nil)
	s.content = true
}

// Logprobs implements Answer.
func (s *Stream) Logprobs(choice int, v jsontext.Value) {
	s.open(choice)
	s.close("", v)
}

// Finish implements Answer.
func (s *Stream) Finish(choice int, reason, native string) {
	s.open(choice)
	s.close(reason, nil)
	s.choice(choice).finished = true
	s.native = native
	s.holdLast()
}

// holdLast takes the newest event back: what finishes an answer waits for the
// trailer.
func (s *Stream) holdLast() {
	s.held = append(s.held[:0], s.buf[s.last+len("data: "):len(s.buf)-len("\n\n")]...)
	s.buf = s.buf[:s.last]
}

package openai

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// patch replaces raw[start:end] of a chunk.
type patch struct {
	start, end int
	text       []byte
}

// RawChunk passes a chunk of an OpenAI-shaped upstream on. Its bytes go through
// as they are but for what would break a promise of OpenAI's streams: repeated
// or missing roles, tool calls that share an index or lack an id, usage where
// the client did not ask for it.
func (s *Stream) RawChunk(c *Chunk) error {
	s.patches = s.patches[:0]
	s.keepUsage(c)
	if len(c.choices) == 0 && s.isUsageChunk(c) {
		return nil
	}
	finish := false
	for i := range c.choices {
		if err := s.fixChoice(c, &c.choices[i]); err != nil {
			return err
		}
		finish = finish || isReason(c.choices[i].reason)
	}
	s.release()
	if len(s.head) == 0 && len(c.choices) > 0 {
		s.headFrom(c)
	}
	start := len(s.buf)
	s.buf = append(s.buf, "data: "...)
	s.buf = appendPatched(s.buf, c.Raw, s.patches)
	if bytes.ContainsAny(c.Raw, "\r\n") {
		if err := s.compactFrom(start); err != nil {
			return err
		}
	}
	s.buf = append(s.buf, "\n\n"...)
	if finish && !s.includeUsage {
		s.holdLast()
	}
	return nil
}

// keepUsage notes the upstream's usage, which the trailer carries, and takes it
// out of the chunk.
func (s *Stream) keepUsage(c *Chunk) {
	if c.Usage == nil {
		return
	}
	if c.Usage.Kind() == '{' {
		s.usage = append(s.usage[:0], c.Usage...)
	}
	if s.includeUsage && len(c.choices) > 0 {
		if c.Usage.Kind() != 'n' {
			s.patch(c.usage.start, c.usage.end, []byte("null"))
		}
		return
	}
	start, end := cutMember(c.Raw, c.usage)
	s.patch(start, end, nil)
}

// isUsageChunk takes the chunk that only brings usage; it goes out with the
// trailer.
func (s *Stream) isUsageChunk(c *Chunk) bool {
	if c.Usage == nil || c.Usage.Kind() != '{' {
		return false
	}
	s.usageChunk = appendPatched(s.usageChunk[:0], c.Raw, s.patches)
	if bytes.ContainsAny(s.usageChunk, "\r\n") {
		// Valid already: it can be compacted.
		v := jsontext.Value(s.usageChunk)
		_ = v.Compact(allowDuplicates)
		s.usageChunk = v
	}
	return true
}

func (s *Stream) compactFrom(start int) error {
	v := jsontext.Value(bytes.Clone(s.buf[start+len("data: "):]))
	if err := v.Compact(allowDuplicates); err != nil {
		return err
	}
	s.buf = append(s.buf[:start+len("data: ")], v...)
	return nil
}

// headFrom keeps the chunk up to its choices for the chunks that the gateway
// makes itself.
func (s *Stream) headFrom(c *Chunk) {
	dec := jsontext.NewDecoder(bytes.NewBuffer(c.Raw), allowDuplicates)
	if _, err := dec.ReadToken(); err != nil {
		return
	}
	head := []byte("{")
	for dec.PeekKind() == '"' {
		name, err := dec.ReadValue()
		if err != nil {
			return
		}
		keep := false
		switch string(name) {
		case `"id"`, `"object"`, `"created"`, `"model"`, `"service_tier"`, `"system_fingerprint"`:
			keep = true
			head = append(append(head, name...), ':')
		}
		v, err := dec.ReadValue()
		if err != nil {
			return
		}
		if keep {
			head = append(append(head, v...), ',')
		}
	}
	s.head = append(head, `"choices":[`...)
}

func isReason(v jsontext.Value) bool { return v.Kind() == '"' && len(v) > 2 }

func (s *Stream) fixChoice(c *Chunk, x *choiceScan) error {
	st := s.choice(x.index)
	if x.content {
		s.content = true
	}
	if x.delta > 0 {
		s.fixRole(c, x, st)
	}
	if x.reason != nil && x.reason.Kind() == '"' {
		if len(x.reason) == 2 {
			s.patch(x.finish.start, x.finish.end, []byte("null"))
		} else {
			st.finished = true
			s.native = string(x.reason[1 : len(x.reason)-1])
		}
	}
	for i := range x.tools {
		if err := s.fixTool(&x.tools[i], st); err != nil {
			return err
		}
	}
	return nil
}

func (s *Stream) fixRole(c *Chunk, x *choiceScan, st *choiceState) {
	has := x.role.end > 0
	switch {
	case !st.started && !has:
		text := `"role":"assistant",`
		if c.Raw[x.delta+skipSpace(c.Raw[x.delta:])] == '}' {
			text = `"role":"assistant","content":""`
		}
		s.patch(x.delta, x.delta, []byte(text))
	case st.started && has:
		start, end := cutMember(c.Raw, x.role)
		s.patch(start, end, nil)
	}
	st.started = true
}

// fixTool numbers a tool call's delta as the client must see it.
func (s *Stream) fixTool(t *toolScan, st *choiceState) error {
	at := st.find(t)
	if at >= 0 && !t.begins(&st.calls[at]) {
		if t.n != at {
			s.setIndex(t, at)
		}
		return nil
	}
	if len(t.name) == 0 && t.key == nil {
		return fmt.Errorf("a tool call's delta has neither id nor name, and no call has begun")
	}
	id, at := NewCallID(), len(st.calls)
	if t.key != nil {
		id = string(t.key[1 : len(t.key)-1])
	} else {
		s.setID(t, id)
	}
	st.calls = append(st.calls, callState{upstream: t.n, id: id})
	if t.n != at {
		s.setIndex(t, at)
	}
	return nil
}

// find gives the newest call that the delta's index stands for; a delta without
// index goes on with the newest of all.
func (st *choiceState) find(t *toolScan) int {
	for i := len(st.calls) - 1; i >= 0; i-- {
		if t.n < 0 || st.calls[i].upstream == t.n {
			return i
		}
	}
	return -1
}

// begins reports whether the delta starts another call than c, although it has
// the same index: some servers send every parallel call as number 0.
func (t *toolScan) begins(c *callState) bool {
	if t.key != nil {
		return string(t.key[1:len(t.key)-1]) != c.id
	}
	return len(t.name) > 0
}

func (s *Stream) setIndex(t *toolScan, n int) {
	if t.index.end > 0 {
		s.patch(t.index.start, t.index.end, strconv.AppendInt(nil, int64(n), 10))
		return
	}
	s.patch(t.open, t.open, fmt.Appendf(nil, `"index":%d,`, n))
}

func (s *Stream) setID(t *toolScan, id string) {
	text := `"` + id + `"`
	if t.id.end > 0 {
		s.patch(t.id.start, t.id.end, []byte(text))
		return
	}
	text = `"id":` + text + ","
	if !t.typed {
		text += `"type":"function",`
	}
	s.patch(t.open, t.open, []byte(text))
}

// patch notes a replacement; they are kept in the order of their places.
func (s *Stream) patch(start, end int, text []byte) {
	p := patch{start, end, text}
	i := len(s.patches)
	for i > 0 && s.patches[i-1].start > start {
		i--
	}
	s.patches = slices.Insert(s.patches, i, p)
}

func appendPatched(dst, raw []byte, patches []patch) []byte {
	at := 0
	for _, p := range patches {
		dst = append(dst, raw[at:p.start]...)
		dst = append(dst, p.text...)
		at = p.end
	}
	return append(dst, bytes.TrimRight(raw[at:], " \t\r\n")...)
}

// cutMember gives what to cut so that a member is gone and its object still
// valid: the comma in front of it or, where it is the first, behind it.
func cutMember(raw []byte, m location) (start, end int) {
	start, end = m.name, m.end
	for i := start - 1; i >= 0; i-- {
		switch raw[i] {
		case ' ', '\t', '\r', '\n':
			continue
		case ',':
			return i, end
		}
		break
	}
	if i := end + skipSpace(raw[end:]); i < len(raw) && raw[i] == ',' {
		end = i + 1
	}
	return start, end
}

func skipSpace(b []byte) int {
	for i, c := range b {
		if c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			return i
		}
	}
	return len(b)
}

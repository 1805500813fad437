package openai

import (
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// patch replaces raw[start:end] of a chunk.
type patch struct {
	start, end int
	text       string
}

// RawChunk passes a chunk of an OpenAI-shaped upstream on. Its bytes go through
// as they are but for what would break a promise of OpenAI's streams: repeated
// or missing roles, tool calls that share an index, lack an id or repeat it,
// usage where the client did not ask for it or none where it did, line breaks,
// and another gateway's trailer.
func (s *Stream) RawChunk(c *Chunk) error {
	last := c.priced // another gateway's trailer ends its stream
	if last {
		again, err := new(ChunkReader).Read(DropMembers(c.Raw, "cost", "layer"))
		if err != nil {
			return err
		}
		again.Native = c.Native
		c = again
	}
	s.patches = s.patches[:0]
	// A chunk that only brings usage goes out with the trailer.
	alone := len(c.choices) == 0 && (last || c.Usage.Kind() == '{')
	s.keepUsage(c, alone || !s.includeUsage)
	if alone {
		if c.listed {
			s.usageChunk = appendPatched(s.usageChunk[:0], c.Raw[:c.tail+1], s.patches)
		}
		return nil
	}
	for i := range c.choices {
		if err := s.fixChoice(c, &c.choices[i]); err != nil {
			return err
		}
		last = last || isReason(c.choices[i].reason)
	}
	if len(c.choices) > 0 {
		s.headFrom(c)
		s.release()
	}
	s.beginEvent()
	s.buf = appendPatched(s.buf, c.Raw[:c.tail+1], s.patches)
	s.buf = append(s.buf, "\n\n"...)
	if last && !s.includeUsage {
		s.holdLast()
	}
	if s.listener != nil {
		c.speak(s.listener)
	}
	return nil
}

// keepUsage notes the upstream's usage, which the trailer carries, and cuts it
// out of the chunk or leaves null in its place.
func (s *Stream) keepUsage(c *Chunk, cut bool) {
	if c.Usage.Kind() == '{' {
		s.usage = append(s.usage[:0], c.Usage...)
	}
	switch {
	case c.Usage == nil:
		if !cut && c.listed {
			s.patch(c.tail, c.tail, `,"usage":null`)
		}
	case cut:
		start, end := cutMember(c.Raw, c.usage)
		s.patch(start, end, "")
	case c.Usage.Kind() != 'n':
		s.patch(c.usage.start, c.usage.end, "null")
	}
}

// headFrom keeps what the first chunk with choices says of the answer, for the
// chunks that the gateway makes itself.
func (s *Stream) headFrom(c *Chunk) {
	if len(s.head) > 0 {
		return
	}
	fields, err := objectFields(c.Raw)
	if err != nil {
		return // it has been read before
	}
	head := []byte("{")
	for _, f := range fields {
		switch f.key {
		case "id", "object", "created", "model", "service_tier", "system_fingerprint":
			head = append(appendLine(head, c.Raw[f.name:f.end]), ',')
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
	switch {
	case isReason(x.reason):
		st.finished = true
		s.native = c.Native
		if s.native == "" {
			s.native = string(x.reason[1 : len(x.reason)-1])
		}
	case x.reason.Kind() == '"':
		s.patch(x.finish.start, x.finish.end, "null")
	}
	for i := range x.tools {
		if err := s.fixTool(c, &x.tools[i], st); err != nil {
			return err
		}
	}
	return nil
}

func (s *Stream) fixRole(c *Chunk, x *choiceScan, st *choiceState) {
	switch {
	case st.started && x.role.end > 0:
		start, end := cutMember(c.Raw, x.role)
		s.patch(start, end, "")
	case st.started:
	case x.role.end > 0:
		if len(x.who) <= 2 || x.who.Kind() != '"' { // null, ""
			s.patch(x.role.start, x.role.end, `"assistant"`)
		}
	case isEmptyFrom(c.Raw, x.delta):
		s.patch(x.delta, x.delta, `"role":"assistant","content":""`)
	default:
		s.patch(x.delta, x.delta, `"role":"assistant",`)
	}
	st.started = true
}

// isEmptyFrom reports whether the object whose opening brace is behind has no
// members.
func isEmptyFrom(raw []byte, at int) bool { return raw[at+skipSpace(raw[at:])] == '}' }

// fixTool makes a tool call's delta what the client must see: a number, and id,
// type and name once.
func (s *Stream) fixTool(c *Chunk, t *toolScan, st *choiceState) error {
	id, name := c.text(t.id), c.text(t.name)
	at, begins, err := place(&st.calls, t.n, id, name)
	if err != nil {
		return err
	}
	call := &st.calls[at]
	missing := ""
	switch {
	case t.index.end == 0:
		missing = `"index":` + strconv.Itoa(at) + ","
	case t.n != at:
		s.patch(t.index.start, t.index.end, strconv.Itoa(at))
	}
	switch {
	case !begins && len(id) > 0:
		s.patch(t.id.start, t.id.end, "null")
	case begins && t.id.end == 0:
		missing += `"id":"` + call.id + `",`
	case begins && len(id) == 0:
		s.patch(t.id.start, t.id.end, `"`+call.id+`"`)
	}
	if begins && !t.typed {
		missing += `"type":"function",`
	}
	if missing != "" && isEmptyFrom(c.Raw, t.open) {
		missing = missing[:len(missing)-1]
	}
	if missing != "" {
		s.patch(t.open, t.open, missing)
	}
	if call.named && len(name) > 0 {
		s.patch(t.name.start, t.name.end, "null")
	}
	call.named = call.named || len(name) > 0
	return nil
}

// patch notes a replacement; they are kept in the order of their places.
func (s *Stream) patch(start, end int, text string) {
	i := len(s.patches)
	for i > 0 && s.patches[i-1].start > start {
		i--
	}
	s.patches = slices.Insert(s.patches, i, patch{start, end, text})
}

// appendPatched appends a chunk, which ends with its brace, with its patches made,
// in one line.
func appendPatched(dst, raw []byte, patches []patch) []byte {
	dst = slices.Grow(dst, len(raw)+64)
	at := 0
	for _, p := range patches {
		dst = appendLine(dst, raw[at:p.start])
		dst = append(dst, p.text...)
		at = p.end
	}
	return appendLine(dst, raw[at:])
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

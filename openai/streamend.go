package openai

// End ends the stream: the last chunk with the trailer, and [DONE].
func (s *Stream) End(t Trailer) {
	switch {
	case s.includeUsage:
		s.release()
		s.beginEvent()
		s.usageChunkHead()
		s.buf = append(s.buf, `,"usage":`...)
		s.buf = appendLine(s.buf, appendValueOrNull(nil, t.Usage))
		s.endEvent(t)
	case len(s.held) > 0:
		s.beginEvent()
		s.buf = append(s.buf, s.held[:len(s.held)-1]...)
		s.endEvent(t)
		s.held = s.held[:0]
	case len(s.choices) > 0:
		// No chunk with a finish_reason came last: one that says nothing else
		// carries the trailer.
		s.open(0)
		s.buf = append(s.buf, `},"logprobs":null,"finish_reason":null}]`...)
		s.endEvent(t)
	}
	s.buf = append(s.buf, "data: [DONE]\n\n"...)
}

// usageChunkHead begins the usage chunk, the upstream's own where there is one.
func (s *Stream) usageChunkHead() {
	if len(s.usageChunk) > 0 {
		s.buf = append(s.buf, s.usageChunk[:len(s.usageChunk)-1]...)
		return
	}
	s.Head(Head{}) // if there is none by now
	s.buf = append(s.buf, s.head...)
	s.buf = append(s.buf, ']')
}

// endEvent ends a chunk, up to its closing brace, with the trailer.
func (s *Stream) endEvent(t Trailer) {
	s.buf = append(t.append(s.buf), "}\n\n"...)
}

func (t Trailer) append(b []byte) []byte {
	b = append(b, `,"cost":`...)
	b = append(b, t.Cost...)
	b = append(b, `,"layer":`...)
	return append(b, t.Layer...)
}

// Cut finishes every choice that has not finished, for a reason of the
// gateway's own.
func (s *Stream) Cut(reason string) {
	for i := range s.choices {
		if s.choices[i].started && !s.choices[i].finished {
			s.Finish(i, reason, "")
		}
	}
}

// Fail ends the stream with an error event, after which nothing follows: the
// official clients raise it. What was held back goes out before it, so that no
// text is lost.
func (s *Stream) Fail(e *Error) {
	s.release()
	s.buf = append(s.buf, "data: "...)
	s.buf = append(e.AppendJSON(s.buf), "\n\n"...)
}

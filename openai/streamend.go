package openai

// End ends the stream: the last chunk with the trailer, and [DONE].
func (s *Stream) End(t Trailer) {
	if !s.includeUsage {
		if len(s.held) > 0 {
			s.buf = append(s.buf, "data: "...)
			s.buf = append(s.buf, s.held[:len(s.held)-1]...)
			s.buf = append(t.append(s.buf), "}\n\n"...)
			s.held = s.held[:0]
		}
	} else {
		s.release()
		s.usageEvent(t)
	}
	s.buf = append(s.buf, "data: [DONE]\n\n"...)
}

// usageEvent adds the usage chunk, made from the upstream's own where there is
// one.
func (s *Stream) usageEvent(t Trailer) {
	s.buf = append(s.buf, "data: "...)
	if len(s.usageChunk) > 0 {
		s.buf = append(s.buf, s.usageChunk[:len(s.usageChunk)-1]...)
	} else {
		s.buf = append(s.buf, s.head...)
		s.buf = append(s.buf, ']')
	}
	s.buf = append(s.buf, `,"usage":`...)
	if t.Usage == nil {
		s.buf = append(s.buf, "null"...)
	} else {
		s.buf = append(s.buf, t.Usage...)
	}
	s.buf = append(t.append(s.buf), "}\n\n"...)
}

func (t Trailer) append(b []byte) []byte {
	b = append(b, `,"cost":`...)
	b = append(b, t.Cost...)
	b = append(b, `,"layer":`...)
	return append(b, t.Layer...)
}

// Fail ends the stream with an error event, after which nothing follows: the
// official clients raise it. What was held back goes out before it, so that no
// text is lost.
func (s *Stream) Fail(e *Error) {
	s.release()
	s.buf = append(s.buf, "data: "...)
	s.buf = append(e.AppendJSON(s.buf), "\n\n"...)
}

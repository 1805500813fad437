// Package sse reads and writes event streams (text/event-stream, WHATWG HTML
// section 9.2).
package sse

import (
	"bytes"
	"errors"
	"io"
)

// ErrTooLarge is a single event larger than the reader's cap.
var ErrTooLarge = errors.New("event is larger than the limit")

// DefaultMaxEvent is the cap of one event: image and audio streams send events
// of many megabytes.
const DefaultMaxEvent = 16 << 20

// Event is one event of a stream. Name and Data are valid until the reader's
// next call.
type Event struct {
	Name []byte // the event field, empty: "message"
	Data []byte // the data lines, joined with line feeds
	// Cut is true where the stream ended before the blank line that ends an
	// event: the data may be whole or not.
	Cut bool
}

// Reader reads events. Lines may end with LF, CRLF or CR, also split over reads;
// comments, ids, retry times and unknown fields are skipped.
//
// An event lies in the buffer that it was read into, so that a large one is held
// once: further data lines are moved up behind the first.
type Reader struct {
	src   io.Reader
	max   int
	buf   []byte // unread bytes are buf[r:w]
	r, w  int
	data  span // the data of the event being gathered
	lines int  // data lines so far
	name  []byte
	// skipLF is set behind a CR, whose LF may come with the next read.
	skipLF bool
	begun  bool // the byte order mark is behind
	err    error
}

// span is buf[from:to].
type span struct{ from, to int }

// NewReader reads from src; an event may have max bytes, 0 is DefaultMaxEvent.
func NewReader(src io.Reader, max int) *Reader {
	if max <= 0 {
		max = DefaultMaxEvent
	}
	return &Reader{src: src, max: max, buf: make([]byte, 4096)}
}

// Next gives the next event that has data; io.EOF is the end of the stream. An
// event that is cut off by the end is given once, marked Cut.
func (r *Reader) Next() (Event, error) {
	r.name, r.lines = r.name[:0], 0
	for {
		line, err := r.line()
		if err != nil {
			if errors.Is(err, io.EOF) && r.lines > 0 {
				return r.event(true), nil
			}
			return Event{}, err
		}
		if line.from == line.to {
			if r.lines > 0 {
				return r.event(false), nil
			}
			r.name = r.name[:0]
			continue
		}
		if err := r.field(line); err != nil {
			return Event{}, err
		}
	}
}

func (r *Reader) event(cut bool) Event {
	return Event{Name: r.name, Data: r.buf[r.data.from:r.data.to:r.data.to], Cut: cut}
}

func (r *Reader) field(line span) error {
	name, value, _ := bytes.Cut(r.buf[line.from:line.to], []byte(":"))
	if len(value) > 0 && value[0] == ' ' {
		value = value[1:]
	}
	switch string(name) {
	case "event":
		r.name = append(r.name[:0], value...)
	case "data":
		if r.lines == 0 {
			r.data = span{line.to - len(value), line.to}
		} else {
			r.buf[r.data.to] = '\n'
			r.data.to += 1 + copy(r.buf[r.data.to+1:], value)
		}
		r.lines++
		if r.data.to-r.data.from > r.max {
			return ErrTooLarge
		}
	}
	return nil
}

// line gives the next line without its ending. At the end of the stream a last
// line without ending is given too.
func (r *Reader) line() (span, error) {
	scanned := 0
	for {
		if r.skipLF && r.r < r.w {
			r.skipLF = false
			if r.buf[r.r] == '\n' {
				r.r++
			}
		}
		if !r.begun && !r.bom() && r.err == nil {
			r.fill()
			continue
		}
		if i := lineEnd(r.buf[r.r+scanned : r.w]); i >= 0 {
			line := span{r.r, r.r + scanned + i}
			r.skipLF = r.buf[line.to] == '\r'
			r.r = line.to + 1
			return line, nil
		}
		scanned = r.w - r.r
		if r.err != nil {
			if scanned == 0 || !errors.Is(r.err, io.EOF) {
				return span{}, r.err
			}
			line := span{r.r, r.w}
			r.r = r.w
			return line, nil
		}
		if r.held()+scanned > r.max+len("data: ") {
			return span{}, ErrTooLarge
		}
		r.fill()
	}
}

// lineEnd is the offset of the first LF or CR, -1 if there is none. It looks at
// a block at a time, so that lines that end with CR are not searched to the end
// of the buffer for an LF.
func lineEnd(b []byte) int {
	const block = 1024
	for at := 0; at < len(b); at += block {
		part := b[at:min(at+block, len(b))]
		lf := bytes.IndexByte(part, '\n')
		if lf >= 0 {
			part = part[:lf]
		}
		if cr := bytes.IndexByte(part, '\r'); cr >= 0 {
			return at + cr
		}
		if lf >= 0 {
			return at + lf
		}
	}
	return -1
}

// bom skips a byte order mark at the very start; false asks for more bytes.
func (r *Reader) bom() bool {
	const mark = "\xef\xbb\xbf"
	have := r.buf[r.r:r.w]
	if len(have) < len(mark) && bytes.HasPrefix([]byte(mark), have) && r.err == nil {
		return false
	}
	r.begun = true
	if bytes.HasPrefix(have, []byte(mark)) {
		r.r += len(mark)
	}
	return true
}

// held is the size of the event's data so far.
func (r *Reader) held() int {
	if r.lines == 0 {
		return 0
	}
	return r.data.to - r.data.from
}

// fill reads more, and first makes room behind what is still needed: the event's
// data so far, and the unread bytes.
func (r *Reader) fill() {
	held := r.held()
	need := held + r.w - r.r
	switch {
	case need == 0:
		r.data, r.r, r.w = span{}, 0, 0
	case r.w == len(r.buf):
		to := r.buf
		// No event needs more than the limit and the name of a field.
		if limit := r.max + 4096; need > len(to)/2 && len(to) < limit {
			to = make([]byte, min(2*len(to), limit))
		}
		if held > 0 {
			copy(to, r.buf[r.data.from:r.data.to])
		}
		copy(to[held:], r.buf[r.r:r.w])
		r.buf, r.data, r.r, r.w = to, span{0, held}, held, need
	}
	n, err := r.src.Read(r.buf[r.w:])
	r.w += n
	r.err = err
}

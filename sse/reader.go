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
type Reader struct {
	src  io.Reader
	max  int
	buf  []byte // unread bytes are buf[r:w]
	r, w int
	// skipLF is set behind a CR, whose LF may come with the next read.
	skipLF bool
	begun  bool // the byte order mark is behind
	err    error

	name, data []byte // the event being gathered, where it spans lines
	lines      int    // data lines so far
}

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
	r.name, r.data, r.lines = r.name[:0], r.data[:0], 0
	for {
		line, err := r.line()
		if err != nil {
			if errors.Is(err, io.EOF) && r.lines > 0 {
				return Event{Name: r.name, Data: r.data, Cut: true}, nil
			}
			return Event{}, err
		}
		if len(line) == 0 {
			if r.lines > 0 {
				return Event{Name: r.name, Data: r.data}, nil
			}
			r.name = r.name[:0]
			continue
		}
		if err := r.field(line); err != nil {
			return Event{}, err
		}
	}
}

func (r *Reader) field(line []byte) error {
	name, value, _ := bytes.Cut(line, []byte(":"))
	if len(value) > 0 && value[0] == ' ' {
		value = value[1:]
	}
	switch string(name) {
	case "event":
		r.name = append(r.name[:0], value...)
	case "data":
		if r.lines > 0 {
			r.data = append(r.data, '\n')
		}
		if len(r.data)+len(value) > r.max {
			return ErrTooLarge
		}
		r.data = append(r.data, value...)
		r.lines++
	}
	return nil
}

// line gives the next line without its ending. At the end of the stream a last
// line without ending is given too.
func (r *Reader) line() ([]byte, error) {
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
		if i := bytes.IndexAny(r.buf[r.r+scanned:r.w], "\r\n"); i >= 0 {
			line := r.buf[r.r : r.r+scanned+i]
			r.skipLF = r.buf[r.r+scanned+i] == '\r'
			r.r += scanned + i + 1
			return line, nil
		}
		scanned = r.w - r.r
		if r.err != nil {
			if scanned == 0 || !errors.Is(r.err, io.EOF) {
				return nil, r.err
			}
			line := r.buf[r.r:r.w]
			r.r = r.w
			return line, nil
		}
		if scanned > r.max+len("data: ") {
			return nil, ErrTooLarge
		}
		r.fill()
	}
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

func (r *Reader) fill() {
	switch {
	case r.r == r.w:
		r.r, r.w = 0, 0
	case r.w == len(r.buf) && r.r > len(r.buf)/2:
		r.w = copy(r.buf, r.buf[r.r:r.w])
		r.r = 0
	case r.w == len(r.buf):
		grown := make([]byte, 2*len(r.buf))
		r.w = copy(grown, r.buf[r.r:r.w])
		r.buf, r.r = grown, 0
	}
	n, err := r.src.Read(r.buf[r.w:])
	r.w += n
	r.err = err
}

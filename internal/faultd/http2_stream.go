package faultd

import (
	"io"
	"strconv"
	"strings"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// wire2 is one stream. What is not said to be its goroutine's own is under the connection's mu.
type wire2 struct {
	h       *h2conn
	id      uint32
	entry   *Entry
	request []byte
	play    *play // nil until the request has been read
	window  int64

	length int64 // by the head; -1 if that doesn't say. From here on, the playing goroutine's own
	sent   int64
	ended  bool // END_STREAM or RST_STREAM were sent
}

func (w *wire2) conn() *conn { return w.h.c }

// left: the client has gone from this stream, or from the connection; or, ours, the connection was closed on this side.
func (w *wire2) left(how string, ours bool) {
	w.h.mu.Lock()
	p := w.play
	w.h.mu.Unlock()
	switch {
	case p == nil: // in the middle of its request
		s := w.h.c.s
		w.entry.read(w.request)
		s.arrived(w.entry, w.h.c.entry)
		s.change(func() {
			w.entry.Outcome, w.entry.Ended, w.entry.Gone, w.entry.GoneBy = Cancelled, now(), now(), how
		})
	case ours:
		p.gone()
	default:
		p.left(how)
	}
}

// finish is for a script that is over: an answer that has come to its end ends the stream, any other the connection.
func (w *wire2) finish() {
	switch {
	case !w.ended && w.whole():
		_ = w.end(nil)
	case !w.ended && w.live():
		w.h.c.bye()
	}
	w.h.mu.Lock()
	delete(w.h.streams, w.id)
	w.h.mu.Unlock()
}

// live tells whether the client still has the stream.
func (w *wire2) live() bool {
	w.h.mu.Lock()
	defer w.h.mu.Unlock()
	return !w.h.over && w.h.streams[w.id] != nil
}

func (w *wire2) whole() bool { return w.ended || (w.length >= 0 && w.sent == w.length) }

func (w *wire2) interim(status int, headers []string) error { return w.fields(status, headers, false) }

func (w *wire2) head(status int, headers []string) error {
	w.length, _ = framing(headers)
	return w.fields(status, headers, false)
}

// fields writes a block of headers, or of trailers for status 0.
func (w *wire2) fields(status int, headers []string, end bool) error {
	w.h.mu.Lock()
	defer w.h.mu.Unlock()
	w.h.block.Reset()
	if status != 0 {
		_ = w.h.enc.WriteField(hpack.HeaderField{Name: ":status", Value: strconv.Itoa(status)})
	}
	for _, header := range headers {
		name, value := field(header)
		name = strings.ToLower(name)
		if name == "transfer-encoding" || name == "connection" {
			continue // malformed here
		}
		_ = w.h.enc.WriteField(hpack.HeaderField{Name: name, Value: value})
	}
	return w.h.fr.WriteHeaders(http2.HeadersFrameParam{
		StreamID: w.id, BlockFragment: w.h.block.Bytes(), EndStream: end, EndHeaders: true,
	})
}

// body writes DATA frames as the windows allow.
func (w *wire2) body(b []byte) (int, error) {
	h := w.h
	h.mu.Lock()
	defer h.mu.Unlock()
	done := 0
	for done < len(b) {
		for !h.over && h.streams[w.id] != nil && (h.window <= 0 || w.window <= 0) {
			h.changed.Wait()
		}
		if h.over || h.streams[w.id] == nil {
			return done, io.ErrClosedPipe
		}
		n := int(min(int64(len(b)-done), h.window, w.window, int64(h.frame)))
		if err := h.fr.WriteData(w.id, false, b[done:done+n]); err != nil {
			return done, err
		}
		h.window, w.window = h.window-int64(n), w.window-int64(n)
		done += n
		w.sent += int64(n)
	}
	return done, nil
}

func (w *wire2) end(trailers []string) error {
	w.ended = true
	if len(trailers) > 0 {
		return w.fields(0, trailers, true)
	}
	w.h.mu.Lock()
	defer w.h.mu.Unlock()
	return w.h.fr.WriteData(w.id, true, nil)
}

func (w *wire2) raw(b []byte) error {
	w.h.mu.Lock()
	defer w.h.mu.Unlock()
	_, err := w.h.c.Write(b)
	return err
}

func (w *wire2) resetStream(code uint32) error {
	w.ended = true
	w.h.mu.Lock()
	defer w.h.mu.Unlock()
	return w.h.fr.WriteRSTStream(w.id, http2.ErrCode(code))
}

func (w *wire2) goAway(code uint32) error {
	w.h.mu.Lock()
	defer w.h.mu.Unlock()
	return w.h.fr.WriteGoAway(w.id, http2.ErrCode(code), nil)
}

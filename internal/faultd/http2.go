package faultd

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// serveHTTP2 speaks HTTP/2 from its preface on.
func (c *conn) serveHTTP2(r io.Reader) {
	if _, err := io.CopyN(io.Discard, r, int64(len(http2.ClientPreface))); err == nil {
		c.framesHTTP2(r)
	}
}

// h2conn is one HTTP/2 connection. Only the goroutine of read reads; writes are under mu.
type h2conn struct {
	c  *conn
	fr *http2.Framer
	wg sync.WaitGroup

	mu      sync.Mutex
	changed *sync.Cond // windows and ends
	enc     *hpack.Encoder
	block   bytes.Buffer
	window  int64 // what the client takes of the whole connection
	initial int64 // and of a new stream
	frame   int   // bytes of a DATA frame that the client takes
	streams map[uint32]*wire2
	over    bool
}

// framesHTTP2 reads frames until the connection ends.
func (c *conn) framesHTTP2(r io.Reader) {
	h := &h2conn{c: c, fr: http2.NewFramer(c, r), window: 65535, initial: 65535, frame: 16384, streams: map[uint32]*wire2{}}
	h.changed = sync.NewCond(&h.mu)
	h.enc = hpack.NewEncoder(&h.block)
	h.fr.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	h.mu.Lock()
	err := h.fr.WriteSettings(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 1000})
	if err == nil {
		err = h.fr.WriteWindowUpdate(0, 1<<30)
	}
	h.mu.Unlock()
	for err == nil {
		var f http2.Frame
		if f, err = h.fr.ReadFrame(); err == nil {
			err = h.read(f)
		}
	}
	how := goneBy(err)
	if errors.Is(err, errWentAway) {
		how = "GOAWAY"
	}
	h.mu.Lock()
	h.over = true
	all := h.streams
	h.streams = map[uint32]*wire2{}
	h.changed.Broadcast()
	h.mu.Unlock()
	for _, w := range all {
		w.left(how, c.closed(err))
	}
	if c.ended.Load() {
		_, _ = io.Copy(io.Discard, r)
	}
	_ = c.Close()
	h.wg.Wait()
}

// errWentAway is a client's GOAWAY with an error: none of its streams goes on.
var errWentAway = errors.New("the client went away")

func (h *h2conn) read(f http2.Frame) error {
	switch f := f.(type) {
	case *http2.MetaHeadersFrame:
		return h.headers(f)
	case *http2.DataFrame:
		return h.data(f)
	case *http2.RSTStreamFrame:
		h.mu.Lock()
		w := h.streams[f.StreamID]
		delete(h.streams, f.StreamID)
		h.changed.Broadcast()
		h.mu.Unlock()
		if w != nil {
			w.left("RST_STREAM", false)
		}
	case *http2.SettingsFrame:
		return h.settings(f)
	case *http2.PingFrame:
		h.mu.Lock()
		defer h.mu.Unlock()
		if !f.IsAck() {
			return h.fr.WritePing(true, f.Data)
		}
	case *http2.WindowUpdateFrame:
		h.mu.Lock()
		defer h.mu.Unlock()
		if f.StreamID == 0 {
			h.window += int64(f.Increment)
		} else if w := h.streams[f.StreamID]; w != nil {
			w.window += int64(f.Increment)
		}
		h.changed.Broadcast()
	case *http2.GoAwayFrame:
		if f.ErrCode != http2.ErrCodeNo {
			return errWentAway
		}
	}
	return nil
}

func (h *h2conn) settings(f *http2.SettingsFrame) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if f.IsAck() {
		return nil
	}
	if n, ok := f.Value(http2.SettingInitialWindowSize); ok {
		for _, w := range h.streams {
			w.window += int64(n) - h.initial
		}
		h.initial = int64(n)
	}
	if n, ok := f.Value(http2.SettingMaxFrameSize); ok {
		h.frame = int(n)
	}
	if n, ok := f.Value(http2.SettingHeaderTableSize); ok {
		h.enc.SetMaxDynamicTableSizeLimit(n)
	}
	h.changed.Broadcast()
	return h.fr.WriteSettingsAck()
}

func (h *h2conn) headers(f *http2.MetaHeadersFrame) error {
	e := &Entry{Time: now(), Proto: "HTTP/2.0", Header: http.Header{}, Script: -1, Outcome: Running}
	for _, hf := range f.Fields {
		switch hf.Name {
		case ":method":
			e.Method = hf.Value
		case ":authority":
			e.Host = hf.Value
		case ":path":
			e.Path, e.Query, _ = strings.Cut(hf.Value, "?")
		case ":scheme":
		default:
			e.Header.Add(hf.Name, hf.Value)
		}
	}
	w := &wire2{h: h, id: f.StreamID, entry: e, length: -1}
	h.mu.Lock()
	if old := h.streams[f.StreamID]; old != nil {
		w = old // these were trailers
	} else {
		w.window = h.initial
		h.streams[f.StreamID] = w
	}
	h.mu.Unlock()
	if f.StreamEnded() {
		h.start(w)
	}
	return nil
}

func (h *h2conn) data(f *http2.DataFrame) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	w := h.streams[f.StreamID]
	if n := f.Header().Length; n > 0 {
		if err := h.fr.WriteWindowUpdate(0, n); err != nil {
			return err
		}
		if w != nil && !f.StreamEnded() {
			if err := h.fr.WriteWindowUpdate(f.StreamID, n); err != nil {
				return err
			}
		}
	}
	if w == nil {
		return nil
	}
	w.request = append(w.request, f.Data()...)
	if f.StreamEnded() {
		h.mu.Unlock()
		h.start(w)
		h.mu.Lock()
	}
	return nil
}

// start plays the script of a request that has been read.
func (h *h2conn) start(w *wire2) {
	w.entry.read(w.request)
	h.c.s.arrived(w.entry, h.c.entry)
	p := newPlay(h.c.s, w.entry, w)
	h.mu.Lock()
	w.play = p
	h.mu.Unlock()
	h.wg.Go(func() {
		p.run()
		w.finish()
	})
}

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

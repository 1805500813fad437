package faultd

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
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
	all := slices.Collect(maps.Values(h.streams))
	h.mu.Unlock()
	for _, w := range all {
		w.left(how, c.closed(err))
	}
	h.mu.Lock()
	h.over = true
	h.changed.Broadcast()
	h.mu.Unlock()
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
		h.mu.Unlock()
		if w != nil {
			w.left("RST_STREAM", false)
		}
		// Only now, so that the journal has the reason before a writer is woken.
		h.mu.Lock()
		delete(h.streams, f.StreamID)
		h.changed.Broadcast()
		h.mu.Unlock()
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

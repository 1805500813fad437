package faultd

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"

	"golang.org/x/net/http2"
)

// serveHTTP1 serves request after request, and HTTP/2 if the connection begins with its preface.
func (c *conn) serveHTTP1() {
	br := bufio.NewReader(c)
	if start, err := br.Peek(4); err == nil && string(start) == "PRI " {
		if _, err := io.CopyN(io.Discard, br, int64(len(http2.ClientPreface))); err == nil {
			c.framesHTTP2(br)
		}
		return
	}
	for c.exchangeHTTP1(br) {
	}
}

// exchangeHTTP1 serves one request, and reports whether another may come.
func (c *conn) exchangeHTTP1(br *bufio.Reader) bool {
	req, err := http.ReadRequest(br)
	if err != nil {
		return false
	}
	if strings.EqualFold(req.Header.Get("Expect"), "100-continue") {
		if _, err := io.WriteString(c, "HTTP/1.1 100 Continue\r\n\r\n"); err != nil {
			return false
		}
	}
	e := &Entry{
		Time: now(), Proto: req.Proto, Method: req.Method, Path: req.URL.EscapedPath(), Query: req.URL.RawQuery,
		Host: req.Host, Header: req.Header, Script: -1, Outcome: Running,
	}
	body, err := io.ReadAll(req.Body)
	e.read(body)
	c.s.arrived(e, c.entry)
	if err != nil {
		c.s.change(func() { e.Outcome, e.Ended, e.Gone, e.GoneBy = Cancelled, now(), now(), goneBy(err) })
		return false
	}
	w := &wire1{c: c, length: -1}
	p := newPlay(c.s, e, w)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		// A byte is the next request's.
		switch _, err := br.Peek(1); {
		case err == nil:
		case c.closed(err):
			p.gone()
		default:
			p.left(goneBy(err))
		}
	}()
	again := p.run() && !w.closes() && !req.Close && req.ProtoAtLeast(1, 1)
	if !again {
		c.bye()
	}
	<-watched
	return again
}

// goneBy tells an RST from a FIN.
func goneBy(err error) string {
	if errors.Is(err, syscall.ECONNRESET) {
		return "RST"
	}
	return "FIN"
}

// wire1 is HTTP/1.1's wire, for one answer.
type wire1 struct {
	c       *conn
	headed  bool
	chunked bool
	length  int64 // by the head; -1 if that doesn't say
	sent    int64
	ended   bool // by the last chunk
	rawness bool // nothing is known of the framing any more
}

func (w *wire1) conn() *conn { return w.c }

func (w *wire1) interim(status int, headers []string) error {
	_, err := w.c.Write(headOf(status, headers))
	return err
}

func (w *wire1) head(status int, headers []string) error {
	w.headed = true
	w.length, w.chunked = framing(headers)
	_, err := w.c.Write(headOf(status, headers))
	return err
}

func headOf(status int, headers []string) []byte {
	out := fmt.Appendf(nil, "HTTP/1.1 %d %s\r\n", status, http.StatusText(status))
	for _, h := range headers {
		out = append(append(out, h...), "\r\n"...)
	}
	return append(out, "\r\n"...)
}

func (w *wire1) body(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil // an empty chunk would be the last
	}
	if !w.chunked {
		n, err := w.c.Write(b)
		w.sent += int64(n)
		return n, err
	}
	frame := bytes.Join([][]byte{fmt.Appendf(nil, "%x\r\n", len(b)), b, []byte("\r\n")}, nil)
	if _, err := w.c.Write(frame); err != nil {
		return 0, err
	}
	w.sent += int64(len(b))
	return len(b), nil
}

func (w *wire1) end(trailers []string) error {
	w.ended = true
	if !w.chunked {
		return nil
	}
	out := []byte("0\r\n")
	for _, t := range trailers {
		out = append(append(out, t...), "\r\n"...)
	}
	_, err := w.c.Write(append(out, "\r\n"...))
	return err
}

func (w *wire1) raw(b []byte) error {
	w.rawness = true
	_, err := w.c.Write(b)
	return err
}

// whole takes what ends with the connection for whole; but it leaves none for another request.
func (w *wire1) whole() bool {
	switch {
	case !w.headed || w.rawness:
		return false
	case w.chunked:
		return w.ended
	case w.length >= 0:
		return w.sent == w.length
	}
	return true
}

func (w *wire1) closes() bool { return !w.chunked && w.length < 0 }

func (w *wire1) resetStream(uint32) error {
	w.c.reset()
	return nil
}

var errNoGoAway = errors.New("HTTP/1 has no GOAWAY")

func (w *wire1) goAway(uint32) error { return errNoGoAway }

// closed reports that err is of a connection that this side closed.
func (c *conn) closed(err error) bool { return c.ended.Load() || errors.Is(err, net.ErrClosed) }

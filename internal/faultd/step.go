package faultd

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Step is one thing that an upstream does. Headers of steps are "Name: value", sent as they are and in that order.
type Step func(*play) error

// Script is what one request gets. What follows its last step: if the answer has ended as its head says (so many bytes
// as Content-Length tells, or [End] for a chunked one), the connection serves the next request; otherwise it is
// closed. Each write of a step is a write to the connection, or several if it has more than 16 KiB;
// nothing is held back, so there is nothing to flush.
type Script []Step

// Head sends status line and headers. Transfer-Encoding: chunked makes each write of the body a chunk; a Content-Length
// is believed by nobody, so a wrong one is sent as it is; with neither, the body ends with the connection. HTTP/2 drops
// the Transfer-Encoding, and ends its stream where HTTP/1 would have sent the last chunk or the last byte.
func Head(status int, headers ...string) Step {
	return func(p *play) error { return p.head(status, headers) }
}

// Interim sends an answer of the class 1xx.
func Interim(status int, headers ...string) Step {
	return func(p *play) error { return p.w.interim(status, headers) }
}

// SSE is Head for a chunked event stream with status 200.
func SSE(headers ...string) Step {
	return Head(200, append([]string{"Content-Type: text/event-stream", "Transfer-Encoding: chunked"}, headers...)...)
}

// Answer is a whole answer with the Content-Length that it has.
func Answer(status int, contentType string, body []byte, headers ...string) Step {
	return Lying(status, 0, contentType, body, headers...)
}

// Lying is Answer with a Content-Length that is wrong by delta bytes: more than there are, or fewer.
func Lying(status, delta int, contentType string, body []byte, headers ...string) Step {
	return func(p *play) error {
		all := append([]string{"Content-Type: " + contentType, "Content-Length: " + strconv.Itoa(len(body)+delta)}, headers...)
		if err := p.head(status, all); err != nil {
			return err
		}
		return p.write(body)
	}
}

// Bytes writes pieces of the body one by one. Without a Head before them, they follow one of a chunked 200.
func Bytes(pieces ...[]byte) Step {
	return func(p *play) error {
		for _, b := range pieces {
			if err := p.write(b); err != nil {
				return err
			}
		}
		return nil
	}
}

// Text is Bytes for text.
func Text(pieces ...string) Step {
	return func(p *play) error {
		for _, s := range pieces {
			if err := p.write([]byte(s)); err != nil {
				return err
			}
		}
		return nil
	}
}

// Raw writes to the connection past all framing: a status line that is none, a chunk without its end. HTTP/1 only;
// with HTTP/2 the bytes are where a frame should begin.
func Raw(s string) Step {
	return func(p *play) error {
		p.wrote = true
		return p.w.raw([]byte(s))
	}
}

// End ends the body as its framing wants: the last chunk with these trailers, or END_STREAM. A chunked answer without
// End is one without its last chunk.
func End(trailers ...string) Step {
	return func(p *play) error { return p.w.end(trailers) }
}

// Split cuts what the steps write at every k bytes, counted over all of them.
func Split(k int, steps ...Step) Step {
	return func(p *play) error {
		out, at := p.write, 0
		return p.through(func(b []byte) error {
			for len(b) > 0 {
				n := min(k-at%k, len(b))
				if err := out(b[:n]); err != nil {
					return err
				}
				b, at = b[n:], at+n
			}
			return nil
		}, steps)
	}
}

// CutAt cuts what the steps write at these offsets, counted over all of them.
func CutAt(offsets []int, steps ...Step) Step {
	return func(p *play) error {
		out, at := p.write, 0
		return p.through(func(b []byte) error {
			for len(b) > 0 {
				n := len(b)
				for _, o := range offsets {
					if o > at {
						n = min(n, o-at)
					}
				}
				if err := out(b[:n]); err != nil {
					return err
				}
				b, at = b[n:], at+n
			}
			return nil
		}, steps)
	}
}

// Join writes what the steps write at once.
func Join(steps ...Step) Step {
	return func(p *play) error {
		var all []byte
		err := p.through(func(b []byte) error { all = append(all, b...); return nil }, steps)
		if err != nil {
			return err
		}
		return p.write(all)
	}
}

// Map changes each write of the steps: other line ends, a prefix for each event.
func Map(f func([]byte) []byte, steps ...Step) Step {
	return func(p *play) error {
		out := p.write
		return p.through(func(b []byte) error { return out(f(b)) }, steps)
	}
}

// LineEnds is Map that makes every LF another line end, such as CRLF or CR; a CRLF is one line end too.
func LineEnds(end string, steps ...Step) Step {
	return Map(func(b []byte) []byte {
		return bytes.ReplaceAll(bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte(end))
	}, steps...)
}

// Gzip compresses what the steps write as one stream, flushed after each write. The Content-Encoding is for Head.
func Gzip(steps ...Step) Step {
	return func(p *play) error {
		out := p.write
		var buf bytes.Buffer
		zw := gzip.NewWriter(&buf)
		flush := func() error {
			b := bytes.Clone(buf.Bytes())
			buf.Reset()
			return out(b)
		}
		err := p.through(func(b []byte) error {
			if _, err := zw.Write(b); err != nil {
				return err
			}
			if err := zw.Flush(); err != nil {
				return err
			}
			return flush()
		}, steps)
		if err != nil {
			return err
		}
		if err := zw.Close(); err != nil {
			return err
		}
		return flush()
	}
}

// Spaced sleeps in front of each write of the steps: a reader sees them one by one.
func Spaced(d time.Duration, steps ...Step) Step {
	return func(p *play) error {
		out := p.write
		return p.through(func(b []byte) error {
			if err := p.sleep(d); err != nil {
				return err
			}
			return out(b)
		}, steps)
	}
}

// Repeat plays the steps n times.
func Repeat(n int, steps ...Step) Step {
	return func(p *play) error { return p.steps(slices.Repeat(steps, n)) }
}

// Endless writes piece(0), piece(1) and so on until the client is gone.
func Endless(piece func(i int) []byte) Step {
	return func(p *play) error {
		for i := 0; ; i++ {
			if err := p.ctx.Err(); err != nil {
				return err
			}
			if err := p.write(piece(i)); err != nil {
				return err
			}
		}
	}
}

// Sleep does nothing for d, or until the client is gone.
func Sleep(d time.Duration) Step { return func(p *play) error { return p.sleep(d) } }

func (p *play) sleep(d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-p.ctx.Done():
		return p.ctx.Err()
	}
}

// Wait does nothing until [Server.Release] opens the gate, or the client is gone.
func Wait(gate string) Step {
	return func(p *play) error {
		select {
		case <-named(&p.s.mu, p.s.gates, gate):
			return nil
		case <-p.ctx.Done():
			return p.ctx.Err()
		}
	}
}

// Mark tells who looks at [Server.Reached] that the script has come here.
func Mark(name string) Step {
	return func(p *play) error {
		closeOnce(&p.s.mu, p.s.marks, name)
		return nil
	}
}

// Silence does nothing until the client is gone.
func Silence() Step {
	return func(p *play) error {
		<-p.ctx.Done()
		return p.ctx.Err()
	}
}

// Close closes the connection with a FIN; under TLS without the alert that should announce it.
func Close() Step { return ending(func(c *conn) { c.fin() }) }

// Reset ends the connection with an RST. What the client has not read yet is lost to it, as with any RST: a Sleep, or a
// gate that the test opens when it has read, belongs in front of it.
func Reset() Step { return ending(func(c *conn) { c.reset() }) }

func ending(how func(*conn)) Step {
	return func(p *play) error {
		how(p.w.conn())
		return errOver
	}
}

// HalfClose ends the server's side of the connection, and reads on until the client closes its own.
func HalfClose() Step {
	return func(p *play) error {
		p.w.conn().half()
		<-p.ctx.Done()
		return errOver
	}
}

// ResetStream is HTTP/2's RST_STREAM with an error code (2 is INTERNAL_ERROR, 7 REFUSED_STREAM, 8 CANCEL, 11
// ENHANCE_YOUR_CALM). The connection and its other streams live on. HTTP/1 has but the connection: it is Reset there.
func ResetStream(code uint32) Step {
	return func(p *play) error {
		if err := p.w.resetStream(code); err != nil {
			return err
		}
		return errOver
	}
}

// GoAway is HTTP/2's GOAWAY, naming the request's own stream as the last one served. The script goes on. HTTP/1 has no
// such thing: the script fails there.
func GoAway(code uint32) Step {
	return func(p *play) error { return p.w.goAway(code) }
}

// Page is an error page as proxies send it, of about n bytes.
func Page(status, n int) Step {
	page := fmt.Appendf(nil, "<!DOCTYPE html>\n<html><head><title>%d</title></head><body>\n", status)
	for len(page) < n {
		page = append(page, "<p>upstream connect error or disconnect/reset before headers</p>\n"...)
	}
	return Answer(status, "text/html; charset=utf-8", append(page, "</body></html>\n"...))
}

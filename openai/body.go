package openai

import (
	"bytes"
	"io"
	"io/fs"
	"slices"
	"sync"
)

// Body is a request as it goes upstream, in pieces: what no edit touches is not
// copied, and a prompt may be long. The pieces must not change while anybody
// reads it.
type Body struct {
	pieces [][]byte
	size   int
	of     *Request // whose bytes the pieces are; nil: nobody else's
}

// BodyOf is a body in one piece.
func BodyOf(b []byte) *Body { return &Body{pieces: [][]byte{b}, size: len(b)} }

// Body is the request with the edits, and without the gateway's own fields, as
// Append writes it.
func (r *Request) Body(e *Edits) *Body {
	b := &Body{pieces: make([][]byte, 0, 2*len(r.fields)+8), of: r}
	r.splice(e, func(piece []byte) {
		b.pieces = append(b.pieces, piece)
		b.size += len(piece)
	})
	return b
}

// Len is how many bytes it has.
func (b *Body) Len() int64 { return int64(b.size) }

// Bytes are the bytes as one piece.
func (b *Body) Bytes() []byte {
	if len(b.pieces) == 1 {
		return b.pieces[0]
	}
	return bytes.Join(b.pieces, nil)
}

// Open reads it from its beginning; several may at once.
func (b *Body) Open() io.ReadCloser {
	if b.of != nil {
		b.of.open.Add(1)
	}
	return &bodyReader{rest: slices.Clone(b.pieces), of: b.of}
}

// InUse reports whether a body of the request was opened and not closed, so that
// somebody may read the client's bytes yet.
func (r *Request) InUse() bool { return r.open.Load() > 0 }

// bodyReader may be closed while it is read: HTTP/2 does so.
type bodyReader struct {
	mu     sync.Mutex
	rest   [][]byte
	of     *Request
	closed bool
}

func (r *bodyReader) Read(p []byte) (n int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return 0, fs.ErrClosed
	}
	for len(r.rest) > 0 && n < len(p) {
		k := copy(p[n:], r.rest[0])
		n += k
		if r.rest[0] = r.rest[0][k:]; len(r.rest[0]) == 0 {
			r.rest = r.rest[1:]
		}
	}
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// Close implements io.Closer. From then on it touches none of the bytes.
func (r *bodyReader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil
	}
	r.closed, r.rest = true, nil
	if r.of != nil {
		r.of.open.Add(-1)
	}
	return nil
}

package openai

import (
	"bytes"
	"io"
	"slices"
)

// Body is a request as it goes upstream, in pieces: what no edit touches is not
// copied, and a prompt may be long. The pieces must not change while anybody
// reads it.
type Body struct {
	pieces [][]byte
	size   int
}

// BodyOf is a body in one piece.
func BodyOf(b []byte) *Body { return &Body{[][]byte{b}, len(b)} }

// Body is the request with the edits, and without the gateway's own fields, as
// Append writes it.
func (r *Request) Body(e *Edits) *Body {
	b := &Body{pieces: make([][]byte, 0, 2*len(r.fields)+8)}
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
func (b *Body) Open() io.ReadCloser { return &bodyReader{rest: slices.Clone(b.pieces)} }

type bodyReader struct{ rest [][]byte }

func (r *bodyReader) Read(p []byte) (n int, err error) {
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

func (*bodyReader) Close() error { return nil }

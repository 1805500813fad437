package relay

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/layergateway/layergateway/openai"
)

// maxWaiting is what a request may have in memory while it waits for its turn.
const maxWaiting = 64 << 10

// small reports whether a body is read before the request waits for its turn.
// Over HTTP/1 nobody hears of a client that leaves before its body is read, and
// who sends one slowly is to keep nobody waiting; but a large one takes memory.
func small(r *http.Request) bool {
	return r.ContentLength >= 0 && r.ContentLength <= maxWaiting && r.Header.Get("Content-Encoding") == "" && r.Header.Get("Expect") == ""
}

// readBody reads a request's body once and whole. A body that says it is too
// large is not read at all.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	if r.ContentLength > limit {
		return nil, tooLarge(limit)
	}
	var src io.Reader = http.MaxBytesReader(w, r.Body, limit)
	switch enc := strings.ToLower(r.Header.Get("Content-Encoding")); enc {
	case "", "identity":
	case "gzip":
		z, err := gzip.NewReader(src)
		if err != nil {
			return nil, badBody(err, limit)
		}
		src = io.LimitReader(z, limit+1)
	default:
		return nil, &openai.Error{Status: http.StatusUnsupportedMediaType, Type: openai.TypeInvalidRequest, Code: "unsupported_encoding",
			Message: "the request's Content-Encoding is not supported: send gzip or none"}
	}
	body, err := gather(src, bodies.take(room(r.ContentLength)), limit)
	if err != nil {
		return nil, badBody(err, limit)
	}
	w.Header().Del("Connection") // which was to be closed for as long as the body was unread
	return body, nil
}

// Sizes of the pieces in which a body is read.
const (
	firstPiece = 4 << 10
	largePiece = 1 << 20
)

// room is how much a body's first piece has, of which a length is said that
// nobody need believe, or none: one more than that, so that the end is found in
// the same piece.
func room(said int64) int64 {
	if said < 0 {
		said = firstPiece
	}
	return min(said+1, largePiece)
}

// gather reads src to its end. It takes memory only for what has come, first that
// of piece. A buffer that grows would be copied again and again, and what is small
// on the wire may be large: there is no copy before all is known to be within the
// limit.
func gather(src io.Reader, piece []byte, limit int64) ([]byte, error) {
	var pieces [][]byte
	for total := int64(0); ; {
		if len(piece) == cap(piece) {
			pieces = append(pieces, piece)
			piece = make([]byte, 0, min(2*cap(piece), largePiece))
		}
		n, err := src.Read(piece[len(piece):cap(piece)])
		piece = piece[:len(piece)+n]
		switch total += int64(n); {
		case total > limit:
			return nil, errTooLarge
		case err == nil:
		case !errors.Is(err, io.EOF):
			return nil, err
		case pieces == nil:
			return piece, nil
		default:
			return slices.Concat(append(pieces, piece)...), nil
		}
	}
}

// errLate is a body that the server did not wait for any longer.
var errLate = &openai.Error{Status: http.StatusRequestTimeout, Type: openai.TypeInvalidRequest, Code: "request_timeout",
	Message: "the request's body did not come in time: send the request again"}

// badBody is what a body that can't be read means. Only a connection that broke
// is a client that is gone: whoever sent damaged bytes waits for an answer.
func badBody(err error, limit int64) error {
	var large *http.MaxBytesError
	var broken net.Error
	var own *openai.Error
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &large), errors.Is(err, errTooLarge):
		return tooLarge(limit)
	case errors.As(err, &broken) && broken.Timeout():
		return errLate
	case errors.As(err, &broken):
		return fmt.Errorf("%w: read request: %w", errClientGone, err)
	}
	return openai.Invalid("invalid_json", "", "the request's body ends too early or is damaged")
}

func tooLarge(limit int64) error {
	return &openai.Error{Status: http.StatusRequestEntityTooLarge, Type: openai.TypeInvalidRequest, Code: "request_too_large",
		Message: fmt.Sprintf("the request's body is larger than %d bytes", limit)}
}

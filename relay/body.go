package relay

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/layergateway/layergateway/openai"
)

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
	var buf bytes.Buffer
	if r.ContentLength > 0 {
		buf.Grow(int(r.ContentLength) + bytes.MinRead)
	}
	if _, err := buf.ReadFrom(src); err != nil {
		return nil, badBody(err, limit)
	}
	if int64(buf.Len()) > limit {
		return nil, tooLarge(limit)
	}
	return buf.Bytes(), nil
}

// badBody is what a body that can't be read means. Only a connection that broke
// is a client that is gone: whoever sent damaged bytes waits for an answer.
func badBody(err error, limit int64) error {
	var large *http.MaxBytesError
	var broken net.Error
	switch {
	case errors.As(err, &large):
		return tooLarge(limit)
	case errors.As(err, &broken) && !broken.Timeout():
		return fmt.Errorf("%w: read request: %w", errClientGone, err)
	}
	return openai.Invalid("invalid_json", "", "the request's body ends too early or is damaged")
}

func tooLarge(limit int64) error {
	return &openai.Error{Status: http.StatusRequestEntityTooLarge, Type: openai.TypeInvalidRequest, Code: "request_too_large",
		Message: fmt.Sprintf("the request's body is larger than %d bytes", limit)}
}

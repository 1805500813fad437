package sse

import (
	"io"
	"net/http"
)

// ContentType is the type of an event stream.
const ContentType = "text/event-stream"

// Writer sends events to a client: each Write is flushed, since a model's words
// are worth nothing later.
type Writer struct {
	w     http.ResponseWriter
	rc    *http.ResponseController
	begun bool
}

// NewWriter makes a writer; nothing is sent before the first Write.
func NewWriter(w http.ResponseWriter) *Writer {
	return &Writer{w: w, rc: http.NewResponseController(w)}
}

// Begun reports whether the client has got the headers.
func (w *Writer) Begun() bool { return w.begun }

// Write sends whole events, as they are.
func (w *Writer) Write(events []byte) (int, error) {
	if !w.begun {
		h := w.w.Header()
		h.Set("Content-Type", ContentType+"; charset=utf-8")
		h.Set("Cache-Control", "no-cache")
		// Proxies such as nginx hold streams back otherwise.
		h.Set("X-Accel-Buffering", "no")
		h.Del("Content-Length")
		w.w.WriteHeader(http.StatusOK)
		w.begun = true
	}
	n, err := w.w.Write(events)
	if err == nil {
		err = w.rc.Flush()
	}
	return n, err
}

// Comment sends a comment, which clients skip: it keeps a silent connection
// open.
func (w *Writer) Comment(text string) error {
	_, err := io.WriteString(w, ": "+text+"\n\n")
	return err
}

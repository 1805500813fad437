package sse

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestWriter(t *testing.T) {
	rec := httptest.NewRecorder()
	rec.Header().Set("Content-Length", "7")
	w := NewWriter(rec)
	if w.Begun() || rec.Flushed {
		t.Error("the headers went out before the first event")
	}
	if _, err := w.Write([]byte("data: x\n\n")); err != nil {
		t.Fatal(err)
	}
	if !w.Begun() || !rec.Flushed {
		t.Error("the event was not flushed")
	}
	if err := w.Comment("ping"); err != nil {
		t.Fatal(err)
	}
	h := rec.Result().Header
	if got := rec.Body.String(); got != "data: x\n\n: ping\n\n" {
		t.Errorf("body %q", got)
	}
	if h.Get("Content-Type") != "text/event-stream; charset=utf-8" || h.Get("Cache-Control") != "no-cache" || h.Get("Content-Length") != "" {
		t.Errorf("headers %v", h)
	}
}

type gone struct{ http.ResponseWriter }

var errGone = errors.New("gone")

func (gone) Write([]byte) (int, error) { return 0, errGone }

func TestWriterError(t *testing.T) {
	w := NewWriter(gone{httptest.NewRecorder()})
	if _, err := w.Write([]byte("data: x\n\n")); !errors.Is(err, errGone) {
		t.Errorf("error %v", err)
	}
}

package dashboard

import (
	"bytes"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/layergateway/layergateway/ledger"
)

const (
	// liveBuffer is how many rows may wait for a browser that is slow.
	liveBuffer = 256
	// livePoll is how often a stream asks whether it should end and whether it missed rows, liveSilence after how many of
	// these it says something.
	livePoll    = time.Second
	liveSilence = 15
)

// live sends each request that ends, as a row of the table, in server-sent events. Where more end than a browser takes in,
// it is told to read the table again.
func (h *Handler) live(w http.ResponseWriter, r *http.Request) {
	form, f := filterOf(r.URL.Query())
	if form.Problem != "" {
		http.Error(w, form.Problem, http.StatusBadRequest)
		return
	}
	l, done := h.o.Ledger()
	defer done()
	follower := l.Follow(liveBuffer)
	defer follower.Stop()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	out := http.NewResponseController(w)
	// The browser learns that it is connected, and how soon to come back.
	if _, err := w.Write([]byte("retry: 2000\nevent: ready\ndata:\n\n")); err != nil || out.Flush() != nil {
		return
	}
	tick := time.NewTicker(livePoll)
	defer tick.Stop()
	// missed is how many rows this stream missed until the last tick, told how many of them the browser knows of.
	var missed, told uint64
	// What ended just before this stream began may have been in the database too late for what the browser read then: it
	// does so once more.
	late := true
	silent := 0
	for {
		var event []byte
		select {
		case <-r.Context().Done():
			return
		case <-tick.C:
			if h.o.Leaving() {
				return
			}
			behind := missed > told
			// Those of this tick wait for the next: they may not be in the database yet.
			told, missed = missed, follower.Missed()
			if silent++; !behind && !late && silent < liveSilence {
				continue
			}
			switch {
			case behind:
				event = []byte("event: ready\ndata: missed\n\n")
			case late:
				event = []byte("event: ready\ndata:\n\n")
			default:
				event = []byte(": ping\n\n")
			}
			late = false
		case row, ok := <-follower.Rows:
			if !ok {
				return
			}
			if !matches(&f, &row) {
				continue
			}
			event = h.liveEvent(&row)
		}
		silent = 0
		if _, err := w.Write(event); err != nil || out.Flush() != nil {
			return
		}
	}
}

// liveEvent is a row as an event: the HTML of the table's row, in which the template has made the client's words inert.
func (h *Handler) liveEvent(row *ledger.Row) []byte {
	var html bytes.Buffer
	if err := templates()["requests"].ExecuteTemplate(&html, "request-row", row); err != nil {
		h.o.Log.Error("a row can't be shown", zap.String("request_id", row.ID), zap.Error(err))
		return []byte(": a row can't be shown\n\n")
	}
	event := []byte("event: row\n")
	for line := range bytes.Lines(bytes.TrimSpace(html.Bytes())) {
		event = append(event, "data: "...)
		event = append(event, bytes.TrimRight(line, "\r\n")...)
		event = append(event, '\n')
	}
	return append(event, '\n')
}

package admin

import (
	"net/http"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/ledger"
)

const (
	// streamBuffer is how many rows may wait for who reads slowly.
	streamBuffer = 256
	// streamLook is how often a stream looks whether it should end, streamSilence after how many looks it says something.
	streamLook    = time.Second
	streamSilence = 15
	// streamStall is how long who reads nothing is waited for.
	streamStall = time.Minute
)

// streamLogs sends each request as it ends, in server-sent events: the event log has what a list has of it, the event
// missed how many were left out so far because they were not read in time.
func (h *Handler) streamLogs(w http.ResponseWriter, r *http.Request) error {
	q := queryOf(r, filterNames...)
	f := q.filter()
	if err := q.done(); err != nil {
		return err
	}
	l, done := h.o.Ledger()
	defer done()
	unhurried(w)
	follower := l.Follow(streamBuffer)
	defer follower.Stop()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	out := http.NewResponseController(w)
	send := func(event []byte) bool {
		_ = out.SetWriteDeadline(time.Now().Add(streamStall)) // where there are none, the connection has its own
		_, err := w.Write(event)
		return err == nil && out.Flush() == nil
	}
	if r.Method == http.MethodHead || !send([]byte("retry: 2000\n\n")) {
		return nil
	}
	tick := time.NewTicker(streamLook)
	defer tick.Stop()
	silent, missed := 0, uint64(0)
	for {
		var event []byte
		select {
		case <-r.Context().Done():
			return nil
		case <-tick.C:
			if h.o.Leaving() {
				return nil
			}
			if silent++; silent < streamSilence {
				continue
			}
			event = []byte(": ping\n\n")
		case row, ok := <-follower.Rows:
			if !ok {
				return nil
			}
			if !passes(&f, &row) {
				continue
			}
			event = appendEvent(nil, "log", logOf(&row))
		}
		if n := follower.Missed(); n != missed {
			missed = n
			event = appendEvent(event, "missed", map[string]uint64{"missed": n})
		}
		silent = 0
		if !send(event) {
			return nil
		}
	}
}

// appendEvent appends an event; JSON has no line breaks.
func appendEvent(b []byte, name string, value any) []byte {
	data, err := json.Marshal(value)
	if err != nil {
		return append(b, ": a log that can't be written\n\n"...)
	}
	b = append(append(b, "event: "...), name...)
	b = append(append(b, "\ndata: "...), data...)
	return append(b, "\n\n"...)
}

// passes reports whether a row is one that the filter lets through, as the database would say.
func passes(f *ledger.Filter, row *ledger.Row) bool {
	for _, is := range [][2]string{
		{f.GateID, row.GateID}, {f.KeyID, row.KeyID}, {f.Gate, row.Gate}, {f.Key, row.Key}, {f.Provider, row.Provider},
		{f.Model, row.Model}, {f.Outcome, row.Outcome}, {f.Session, row.Session}, {f.User, row.User},
	} {
		if is[0] != "" && is[0] != is[1] {
			return false
		}
	}
	priced := row.Bill.Status == cost.Exact || row.Bill.Status == cost.Estimated
	return !row.Start.Before(f.From) && (f.To.IsZero() || row.Start.Before(f.To)) &&
		(f.MinCost == 0 || priced && row.Bill.Total >= f.MinCost)
}

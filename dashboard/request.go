package dashboard

import (
	"database/sql"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"go.uber.org/zap"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/ledger"
)

// TraceID stands for a trace's id in Options.TraceURL.
const TraceID = "{trace_id}"

type requestPage struct {
	Row      ledger.Row
	Bars     []bar
	Scale    []string // what the timeline's width is
	Usage    []usageLine
	Bills    []attemptBill
	Payloads []payload
	TraceURL string // "" if there is no place to see the trace
}

// bar is one attempt on the timeline, in thousandths of its width.
type bar struct {
	ledger.Attempt
	Number                      int
	X, Width, FirstX, Y, Bottom int64
	Class                       string
}

type usageLine struct {
	What  string
	Count string
}

// attemptBill is what one attempt cost, line by line.
type attemptBill struct {
	Number          int
	Provider, Model string
	Bill            cost.Bill
	Lines           []cost.Line
	// Differs says that the lines, made of the stored price, come to something else than what was billed.
	Differs bool
	Service string
}

type payload struct{ Title, ID, Text string }

func (h *Handler) request(w http.ResponseWriter, r *http.Request) {
	l, done := h.o.Ledger()
	defer done()
	row, err := l.Row(r.Context(), r.PathValue("id"))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		h.render(w, r, http.StatusNotFound, "problem", "Not found",
			problem{"The ledger has no such request. It may be under way, or older than what the ledger keeps."})
		return
	case err != nil:
		h.fail(w, r, err)
		return
	}
	p := requestPage{Row: row, Bars: bars(&row), Scale: scale(whole(&row)), Usage: usageLines(row.Usage)}
	if row.Trace != "" {
		p.TraceURL = strings.ReplaceAll(h.o.TraceURL, TraceID, url.QueryEscape(row.Trace))
	}
	if p.Bills, err = bills(&row); err != nil {
		h.o.Log.Error("the price of a request can't be read", zap.String("request_id", row.ID), zap.Error(err))
	}
	request, response, err := l.Payload(r.Context(), row.ID)
	switch {
	case err == nil:
		p.Payloads = []payload{{"Request", "payload-request", readable(request)}, {"Answer", "payload-answer", readable(response)}}
	case !errors.Is(err, sql.ErrNoRows):
		h.fail(w, r, err)
		return
	}
	h.render(w, r, http.StatusOK, "request", "Request "+short(row.ID), p)
}

// timeline is how wide the picture of the attempts is, barHeight how much each takes.
const (
	timeline  = 1000
	barHeight = 28
)

// whole is the time that the timeline is of.
func whole(row *ledger.Row) time.Duration {
	d := row.Total
	for _, a := range row.Attempts {
		d = max(d, a.Offset+a.Took)
	}
	return d
}

// scale are the times at its beginning, middle and end.
func scale(d time.Duration) []string { return []string{"0", dur(d / 2), dur(d)} }

func bars(row *ledger.Row) []bar {
	whole := whole(row)
	at := func(d time.Duration) int64 {
		if whole <= 0 {
			return 0
		}
		return int64(float64(d) / float64(whole) * timeline)
	}
	list := make([]bar, len(row.Attempts))
	for i, a := range row.Attempts {
		b := bar{Attempt: a, Number: i + 1, X: at(a.Offset), Y: int64(i) * barHeight, Bottom: int64(i+1) * barHeight, Class: "good"}
		b.X = min(b.X, timeline-4)
		b.Width = max(at(a.Took), 4)
		if a.FirstToken > 0 {
			b.FirstX = b.X + at(a.FirstToken)
		}
		switch a.Failure {
		case "":
		case "lost":
			b.Class = "warn"
		default:
			b.Class = "bad"
		}
		list[i] = b
	}
	return list
}

func usageLines(u cost.Usage) []usageLine {
	var list []usageLine
	for _, of := range []struct {
		what  string
		count cost.Tokens
		plain bool // shown also if it is not known
	}{
		{"Input", u.Input, true}, {"of it from the cache", u.CachedInput, false}, {"of it written to the cache", u.CacheWrite, false},
		{"of it written to the cache for an hour", u.CacheWrite1h, false}, {"of it audio", u.AudioInput, false},
		{"of it images", u.ImageInput, false}, {"Output", u.Output, true}, {"of it reasoning", u.Reasoning, false},
		{"of it audio", u.AudioOutput, false}, {"of it images", u.ImageOutput, false}, {"Citations", u.Citation, false},
		{"Searches", u.Searches, false}, {"Input that is charged", u.BilledInput, false}, {"Output that is charged", u.BilledOutput, false},
	} {
		if of.plain || of.count.Known() {
			list = append(list, usageLine{of.what, tokens(of.count)})
		}
	}
	return list
}

// bills are those of the attempts that were charged for, each made again of the price that was stored with the row.
func bills(row *ledger.Row) ([]attemptBill, error) {
	var prices map[string]cost.Price
	var err error
	if len(row.Price) > 0 {
		err = json.Unmarshal(row.Price, &prices)
	}
	var list []attemptBill
	for i, a := range row.Attempts {
		if a.Bill.Status == "" {
			continue
		}
		b := attemptBill{Number: i + 1, Provider: a.Provider, Model: a.Model, Bill: a.Bill, Service: a.Usage.Service}
		if price, ok := prices[a.Provider+"/"+a.Model]; ok && priced(a.Bill) {
			b.Lines = price.Lines(a.Usage)
			var sum cost.Amount
			for _, line := range b.Lines {
				sum = sum.Add(line.Amount)
			}
			b.Differs = sum != a.Bill.Total
		}
		list = append(list, b)
	}
	return list, err
}

// maxPayload is how much of a payload a page shows.
const maxPayload = 256 << 10

// readable is a payload as text: JSON with line ends, the rest as it is.
func readable(data []byte) string {
	if v := jsontext.Value(data).Clone(); v.IsValid() && v.Indent() == nil {
		data = v
	}
	cut := ""
	if len(data) > maxPayload {
		data, cut = data[:maxPayload], "\n… the rest is not shown"
		for len(data) > 0 && !utf8.RuneStart(data[len(data)-1]) {
			data = data[:len(data)-1]
		}
	}
	return string(data) + cut
}

package dashboard

import (
	"encoding/csv"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"go.uber.org/zap"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/ledger"
)

// attach says that the answer is a file.
func attach(w http.ResponseWriter, contentType, name string) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
}

// csvColumns are those of the export.
var csvColumns = []string{
	"id", "start", "gate", "gate_id", "key", "key_id", "session", "user", "asked", "provider", "model", "outcome", "status", "error",
	"attempts", "stream", "input_tokens", "cached_input_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens",
	"cost_usd", "cost_status", "price_version", "first_token_ms", "total_ms", "dropped", "overridden", "agent", "client", "trace",
}

// requestsCSV gives all rows of a filter. A spreadsheet must take no client's word for a formula.
func (h *Handler) requestsCSV(w http.ResponseWriter, r *http.Request) {
	form, f := filterOf(r.URL.Query())
	if form.Problem != "" {
		http.Error(w, form.Problem, http.StatusBadRequest)
		return
	}
	l, done := h.o.Ledger()
	defer done()
	attach(w, "text/csv; charset=utf-8", "requests.csv")
	out := csv.NewWriter(w)
	_ = out.Write(csvColumns) // its error is that of the rows to come
	for row, err := range l.All(r.Context(), f) {
		if err != nil {
			h.cutShort(r, err)
		}
		if out.Write(csvRow(&row)) != nil {
			return
		}
	}
	out.Flush()
}

// cutShort ends a file that has begun, so that nobody takes it for whole.
func (h *Handler) cutShort(r *http.Request, err error) {
	if r.Context().Err() == nil {
		h.o.Log.Error("an export ended early", zap.String("path", r.URL.Path), zap.Error(err))
	}
	panic(http.ErrAbortHandler)
}

func csvRow(row *ledger.Row) []string {
	u := row.Usage
	amount := ""
	if priced(row.Bill) {
		amount = row.Bill.Total.String()
	}
	cells := []string{
		row.ID, stamp(row.Start), row.Gate, row.GateID, row.Key, row.KeyID, row.Session, row.User, row.Asked, row.Provider, row.Model,
		row.Outcome, strconv.Itoa(row.Status), row.Error, strconv.Itoa(len(row.Attempts)), strconv.FormatBool(row.Stream),
		plain(u.Input), plain(u.CachedInput), plain(u.CacheWrite), plain(u.Output), plain(u.Reasoning),
		amount, string(row.Bill.Status), row.Bill.PriceVersion, millis(row.FirstToken), millis(row.Total),
		strings.Join(row.Dropped, " "), strings.Join(row.Overridden, " "), row.Agent, row.Client, row.Trace,
	}
	return harmless(cells)
}

// harmless keeps a spreadsheet from taking somebody's words for a formula.
func harmless(cells []string) []string {
	for i, c := range cells {
		if c != "" && strings.ContainsRune("=+-@\t\r", rune(c[0])) {
			cells[i] = "'" + c
		}
	}
	return cells
}

func plain(t cost.Tokens) string {
	if !t.Known() {
		return ""
	}
	return strconv.FormatInt(t.N(), 10)
}

func millis(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return strconv.FormatFloat(float64(d.Microseconds())/1000, 'f', -1, 64)
}

// rowJSON writes time spans in seconds.
var rowJSON = json.JoinOptions(json.Deterministic(true), json.WithMarshalers(json.MarshalToFunc(
	func(e *jsontext.Encoder, d time.Duration) error { return e.WriteToken(jsontext.Float(d.Seconds())) })))

// requestsJSON gives all rows of a filter as an array. Time spans are seconds.
func (h *Handler) requestsJSON(w http.ResponseWriter, r *http.Request) {
	form, f := filterOf(r.URL.Query())
	if form.Problem != "" {
		http.Error(w, form.Problem, http.StatusBadRequest)
		return
	}
	l, done := h.o.Ledger()
	defer done()
	attach(w, "application/json", "requests.json")
	separator := "[\n"
	for row, err := range l.All(r.Context(), f) {
		if err != nil {
			h.cutShort(r, err)
		}
		data, err := json.Marshal(&row, rowJSON)
		if err != nil {
			h.cutShort(r, err)
		}
		if _, err := w.Write(append([]byte(separator), data...)); err != nil {
			return
		}
		separator = ",\n"
	}
	end := "\n]\n"
	if separator == "[\n" {
		end = "[]\n"
	}
	_, _ = w.Write([]byte(end))
}

// overviewExport gives the sums of the overview's time by one dimension and step.
func (h *Handler) overviewExport(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	s := spanOf(q, h.o.Now())
	dimension, by := dimensionOf(q)
	l, done := h.o.Ledger()
	defer done()
	narrowed := narrow{q.Get("gate"), q.Get("key"), q.Get("provider"), q.Get("model")}
	points, err := l.Series(r.Context(), narrowed.apply(ledger.SeriesQuery{By: by, From: s.From, To: s.To, Step: s.Step}))
	if err != nil {
		h.fail(w, r, err)
		return
	}
	if strings.HasSuffix(r.URL.Path, ".json") {
		h.overviewJSON(w, by, points)
		return
	}
	attach(w, "text/csv; charset=utf-8", "overview.csv")
	out := csv.NewWriter(w)
	_ = out.Write([]string{"time", dimension + "_id", dimension, "requests", "failed", "unpriced", "estimated", "attempts",
		"input_tokens", "cached_input_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens", "cost_usd",
		"latency_p50_ms", "latency_p95_ms", "first_token_p50_ms", "first_token_p95_ms"})
	for i := range points {
		p := &points[i]
		cells := []string{stamp(p.Time), p.ID, labelOf(p, by)}
		for _, n := range []int64{p.Requests, p.Failed, p.Unpriced, p.Estimated, p.Attempts, p.Input, p.CachedInput, p.CacheWrite, p.Output, p.Reasoning} {
			cells = append(cells, strconv.FormatInt(n, 10))
		}
		cells = append(cells, p.Cost.String(), millis(p.TotalTimes.Quantile(.5)), millis(p.TotalTimes.Quantile(.95)),
			millis(p.FirstTimes.Quantile(.5)), millis(p.FirstTimes.Quantile(.95)))
		harmless(cells[:3])
		_ = out.Write(cells)
	}
	out.Flush() // whoever reads it no more needs no word of it
}

// sumsJSON is one line of the overview's export.
type sumsJSON struct {
	Time          time.Time   `json:"time"`
	ID            string      `json:"id"`
	Name          string      `json:"name"`
	Requests      int64       `json:"requests"`
	Failed        int64       `json:"failed"`
	Unpriced      int64       `json:"unpriced"`
	Estimated     int64       `json:"estimated"`
	Attempts      int64       `json:"attempts"`
	Input         int64       `json:"input_tokens"`
	CachedInput   int64       `json:"cached_input_tokens"`
	CacheWrite    int64       `json:"cache_write_tokens"`
	Output        int64       `json:"output_tokens"`
	Reasoning     int64       `json:"reasoning_tokens"`
	Cost          cost.Amount `json:"cost_usd"`
	LatencyP50    int64       `json:"latency_p50_ms"`
	LatencyP95    int64       `json:"latency_p95_ms"`
	FirstTokenP50 int64       `json:"first_token_p50_ms"`
	FirstTokenP95 int64       `json:"first_token_p95_ms"`
}

func (h *Handler) overviewJSON(w http.ResponseWriter, by ledger.Dimension, points []ledger.Point) {
	list := make([]sumsJSON, len(points))
	for i := range points {
		p := &points[i]
		list[i] = sumsJSON{
			p.Time, p.ID, labelOf(p, by), p.Requests, p.Failed, p.Unpriced, p.Estimated, p.Attempts,
			p.Input, p.CachedInput, p.CacheWrite, p.Output, p.Reasoning, p.Cost,
			p.TotalTimes.Quantile(.5).Milliseconds(), p.TotalTimes.Quantile(.95).Milliseconds(),
			p.FirstTimes.Quantile(.5).Milliseconds(), p.FirstTimes.Quantile(.95).Milliseconds(),
		}
	}
	attach(w, "application/json", "overview.json")
	if err := json.MarshalWrite(w, list); err != nil {
		h.o.Log.Debug("an export ended early", zap.Error(err))
	}
}

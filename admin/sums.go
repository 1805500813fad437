package admin

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/ledger"
)

// sumsJSON is what some requests come to.
type sumsJSON struct {
	Requests         int64       `json:"requests"`
	Failed           int64       `json:"failed"`
	Unpriced         int64       `json:"unpriced"` // that have no cost
	Estimated        int64       `json:"estimated"`
	Attempts         int64       `json:"attempts"`
	PromptTokens     int64       `json:"promptTokens"`
	CachedTokens     int64       `json:"cachedTokens"`
	CacheWriteTokens int64       `json:"cacheWriteTokens"`
	CompletionTokens int64       `json:"completionTokens"`
	ReasoningTokens  int64       `json:"reasoningTokens"`
	CostUsd          cost.Amount `json:"costUsd"`
	LatencyMs        timesJSON   `json:"latencyMs"`
	FirstTokenMs     timesJSON   `json:"firstTokenMs"`
}

// timesJSON is how long something took; the quantiles are estimates.
type timesJSON struct {
	Average float64 `json:"average"`
	P50     float64 `json:"p50"`
	P95     float64 `json:"p95"`
}

func sumsOf(s *ledger.Sums) sumsJSON {
	return sumsJSON{
		s.Requests, s.Failed, s.Unpriced, s.Estimated, s.Attempts,
		s.Input, s.CachedInput, s.CacheWrite, s.Output, s.Reasoning, s.Cost,
		timesOf(s.TotalTime, s.Requests, &s.TotalTimes), timesOf(s.FirstTime, s.FirstTimes.Count(), &s.FirstTimes),
	}
}

func timesOf(all time.Duration, n int64, h *ledger.Histogram) timesJSON {
	return timesJSON{millis(all / time.Duration(max(n, 1))), millis(h.Quantile(.5)), millis(h.Quantile(.95))}
}

// recent is how many requests the overview has.
const recent = 20

// overview is what all requests of a time come to, and the newest of them.
func (h *Handler) overview(w http.ResponseWriter, r *http.Request) error {
	q := queryOf(r, "from", "to")
	from, to := q.span()
	if err := q.done(); err != nil {
		return err
	}
	l, done := h.o.Ledger()
	defer done()
	points, err := l.Series(r.Context(), ledger.SeriesQuery{From: from, To: to})
	if err != nil {
		return err
	}
	var all ledger.Sums
	if len(points) > 0 {
		all = points[0].Sums
	}
	rows, _, err := l.Rows(r.Context(), ledger.Filter{From: from, To: to, Limit: recent})
	if err != nil {
		return err
	}
	o := struct {
		From           *time.Time  `json:"from"`
		To             *time.Time  `json:"to"`
		TotalRequests  int64       `json:"totalRequests"`
		TotalCost      cost.Amount `json:"totalCost"`
		AvgLatency     float64     `json:"avgLatency"` // milliseconds
		ErrorRate      float64     `json:"errorRate"`
		ActiveGates    int         `json:"activeGates"`
		Totals         sumsJSON    `json:"totals"`
		RecentRequests []logJSON   `json:"recentRequests"`
	}{
		From: moment(from), To: moment(to), TotalRequests: all.Requests, TotalCost: all.Cost, ActiveGates: h.activeGates(),
		Totals: sumsOf(&all), RecentRequests: make([]logJSON, len(rows)),
	}
	o.AvgLatency = o.Totals.LatencyMs.Average
	if all.Requests > 0 {
		o.ErrorRate = float64(all.Failed) / float64(all.Requests)
	}
	for i := range rows {
		o.RecentRequests[i] = logOf(&rows[i])
	}
	return write(w, http.StatusOK, o)
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// activeGates counts the gates that take requests.
func (h *Handler) activeGates() int {
	active := make(map[string]bool)
	for g := range h.o.Gates.All() {
		if !g.Paused {
			active[g.ID] = true
		}
	}
	return len(active)
}

const (
	week = 7 * 24 * time.Hour
	// monday is how much later than 1970 the first Monday began: with that day weeks begin, as those of budgets do.
	monday = 4 * 24 * time.Hour
	// maxSums is how many sums an answer has at most.
	maxSums = 50_000
)

var dimensions = []string{
	string(ledger.ByGate), string(ledger.ByKey), string(ledger.ByModel), string(ledger.ByProvider), string(ledger.ByOutcome),
}

// pointJSON is the sums of one step and one value of a dimension.
type pointJSON struct {
	Time *time.Time `json:"time"` // when the step begins; null without steps
	ID   string     `json:"id"`
	Name string     `json:"name"`
	sumsJSON
}

// spend is what requests cost, told apart by gate, key, model, provider or outcome, and by time.
func (h *Handler) spend(w http.ResponseWriter, r *http.Request) error {
	q := queryOf(r, "by", "from", "to", "step", "gateId", "keyId", "provider", "model")
	s := ledger.SeriesQuery{
		By: ledger.Dimension(q.oneOf("by", dimensions...)), Step: q.step(),
		GateID: strings.ToLower(q.text("gateId")), KeyID: q.text("keyId"), Provider: q.text("provider"), Model: q.text("model"),
	}
	if s.Limit = maxSums; s.Step%week == 0 {
		s.Origin = monday
	}
	s.From, s.To = q.span()
	if err := q.done(); err != nil {
		return err
	}
	l, done := h.o.Ledger()
	defer done()
	points, err := l.Series(r.Context(), s)
	if errors.Is(err, ledger.ErrManySums) {
		return problem(http.StatusUnprocessableEntity, "invalid_value", "step",
			"step: more than %d sums: take a longer step, or a shorter time", maxSums)
	}
	if err != nil {
		return err
	}
	list := make([]pointJSON, len(points))
	var total cost.Amount
	for i := range points {
		p := &points[i]
		list[i] = pointJSON{moment(p.Time), p.ID, p.Name, sumsOf(&p.Sums)}
		total = total.Add(p.Cost)
	}
	return write(w, http.StatusOK, struct {
		By        ledger.Dimension `json:"by"`
		TotalCost cost.Amount      `json:"totalCost"`
		Points    []pointJSON      `json:"points"`
	}{s.By, total, list})
}

// step is hour, day, week, or a time of whole hours; 0 if it is not there.
func (q *query) step() time.Duration {
	text := q.text("step")
	switch text {
	case "":
		return 0
	case "hour":
		return time.Hour
	case "day":
		return 24 * time.Hour
	case "week":
		return week
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 || d%time.Hour != 0 {
		q.wrong("step", `must be hour, day, week, or whole hours such as "6h"`)
	}
	return d
}

package dashboard

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/gate"
	"github.com/layergateway/layergateway/health"
	"github.com/layergateway/layergateway/ledger"
)

type gatesPage struct {
	Text  string // what is looked for
	Gates []gateRow
	Since time.Time
	Pager pager
}

// gatesOnPage is how many gates a page has.
const gatesOnPage = 50

// has reports whether a gate has something to do with a text, which is in lower case.
func (g Gate) has(text string) bool {
	words := append([]string{g.ID, g.Name, g.Description, g.Source}, g.Tags...)
	for _, t := range g.Targets {
		words = append(words, t.Provider+"/"+t.Model)
	}
	return containing(words, text)
}

// gateRow is a gate as the list has it.
type gateRow struct {
	Gate
	Targets []target
	Sums    ledger.Sums
	Budget  *budget
}

// LimitWords are the gate's limits, one each.
func (g gateRow) LimitWords() []string { return limitWords(g.Limits) }

// target is a model of a gate.
type target struct {
	gate.Target
	Price cost.Price
	State targetState
}

// targetState is how a target fares, in a word and a class for its colour.
type targetState struct {
	Word, Class string
	Latency     time.Duration // to the first content
}

type gatePage struct {
	gateRow
	Since  time.Time
	Models []breakdownRow
}

const gateDays = 30

func (h *Handler) gates(w http.ResponseWriter, r *http.Request) {
	l, done := h.o.Ledger()
	defer done()
	q := r.URL.Query()
	p := gatesPage{Since: h.gatesSince(), Text: strings.TrimSpace(q.Get("q"))}
	all := h.o.Gates()
	found := slices.DeleteFunc(slices.Clone(all), func(g Gate) bool { return !g.has(strings.ToLower(p.Text)) })
	p.Pager = paged(q, len(found), len(all), gatesOnPage, "q")
	sums, err := gateSums(r.Context(), l, p.Since)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	providers, spent := h.providersByName(), spending(l)
	for _, g := range onPage(p.Pager, found) {
		row, err := h.gateRow(r.Context(), spent, g, providers)
		if err != nil {
			h.fail(w, r, err)
			return
		}
		row.Sums = sums[g.ID]
		p.Gates = append(p.Gates, row)
	}
	h.render(w, r, http.StatusOK, "gates", "Gates", p)
}

func (h *Handler) gatesSince() time.Time {
	return h.o.Now().UTC().Truncate(day).Add(-(gateDays - 1) * day)
}

// gateSums is what each gate came to, by its id. Without a ledger nothing is known, and the rest of the page is there
// all the same.
func gateSums(ctx context.Context, l Ledger, since time.Time) (map[string]ledger.Sums, error) {
	points, err := l.Series(ctx, ledger.SeriesQuery{By: ledger.ByGate, From: since})
	if err != nil && !errors.Is(err, ledger.ErrOff) {
		return nil, err
	}
	sums := make(map[string]ledger.Sums, len(points))
	for i := range points {
		sums[points[i].ID] = points[i].Sums
	}
	return sums, nil
}

func (h *Handler) gateRow(ctx context.Context, spent spender, g Gate, providers map[string]Provider) (gateRow, error) {
	row := gateRow{Gate: g}
	for i, t := range g.Targets {
		p, ok := providers[t.Provider]
		row.Targets = append(row.Targets, target{t, g.Prices[i], stateOf(p, ok, t.Model)})
	}
	var err error
	row.Budget, err = h.budget(ctx, spent, "gate", g.Label(), "", g.ID, g.Limits)
	if errors.Is(err, ledger.ErrOff) {
		err = nil
	}
	return row, err
}

func (h *Handler) providersByName() map[string]Provider {
	byName := make(map[string]Provider)
	for _, p := range h.o.Providers() {
		byName[p.Name] = p
	}
	return byName
}

// stateOf is how a model fares with the best of its provider's keys.
func stateOf(p Provider, there bool, model string) targetState {
	switch {
	case !there:
		return targetState{Word: "no provider", Class: "bad"}
	case p.Keys == 0 && p.Missing != "":
		return targetState{Word: "no key: " + p.Missing + " is empty", Class: "bad"}
	}
	best := targetState{Word: "not asked yet", Class: "idle"}
	usable := false
	var latency time.Duration
	worst := health.Usable
	whole := make(map[int]health.Reason) // of a key, for all models
	for _, s := range p.Health {
		if s.Model == "" {
			whole[s.Index] = s.Reason
			if s.Reason == health.Usable {
				usable = true
			} else {
				worst = max(worst, s.Reason)
			}
		}
	}
	known := false
	for _, s := range p.Health {
		if s.Model != model || s.Model == "" {
			continue
		}
		if !known {
			known, usable = true, false
		}
		latency = s.Latency
		if s.Reason == health.Usable && whole[s.Index] == health.Usable {
			usable = true
		} else {
			worst = max(worst, s.Reason)
		}
	}
	switch {
	case !usable && len(p.Health) > 0:
		best = targetState{Word: reasonWord(worst), Class: "bad", Latency: latency}
	case known:
		best = targetState{Word: "healthy", Class: "good", Latency: latency}
	}
	return best
}

func (h *Handler) gate(w http.ResponseWriter, r *http.Request) {
	l, done := h.o.Ledger()
	defer done()
	ctx := r.Context()
	g, ok := h.o.Gate(r.PathValue("id"))
	if !ok {
		h.render(w, r, http.StatusNotFound, "problem", "Not found", problem{"There is no such gate just now."})
		return
	}
	p := gatePage{Since: h.gatesSince()}
	var err error
	if p.gateRow, err = h.gateRow(ctx, l.Spent, g, h.providersByName()); err != nil {
		h.fail(w, r, err)
		return
	}
	points, err := l.Series(ctx, ledger.SeriesQuery{By: ledger.ByModel, From: p.Since, GateID: g.ID})
	if err != nil && !errors.Is(err, ledger.ErrOff) {
		h.fail(w, r, err)
		return
	}
	p.Sums = total(points)
	p.Models = breakdownOf("model", "Models", ledger.ByModel, points).Rows
	h.render(w, r, http.StatusOK, "gate", g.Label(), p)
}

// chat answers a chat completion at a gate, for the page on which it can be tried.
func (h *Handler) chat(w http.ResponseWriter, r *http.Request) {
	h.o.Chat(w, r, r.PathValue("id"))
}

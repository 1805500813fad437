package dashboard

import (
	"cmp"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/ledger"
)

// outcomes are the words of contract that a request can end in, and the ledger's own.
var outcomes = []string{
	"ok", "client_gone", "rejected", "provider_error", "truncated", "timeout", "budget_cut", "gateway_error", ledger.Abandoned,
}

const (
	pageRows = 50
	maxHints = 200 // names that the filter's fields offer
)

type requestsPage struct {
	Filter   requestFilter
	Outcomes []string
	Gates    []string
	Keys     []string
	Rows     []ledger.Row
	// Next is the query of the page of older rows, Newest that of the first page; "" is none.
	Next, Newest string
	// Live, CSV and JSON are queries of the same rows.
	Query string
	// Follow says that rows that come may be put on top.
	Follow bool
}

// requestFilter is a filter as the form has it.
type requestFilter struct {
	Gate, Key, Model, Provider, Outcome, Session, User string
	MinCost, From, To                                  string
	Problem                                            string
	Any                                                bool
}

func filterOf(q url.Values) (requestFilter, ledger.Filter) {
	get := func(name string) string { return strings.TrimSpace(q.Get(name)) }
	f := requestFilter{
		Gate: get("gate"), Key: get("key"), Model: get("model"), Provider: get("provider"), Outcome: get("outcome"),
		Session: get("session"), User: get("user"), MinCost: get("min_cost"), From: get("from"), To: get("to"),
	}
	f.Any = f != requestFilter{}
	out := ledger.Filter{
		Gate: f.Gate, Key: f.Key, Model: f.Model, Provider: f.Provider, Outcome: f.Outcome, Session: f.Session, User: f.User,
	}
	// Keys and gates are found by their ids too: a page that links here has those.
	out.GateID, out.KeyID = get("gate_id"), get("key_id")
	if f.MinCost != "" {
		var err error
		if out.MinCost, err = cost.ParseAmount(f.MinCost); err != nil {
			f.Problem = "The cost is not a number of dollars such as 0.05."
		}
	}
	var ok bool
	if out.From, ok = parseTime(f.From); !ok && f.From != "" {
		f.Problem = "The first time is not one such as 2027-01-31 or 2027-01-31T15:00."
	}
	if out.To, ok = parseTime(f.To); !ok && f.To != "" {
		f.Problem = "The last time is not one such as 2027-01-31 or 2027-01-31T15:00."
	}
	return f, out
}

// filterNames are the parameters of the URL that say which requests are wanted.
var filterNames = []string{"gate", "gate_id", "key", "key_id", "model", "provider", "outcome", "session", "user", "min_cost", "from", "to"}

// only is the query with nothing but the filter and what is given: pairs of names and values.
func only(q url.Values, pairs ...string) string {
	kept := url.Values{}
	for _, name := range filterNames {
		if v := strings.TrimSpace(q.Get(name)); v != "" {
			kept.Set(name, v)
		}
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		kept.Set(pairs[i], pairs[i+1])
	}
	return "?" + kept.Encode()
}

func (h *Handler) requests(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	p := requestsPage{Outcomes: outcomes, Query: only(q)}
	var f ledger.Filter
	p.Filter, f = filterOf(q)
	names := h.o.GateNames()
	p.Gates = names[:min(len(names), maxHints)]
	keys, err := h.allKeys(r.Context(), KeyStore.Served)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	for _, k := range keys[:min(len(keys), maxHints)] {
		p.Keys = append(p.Keys, k.Name)
	}
	f.Limit, f.Cursor = pageRows, q.Get("cursor")
	l, done := h.o.Ledger()
	defer done()
	var next string
	if p.Filter.Problem == "" {
		if p.Rows, next, err = l.Rows(r.Context(), f); err != nil {
			h.fail(w, r, err)
			return
		}
	}
	if next != "" {
		p.Next = only(q, "cursor", next)
	}
	if f.Cursor != "" {
		p.Newest = only(q)
	}
	p.Follow = f.Cursor == "" && p.Filter.Problem == "" && f.To.IsZero()
	h.render(w, r, http.StatusOK, "requests", "Requests", p)
}

// matches reports whether a row is one that the filter wants, as the database would say.
func matches(f *ledger.Filter, row *ledger.Row) bool {
	for _, is := range [][2]string{
		{f.GateID, row.GateID}, {f.KeyID, row.KeyID}, {f.Gate, row.Gate}, {f.Key, row.Key}, {f.Provider, row.Provider},
		{f.Model, row.Model}, {f.Outcome, row.Outcome}, {f.Session, row.Session}, {f.User, row.User},
	} {
		if is[0] != "" && is[0] != is[1] {
			return false
		}
	}
	return !row.Start.Before(f.From) && (f.To.IsZero() || row.Start.Before(f.To)) &&
		(f.MinCost == 0 || priced(row.Bill) && row.Bill.Total >= f.MinCost)
}

func priced(b cost.Bill) bool { return b.Status == cost.Exact || b.Status == cost.Estimated }

// billed is a bill in a word: what it costs, or that nobody knows.
func billed(b cost.Bill) string {
	switch b.Status {
	case cost.Exact:
		return money(b.Total)
	case cost.Estimated:
		return "≈ " + money(b.Total)
	}
	return "unpriced"
}

// tokens is a count that may be unknown.
func tokens(t cost.Tokens) string {
	if !t.Known() {
		return "–"
	}
	return grouped(t.N())
}

// outcomeClass is how good an outcome is, for colours.
func outcomeClass(outcome string) string {
	switch outcome {
	case "ok":
		return "good"
	case "client_gone", "rejected", "budget_cut":
		return "warn"
	}
	return "bad"
}

func statusText(status int) string {
	return cmp.Or(strings.TrimPrefix(strconv.Itoa(status), "0"), "–")
}

package admin

import (
	"database/sql"
	"errors"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/gate"
	"github.com/layergateway/layergateway/ledger"
)

// logJSON is what became of one request, as a list has it. Null is unknown.
type logJSON struct {
	ID               string       `json:"id"`
	LoggedAt         time.Time    `json:"loggedAt"` // when it began
	GateID           string       `json:"gateId"`
	GateName         string       `json:"gateName"`
	KeyID            string       `json:"keyId"`
	KeyName          string       `json:"keyName"`
	ModelRequested   string       `json:"modelRequested"`
	ModelUsed        string       `json:"modelUsed"` // "<provider>/<model>"; "" if none was asked
	Provider         string       `json:"provider"`
	PromptTokens     *int64       `json:"promptTokens"`
	CompletionTokens *int64       `json:"completionTokens"`
	TotalTokens      *int64       `json:"totalTokens"`
	CostUsd          *cost.Amount `json:"costUsd"`
	CostStatus       cost.Status  `json:"costStatus"`
	LatencyMs        float64      `json:"latencyMs"`
	FirstTokenMs     *float64     `json:"firstTokenMs"`
	Success          bool         `json:"success"`
	Outcome          string       `json:"outcome"`
	Status           int          `json:"status"`
	ErrorMessage     *string      `json:"errorMessage"` // the code of the error that the client saw
	Attempts         int          `json:"attempts"`
	Stream           bool         `json:"stream"`
	Session          string       `json:"session,omitzero"`
	User             string       `json:"user,omitzero"`
}

func logOf(row *ledger.Row) logJSON {
	l := logJSON{
		ID: row.ID, LoggedAt: row.Start.UTC(), GateID: row.GateID, GateName: row.Gate, KeyID: row.KeyID, KeyName: row.Key,
		ModelRequested: row.Asked, ModelUsed: modelUsed(row.Provider, row.Model), Provider: row.Provider,
		PromptTokens: known(row.Usage.Input), CompletionTokens: known(row.Usage.Output),
		CostUsd: amount(row.Bill), CostStatus: row.Bill.Status,
		LatencyMs: millis(row.Total), FirstTokenMs: perhaps(row.FirstToken),
		Success: row.Outcome == "ok", Outcome: row.Outcome, Status: row.Status, Attempts: len(row.Attempts), Stream: row.Stream,
		Session: row.Session, User: row.User,
	}
	if l.PromptTokens != nil && l.CompletionTokens != nil {
		l.TotalTokens = new(*l.PromptTokens + *l.CompletionTokens)
	}
	if row.Error != "" {
		l.ErrorMessage = &row.Error
	}
	return l
}

func modelUsed(provider, model string) string {
	if provider == "" {
		return model
	}
	return provider + "/" + model
}

func known(t cost.Tokens) *int64 {
	if !t.Known() {
		return nil
	}
	return new(t.N())
}

func amount(b cost.Bill) *cost.Amount {
	if b.Status != cost.Exact && b.Status != cost.Estimated {
		return nil
	}
	return new(b.Total)
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func perhaps(d time.Duration) *float64 {
	if d == 0 {
		return nil
	}
	return new(millis(d))
}

// filterNames are the parameters that narrow logs.
var filterNames = []string{
	"gate", "gateId", "key", "keyId", "provider", "model", "outcome", "session", "user", "minCost", "from", "to",
}

var outcomes = []string{
	"ok", "client_gone", "rejected", "provider_error", "truncated", "timeout", "budget_cut", "gateway_error", ledger.Abandoned,
}

// filter is what the parameters let through. A gate may be named by its id too.
func (q *query) filter() ledger.Filter {
	f := ledger.Filter{
		GateID: q.text("gateId"), Gate: q.text("gate"), KeyID: q.text("keyId"), Key: q.text("key"),
		Provider: q.text("provider"), Model: q.text("model"), Outcome: q.oneOf("outcome", outcomes...),
		Session: q.text("session"), User: q.text("user"), MinCost: q.amount("minCost"),
	}
	if gate.IsUUID(f.Gate) && f.GateID == "" {
		f.GateID, f.Gate = f.Gate, ""
	}
	if gate.IsUUID(f.GateID) {
		f.GateID, _ = gate.NormalizeRef(f.GateID)
	}
	f.From, f.To = q.span()
	return f
}

const (
	defaultLogs = 50
	maxLogs     = 1000
)

// setCursor tells how to ask for the next page.
func setCursor(w http.ResponseWriter, cursor string) { w.Header().Set("X-Next-Cursor", cursor) }

func (h *Handler) listLogs(w http.ResponseWriter, r *http.Request) error {
	q := queryOf(r, append([]string{"limit", "cursor"}, filterNames...)...)
	f := q.filter()
	f.Limit, f.Cursor = int(q.number("limit", maxLogs)), q.text("cursor")
	if f.Limit == 0 {
		f.Limit = defaultLogs
	}
	if f.Cursor != "" && !ledger.ValidCursor(f.Cursor) {
		q.wrong("cursor", "is none that a page before has given")
	}
	if err := q.done(); err != nil {
		return err
	}
	l, done := h.o.Ledger()
	defer done()
	rows, next, err := l.Rows(r.Context(), f)
	if err != nil {
		return err
	}
	list := make([]logJSON, len(rows))
	for i := range rows {
		list[i] = logOf(&rows[i])
	}
	if next != "" {
		setCursor(w, next)
	}
	return write(w, http.StatusOK, list)
}

// detailJSON is all that is known of one request.
type detailJSON struct {
	logJSON
	Agent        string     `json:"agent,omitzero"`
	Client       string     `json:"client,omitzero"`
	Trace        string     `json:"trace,omitzero"`
	NativeFinish string     `json:"nativeFinish,omitzero"`
	Overridden   []string   `json:"overridden"`
	Dropped      []string   `json:"dropped"`
	Budget       []string   `json:"budget"`
	Usage        cost.Usage `json:"usage"`
	Bill         cost.Bill  `json:"bill"`
	// Prices are those that the bill was made with, by "<provider>/<model>", in US dollars per token.
	Prices jsontext.Value `json:"prices,omitzero"`
	Tried  []attemptJSON  `json:"tried"`
	// What was said, where the ledger keeps it.
	RequestPayload  *string `json:"requestPayload"`
	ResponsePayload *string `json:"responsePayload"`
}

type attemptJSON struct {
	Provider     string       `json:"provider"`
	Model        string       `json:"model"`
	Status       int          `json:"status"`
	Failure      string       `json:"failure,omitzero"`
	Hedge        bool         `json:"hedge"`
	OffsetMs     float64      `json:"offsetMs"`
	TookMs       float64      `json:"tookMs"`
	FirstTokenMs *float64     `json:"firstTokenMs"`
	CostUsd      *cost.Amount `json:"costUsd"`
	Usage        cost.Usage   `json:"usage"`
	Bill         cost.Bill    `json:"bill"`
}

func (h *Handler) log(w http.ResponseWriter, r *http.Request) error {
	if err := queryOf(r).done(); err != nil {
		return err
	}
	l, done := h.o.Ledger()
	defer done()
	id := r.PathValue("id")
	row, err := l.Row(r.Context(), id)
	if errors.Is(err, sql.ErrNoRows) {
		return problem(http.StatusNotFound, "not_found", "",
			"the ledger has no request %q: it may be under way, or older than what the ledger keeps", id)
	}
	if err != nil {
		return err
	}
	d := detailJSON{
		logJSON: logOf(&row), Agent: row.Agent, Client: row.Client, Trace: row.Trace, NativeFinish: row.NativeFinish,
		Overridden: row.Overridden, Dropped: row.Dropped, Budget: row.Budget, Usage: row.Usage, Bill: row.Bill, Prices: row.Price,
		Tried: make([]attemptJSON, len(row.Attempts)),
	}
	for i := range row.Attempts {
		a := &row.Attempts[i]
		d.Tried[i] = attemptJSON{
			a.Provider, a.Model, a.Status, a.Failure, a.Hedge, millis(a.Offset), millis(a.Took), perhaps(a.FirstToken),
			amount(a.Bill), a.Usage, a.Bill,
		}
	}
	request, response, err := l.Payload(r.Context(), row.ID)
	switch {
	case err == nil:
		d.RequestPayload, d.ResponsePayload = text(request), text(response)
	case !errors.Is(err, sql.ErrNoRows):
		return err
	}
	return write(w, http.StatusOK, d)
}

// text is what was said; bytes that are no text are left out.
func text(b []byte) *string {
	if !utf8.Valid(b) {
		return nil
	}
	return new(string(b))
}

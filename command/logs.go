package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/gate"
	"github.com/layergateway/layergateway/ledger"
	"github.com/layergateway/layergateway/relay"
)

// LogsOptions say which rows are shown.
type LogsOptions struct {
	Follow             bool
	Gate, Key, Outcome string // names, of a gate its id too; "" is any
	Since              time.Time
	Limit              int // the most rows that are there already; 0 is defaultLogs
	JSON               bool

	// Every is how often a followed ledger is looked at; 0 is a second.
	Every time.Duration
	Now   func() time.Time // nil is time.Now
}

// outcomes are all that a row may have.
var outcomes = []string{
	string(relay.OK), string(relay.ClientGone), string(relay.Rejected), string(relay.ProviderError), string(relay.Truncated),
	string(relay.Timeout), string(relay.BudgetCut), string(relay.GatewayError), ledger.Abandoned,
}

const (
	defaultLogs = 50
	// lookBack is how long a request may have run when it is followed: rows have the time at which they began.
	lookBack = 15 * time.Minute
	// lazy is how much longer than a look the pause behind it is at least.
	lazy = 10
)

// Logs prints a ledger's rows, the newest last, and goes on with those that come, if asked to, until ctx ends.
func Logs(ctx context.Context, s Streams, l *ledger.Ledger, o LogsOptions) error {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Every <= 0 {
		o.Every = time.Second
	}
	switch {
	case o.Limit < 0:
		return errors.New("--limit: give how many at most, such as 50")
	case o.Limit == 0:
		o.Limit = defaultLogs
	}
	if o.Outcome != "" && !slices.Contains(outcomes, o.Outcome) {
		return fmt.Errorf("--outcome: there is no %q, but %s", o.Outcome, strings.Join(outcomes, ", "))
	}
	out := &printer{w: s.Out}
	filter := ledger.Filter{Gate: o.Gate, Key: o.Key, Outcome: o.Outcome, From: o.Since}
	if gate.IsUUID(o.Gate) {
		filter.GateID, _ = gate.NormalizeRef(o.Gate)
		filter.Gate = ""
	}
	seen := map[string]time.Time{}
	if o.Follow {
		// Before the others are read, so that what comes in between is shown once.
		if _, err := look(ctx, l, filter, seen, o.Now()); err != nil {
			return logsEnd(ctx, err)
		}
	}
	var rows []ledger.Row
	for row, err := range l.All(ctx, filter) {
		if err != nil {
			return logsEnd(ctx, err)
		}
		seen[row.ID] = row.Start
		if rows = append(rows, row); len(rows) == o.Limit {
			break
		}
	}
	slices.Reverse(rows)
	if !o.JSON {
		out.printf("%s\n", head)
	}
	if err := printRows(out, rows, o.JSON); err != nil || !o.Follow {
		return err
	}
	for {
		began := o.Now()
		fresh, err := look(ctx, l, filter, seen, began)
		if err != nil {
			return logsEnd(ctx, err)
		}
		if err := printRows(out, fresh, o.JSON); err != nil {
			return err
		}
		timer := time.NewTimer(max(o.Every, lazy*o.Now().Sub(began)))
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
	}
}

// look gives the rows that have not been seen, the newest last. Those that are too old to be met again are forgotten.
func look(ctx context.Context, l *ledger.Ledger, filter ledger.Filter, seen map[string]time.Time, now time.Time) ([]ledger.Row, error) {
	filter.From = now.Add(-lookBack)
	var fresh []ledger.Row
	for row, err := range l.All(ctx, filter) {
		if err != nil {
			return nil, err
		}
		if _, ok := seen[row.ID]; !ok {
			seen[row.ID] = row.Start
			fresh = append(fresh, row)
		}
	}
	for id, start := range seen {
		if start.Before(filter.From) {
			delete(seen, id)
		}
	}
	slices.Reverse(fresh)
	return fresh, nil
}

// logsEnd is an error, or none if it is that the user has seen enough.
func logsEnd(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	return nil
}

// head has the columns of a row.
const head = "TIME                 OUTCOME        STATUS GATE             KEY              TARGET                              TOKENS        COST         FIRST   TOTAL   ID"

// line is a row as JSON. Times are seconds, money is US dollars; what is unknown is null.
type line struct {
	ID         string       `json:"id"`
	Start      time.Time    `json:"start"`
	Outcome    string       `json:"outcome"`
	Status     int          `json:"status"`
	Error      string       `json:"error,omitzero"`
	Gate       string       `json:"gate"`
	GateID     string       `json:"gate_id"`
	Asked      string       `json:"asked,omitzero"` // what the request called it
	Key        string       `json:"key"`
	Session    string       `json:"session,omitzero"`
	User       string       `json:"user,omitzero"`
	Provider   string       `json:"provider"`
	Model      string       `json:"model"`
	Attempts   int          `json:"attempts"`
	Stream     bool         `json:"stream"`
	Usage      cost.Usage   `json:"usage"`
	Cost       *cost.Amount `json:"cost"`
	CostStatus cost.Status  `json:"cost_status"`
	FirstToken *float64     `json:"ttft"`
	Total      float64      `json:"latency"`
}

func printRows(out *printer, rows []ledger.Row, asJSON bool) error {
	for i := range rows {
		r := &rows[i]
		if !asJSON {
			printRow(out, r)
			continue
		}
		text, err := json.Marshal(lineOf(r))
		if err != nil {
			return err
		}
		out.printf("%s\n", text)
	}
	return out.err
}

func lineOf(r *ledger.Row) line {
	l := line{
		ID: r.ID, Start: r.Start, Outcome: r.Outcome, Status: r.Status, Error: r.Error, Gate: r.Gate, GateID: r.GateID, Asked: r.Asked,
		Key: r.Key, Session: r.Session, User: r.User, Provider: r.Provider, Model: r.Model, Attempts: len(r.Attempts),
		Stream: r.Stream, Usage: r.Usage, CostStatus: r.Bill.Status, Total: r.Total.Seconds(),
	}
	if priced(r) {
		l.Cost = &r.Bill.Total
	}
	if r.FirstToken > 0 {
		first := r.FirstToken.Seconds()
		l.FirstToken = &first
	}
	return l
}

func priced(r *ledger.Row) bool {
	return r.Bill.Status == cost.Exact || r.Bill.Status == cost.Estimated
}

func printRow(out *printer, r *ledger.Row) {
	status, amount, first, target := "-", "-", "-", r.Provider+"/"+r.Model
	if r.Status != 0 {
		status = strconv.Itoa(r.Status)
	}
	if priced(r) {
		amount = r.Bill.Total.String()
	}
	if r.Bill.Status == cost.Estimated {
		amount = "~" + amount
	}
	if r.FirstToken > 0 {
		first = seconds(r.FirstToken)
	}
	if target == "/" {
		target = "-"
	}
	if r.Error != "" {
		target += " " + r.Error
	}
	out.printf("%s %-14s %-6s %-16s %-16s %-35s %-13s %-12s %-7s %-7s %s\n",
		r.Start.UTC().Format(time.RFC3339), r.Outcome, status, oneLine(cmp.Or(r.Gate, r.Asked, "-")), oneLine(cmp.Or(r.Key, "-")), oneLine(target),
		count(r.Usage.Input)+"+"+count(r.Usage.Output), amount, first, seconds(r.Total), r.ID)
}

func count(t cost.Tokens) string {
	if !t.Known() {
		return "?"
	}
	return strconv.FormatInt(t.N(), 10)
}

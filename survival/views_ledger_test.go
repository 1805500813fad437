package survival

import (
	"fmt"
	"math"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/layergateway/layergateway/internal/site"
)

// written is the ledger's row of a request, as the admin API has it.
type written struct {
	Outcome, GateName, KeyName, Provider, CostStatus string
	Status                                           int
	Stream                                           bool
	ErrorMessage                                     *string
	PromptTokens, CompletionTokens                   *int
	CostUsd                                          *float64
	Tried                                            []struct {
		Provider, Model, Failure string
		Status                   int
		OffsetMs, TookMs         *float64
	}
}

// awaitRows waits until the ledger has as many rows of each outcome as the log has lines of requests with a valid key.
func awaitRows(t *testing.T, s *site.Site, lines map[string][]line) {
	t.Helper()
	ends := make(map[string]int)
	for _, all := range lines {
		for _, l := range all {
			if l.Key != "" {
				ends[l.Outcome]++
			}
		}
	}
	site.Eventually(t, "the ledger's rows are "+inOrder(ends), patience, func() bool { return rowOutcomes(t, s) == inOrder(ends) })
}

// rowsOf are the rows of requests that are their gate's only one, by gate.
func rowsOf(t *testing.T, s *site.Site, lines map[string][]line) map[string]*written {
	t.Helper()
	rows := make(map[string]*written)
	for gate, all := range lines {
		if len(all) != 1 {
			continue
		}
		text := s.Admin("/layer_gateway/v1/logs/" + all[0].RequestID)
		row := new(written)
		if err := json.Unmarshal([]byte(text), row, anyCase); err != nil {
			t.Fatalf("row %s: %v", text, err)
		}
		rows[gate] = row
	}
	return rows
}

// ledger is the request's row, which says what its line in the log does, and more.
func (tr *trial) ledger(b *books) (wrong []string) {
	not := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if len(b.lines[tr.slug]) != 1 {
		return nil // the log has said so
	}
	l, r, w := b.lines[tr.slug][0], b.rows[tr.slug], tr.want
	if r.Outcome != w.outcome || r.Status != w.status || r.Stream != tr.stream || r.KeyName != "tester" || r.GateName != tr.slug || r.Provider != l.Provider {
		not("%+v", *r)
	}
	if code := deref(r.ErrorMessage); code != w.code {
		not("error %q, want %q", code, w.code)
	}
	var tries []string
	for _, a := range r.Tried {
		one := try{Provider: a.Provider, Model: a.Model, Result: a.Failure, Status: a.Status}
		if one.Result == "" {
			one.Result = "ok"
		}
		tries = append(tries, one.String())
		if a.OffsetMs == nil || a.TookMs == nil {
			not("attempt %+v", a)
		}
	}
	if fmt.Sprint(tries) != fmt.Sprint(w.tries) {
		not("attempts %q, want %q", tries, w.tries)
	}
	if fmt.Sprint(deref2(r.PromptTokens), deref2(r.CompletionTokens), r.CostStatus) != fmt.Sprint(deref2(l.PromptTokens), deref2(l.CompletionTokens), l.CostStatus) ||
		(r.CostUsd == nil) != (l.Cost == nil) || r.CostUsd != nil && math.Abs(*r.CostUsd-*l.Cost) > 1e-12 {
		not("tokens %v and %v, cost %v %s, the log has %v, %v, %v %s", deref2(r.PromptTokens), deref2(r.CompletionTokens), deref2(r.CostUsd), r.CostStatus,
			deref2(l.PromptTokens), deref2(l.CompletionTokens), deref2(l.Cost), l.CostStatus)
	}
	return wrong
}

package relay

import (
	"fmt"
	"strings"
	"testing"

	"github.com/layergateway/layergateway/cost"
)

// TestLimitThatNobodyObeys: a provider that goes on beyond the answer's limit is
// stopped where the budget ends, as one without a limit is.
func TestLimitThatNobodyObeys(t *testing.T) {
	r := setup(t, nil, nil, gateJSON(``))
	p := &pieces{list: said(4000, texts["prose"])} // 40,000 tokens
	streamed(r, p)
	books := keepLimits(t, r, budgetOf(5000*micro))
	_, rec := askAs(t.Context(), r, strings.Replace(hiStream, `"stream"`, `"max_tokens":1000,"stream"`, 1), nil, books.key)
	if rec.Outcome != BudgetCut || rec.Bill.Total > books.budget+2*10*micro || p.ctx.Err() == nil || p.given == len(p.list) {
		t.Errorf("%s, %+v of %s after %d events", rec.Outcome, rec.Bill, books.budget, p.given)
	}
	books.left(t, books.budget-rec.Bill.Total)
}

// TestReservesForTheGate: what the gate adds to a request is reserved for, and as
// the model of each target counts.
func TestReservesForTheGate(t *testing.T) {
	body := strings.Replace(hi, `"messages"`, `"max_tokens":100,"messages"`, 1)
	prompt := strings.Repeat(texts["prose"](0), 100)
	message := fmt.Sprintf(`{"role":"system","content":%q},`, prompt)
	for _, test := range []struct {
		name, gate string
		percent    int
	}{
		{"system prompt", fmt.Sprintf(`"systemPrompt":%q`, prompt), 100},
		{"a fallback that counts more", fmt.Sprintf(`"systemPrompt":%q,"routingStrategy":"fallback","fallbackModels":["b/claude"]`, prompt), 125},
	} {
		t.Run(test.name, func(t *testing.T) {
			want := cost.Amount((len(body)+len(message))*2*test.percent+499)/500*micro + 200*micro
			for _, enough := range []bool{true, false} {
				r := setup(t, nil, nil, gateJSON(test.gate))
				r.Providers["b"].Prices["claude"] = r.Providers["a"].Prices["m"]
				budget := want
				if !enough {
					budget--
				}
				books := keepLimits(t, r, budgetOf(budget))
				if w, _ := askAs(t.Context(), r, body, nil, books.key); (w.Code == 200) != enough {
					t.Errorf("%d with %s of %s", w.Code, budget, want)
				}
			}
		})
	}
}

// TestWorstCase: what is reserved holds for whatever tokens turn out to be, and
// for whichever name of the limit the provider obeys.
func TestWorstCase(t *testing.T) {
	dear := cost.Price{Version: "v", Rates: cost.Rates{
		Input: micro, CachedInput: micro / 10, CacheWrite: micro * 5 / 4, CacheWrite1h: 2 * micro, AudioInput: 16 * micro, ImageInput: micro,
		Output: 2 * micro, Reasoning: 3 * micro, AudioOutput: 20 * micro, ImageOutput: 2 * micro,
	}, Services: map[string]cost.Share{"priority": {Num: 2, Den: 1}}}
	input := func(body string) cost.Amount { return cost.Amount(len(body)*2+4) / 5 * micro }
	for _, test := range []struct {
		name, fields string
		in, out      cost.Amount // what an input token is reserved for in quarters, and the answer
	}{
		{"plain", `"max_tokens":100`, 4, 300},
		{"both limits", `"max_tokens":100,"max_completion_tokens":7`, 4, 300},
		{"both limits, the other way", `"max_tokens":7,"max_completion_tokens":100`, 4, 300},
		{"choices", `"max_tokens":10,"n":10`, 4, 300},
		{"choices aside", `"max_tokens":10,"extra_body":{"openai":{"n":10}}`, 4, 300},
		{"candidates", `"max_tokens":10,"extra_body":{"openai":{"generationConfig":{"candidateCount":10}}}`, 4, 300},
		{"cache", `"max_tokens":100,"x":{"cache_control":{"type":"ephemeral"}}`, 5, 300},
		{"cache for an hour", `"max_tokens":100,"x":{"cache_control":{"type":"ephemeral","ttl":"1h"}}`, 8, 300},
		{"speech", `"max_tokens":100,"modalities":["text","audio"]`, 4, 2000},
		{"service", `"max_tokens":100,"service_tier":"priority"`, 8, 600},
		{"cheaper service", `"max_tokens":100,"service_tier":"flex"`, 4, 300},
	} {
		t.Run(test.name, func(t *testing.T) {
			body := strings.Replace(hi, `"messages"`, test.fields+`,"messages"`, 1)
			want := input(body)*test.in/4 + test.out*micro
			for _, enough := range []bool{true, false} {
				r := setup(t, nil, nil, gateJSON(``))
				r.Providers["a"].Prices["m"] = dear
				budget := want
				if !enough {
					budget--
				}
				books := keepLimits(t, r, budgetOf(budget))
				if w, rec := askAs(t.Context(), r, body, nil, books.key); (w.Code == 200) != enough || !enough && (w.Code != 429 || rec.Outcome != Rejected || len(rec.Budget) != 1) {
					t.Errorf("%d with %s of %s", w.Code, budget, want)
				}
			}
		})
	}
}

// TestHugeLimit: no limit of a client's is so large that it passes for a small
// one.
func TestHugeLimit(t *testing.T) {
	for _, fields := range []string{`"max_tokens":9223372036854775807`, `"max_tokens":144115188075855872,"n":128`, `"max_tokens":4611686018427387904,"n":4`} {
		r := setup(t, nil, nil, gateJSON(``))
		books := keepLimits(t, r, dollar())
		w, _ := askAs(t.Context(), r, strings.Replace(hi, `"messages"`, fields+`,"messages"`, 1), nil, books.key)
		e := errorOf(t, w.Body.Bytes())
		if w.Code != 429 || *e.Code != "budget_exceeded" || e.Type != "insufficient_quota" || w.Header().Get("X-Should-Retry") != "false" {
			t.Errorf("%s: %d %v %s", fields, w.Code, w.Header(), w.Body)
		}
		books.left(t, books.budget)
	}
}

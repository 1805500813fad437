package relay

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/layergateway/layergateway/access/limit"
	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/cost/estimate"
	"github.com/layergateway/layergateway/ledger"
)

// pieces is an upstream's body that gives one event with each read, so that
// what came with one read is known, and says nothing more once the request has
// been cancelled.
type pieces struct {
	ctx   context.Context
	list  []string
	given int
	at    func(i int) // before each read, if not nil
}

func (p *pieces) Read(b []byte) (int, error) {
	if p.at != nil {
		p.at(p.given)
	}
	switch {
	case p.ctx.Err() != nil:
		return 0, p.ctx.Err()
	case p.given == len(p.list):
		return 0, io.EOF
	}
	n := copy(b, p.list[p.given])
	if p.list[p.given] = p.list[p.given][n:]; p.list[p.given] == "" {
		p.given++
	}
	return n, nil
}

// said is a stream whose events each have so much text, with no end.
func said(n int, text func(i int) string) []string {
	list := make([]string, 0, n+2)
	for i := range n {
		list = append(list, fmt.Sprintf("data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m-1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":%q},\"finish_reason\":null}]}\n\n", text(i)))
	}
	return list
}

// streamed makes the provider a answer with these events, one a read.
func streamed(r *Relay, p *pieces) {
	r.Providers["a"].Transport = roundTrip(func(req *http.Request) (*http.Response, error) {
		p.ctx = req.Context()
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"text/event-stream"}}, Body: io.NopCloser(p), Request: req}, nil
	})
}

// texts are those of one event, about ten tokens each.
var texts = map[string]func(i int) string{
	"prose":   func(int) string { return "The quick brown fox jumps over the lazy dog. " },
	"numbers": func(i int) string { return fmt.Sprintf("%04d %04d %04d %04d ", i, 7*i%9973, 13*i%9973, 29*i%9973) },
	"code":    func(i int) string { return fmt.Sprintf("if (a[%d]<b){x+=y;}\n", i) },
	"chinese": func(int) string { return "网关把每个请求的费用都记下来。" },
	"symbols": func(int) string { return "!?#%&*()[]{}<>|~^" },
}

// TestBudgetCut (I7): a stream that has no limit ends where its budget does, as
// one that became too long, and the upstream hears of it. What is spent beyond
// the budget is no more than one read brought.
func TestBudgetCut(t *testing.T) {
	for name, text := range texts {
		t.Run(name, func(t *testing.T) {
			r := setup(t, nil, nil, gateJSON(``))
			p := &pieces{list: said(4000, text)}
			streamed(r, p)
			// Good for what is taken to be typical, and somewhat more.
			books := keepAccounts(t, r, budgetOf(cost.Amount(2*estimate.Typical+2500)*micro))
			w, rec := askAs(t.Context(), r, strings.Replace(hiStream, `"stream"`, `"stream_options":{"include_usage":true},"stream"`, 1), nil, books.key)
			out := w.Body.String()
			events := strings.Split(strings.TrimSuffix(out, "\n\n"), "\n\n")
			if n := len(events); n < 3 || events[n-1] != "data: [DONE]" || !strings.Contains(events[n-3], `"finish_reason":"length"`) {
				t.Fatalf("the end is %q", events[max(0, len(events)-3):])
			}
			last := strings.TrimPrefix(events[len(events)-2], "data: ")
			var end struct {
				Choices []any `json:"choices"`
				Usage   struct {
					Completion int64       `json:"completion_tokens"`
					Cost       cost.Amount `json:"cost"`
					Details    struct {
						Status cost.Status `json:"status"`
					} `json:"cost_details"`
				} `json:"usage"`
				Layer struct {
					Exceeded bool `json:"budget_exceeded"`
				} `json:"layer"`
			}
			if err := json.Unmarshal([]byte(last), &end); err != nil {
				t.Fatal(err)
			}
			if len(end.Choices) != 0 || !end.Layer.Exceeded || end.Usage.Details.Status != cost.Estimated || end.Usage.Cost != rec.Bill.Total || end.Usage.Completion != rec.Usage.Output.N() {
				t.Errorf("the last chunk is %s, the bill %+v", last, rec.Bill)
			}
			if rec.Outcome != BudgetCut || p.ctx.Err() == nil || p.given == len(p.list) {
				t.Errorf("%s, the upstream said %d events and heard %v", rec.Outcome, p.given, p.ctx.Err())
			}
			if read := strings.Count(out, `"finish_reason":null`); read != p.given {
				t.Errorf("the client got %d events of %d", read, p.given)
			}
			one := 2 * estimate.Text("m", text(p.given)) * int64(micro)
			if rec.Bill.Total > books.budget+cost.Amount(one) {
				t.Errorf("spent %s of %s, one read costs %d", rec.Bill.Total, books.budget, one)
			}
			if rec.Bill.Total < books.budget*8/10 {
				t.Errorf("cut at %s of %s", rec.Bill.Total, books.budget)
			}
			row := books.row(t, rec.RequestID)
			if row.Outcome != "budget_cut" || row.Status != 200 || len(row.Budget) != 1 || row.Budget[0] != "cut" || row.Error != "" || row.Bill != rec.Bill {
				t.Errorf("row %+v", row)
			}
			books.left(t, books.budget-rec.Bill.Total)
		})
	}
}

// TestGrow: what is reserved for a stream without a limit is as much as it has
// come to, at every moment, and a stream that ends has the provider's own usage.
func TestGrow(t *testing.T) {
	r := setup(t, nil, nil, gateJSON(``))
	books := keepLimits(t, r, dollar())
	list := said(2000, texts["prose"]) // 20,000 tokens
	p := &pieces{list: append(list, events(`{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m-1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`,
		`{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m-1","choices":[],"usage":{"prompt_tokens":10,"completion_tokens":20001,"total_tokens":20011}}`, `[DONE]`))}
	first := 2 * cost.Amount(estimate.Typical) * micro
	grown := false
	p.at = func(i int) {
		if i%100 != 0 || i > 2000 {
			return
		}
		// Ten tokens an event, of which the last one has been read and counted.
		if so := 2 * cost.Amount(10*i) * micro; so > 0 && books.fits(t, books.budget-so) {
			t.Errorf("after %d events less than %s is reserved", i, so)
		}
		grown = grown || !books.fits(t, books.budget-first-first/2)
	}
	streamed(r, p)
	_, rec := askAs(t.Context(), r, hiStream, nil, books.key)
	if rec.Outcome != OK || rec.Bill.Status != cost.Exact || rec.Bill.Total != (10+2*20001)*micro {
		t.Errorf("%s %+v", rec.Outcome, rec.Bill)
	}
	if !grown {
		t.Error("the reservation never grew")
	}
	books.left(t, books.budget-rec.Bill.Total)
}

// TestBoundedIsNotCut: an answer with a limit is reserved as a whole, and never
// cut. One that is there as a whole isn't either, however little is left.
func TestBoundedIsNotCut(t *testing.T) {
	const words = 5000 // tokens
	long := said(1, func(int) string { return strings.Repeat(texts["prose"](0), words/10) })
	end := events(`{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m-1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`,
		`{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m-1","choices":[],"usage":{"prompt_tokens":10,"completion_tokens":5000,"total_tokens":5010}}`, `[DONE]`)
	for _, test := range []struct {
		name, fields string
		budget       cost.Amount
		list         []string
	}{
		{"limit", `"max_tokens":5000,`, 10100 * micro, append(said(words/10, texts["prose"]), end)},
		{"newer limit", `"max_completion_tokens":5000,`, 10100 * micro, append(said(words/10, texts["prose"]), end)},
		{"all at once", ``, 8300 * micro, []string{long[0] + end}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := setup(t, nil, nil, gateJSON(``))
			books := keepLimits(t, r, budgetOf(test.budget))
			streamed(r, &pieces{list: test.list})
			w, rec := askAs(t.Context(), r, strings.Replace(hiStream, `"stream"`, test.fields+`"stream"`, 1), nil, books.key)
			if rec.Outcome != OK || rec.Bill.Total != 10010*micro || rec.Budget != nil || strings.Contains(w.Body.String(), "budget_exceeded") {
				t.Errorf("%s %+v: %.300s", rec.Outcome, rec.Bill, w.Body)
			}
			books.left(t, books.budget-10010*micro)
		})
	}
}

// TestAtOnce (W37): of requests that come at once only those are admitted that
// the budget holds, one without a limit doesn't pin all of it, and what is
// reserved comes back.
func TestAtOnce(t *testing.T) {
	for _, test := range []struct {
		name, fields string
		admitted     int
	}{
		{"thirty cents each", `"max_tokens":149900,`, 1},
		{"twenty cents each", `"max_tokens":99900,`, 2},
		{"without a limit", ``, 5},
	} {
		t.Run(test.name, func(t *testing.T) {
			const n = 5
			r := setup(t, nil, nil, gateJSON(``))
			books := keepAccounts(t, r, budgetOf(450_000*micro))
			var mu sync.Mutex
			waiting, refused, all := 0, 0, make(chan struct{})
			seen := func(what *int) {
				mu.Lock()
				defer mu.Unlock()
				if *what++; waiting+refused == n {
					close(all)
				}
			}
			r.Providers["a"].Transport = roundTrip(func(*http.Request) (*http.Response, error) {
				seen(&waiting)
				<-all
				panic("a fault")
			})
			var wg sync.WaitGroup
			for range n {
				wg.Go(func() {
					w, _ := askAs(t.Context(), r, strings.Replace(hi, `"messages"`, test.fields+`"messages"`, 1), nil, books.key)
					if w.Code == http.StatusTooManyRequests {
						seen(&refused)
					}
				})
			}
			wg.Wait()
			if waiting != test.admitted || refused != n-test.admitted {
				t.Errorf("%d were admitted and %d refused", waiting, refused)
			}
			books.left(t, books.budget)
			if err := books.Ledger.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			ends := map[string]int{}
			for row, err := range books.Ledger.All(t.Context(), ledger.Filter{}) {
				if err != nil {
					t.Fatal(err)
				}
				ends[row.Outcome+" "+row.Error]++
			}
			if ends["gateway_error gateway_error"] != test.admitted || ends["rejected budget_exceeded"] != n-test.admitted {
				t.Errorf("rows %v", ends)
			}
		})
	}
}

// TestUnpriced: under a budget a model without a price is refused, unless the
// budget lets it pass, and targets with a price stand in for it.
func TestUnpriced(t *testing.T) {
	const fallback = `"routingStrategy":"fallback","fallbackModels":["b/m"]`
	allow := dollar()
	allow.Budgets[0].AllowUnpriced = true
	alert := dollar()
	alert.Budgets[0].AlertOnly = true
	for _, test := range []struct {
		name, gate string
		limits     limit.Limits
		status     int
		provider   string
		bill       cost.Status
	}{
		{"refused", `"model":"a/new"`, dollar(), 400, "", cost.Exact},
		{"a fallback with a price", `"model":"a/new",` + fallback, dollar(), 200, "b", cost.Exact},
		{"allowed", `"model":"a/new"`, allow, 200, "a", cost.Unpriced},
		{"allowed with a fallback", `"model":"a/new",` + fallback, allow, 200, "a", cost.Unpriced},
		{"only watched", `"model":"a/new"`, alert, 200, "a", cost.Unpriced},
		{"no budget", `"model":"a/new"`, limit.Limits{}, 200, "a", cost.Unpriced},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := &upstream{answers: []answer{{body: good}}}
			r := setup(t, a, nil, `{"id":"`+assistantID+`","name":"assistant",`+test.gate+`}`)
			books := keepAccounts(t, r, test.limits)
			w, rec := askAs(t.Context(), r, hi, nil, books.key)
			if w.Code != test.status || rec.Provider != test.provider || rec.Bill.Status != test.bill {
				t.Fatalf("%d by %q, %+v: %s", w.Code, rec.Provider, rec.Bill, w.Body)
			}
			if test.status == 400 {
				if e := errorOf(t, w.Body.Bytes()); *e.Code != "unpriced_model" || len(a.got) != 0 {
					t.Errorf("got %s", w.Body)
				}
			}
			if test.bill == cost.Unpriced && !strings.Contains(w.Body.String(), `"cost":null`) {
				t.Errorf("an unknown cost: %s", w.Body)
			}
			if row := books.row(t, rec.RequestID); row.Bill.Status != test.bill || row.Outcome != string(rec.Outcome) {
				t.Errorf("row %+v", row)
			}
		})
	}
}

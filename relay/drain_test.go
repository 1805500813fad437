package relay

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/layergateway/layergateway/access/limit"
	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/cost/estimate"
	"github.com/layergateway/layergateway/provider"
)

// gone is a client whose connection fails from some write on.
type gone struct {
	*httptest.ResponseRecorder
	leave context.CancelFunc
	from  int
}

func (w *gone) Write(b []byte) (int, error) {
	if w.from--; w.from < 0 {
		w.leave()
		return 0, io.ErrClosedPipe
	}
	return w.ResponseRecorder.Write(b)
}

// askAndLeave asks as a client that is gone from a write on.
func askAndLeave(t *testing.T, r *Relay, books *accounts, body string, from int) *Record {
	t.Helper()
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	rec := NewRecord(r.Now())
	r.Chat(&gone{httptest.NewRecorder(), leave, from}, httptest.NewRequestWithContext(ctx, http.MethodPost, "/v1/chat/completions", strings.NewReader(body)), books.key, rec)
	return rec
}

// TestDrain: an answer whose client is gone is read on to the provider's own
// usage, whenever it left.
func TestDrain(t *testing.T) {
	list := strings.SplitAfter(goodStream, "\n\n")
	for _, test := range []struct {
		name  string
		body  string
		leave string
	}{
		{"in a stream", hiStream, "write"},
		{"before a stream", hiStream, "asked"},
		{"in a stream that is silent", hiStream, "read"},
		{"before a whole answer", hi, "asked"},
		{"in front of a whole answer", hi, "write"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := setup(t, nil, nil, gateJSON(``))
			r.Drain = time.Minute
			books := keepAccounts(t, r, dollar())
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			p := &pieces{list: slices.Clone(list)}
			typ := "text/event-stream"
			if test.body == hi {
				p.list, typ = []string{good}, "application/json"
			}
			p.at = func(i int) {
				if test.leave == "read" && i == 2 {
					leave()
				}
			}
			r.Providers["a"].Transport = roundTrip(func(req *http.Request) (*http.Response, error) {
				if test.leave == "asked" {
					leave()
				}
				p.ctx = req.Context()
				return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {typ}}, Body: io.NopCloser(p), Request: req}, nil
			})
			var rec *Record
			if test.leave == "write" {
				rec = askAndLeave(t, r, books, test.body, 0)
			} else {
				_, rec = askAs(ctx, r, test.body, nil, books.key)
			}
			row := books.row(t, rec.RequestID)
			if row.Outcome != "client_gone" || row.Bill.Status != cost.Exact || row.Bill.Total != 14*micro || row.Usage.Estimated || row.Usage.Output.N() != 2 {
				t.Errorf("%s %+v %+v", row.Outcome, row.Usage, row.Bill)
			}
			books.left(t, books.budget-14*micro)
		})
	}
}

// TestDrainEnds: an answer is not read on for longer than it may be, and is
// estimated then.
func TestDrainEnds(t *testing.T) {
	list := strings.SplitAfter(goodStream, "\n\n")
	synctest.Test(t, func(t *testing.T) {
		r := setup(t, nil, nil, gateJSON(``))
		defer r.Gates.Close()
		r.Drain = 30 * time.Second
		books := keepLimits(t, r, dollar())
		ctx, leave := context.WithCancel(t.Context())
		defer leave()
		r.Providers["a"].Transport = roundTrip(func(req *http.Request) (*http.Response, error) {
			body := &stop{strings.NewReader(list[0] + list[1]), leave, req.Context()}
			return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"text/event-stream"}}, Body: io.NopCloser(body), Request: req}, nil
		})
		start := time.Now()
		_, rec := askAs(ctx, r, hiStream, nil, books.key)
		if took := time.Since(start); took != r.Drain {
			t.Errorf("took %s", took)
		}
		if rec.Outcome != ClientGone || rec.Bill.Status != cost.Estimated || rec.Bill.Total != 11*micro {
			t.Errorf("%s %+v", rec.Outcome, rec.Bill)
		}
		books.left(t, books.budget-11*micro)
	})
}

// TestDrainWithinBudget: a stream that is read on without its client ends where
// its budget does, like any other.
func TestDrainWithinBudget(t *testing.T) {
	r := setup(t, nil, nil, gateJSON(``))
	r.Drain = time.Minute
	books := keepLimits(t, r, budgetOf(cost.Amount(2*estimate.Typical+2500)*micro))
	p := &pieces{list: said(4000, texts["prose"])}
	streamed(r, p)
	rec := askAndLeave(t, r, books, hiStream, 3)
	if rec.Outcome != ClientGone || rec.Bill.Total > books.budget || rec.Bill.Status != cost.Estimated || p.given == len(p.list) || p.ctx.Err() == nil {
		t.Errorf("%s, %+v of %s after %d events", rec.Outcome, rec.Bill, books.budget, p.given)
	}
	books.left(t, books.budget-rec.Bill.Total)
}

// TestNoDrain: unless it is asked for, nothing is read that nobody gets.
func TestNoDrain(t *testing.T) {
	r := setup(t, nil, nil, gateJSON(``))
	books := keepLimits(t, r, limit.Limits{Budgets: dollar().Budgets})
	p := &pieces{list: said(4000, texts["prose"])}
	streamed(r, p)
	// Of the four events that were heard, three reached the client.
	rec := askAndLeave(t, r, books, hiStream, 3)
	if rec.Outcome != ClientGone || p.given != 4 || rec.Bill.Status != cost.Estimated || p.ctx.Err() == nil {
		t.Errorf("%s, %+v after %d events", rec.Outcome, rec.Bill, p.given)
	}
	books.left(t, books.budget-rec.Bill.Total)
}

// TestDrainBeginsNothing: what runs is read to its end for a client that is gone,
// but nothing more is asked of anybody.
func TestDrainBeginsNothing(t *testing.T) {
	for _, test := range []struct {
		name   string
		gate   string
		status int           // of the first answer, which comes after two seconds
		leaves time.Duration // after the request
		took   time.Duration
	}{
		{"no other key", ``, 401, time.Second, 2 * time.Second},
		{"no retry", `"maxRetries":3`, 500, 2*time.Second + time.Millisecond, 2*time.Second + time.Millisecond},
		{"no hedge", `"maxRetries":0,"routingStrategy":"fallback","fallbackModels":["b/m"],"hedge":"1500ms"`, 500, time.Second, 2 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				more := test.gate
				if more != "" {
					more = "," + more
				}
				r := setup(t, nil, nil, `{"id":"`+assistantID+`","name":"assistant","model":"a/m"`+more+`}`)
				defer r.Gates.Close()
				r.Drain = time.Minute
				asked := 0
				transport := roundTrip(func(req *http.Request) (*http.Response, error) {
					asked++
					time.Sleep(2 * time.Second)
					return &http.Response{StatusCode: test.status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(`{}`)), Request: req}, nil
				})
				r.Providers["a"].Transport, r.Providers["b"].Transport = transport, transport
				r.Providers["a"].Keys = provider.NewKeys([]string{"sk-1", "sk-2"}, "")
				ctx, leave := context.WithCancel(t.Context())
				time.AfterFunc(test.leaves, leave)
				start := time.Now()
				_, rec := askContext(ctx, r, hi, nil)
				if took := time.Since(start); asked != 1 || len(rec.Tries) != 1 || rec.Outcome != ClientGone || took != test.took {
					t.Errorf("asked %d times, %d tries, %s after %s", asked, len(rec.Tries), rec.Outcome, took)
				}
			})
		})
	}
}

// TestStoppedBeforehand: what comes when the process is about to end is asked of
// nobody, and costs nothing.
func TestStoppedBeforehand(t *testing.T) {
	a := &upstream{answers: []answer{{body: good}}}
	r := setup(t, a, nil, gateJSON(``))
	r.Flights.Stop(t.Context())
	if w, rec := ask(r, hi, nil); w.Code != 503 || len(a.got) != 0 || len(rec.Tries) != 0 || rec.Bill.Total != 0 {
		t.Errorf("%d: asked %d times, %d tries, %s", w.Code, len(a.got), len(rec.Tries), rec.Bill.Total)
	}
}

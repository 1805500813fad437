package relay

import (
	"context"
	stdjson "encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/layergateway/layergateway/access/limit"
	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/provider"
)

// micro is a millionth of a dollar: what an input token costs in these tests;
// an output token costs two.
const micro = cost.Amount(1_000_000)

// stop is an upstream's body that ends the client's request once all in front
// of it has been read, and then is silent.
type stop struct {
	io.Reader
	leave context.CancelFunc
	ctx   context.Context // the upstream request's
}

func (s *stop) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if n > 0 || s.leave == nil {
		return n, err
	}
	s.leave()
	<-s.ctx.Done()
	return 0, s.ctx.Err()
}

// TestOneRow (I1, I3, I8, W33): whatever becomes of a request, it has one row
// with what it cost, and its reservation comes back.
func TestOneRow(t *testing.T) {
	list := strings.SplitAfter(goodStream, "\n\n")
	// The tokens of "hi": 3 + 4 + 1, and the newline that ends a message. Upper is more.
	const input = 9
	noUsage := strings.Replace(good, `,"usage":{"prompt_tokens":10,"completion_tokens":2,"total_tokens":12}`, "", 1)
	const fallback = `"routingStrategy":"fallback","fallbackModels":["b/m"]`
	tests := []struct {
		name   string
		gate   string
		body   string
		a      []answer
		leaves string // when the client does: "headers", "content", "stream"
		panics string // where the transport does: "first", "later"

		outcome  Outcome
		status   int
		code     string
		tries    int
		in, out  int64 // -1: unknown
		estimate bool
	}{
		{name: "whole", a: []answer{{body: good}}, outcome: OK, status: 200, tries: 1, in: 10, out: 2},
		{name: "stream", body: hiStream, a: []answer{{typ: "text/event-stream", body: goodStream}}, outcome: OK, status: 200, tries: 1, in: 10, out: 2},
		{name: "no usage", a: []answer{{body: noUsage}}, outcome: OK, status: 200, tries: 1, in: input, out: 1, estimate: true},
		{name: "stream without usage", body: hiStream, a: []answer{{typ: "text/event-stream", body: list[0] + list[1] + list[2] + list[3] + list[5]}},
			outcome: OK, status: 200, tries: 1, in: input, out: 1, estimate: true},
		{name: "failure", a: []answer{{status: 500}}, outcome: ProviderError, status: 502, code: "provider_error", tries: 1, in: -1, out: -1},
		{name: "caller's fault", a: []answer{{status: 400}}, outcome: Rejected, status: 400, code: "provider_error", tries: 1, in: -1, out: -1},
		{name: "fallback", gate: fallback, a: []answer{{status: 500}}, outcome: OK, status: 200, tries: 2, in: 10, out: 2},
		{name: "truncated", body: hiStream, a: []answer{{typ: "text/event-stream", body: list[0] + list[1]}}, outcome: Truncated, status: 200, code: "provider_error", tries: 1, in: input, out: 1, estimate: true},
		{name: "panic before content", body: hiStream, panics: "first", outcome: GatewayError, status: 500, code: "gateway_error", tries: 1, in: -1, out: -1},
		{name: "panic after content", body: hiStream, panics: "later", outcome: GatewayError, status: 200, code: "gateway_error", tries: 1, in: input, out: 1, estimate: true},
		{name: "no gate", body: strings.Replace(hi, "assistant", "nobody", 1), outcome: Rejected, status: 404, code: "gate_not_found", in: -1, out: -1},
		{name: "no JSON", body: "hello", outcome: Rejected, status: 400, code: "invalid_json", in: -1, out: -1},
		{name: "W33 gone before the answer", leaves: "headers", a: []answer{{hang: true}}, outcome: ClientGone, tries: 1, in: input, out: 0, estimate: true},
		{name: "W33 gone before a stream", body: hiStream, leaves: "headers", a: []answer{{hang: true}}, outcome: ClientGone, tries: 1, in: input, out: 0, estimate: true},
		{name: "W33 gone before content", body: hiStream, leaves: "content", outcome: ClientGone, tries: 1, in: input, out: 0, estimate: true},
		{name: "W33 gone in the stream", body: hiStream, leaves: "stream", outcome: ClientGone, status: 200, tries: 1, in: input, out: 1, estimate: true},
		{name: "W33 gone with a fallback", gate: fallback, body: hiStream, leaves: "stream", outcome: ClientGone, status: 200, tries: 1, in: input, out: 1, estimate: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			u := &upstream{answers: test.a}
			r := setup(t, u, nil, gateJSON(test.gate))
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			body := list[0]
			if test.leaves == "stream" || test.panics == "later" {
				body += list[1]
			}
			r.Providers["a"].Transport = roundTrip(func(req *http.Request) (*http.Response, error) {
				switch {
				case test.leaves == "headers":
					leave()
				case test.panics != "":
					u.answers = []answer{{typ: "text/event-stream", read: io.MultiReader(strings.NewReader(body), readerFunc(func([]byte) (int, error) { panic("a fault") }))}}
				case test.leaves != "":
					u.answers = []answer{{typ: "text/event-stream", read: &stop{strings.NewReader(body), leave, req.Context()}}}
				}
				return u.RoundTrip(req)
			})
			books := keepAccounts(t, r, dollar())
			if test.body == "" {
				test.body = hi
			}
			w, rec := askAs(ctx, r, test.body, nil, books.key)
			row := books.row(t, rec.RequestID)
			if row.Outcome != string(test.outcome) || row.Status != test.status || row.Error != test.code || len(row.Attempts) != test.tries {
				t.Errorf("%s %d %q after %d attempts: %s", row.Outcome, row.Status, row.Error, len(row.Attempts), w.Body)
			}
			if row.Outcome != string(rec.Outcome) || row.Status != rec.Status || row.Bill != rec.Bill || row.Usage != rec.Usage {
				t.Errorf("row %+v\nrecord %+v", row, rec)
			}
			want, status := cost.Usage{}, cost.Exact
			if test.in >= 0 {
				want = cost.Usage{Input: cost.Of(test.in), Output: cost.Of(test.out), Estimated: test.estimate}
			}
			if test.estimate {
				status = cost.Estimated
			}
			got := row.Usage
			got.CachedInput, got.Reasoning = cost.Tokens{}, cost.Tokens{}
			total := micro * cost.Amount(max(test.in, 0)+2*max(test.out, 0))
			if got != want || row.Bill.Status != status || row.Bill.Total != total {
				t.Errorf("used %+v for %+v, want %+v for %s", row.Usage, row.Bill, want, total)
			}
			if again := recomputed(t, &row); again != total {
				t.Errorf("made again %s", again)
			}
			books.left(t, books.budget-total)
			if s := books.Ledger.Stats(); s.Open != 0 {
				t.Errorf("%d intents are open", s.Open)
			}
		})
	}
}

// TestClientSeesTheRow (I4, I12): usage and cost of an answer are its row's, and
// flagged where they are.
func TestClientSeesTheRow(t *testing.T) {
	list := strings.SplitAfter(goodStream, "\n\n")
	for _, test := range []struct {
		name   string
		a      answer
		stream bool
	}{
		{"whole", answer{body: good}, false},
		{"no usage", answer{body: strings.Replace(good, `"usage":{"prompt_tokens":10,"completion_tokens":2,"total_tokens":12},`, "", 1)}, false},
		{"half a usage", answer{body: strings.Replace(good, `"completion_tokens":2,"total_tokens":12`, `"other":1`, 1)}, false},
		{"stream", answer{typ: "text/event-stream", body: goodStream}, true},
		{"stream without usage", answer{typ: "text/event-stream", body: strings.Join(append(list[:4:4], list[5]), "")}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := setup(t, &upstream{answers: []answer{test.a}}, nil, gateJSON(``))
			books := keepAccounts(t, r, limit.Limits{})
			body := hi
			if test.stream {
				body = strings.Replace(hiStream, `"stream"`, `"stream_options":{"include_usage":true},"stream"`, 1)
			}
			w, rec := askAs(t.Context(), r, body, nil, books.key)
			out := w.Body.String()
			if test.stream {
				events := strings.Split(strings.TrimSuffix(out, "\n\ndata: [DONE]\n\n"), "data: ")
				out = events[len(events)-1]
			}
			var said struct {
				Usage struct {
					Prompt     int64       `json:"prompt_tokens"`
					Completion int64       `json:"completion_tokens"`
					Total      int64       `json:"total_tokens"`
					Cost       cost.Amount `json:"cost"`
					Details    struct {
						Status       cost.Status `json:"status"`
						PriceVersion string      `json:"price_version"`
						Input        cost.Amount `json:"input"`
						Output       cost.Amount `json:"output"`
					} `json:"cost_details"`
				} `json:"usage"`
				Cost cost.Amount `json:"cost"`
			}
			if err := json.Unmarshal([]byte(out), &said); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			row := books.row(t, rec.RequestID)
			u := said.Usage
			if !test.stream && said.Cost != row.Bill.Total {
				t.Errorf("cost %s, the row has %s", said.Cost, row.Bill.Total)
			}
			if u.Prompt != row.Usage.Input.N() || u.Completion != row.Usage.Output.N() || u.Cost != row.Bill.Total ||
				u.Details.Status != row.Bill.Status || u.Details.PriceVersion != row.Bill.PriceVersion ||
				u.Details.Input != row.Bill.Input || u.Details.Output != row.Bill.Output {
				t.Errorf("the client saw %s\nthe row has %+v %+v", out, row.Usage, row.Bill)
			}
			if estimated := strings.Contains(test.name, "usage"); row.Usage.Estimated != estimated || (row.Bill.Status == cost.Estimated) != estimated {
				t.Errorf("flagged: %+v %+v", row.Usage, row.Bill)
			}
		})
	}
}

// TestHedgeCosts: of two answers that were asked for both are paid for, whoever
// wins, and settled.
func TestHedgeCosts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := setup(t, nil, nil, gateJSON(`"routingStrategy":"fallback","fallbackModels":["b/m"],"hedge":"1s"`))
		defer r.Gates.Close()
		r.Providers["a"].Transport = roundTrip(func(req *http.Request) (*http.Response, error) {
			<-req.Context().Done()
			return nil, req.Context().Err()
		})
		books := keepLimits(t, r, dollar())
		var held cost.Amount // what both have to be good for
		r.Providers["b"].Transport = roundTrip(func(req *http.Request) (*http.Response, error) {
			for !books.fits(t, books.budget-held) {
				held += micro
			}
			return (&upstream{answers: []answer{{body: good}}}).RoundTrip(req)
		})
		_, rec := askAs(t.Context(), r, strings.Replace(hi, `"messages"`, `"max_tokens":100,"messages"`, 1), nil, books.key)
		// Ten in and two out as the provider says, and nine in as estimated.
		const total = 14*micro + 9*micro
		if rec.Outcome != OK || rec.Bill.Total != total || rec.Bill.Status != cost.Estimated {
			t.Errorf("%s %+v", rec.Outcome, rec.Bill)
		}
		if rec.Usage.Input.N() != 10 || rec.Tries[0].Usage.Input.N() != 9 {
			t.Errorf("usage %+v, and %+v beside it", rec.Usage, rec.Tries[0].Usage)
		}
		books.left(t, books.budget-total)
		if least := 2 * 200 * micro; held < least || held > 2*least {
			t.Errorf("%s were reserved for two answers of 100 tokens", held)
		}
	})
}

// TestRetryCosts: an attempt that failed costs nothing, one that answered in the
// end does, and the row has both.
func TestRetryCosts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &upstream{answers: []answer{{status: 500}, {err: io.ErrUnexpectedEOF}, {body: good}}}
		r := setup(t, a, nil, strings.Replace(gateJSON(``), `"maxRetries":0`, `"maxRetries":2`, 1))
		defer r.Gates.Close()
		books := keepLimits(t, r, dollar())
		_, rec := askAs(t.Context(), r, hi, nil, books.key)
		if rec.Outcome != OK || len(rec.Tries) != 3 || rec.Bill.Total != 14*micro || rec.Bill.Status != cost.Exact {
			t.Errorf("%s %+v of %d attempts", rec.Outcome, rec.Bill, len(rec.Tries))
		}
		books.left(t, books.budget-14*micro)
	})
}

// TestRowFields: a row has all that is known of its request.
func TestRowFields(t *testing.T) {
	a := &upstream{answers: []answer{{status: 503, header: http.Header{"X": {"y"}}, body: `{}`}}}
	r := setup(t, a, nil, gateJSON(`"routingStrategy":"fallback","fallbackModels":["b/m"],"allowOverrides":[]`))
	books := keepAccounts(t, r, limit.Limits{})
	h := http.Header{"X-Layer-Session-Id": {"s-1"}, "User-Agent": {"app/1"}}
	body := `{"model":"assistant","temperature":1,"safety_identifier":"u-1","messages":[{"role":"user","content":"a secret prompt"}]}`
	_, rec := askAs(t.Context(), r, body, h, books.key)
	row := books.row(t, rec.RequestID)
	if row.Total <= 0 || row.FirstToken <= 0 || row.FirstToken > row.Total || time.Since(row.Start) > time.Minute || !row.Start.Equal(rec.Start) {
		t.Errorf("times %v %v %v", row.Start, row.FirstToken, row.Total)
	}
	for i, at := range row.Attempts {
		if at.Took <= 0 || i > 0 && at.Offset < row.Attempts[i-1].Offset {
			t.Errorf("attempt %d began at %v and took %v", i, at.Offset, at.Took)
		}
	}
	price, _ := json.Marshal(map[string]cost.Price{"a/m": r.Providers["a"].Prices["m"], "b/m": r.Providers["b"].Prices["m"]}, json.Deterministic(true))
	if string(row.Price) != string(price) {
		t.Errorf("price %s, want %s", row.Price, price)
	}
	text, err := stdjson.Marshal(row) // it has a form for durations
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "secret") {
		t.Errorf("the row has what was said, or the key: %s", text)
	}
	row.Start, row.Total, row.FirstToken, row.Price = time.Time{}, 0, 0, nil
	for i := range row.Attempts {
		row.Attempts[i].Offset, row.Attempts[i].Took, row.Attempts[i].FirstToken = 0, 0, 0
	}
	got, err := stdjson.Marshal(row)
	if err != nil {
		t.Fatal(err)
	}
	const usage = `"usage":{"input":10,"output":2},"bill":{"status":"exact","price_version":"set:1/2","total":0.000014,"input":0.00001,"output":0.000004}`
	want := `{"id":"` + rec.RequestID + `","start":"0001-01-01T00:00:00Z","key":"web","key_id":"` + books.key.ID() + `","gate":"assistant","gate_id":"` + assistantID + `",` +
		`"session":"s-1","user":"u-1","asked":"assistant","agent":"app/1","client":"","trace":"","stream":false,"provider":"b","model":"m","attempts":[` +
		`{"provider":"a","model":"m","status":503,"failure":"overloaded","hedge":false,"offset":0,"took":0,"first_token":0,"usage":{},"bill":{"status":"exact"}},` +
		`{"provider":"b","model":"m","status":200,"failure":"","hedge":false,"offset":0,"took":0,"first_token":0,` + usage + `}],` +
		`"outcome":"ok","status":200,"error":"","native_finish":"stop","overridden":["temperature"],"dropped":null,"budget":null,` + usage + `,"first_token":0,"total":0}`
	if string(got) != want {
		t.Errorf("row  %s\nwant %s", got, want)
	}
}

// TestUnaskedProviders: a target that could not be asked costs nothing.
func TestUnaskedProviders(t *testing.T) {
	r := setup(t, nil, nil, gateJSON(``))
	books := keepLimits(t, r, dollar())
	r.Providers["a"].Keys = provider.NewKeys(nil, "{env.NO_KEY}")
	if w, rec := askAs(t.Context(), r, hi, nil, books.key); w.Code != 502 || rec.Bill.Total != 0 || rec.Bill.Status != cost.Exact {
		t.Errorf("%d %+v", w.Code, rec.Bill)
	}
	books.left(t, books.budget)
}

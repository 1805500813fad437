package command

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/ledger"
)

// began is when the first row of a test's ledger began.
var began = time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC)

// books is a ledger with rows.
func books(t *testing.T, rows ...*ledger.Row) *ledger.Ledger {
	t.Helper()
	l, err := ledger.Open(t.Context(), ledger.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	add(t, l, rows...)
	return l
}

func add(t *testing.T, l *ledger.Ledger, rows ...*ledger.Row) {
	t.Helper()
	for _, r := range rows {
		if err := l.Settle(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func price(t *testing.T, input, output string) cost.Price {
	t.Helper()
	p, err := cost.ParsePrice(input, output, "", "")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// row is a request of two attempts: one that failed, and one with the answer.
func row(t *testing.T, id string, p cost.Price) *ledger.Row {
	t.Helper()
	usage := cost.Usage{Input: cost.Of(1000), Output: cost.Of(100)}
	bill := p.Bill(usage)
	stored, err := json.Marshal(map[string]cost.Price{"groq/m": p})
	if err != nil {
		t.Fatal(err)
	}
	return &ledger.Row{
		ID: id, Start: began, Key: "web", Gate: "assistant", GateID: "1", Outcome: "ok", Status: 200, Provider: "groq", Model: "m",
		Usage: usage, Bill: bill, Price: stored, FirstToken: time.Second, Total: 2 * time.Second,
		Attempts: []ledger.Attempt{
			{Provider: "openai", Model: "n", Status: 500, Failure: "failed", Bill: cost.Bill{Status: cost.Exact}},
			{Provider: "groq", Model: "m", Status: 200, Usage: usage, Bill: bill},
		},
	}
}

func TestCost(t *testing.T) {
	p := price(t, "3", "15") // 1000 * 3 + 100 * 15 = 4500 millionths of a dollar
	with := func(change func(*ledger.Row)) *ledger.Row {
		r := row(t, "r", p)
		change(r)
		return r
	}
	// hedged has another attempt too, whose answer nobody waited for.
	hedged := func(r *ledger.Row) {
		r.Attempts[0] = r.Attempts[1]
		r.Bill.Total, r.Bill.Input, r.Bill.Output = 2*r.Bill.Total, 2*r.Bill.Input, 2*r.Bill.Output
	}
	for _, c := range []struct {
		name string
		row  *ledger.Row
		want string // "" is no difference
	}{
		{"as it should be", row(t, "r", p), ""},
		{"two that were paid for", with(hedged), ""},
		{"no answer and no price", with(func(r *ledger.Row) {
			r.Attempts, r.Price, r.Usage, r.Bill = r.Attempts[:1], nil, cost.Usage{}, cost.Bill{Status: cost.Exact}
		}), ""},
		{"without a price", with(func(r *ledger.Row) {
			r.Price, r.Bill = nil, cost.Bill{Status: cost.Unpriced}
			r.Attempts[1].Bill = r.Bill
		}), ""},
		{"nobody knows how it ended", with(func(r *ledger.Row) {
			r.Outcome, r.Bill = ledger.Abandoned, cost.Bill{}
			r.Attempts[1].Bill = cost.Bill{}
		}), ""},
		{"the whole is wrong", with(func(r *ledger.Row) { r.Bill.Total++ }),
			"2027-01-02T03:04:05Z r bill: stored 0.004500000001 USD (input 0.003, cached 0, cache write 0, output 0.0015, exact, price set:3/15), recomputed 0.0045 USD (input 0.003, cached 0, cache write 0, output 0.0015, exact, price set:3/15)\n"},
		{"an attempt is wrong", with(func(r *ledger.Row) { r.Attempts[1].Usage.Output = cost.Of(200) }),
			"2027-01-02T03:04:05Z r attempt 2 at groq/m: stored 0.0045 USD (input 0.003, cached 0, cache write 0, output 0.0015, exact, price set:3/15), recomputed 0.006 USD (input 0.003, cached 0, cache write 0, output 0.003, exact, price set:3/15)\n" +
				"2027-01-02T03:04:05Z r bill: stored 0.0045 USD (input 0.003, cached 0, cache write 0, output 0.0015, exact, price set:3/15), recomputed 0.006 USD (input 0.003, cached 0, cache write 0, output 0.003, exact, price set:3/15)\n"},
		{"it is an estimate", with(func(r *ledger.Row) { r.Attempts[1].Usage.Estimated, r.Attempts[1].Bill.Status = true, cost.Estimated }),
			"2027-01-02T03:04:05Z r bill: stored 0.0045 USD (input 0.003, cached 0, cache write 0, output 0.0015, exact, price set:3/15), recomputed 0.0045 USD (input 0.003, cached 0, cache write 0, output 0.0015, estimated, price set:3/15)\n"},
		{"billed, and there is no price", with(func(r *ledger.Row) { r.Price = []byte(`{}`) }),
			"2027-01-02T03:04:05Z r attempt 2 at groq/m: no price is stored with the row\n"},
		{"the price is unknown to this program", with(func(r *ledger.Row) { r.Price = []byte(`{"groq/m":{"version":"x","rates":{},"new":1}}`) }),
			"2027-01-02T03:04:05Z r bill: the stored price can't be read: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out, told bytes.Buffer
			err := Cost(t.Context(), Streams{Out: &out, Err: &told}, books(t, c.row), CostOptions{})
			code, _ := ExitCode(err)
			if (code != 0) != (c.want != "") || !strings.HasPrefix(out.String(), c.want) || c.want == "" && out.Len() > 0 {
				t.Errorf("%v\ngot  %q\nwant %q", err, out.String(), c.want)
			}
			if !strings.HasPrefix(told.String(), "1 rows, ") {
				t.Errorf("told %q", told.String())
			}
		})
	}
}

func TestCostOfMany(t *testing.T) {
	p := price(t, "3", "15")
	var rows []*ledger.Row
	for i := range 2500 {
		r := row(t, "r"+string(rune('a'+i/100))+string(rune('a'+i%100)), p)
		r.Start = began.Add(time.Duration(i) * time.Second)
		if i == 1200 {
			r.Bill.Total -= 7
		}
		rows = append(rows, r)
	}
	l := books(t, rows...)
	var out, told bytes.Buffer
	s := Streams{Out: &out, Err: &told}
	err := Cost(t.Context(), s, l, CostOptions{JSON: true, Now: clock()})
	var d Difference
	if code, tell := ExitCode(err); code != CodeNo || tell {
		t.Errorf("code %d, %v", code, err)
	}
	if err := json.Unmarshal(out.Bytes(), &d); err != nil || d.ID != rows[1200].ID || d.Off != -7 || d.What != "bill" {
		t.Errorf("%v: %s", err, out.String())
	}
	// The clock goes on by a quarter of a second a row.
	lines := strings.Split(strings.TrimSpace(told.String()), "\n")
	if len(lines) < 100 || lines[0] != "8 rows, back to 2027-01-02T03:45:37Z, 0 differences" || lines[len(lines)-1] != "2500 rows, 11.249999999993 USD, 0 of them without a price: 1 differences" {
		t.Errorf("%d lines, first %q, last %q", len(lines), lines[0], lines[len(lines)-1])
	}
	told.Reset()
	if err := Cost(t.Context(), s, l, CostOptions{Since: rows[1201].Start, Now: func() time.Time { return began }}); err != nil || !strings.HasPrefix(told.String(), "1299 rows, ") {
		t.Errorf("since: %v, %q", err, told.String())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if code, _ := ExitCode(Cost(ctx, s, l, CostOptions{})); code != CodeInterrupted {
		t.Errorf("interrupted: code %d", code)
	}
}

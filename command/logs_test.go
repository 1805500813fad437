package command

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/ledger"
)

// byID is the id of a gate that nobody would call by its name.
const byID = "11111111-1111-4111-8111-111111111111"

func logRows(t *testing.T) []*ledger.Row {
	t.Helper()
	a, b := row(t, "a", price(t, "3", "15")), row(t, "b", price(t, "3", "15"))
	b.GateID = byID
	b.Start, b.Gate, b.Outcome, b.Status, b.Error = began.Add(time.Second), "other\x1b", "rejected", 404, "gate_not_found"
	b.Provider, b.Model, b.Usage, b.FirstToken, b.Bill = "", "", cost.Usage{}, 0, cost.Bill{Status: cost.Unpriced}
	c := row(t, "c", price(t, "3", "15"))
	c.Start, c.Bill.Status = began.Add(2*time.Second), cost.Estimated
	return []*ledger.Row{a, b, c}
}

func TestLogs(t *testing.T) {
	l := books(t, logRows(t)...)
	const a = "2027-01-02T03:04:05Z ok             200    assistant        web              groq/m                              1000+100      0.0045       1.00 s  2.00 s  a\n"
	const b = "2027-01-02T03:04:06Z rejected       404    other            web              - gate_not_found                    ?+?           -            -       2.00 s  b\n"
	const c = "2027-01-02T03:04:07Z ok             200    assistant        web              groq/m                              1000+100      ~0.0045      1.00 s  2.00 s  c\n"
	for _, test := range []struct {
		name    string
		options LogsOptions
		want    string
	}{
		{"all", LogsOptions{}, head + "\n" + a + b + c},
		{"the last", LogsOptions{Limit: 2}, head + "\n" + b + c},
		{"of a gate", LogsOptions{Gate: "assistant"}, head + "\n" + a + c},
		{"of a gate by its id", LogsOptions{Gate: strings.ToUpper(byID)}, head + "\n" + b},
		{"of nobody", LogsOptions{Key: "mobile"}, head + "\n"},
		{"an outcome, since", LogsOptions{Outcome: "ok", Since: began.Add(time.Millisecond)}, head + "\n" + c},
		{"JSON", LogsOptions{JSON: true, Outcome: "rejected"},
			`{"id":"b","start":"2027-01-02T03:04:06Z","outcome":"rejected","status":404,"error":"gate_not_found","gate":"other\u001b","gate_id":"` + byID + `","key":"web","provider":"","model":"","attempts":2,"stream":false,"usage":{},"cost":null,"cost_status":"unpriced","ttft":null,"latency":2}` + "\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			if err := Logs(t.Context(), Streams{Out: &out}, l, test.options); err != nil {
				t.Fatal(err)
			}
			if out.String() != test.want {
				t.Errorf("got:\n%s\nwant:\n%s", out.String(), test.want)
			}
		})
	}
}

// A request for a gate that isn't there says which, in a line that its client can't break.
func TestLogsOfNoGate(t *testing.T) {
	var out bytes.Buffer
	row := ledger.Row{ID: "d", Start: began, Outcome: "rejected", Status: 404, Error: "gate_not_found", Asked: "asistant\x1b\n", Key: "web"}
	if err := printRows(&printer{w: &out}, []ledger.Row{row}, false); err != nil {
		t.Fatal(err)
	}
	if want := "rejected       404    asistant         web              - gate_not_found "; !strings.Contains(out.String(), want) || strings.Count(out.String(), "\n") != 1 {
		t.Errorf("%q", out.String())
	}
}

// Rows come in the order of their ends, and not of their beginnings.
func TestLogsFollow(t *testing.T) {
	rows := logRows(t)
	l := books(t, rows[1])
	r, w := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		err := Logs(ctx, Streams{Out: w}, l, LogsOptions{Follow: true, JSON: true, Limit: 10, Every: time.Millisecond,
			Now: func() time.Time { return began.Add(5 * time.Second) }})
		_ = w.Close()
		ended <- err
	}()
	lines := make(chan string, 10)
	go func() {
		defer close(lines)
		all := make([]byte, 4096)
		for {
			n, err := r.Read(all)
			if err != nil {
				return
			}
			lines <- string(all[:n])
		}
	}()
	want := func(id string) {
		t.Helper()
		if line := <-lines; !strings.HasPrefix(line, `{"id":"`+id+`"`) {
			t.Errorf("%s, want %s", line, id)
		}
	}
	want("b")
	add(t, l, rows[2])
	want("c")
	add(t, l, rows[0])
	want("a")
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	for line := range lines {
		t.Errorf("and then %s", line)
	}
}

package admin

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/health"
	"github.com/layergateway/layergateway/ledger"
	"github.com/layergateway/layergateway/store"
)

// testRow is a request of some hours ago, which answered at its second attempt.
func testRow(i int) *ledger.Row {
	price, _ := cost.ParsePrice("3", "15", "", "")
	usage := cost.Usage{Input: cost.Of(1000), Output: cost.Of(100)}
	bill := price.Bill(usage)
	prices, _ := json.Marshal(map[string]cost.Price{"echo/hello": price})
	return &ledger.Row{
		ID: fmt.Sprintf("row-%03d", i), Start: noon.Add(-time.Duration(i) * time.Hour),
		Key: "web", KeyID: "0a1b2c3d4e5f6071", Gate: "hello", GateID: helloID, Session: "s1", User: "u1", Asked: "layer/hello",
		Provider: "echo", Model: "hello", Outcome: "ok", Status: 200, Usage: usage, Bill: bill, Price: prices,
		FirstToken: 900 * time.Millisecond, Total: 1500 * time.Microsecond,
		Attempts: []ledger.Attempt{
			{Provider: "echo", Model: "second", Status: 503, Failure: "failed", Took: 300 * time.Millisecond},
			{Provider: "echo", Model: "hello", Status: 200, Offset: 310 * time.Millisecond, Usage: usage, Bill: bill},
		},
	}
}

func (d *desk) fill(rows ...*ledger.Row) {
	d.t.Helper()
	for _, row := range rows {
		if err := d.ledger.Settle(row); err != nil {
			d.t.Fatal(err)
		}
	}
	if err := d.ledger.Flush(d.t.Context()); err != nil {
		d.t.Fatal(err)
	}
}

// failedRow is a request that nobody answered.
func failedRow(i int) *ledger.Row {
	row := testRow(i)
	row.Gate, row.GateID, row.Outcome, row.Status, row.Error = "other", madeID, "provider_error", 502, "provider_error"
	row.Usage, row.Bill, row.Price, row.FirstToken = cost.Usage{}, cost.Bill{Status: cost.Unpriced}, nil, 0
	return row
}

func TestLogs(t *testing.T) {
	d := newDesk(t)
	d.fill(testRow(0), failedRow(1), testRow(2), testRow(3))
	const first = `{"id":"row-000","loggedAt":"2026-03-14T12:30:00Z","gateId":"` + helloID + `","gateName":"hello",` +
		`"keyId":"0a1b2c3d4e5f6071","keyName":"web","modelRequested":"layer/hello","modelUsed":"echo/hello","provider":"echo",` +
		`"promptTokens":1000,"completionTokens":100,"totalTokens":1100,"costUsd":0.0045,"costStatus":"exact","latencyMs":1.5,` +
		`"firstTokenMs":900,"success":true,"outcome":"ok","status":200,"errorMessage":null,"attempts":2,"stream":false,` +
		`"session":"s1","user":"u1"}`
	const second = `{"id":"row-001","loggedAt":"2026-03-14T11:30:00Z","gateId":"` + madeID + `","gateName":"other",` +
		`"keyId":"0a1b2c3d4e5f6071","keyName":"web","modelRequested":"layer/hello","modelUsed":"echo/hello","provider":"echo",` +
		`"promptTokens":null,"completionTokens":null,"totalTokens":null,"costUsd":null,"costStatus":"unpriced","latencyMs":1.5,` +
		`"firstTokenMs":null,"success":false,"outcome":"provider_error","status":502,"errorMessage":"provider_error","attempts":2,` +
		`"stream":false,"session":"s1","user":"u1"}`
	a := d.want(200, nil, "GET", "/v1/logs?limit=2", "")
	if a.body != "["+first+","+second+"]" {
		t.Errorf("%s", a.body)
	}
	ids := func(query string) string {
		t.Helper()
		var list []struct{ ID string }
		b := d.do("GET", "/v1/logs?"+query, "")
		if err := json.Unmarshal([]byte(b.body), &list, json.MatchCaseInsensitiveNames(true)); err != nil || b.status != 200 {
			t.Fatalf("%s: %d %s", query, b.status, b.body)
		}
		var text strings.Builder
		for _, l := range list {
			text.WriteString(strings.TrimPrefix(l.ID, "row-00"))
		}
		return text.String()
	}
	for query, want := range map[string]string{
		"": "0123", "cursor=" + a.header.Get("X-Next-Cursor"): "23", "gate=hello": "023", "gate=" + strings.ToUpper(madeID): "1",
		"gateId=" + madeID: "1", "outcome=provider_error": "1", "minCost=0.0045": "023", "minCost=0.0046": "", "key=web&user=u1&session=s1": "0123",
		"model=second": "", "model=hello&provider=echo": "0123", "from=2026-03-14T10:30:00Z&to=2026-03-14T12:30:00Z": "12",
		"to=2026-03-14": "", "keyId=x": "", "gate=": "0123",
	} {
		if got := ids(query); got != want {
			t.Errorf("%s gives %q, want %q", query, got, want)
		}
	}
	for query, param := range map[string]string{
		"gatID=x": "gatID", "from=yesterday": "from", "from=2026-03-02&to=2026-03-01": "to", "limit=0": "limit", "limit=1001": "limit",
		"limit=x": "limit", "cursor=x": "cursor", "outcome=fine": "outcome", "minCost=-1": "minCost", "gate=a&gate=b": "gate", "%zz": "",
	} {
		d.refused(422, "invalid_value", param, "GET", "/v1/logs?"+query, "")
	}
}

func TestLog(t *testing.T) {
	d := newDesk(t)
	d.fill(testRow(0))
	var l struct {
		ID              string           `json:"id"`
		Prices          map[string]any   `json:"prices"`
		Bill            map[string]any   `json:"bill"`
		Tried           []map[string]any `json:"tried"`
		RequestPayload  *string          `json:"requestPayload"`
		ResponsePayload *string          `json:"responsePayload"`
	}
	d.want(200, &l, "GET", "/v1/logs/row-000", "")
	if l.ID != "row-000" || l.Prices["echo/hello"] == nil || l.Bill["total"] != 0.0045 || len(l.Tried) != 2 ||
		l.Tried[0]["failure"] != "failed" || l.Tried[1]["offsetMs"] != 310.0 || l.RequestPayload != nil {
		t.Errorf("%+v", l)
	}
	d.ledger.SavePayload("row-000", []byte(`{"messages":[]}`), []byte("\xff"))
	d.fill()
	d.want(200, &l, "GET", "/v1/logs/row-000", "")
	if l.RequestPayload == nil || *l.RequestPayload != `{"messages":[]}` || l.ResponsePayload != nil {
		t.Errorf("payloads: %+v", l)
	}
	d.refused(404, "not_found", "", "GET", "/v1/logs/row-001", "")
}

// The stream goes on beyond the time that the server has for a request.
func TestStream(t *testing.T) {
	d := newDesk(t)
	server := httptest.NewUnstartedServer(d)
	server.Config.ReadTimeout = 50 * time.Millisecond
	server.Start()
	defer server.Close()
	client := server.Client()
	defer client.CloseIdleConnections()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	r := httptest.NewRequestWithContext(ctx, "GET", server.URL+"/v1/logs/stream?gate=hello", nil)
	r.RequestURI = ""
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("type %s", resp.Header.Get("Content-Type"))
	}
	lines := bufio.NewScanner(resp.Body)
	next := func() string {
		t.Helper()
		for lines.Scan() {
			if lines.Text() != "" && !strings.HasPrefix(lines.Text(), ":") {
				return lines.Text()
			}
		}
		t.Fatalf("the stream ended: %v", lines.Err())
		return ""
	}
	if first := next(); first != "retry: 2000" {
		t.Errorf("it begins with %q", first)
	}
	time.Sleep(3 * server.Config.ReadTimeout) // the connection's clock is the system's
	d.fill(failedRow(1), testRow(0))
	if event := next(); event != "event: log" {
		t.Errorf("event %q", event)
	}
	var l struct {
		ID string `json:"id"`
	}
	data := next()
	if err := json.Unmarshal([]byte(strings.TrimPrefix(data, "data: ")), &l); err != nil || l.ID != "row-000" {
		t.Errorf("%s: %v", data, err)
	}
	if a := d.do("HEAD", "/v1/logs/stream", ""); a.status != 200 || a.body != "" {
		t.Errorf("HEAD: %d %s", a.status, a.body)
	}
}

func TestSums(t *testing.T) {
	d := newDesk(t)
	d.fill(testRow(0), failedRow(1), testRow(2), testRow(30))
	var o struct {
		TotalRequests  int64            `json:"totalRequests"`
		TotalCost      float64          `json:"totalCost"`
		AvgLatency     float64          `json:"avgLatency"`
		ErrorRate      float64          `json:"errorRate"`
		ActiveGates    int              `json:"activeGates"`
		Totals         map[string]any   `json:"totals"`
		RecentRequests []map[string]any `json:"recentRequests"`
	}
	for _, path := range []string{"/v1/overview", "/v1/logs/overview"} {
		a := d.want(200, &o, "GET", path, "")
		if o.TotalRequests != 4 || o.TotalCost != 0.0135 || o.AvgLatency != 1.5 || o.ErrorRate != .25 || o.ActiveGates != 1 ||
			o.Totals["unpriced"] != 1.0 || o.Totals["promptTokens"] != 3000.0 || len(o.RecentRequests) != 4 {
			t.Errorf("%s: %s", path, a.body)
		}
	}
	d.want(200, &o, "GET", "/v1/overview?from=2026-03-14&to=2026-03-15", "")
	if o.TotalRequests != 3 || len(o.RecentRequests) != 3 {
		t.Errorf("of a day: %+v", o)
	}
	d.want(200, &o, "GET", "/v1/overview?to=2026-01-01", "")
	if o.TotalRequests != 0 || o.ErrorRate != 0 || len(o.RecentRequests) != 0 {
		t.Errorf("of no time: %+v", o)
	}
	var s struct {
		TotalCost float64 `json:"totalCost"`
		Points    []struct {
			Time     *string `json:"time"`
			ID       string  `json:"id"`
			Requests int64   `json:"requests"`
		} `json:"points"`
	}
	for _, test := range []struct {
		query, want string
	}{
		{"", ":4"}, {"by=gate", helloID + ":3 " + madeID + ":1"}, {"by=model", "echo/hello:4"}, {"by=outcome", "ok:3 provider_error:1"},
		{"step=day", "2026-03-13 :1 2026-03-14 :3"}, {"by=key&step=24h&from=2026-03-14", "2026-03-14 0a1b2c3d4e5f6071:3"},
		{"gateId=" + strings.ToUpper(madeID), ":1"}, {"step=week", "2026-03-09 :4"}, {"step=336h", "2026-03-02 :4"},
	} {
		a := d.want(200, &s, "GET", "/v1/spend?"+test.query, "")
		var got []string
		for _, p := range s.Points {
			at := ""
			if p.Time != nil {
				at = (*p.Time)[:10] + " "
			}
			got = append(got, fmt.Sprintf("%s%s:%d", at, p.ID, p.Requests))
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s: %s", test.query, a.body)
		}
	}
	for query, param := range map[string]string{"by=colour": "by", "step=5m": "step", "step=0s": "step", "step=-1h": "step"} {
		d.refused(422, "invalid_value", param, "GET", "/v1/spend?"+query, "")
	}
}

func TestState(t *testing.T) {
	d := newDesk(t)
	d.fill(testRow(0), failedRow(1))
	d.health = []health.State{
		{Index: 0, Label: "aaaaaaaa"}, {Index: 0, Label: "aaaaaaaa", Model: "hello", Latency: 640 * time.Millisecond,
			Headroom: []health.Headroom{{What: "requests", Remaining: 7, Limit: 10, Reset: noon.Add(time.Second)}, {What: "tokens"}}, Told: noon},
		{Index: 1, Label: "bbbbbbbb", Reason: health.Dead, Until: noon.Add(time.Minute), Last: health.Refused},
	}
	const want = `[{"name":"echo","type":"echo","baseUrl":"http://echo.invalid","state":"degraded","keys":1,"health":[` +
		`{"key":1,"state":"ok","failures":0,"firstTokenMs":null,"wholeMs":null},` +
		`{"key":1,"model":"hello","state":"ok","failures":0,"firstTokenMs":640,"wholeMs":null,` +
		`"headroom":[{"what":"requests","remaining":7,"limit":10,"reset":"2026-03-14T12:30:01Z"},{"what":"tokens","remaining":0}],` +
		`"headroomTold":"2026-03-14T12:30:00Z"},` +
		`{"key":2,"state":"dead","until":"2026-03-14T12:31:00Z","failures":0,"lastFailure":"refused","firstTokenMs":null,"wholeMs":null}]}]`
	if a := d.want(200, nil, "GET", "/v1/providers", ""); a.body != want {
		t.Errorf("%s\nwant %s", a.body, want)
	}
	for state, p := range map[string]Provider{
		"no_key": {Missing: "{env.X}"}, "ok": {Keys: 1, Health: d.health[:2]}, "down": {Keys: 1, Health: d.health[2:]},
	} {
		if got := stateOf(&p); got != state {
			t.Errorf("%+v is %s, want %s", p, got, state)
		}
	}
	var m struct {
		Version    string  `json:"version"`
		AgeSeconds float64 `json:"ageSeconds"`
		Models     []struct {
			Model    string         `json:"model"`
			Price    jsontext.Value `json:"price"`
			Gates    []string       `json:"gates"`
			Requests int64          `json:"requests"`
			Unpriced int64          `json:"unpriced"`
		} `json:"models"`
	}
	a := d.want(200, &m, "GET", "/v1/models", "")
	if m.Version != "list@1" || m.AgeSeconds != 60 || len(m.Models) != 2 || m.Models[0].Requests != 2 || m.Models[0].Unpriced != 1 ||
		m.Models[0].Price.Kind() != '{' || m.Models[1].Price.Kind() != 'n' || len(m.Models[1].Gates) != 1 {
		t.Errorf("%s", a.body)
	}
}

// brokenLedger is a ledger whose database is away.
type brokenLedger struct{ Ledger }

var errSecret = errors.New("dial postgres://user:secret@db")

func (brokenLedger) Rows(context.Context, ledger.Filter) ([]ledger.Row, string, error) {
	return nil, "", errSecret
}

// fullLedger is a ledger that has more sums than anybody wants.
type fullLedger struct{ Ledger }

func (fullLedger) Series(_ context.Context, q ledger.SeriesQuery) ([]ledger.Point, error) {
	if q.Limit != maxSums {
		return nil, errSecret
	}
	return nil, ledger.ErrManySums
}

func TestManySums(t *testing.T) {
	d := newDesk(t)
	l, _ := d.o.Ledger()
	d.o.Ledger = func() (Ledger, func()) { return fullLedger{l}, func() {} }
	d.refused(422, "invalid_value", "step", "GET", "/v1/spend?step=hour&by=key", "")
}

// brokenStore is a store whose database is away.
type brokenStore struct{ Store }

func (brokenStore) Gate(context.Context, string) (*store.Gate, error) { return nil, errSecret }

func (brokenStore) UpdateGate(context.Context, store.Who, string, int64, []byte) (*store.Gate, error) {
	return nil, errSecret
}

// Without a ledger all else goes on, and what is wrong inside is told nobody.
func TestNoLedger(t *testing.T) {
	d := newDesk(t)
	there := d.o.Ledger
	d.o.Ledger = func() (Ledger, func()) { return (*ledger.Ledger)(nil), func() {} }
	for _, path := range []string{"/v1/logs", "/v1/logs/x", "/v1/overview", "/v1/spend"} {
		d.refused(409, "ledger_off", "", "GET", path, "")
	}
	for _, path := range []string{"/v1/gates", "/v1/keys", "/v1/models", "/v1/providers"} {
		d.want(200, nil, "GET", path, "")
	}
	l, _ := there()
	d.o.Ledger = func() (Ledger, func()) { return brokenLedger{l}, func() {} }
	if a := d.refused(503, "unavailable", "", "GET", "/v1/logs", ""); strings.Contains(a.body, "secret") {
		t.Errorf("told: %s", a.body)
	}
	d.o.Store = func() (Store, func(), bool) { return brokenStore{d.store}, func() {}, true }
	for _, ref := range []string{"made", madeID, helloID} {
		d.refused(503, "unavailable", "", "PATCH", "/v1/gates/"+ref, `{"model":"echo/x"}`)
	}
}

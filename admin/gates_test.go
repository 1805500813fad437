package admin

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/layergateway/layergateway/gate"
	"github.com/layergateway/layergateway/store"
)

// gateShape is what the tests read of a gate.
type gateShape struct {
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	Model       string   `json:"model"`
	Source      string   `json:"source"`
	Temperature *float64 `json:"temperature"`
	ReadOnly    bool     `json:"readOnly"`
	Served      bool     `json:"served"`
	Version     int64    `json:"version"`
	CreatedAt   string   `json:"createdAt"`
}

type gateChange struct {
	Gate          gateShape `json:"gate"`
	HasChanges    bool      `json:"hasChanges"`
	ChangedFields []string  `json:"changedFields"`
}

func TestGates(t *testing.T) {
	d := newDesk(t)
	var g gateShape
	a := d.want(201, &g, "POST", "/v1/gates", `{"name":"made","model":"echo/one","temperature":0.5}`)
	if !gate.IsUUID(g.ID) || g.Version != 1 || g.Source != "store" || g.ReadOnly || !g.Served || g.CreatedAt != "2026-03-14T12:30:00Z" {
		t.Errorf("made: %s", a.body)
	}
	if a.header.Get("Location") != "gates/"+g.ID || a.header.Get("ETag") != `"1"` {
		t.Errorf("made: %v", a.header)
	}
	var list []gateShape
	d.want(200, &list, "GET", "/v1/gates", "")
	if len(list) != 2 || list[0].Name != "hello" || list[0].Source != "Caddyfile" || !list[0].ReadOnly || list[1].ID != g.ID {
		t.Errorf("list: %+v", list)
	}
	for _, ref := range []string{g.ID, strings.ToUpper(g.ID), "made", "name/made"} {
		var one gateShape
		if a := d.want(200, &one, "GET", "/v1/gates/"+ref, ""); one.ID != g.ID || a.header.Get("ETag") != `"1"` {
			t.Errorf("%s: %s", ref, a.body)
		}
	}
	var c gateChange
	a = d.want(200, &c, "PATCH", "/v1/gates/made", `{"model":"echo/two","temperature":null}`)
	if c.Gate.Model != "echo/two" || c.Gate.Temperature != nil || c.Gate.Version != 2 || !c.HasChanges ||
		!slices.Equal(c.ChangedFields, []string{"model", "temperature"}) || a.header.Get("ETag") != `"2"` {
		t.Errorf("changed: %s", a.body)
	}
	if served, ok := d.table.Lookup("made"); !ok || served.Targets[0].Model != "two" {
		t.Errorf("served is %+v", served)
	}
	d.want(200, &c, "PATCH", "/v1/gates/made", `{"model":"echo/two"}`)
	if c.HasChanges || len(c.ChangedFields) != 0 || c.Gate.Version != 2 {
		t.Errorf("nothing changed: %+v", c)
	}
	var history []store.Change
	a = d.want(200, &history, "GET", "/v1/gates/made/history?limit=1", "")
	if len(history) != 1 || history[0].Action != "updated" || history[0].Who != store.ByAdmin || !strings.Contains(string(history[0].Before), "echo/one") {
		t.Errorf("history: %s", a.body)
	}
	d.want(200, &history, "GET", "/v1/gates/made/history?cursor="+a.header.Get("X-Next-Cursor"), "")
	if len(history) != 1 || history[0].Action != "created" {
		t.Errorf("the rest of the history: %+v", history)
	}
	d.want(204, nil, "DELETE", "/v1/gates/"+g.ID, "")
	d.refused(404, "not_found", "", "GET", "/v1/gates/"+g.ID, "")
	d.refused(404, "not_found", "", "DELETE", "/v1/gates/"+g.ID, "")
	d.refused(404, "not_found", "", "PATCH", "/v1/gates/"+g.ID, "{}")
	d.want(200, &history, "GET", "/v1/gates/"+g.ID+"/history", "")
	if len(history) != 3 || history[0].Action != "deleted" {
		t.Errorf("the history of what is deleted: %+v", history)
	}
	// Made again as what it was, it has all of its history, wherever a page ends.
	d.want(201, nil, "POST", "/v1/gates", `{"id":"`+g.ID+`","model":"echo/one"}`)
	var actions []string
	for cursor := "?limit=1"; ; {
		a := d.want(200, &history, "GET", "/v1/gates/"+g.ID+"/history"+cursor, "")
		for _, c := range history {
			actions = append(actions, c.Action)
		}
		next := a.header.Get("X-Next-Cursor")
		if next == "" {
			break
		}
		cursor = "?limit=1&cursor=" + next
	}
	if want := []string{"created", "deleted", "updated", "created"}; !slices.Equal(actions, want) {
		t.Errorf("page by page its history is %q, want %q", actions, want)
	}
	d.refused(404, "not_found", "", "GET", "/v1/gates/"+madeID+"/history", "")
	d.refused(404, "not_found", "", "GET", "/v1/gates/nobody/history", "")
}

// Each mistake names its field.
func TestGateFields(t *testing.T) {
	d := newDesk(t)
	d.want(201, nil, "POST", "/v1/gates", `{"id":"`+madeID+`","name":"made","model":"echo/one"}`)
	for _, test := range []struct {
		body, param string
		status      int
		code        string
	}{
		{`{"name":"x"}`, "model", 422, "invalid_value"},
		{`{"name":"x","model":"nobody/one"}`, "model", 422, "invalid_value"},
		{`{"model":"echo/one","temperature":3}`, "temperature", 422, "invalid_value"},
		{`{"model":"echo/one","temperature":"hot"}`, "temperature", 422, "invalid_value"},
		{`{"model":"echo/one","timeouts":{"idle":"-1s"}}`, "timeouts.idle", 422, "invalid_value"},
		{`{"model":"echo/one","sytemPrompt":"x"}`, "sytemPrompt", 422, "invalid_value"},
		{`{"model":"echo/one","source":"store"}`, "source", 422, "invalid_value"},
		{`{"model":"echo/one","version":1}`, "version", 422, "invalid_value"},
		{`{"model":"echo/one","id":"x"}`, "id", 422, "invalid_value"},
		{`{"model":"echo/one","spendingLimit":-1}`, "spendingLimit", 422, "invalid_value"},
		{`{"model":"echo/one","name":"made"}`, "name", 409, "taken"},
		{`{"model":"echo/one","name":"hello"}`, "name", 409, "taken"},
		{`{"model":"echo/one","id":"` + helloID + `"}`, "id", 409, "taken"},
	} {
		d.refused(test.status, test.code, test.param, "POST", "/v1/gates", test.body)
	}
	d.refused(422, "invalid_value", "model", "PATCH", "/v1/gates/made", `{"model":null}`)
	d.refused(422, "invalid_value", "id", "PATCH", "/v1/gates/made", `{"id":"`+helloID+`"}`)
	d.refused(422, "invalid_value", "served", "PATCH", "/v1/gates/made", `{"served":false}`)
}

func TestGateVersions(t *testing.T) {
	d := newDesk(t)
	d.want(201, nil, "POST", "/v1/gates", `{"name":"made","model":"echo/one"}`)
	d.want(200, nil, "PATCH", "/v1/gates/made", `{"model":"echo/two","version":1}`)
	d.refused(409, "version_conflict", "", "PATCH", "/v1/gates/made", `{"model":"echo/three","version":1}`)
	d.refused(412, "version_conflict", "If-Match", "PATCH", "/v1/gates/made", `{"model":"echo/three"}`, "If-Match", `"1"`)
	d.refused(412, "version_conflict", "If-Match", "DELETE", "/v1/gates/made", "", "If-Match", `"1"`)
	d.refused(400, "invalid_value", "If-Match", "PATCH", "/v1/gates/made", `{}`, "If-Match", `"x"`)
	d.want(200, nil, "PATCH", "/v1/gates/made", `{"model":"echo/three"}`, "If-Match", `"2"`)
	d.want(200, nil, "PATCH", "/v1/gates/made", `{"model":"echo/four"}`, "If-Match", `*`)
	d.want(204, nil, "DELETE", "/v1/gates/made", "", "If-Match", `"4"`)
}

// Changes that say nothing of a version are all made, one behind the other.
func TestGateChangesAtOnce(t *testing.T) {
	d := newDesk(t)
	d.want(201, nil, "POST", "/v1/gates", `{"name":"made","model":"echo/one"}`)
	const n = 20
	answers := make([]answer, n)
	var changing sync.WaitGroup
	for i := range n {
		changing.Go(func() {
			r := httptest.NewRequestWithContext(t.Context(), "PATCH", "/v1/gates/made", strings.NewReader(fmt.Sprintf(`{"description":"%d"}`, i)))
			w := httptest.NewRecorder()
			d.ServeHTTP(w, r)
			answers[i] = answer{w.Code, w.Header(), w.Body.String()}
		})
	}
	changing.Wait()
	for _, a := range answers {
		if a.status != 200 || !strings.Contains(a.body, `"changedFields":["description"]`) {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	var g gateShape
	if d.want(200, &g, "GET", "/v1/gates/made", ""); g.Version != n+1 {
		t.Errorf("version %d", g.Version)
	}
}

// What the configuration declares is not changed here, and goes before the store.
func TestDeclaredGates(t *testing.T) {
	d := newDesk(t)
	for _, ref := range []string{"hello", helloID} {
		if a := d.refused(409, "read_only", "", "PATCH", "/v1/gates/"+ref, `{"model":"echo/x"}`); !strings.Contains(a.body, "Caddyfile") {
			t.Errorf("it doesn't say where: %s", a.body)
		}
		d.refused(409, "read_only", "", "DELETE", "/v1/gates/"+ref, "")
		d.want(200, nil, "GET", "/v1/gates/"+ref+"/history", "")
	}
	d.bare = true
	d.refused(409, "no_store", "", "POST", "/v1/gates", `{"model":"echo/x"}`)
	d.refused(409, "read_only", "", "DELETE", "/v1/gates/hello", "")
	d.refused(404, "not_found", "", "DELETE", "/v1/gates/made", "")
	d.refused(404, "not_found", "", "GET", "/v1/gates/made", "")
	var list []gateShape
	if d.want(200, &list, "GET", "/v1/gates", ""); len(list) != 1 {
		t.Errorf("list: %+v", list)
	}
	d.bare = false

	// A gate of the store whose id the configuration has meanwhile can still be taken away.
	d.table.SetStored(nil)
	d.want(201, nil, "POST", "/v1/gates", `{"id":"`+madeID+`","name":"made","model":"echo/one"}`)
	declared, err := gate.NewTable(gate.Options{
		InlineSource: "Caddyfile", Inline: []*gate.Config{{ID: madeID, Model: "echo/declared"}}, Resolve: resolve,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(declared.Close)
	d.table = declared
	d.want(200, &list, "GET", "/v1/gates", "")
	if len(list) != 2 || list[0].Model != "echo/declared" || list[1].Model != "echo/one" || list[1].Served {
		t.Errorf("list: %+v", list)
	}
	d.want(204, nil, "DELETE", "/v1/gates/"+madeID, "")
	d.refused(409, "read_only", "", "DELETE", "/v1/gates/"+madeID, "")
}

func TestTestGate(t *testing.T) {
	d := newDesk(t)
	d.ask = func(w http.ResponseWriter, r *http.Request, id string, target gate.Target) {
		body, _ := io.ReadAll(r.Body)
		if id != helloID || r.URL.Path != "/v1/chat/completions" || !strings.Contains(string(body), `"messages"`) {
			t.Errorf("asked %s of %s: %s", r.URL.Path, id, body)
		}
		w.Header().Set("X-Layer-Request-Id", "id of "+target.Model)
		if target.Model == "second" {
			w.WriteHeader(http.StatusBadGateway)
			fmt.Fprint(w, `{"error":{"message":"it is broken","type":"api_error","param":null,"code":"provider_error"}}`)
			return
		}
		fmt.Fprint(w, `{"choices":[],"cost":0.000012,"usage":{"cost_details":{"status":"exact"}}}`)
	}
	a := d.want(200, nil, "POST", "/v1/gates/hello/test", "")
	want := `{"gateId":"` + helloID + `","gateName":"hello","ok":false,"targets":[` +
		`{"provider":"echo","model":"hello","ok":true,"status":200,"latencyMs":0,"costUsd":0.000012,"costStatus":"exact","requestId":"id of hello","error":null},` +
		`{"provider":"echo","model":"second","ok":false,"status":502,"latencyMs":0,"costUsd":null,"requestId":"id of second","error":{"message":"it is broken","code":"provider_error"}}]}`
	if a.body != want {
		t.Errorf("%s\nwant %s", a.body, want)
	}
	d.ask = func(w http.ResponseWriter, _ *http.Request, _ string, _ gate.Target) {
		fmt.Fprint(w, `{"cost":null,"usage":{"cost_details":{"status":"unpriced"}}}`)
	}
	if a := d.want(200, nil, "POST", "/v1/gates/hello/test", "{}"); !strings.Contains(a.body, `"ok":true,"targets"`) || !strings.Contains(a.body, `"costUsd":null,"costStatus":"unpriced"`) {
		t.Errorf("unpriced: %s", a.body)
	}
	d.refused(404, "not_found", "", "POST", "/v1/gates/nobody/test", "")
}

package admin

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/layergateway/layergateway/gate"
	"github.com/layergateway/layergateway/health"
	"github.com/layergateway/layergateway/ledger"
)

// description is what openapi.json says. It is read as loosely as it is written: in maps.
type description map[string]any

func readDescription(t *testing.T) description {
	t.Helper()
	d := make(description)
	if err := json.Unmarshal(document, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// resolve follows a reference into the document.
func (d description) resolve(node map[string]any) map[string]any {
	ref, ok := node["$ref"].(string)
	if !ok {
		return node
	}
	at := map[string]any(d)
	for name := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
		at, _ = at[name].(map[string]any)
	}
	if at == nil {
		panic("the document refers to " + ref + ", which it doesn't have")
	}
	return at
}

func (d description) member(node map[string]any, names ...string) map[string]any {
	for _, name := range names {
		next, _ := node[name].(map[string]any)
		if next == nil {
			return nil
		}
		node = d.resolve(next)
	}
	return node
}

// operation is what is said of a route.
func (d description) operation(o *route) map[string]any {
	return d.member(d, "paths", o.path, strings.ToLower(o.method))
}

// parameters are those of a route that are in the query, by name.
func (d description) parameters(o *route) map[string]map[string]any {
	found := make(map[string]map[string]any)
	lists := []any{d.member(d, "paths", o.path)["parameters"], d.operation(o)["parameters"]}
	for _, list := range lists {
		list, _ := list.([]any)
		for _, p := range list {
			if p := d.resolve(p.(map[string]any)); p["in"] == "query" {
				found[p["name"].(string)] = p
			}
		}
	}
	return found
}

// check looks whether a request that was answered, and its answer, are as the document has them.
func (d description) check(o *route, query url.Values, body string, a answer) (wrong []string) {
	operation := d.operation(o)
	if operation == nil {
		return []string{"it is not in the document"}
	}
	response := d.member(operation, "responses", fmt.Sprint(a.status))
	if response == nil {
		response = d.member(operation, "responses", "default")
		if a.status < 400 {
			return []string{fmt.Sprintf("%d is not in the document", a.status)}
		}
	}
	content := d.member(response, "content", a.header.Get("Content-Type"))
	switch {
	case a.status == http.StatusNoContent:
		if a.body != "" || response["content"] != nil {
			wrong = append(wrong, "there is a content")
		}
	case content == nil:
		wrong = append(wrong, "the document has no "+a.header.Get("Content-Type"))
	default:
		wrong = append(wrong, d.matchText(content, a.body, true, "answer")...)
	}
	for name := range d.member(response, "headers") {
		// A gate or key of the configuration has no version, and a last page no cursor.
		if a.header.Get(name) == "" && name != "ETag" && name != "X-Next-Cursor" {
			wrong = append(wrong, "the header "+name+" is missing")
		}
	}
	if a.status >= 400 {
		return wrong
	}
	known := d.parameters(o)
	for name, values := range query {
		if known[name] == nil {
			wrong = append(wrong, "the document lacks the parameter "+name)
		} else if values[0] != "" {
			wrong = append(wrong, d.matchParameter(known[name], values[0])...)
		}
	}
	if body != "" {
		wrong = append(wrong, d.matchText(d.member(operation, "requestBody", "content", "application/json"), body, false, "request")...)
	}
	return wrong
}

func (d description) matchParameter(p map[string]any, value string) []string {
	schema := d.member(p, "schema")
	name := p["name"].(string)
	if schema["type"] != "integer" && schema["type"] != "number" {
		return d.match(schema, value, false, name)
	}
	var number any
	if err := json.Unmarshal([]byte(value), &number); err != nil {
		return []string{name + ": " + err.Error()}
	}
	return d.match(schema, number, false, name)
}

func (d description) matchText(content map[string]any, text string, closed bool, at string) []string {
	schema := d.member(content, "schema")
	if schema == nil {
		return []string{at + ": the document has no schema"}
	}
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		return []string{at + ": " + err.Error()}
	}
	return d.match(schema, value, closed, at)
}

// Every operation of the document answers as it says, each parameter of it is one, and there are no others. All other
// requests of the tests are compared with it, too.
func TestOpenAPIIsTrue(t *testing.T) {
	d := newDesk(t)
	d.ask = func(w http.ResponseWriter, _ *http.Request, _ string, target gate.Target) {
		w.Header().Set("X-Layer-Request-Id", "id")
		if target.Model == "second" {
			w.WriteHeader(http.StatusBadGateway)
			fmt.Fprint(w, `{"error":{"message":"it is broken","code":"provider_error"}}`)
			return
		}
		fmt.Fprint(w, `{"cost":0.1,"usage":{"cost_details":{"status":"exact"}}}`)
	}
	d.health = []health.State{{}, {Index: 1, Model: "hello", Reason: health.Dead, Until: noon, Last: health.Refused, Latency: time.Second, Whole: time.Second}}
	abandoned := failedRow(2)
	abandoned.Outcome, abandoned.Status, abandoned.Bill.Status, abandoned.Provider, abandoned.Model, abandoned.Attempts = ledger.Abandoned, 0, "", "", "", nil
	full := testRow(0)
	full.Agent, full.Client, full.Trace, full.NativeFinish, full.Budget = "a/1", "192.0.2.1", "0af7651916cd43dd8448eb211c80319c", "stop", []string{"key"}
	d.fill(full, failedRow(1), abandoned)
	d.ledger.SavePayload(full.ID, []byte(`{"messages":[]}`), []byte(`{}`))
	d.fill()

	const gateDoc = `{"name":"made","description":"x","tags":["a"],"taskType":"chat","model":"echo/one","fallbackModels":["echo/two",{"model":"echo/three","weight":2}],
		"routingStrategy":"weighted","hedge":"800ms","systemPrompt":"s","systemPromptMode":"default","temperature":0.5,"maxTokens":5,"topP":0.5,"allowOverrides":["model"],
		"responseFormatType":"json_schema","responseFormatSchema":{"type":"object"},"responseFormatEnabled":true,"timeouts":{"firstToken":"1s","idle":"1s","total":"2s"},
		"maxRetries":2,"spendingLimit":5,"spendingLimitPeriod":"daily","spendingEnforcement":"block","spendingTimezone":"UTC","spendingThresholds":[50],
		"spendingAllowUnpriced":true,"rateLimit":[{"count":1,"window":"1s"}],"tokenLimit":{"count":1,"window":"1m"},"strict":true,"paused":true,"userId":"u","taskAnalysis":{"a":1}}`
	var g gateShape
	d.want(201, &g, "POST", "/v1/gates", gateDoc)
	var k keyShape
	d.want(201, &k, "POST", "/v1/keys", `{"name":"app","gates":["hello"],"expires":"2027-01-01","maxConcurrent":{"running":1,"waiting":2,"wait":"1s"},
		"spendingLimit":5,"rateLimit":{"count":1,"window":"1s"},"atGates":{"hello":{"tokenLimit":{"count":1,"window":"1m"},"spendingLimit":"1"}}}`)
	for _, ask := range []struct{ method, path, body string }{
		{"GET", "/openapi.json", ""}, {"GET", "/v1/gates", ""}, {"GET", "/v1/gates/hello", ""}, {"GET", "/v1/gates/name/made", ""},
		{"PATCH", "/v1/gates/made", clearing(gateDoc, "name", "model")}, {"GET", "/v1/gates/made/history", ""}, {"POST", "/v1/gates/hello/test", "{}"},
		{"DELETE", "/v1/gates/made", ""}, {"GET", "/v1/gates/" + g.ID + "/history", ""},
		{"GET", "/v1/keys/" + k.ID + "/history", ""}, {"GET", "/v1/keys", ""}, {"GET", "/v1/keys/" + k.ID, ""}, {"GET", "/v1/keys/" + d.keys[0].ID, ""},
		{"PATCH", "/v1/keys/" + k.ID, `{"version":1,"gates":null,"expires":null,"maxConcurrent":null,"spendingLimit":null,"rateLimit":null,"atGates":{"hello":null}}`},
		{"POST", "/v1/keys/" + k.ID + "/rotate", `{"overlap":"1h","version":2}`}, {"POST", "/v1/keys/" + k.ID + "/revoke", `{"version":3}`},
		{"GET", "/v1/keys/" + k.ID, ""}, {"DELETE", "/v1/keys/" + k.ID, ""},
		{"GET", "/v1/logs", ""}, {"GET", "/v1/logs?limit=1&minCost=0.001&outcome=ok", ""}, {"GET", "/v1/logs/row-000", ""}, {"GET", "/v1/logs/row-002", ""},
		{"GET", "/v1/overview?from=2026-03-01&to=2026-04-01", ""}, {"GET", "/v1/logs/overview", ""}, {"GET", "/v1/spend?by=model&step=day", ""}, {"GET", "/v1/spend", ""},
		{"GET", "/v1/providers", ""}, {"GET", "/v1/models", ""},
	} {
		if a := d.do(ask.method, ask.path, ask.body); a.status >= 300 {
			t.Errorf("%s %s: %d %s", ask.method, ask.path, a.status, a.body)
		}
	}
	for i := range d.routes {
		o := &d.routes[i]
		if name := o.method + " " + o.path; !d.answered[name] && o.path != "/v1/logs/stream" {
			t.Errorf("nobody has asked for %s", name)
		}
		if o.method != http.MethodGet || o.path == "/openapi.json" {
			continue
		}
		a := d.do("GET", strings.ReplaceAll(o.path, "{id}", "hello")+"?no-such-parameter=1", "")
		list := regexp.MustCompile(`it can be ([a-zA-Z, ]+)`).FindStringSubmatch(a.body)
		known := slices.Sorted(maps.Keys(d.says.parameters(o)))
		var takes []string
		if list != nil {
			takes = strings.Split(list[1], ", ")
			slices.Sort(takes)
		}
		if !slices.Equal(known, takes) || a.status != 422 {
			t.Errorf("%s takes %q, the document has %q: %d %s", o.path, takes, known, a.status, a.body)
		}
	}
}

// clearing is a patch that clears all members of an object but some.
func clearing(object string, but ...string) string {
	var members map[string]any
	if err := json.Unmarshal([]byte(object), &members); err != nil {
		panic(err)
	}
	for name := range members {
		if members[name] = nil; slices.Contains(but, name) {
			delete(members, name)
		}
	}
	data, err := json.Marshal(members)
	if err != nil {
		panic(err)
	}
	return string(data)
}

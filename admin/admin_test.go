package admin

import (
	"context"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"go.uber.org/goleak"
	"go.uber.org/zap/zaptest"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/gate"
	"github.com/layergateway/layergateway/health"
	"github.com/layergateway/layergateway/ledger"
	"github.com/layergateway/layergateway/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// noon is when everything in the tests happens.
var noon = time.Date(2026, 3, 14, 12, 30, 0, 0, time.UTC)

const (
	helloID = "7b4b2f0e-6a1c-4c1e-9a55-1f0c2d3e4f50"
	madeID  = "7b4b2f0e-6a1c-4c1e-9a55-1f0c2d3e4f51"
)

// desk is the API over a ledger, a store and a table of gates.
type desk struct {
	*Handler
	t      *testing.T
	ledger *ledger.Ledger
	store  *store.Store
	table  *gate.Table
	ask    func(w http.ResponseWriter, r *http.Request, gateID string, t gate.Target)
	bare   bool // without a store
	keys   []Key
	health []health.State

	says     description
	answered map[string]bool // the operations that did what they are for
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	clock := func() time.Time { return noon }
	l, err := ledger.Open(t.Context(), ledger.Config{Dir: t.TempDir(), Payloads: true, Now: clock, Log: zaptest.NewLogger(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close(context.Background()) })
	s, err := store.Open(t.Context(), store.Options{Ledger: l, Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	d := &desk{t: t, ledger: l, store: s, says: readDescription(t), answered: make(map[string]bool)}
	d.table, err = gate.NewTable(gate.Options{
		InlineSource: "Caddyfile",
		Inline: []*gate.Config{{
			ID: helloID, Name: "hello", Model: "echo/hello", RoutingStrategy: "fallback",
			FallbackModels: []gate.FallbackModel{{Model: "echo/second"}},
		}},
		Resolve: resolve,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.table.Close)
	t.Cleanup(s.Attach(d))
	d.keys = []Key{{"0a1b2c3d4e5f6071", store.KeyConfig{Name: "web", Gates: []string{"hello"}}}}
	price, _ := cost.ParsePrice("3", "15", "", "")
	d.Handler = New(Options{
		Who:    store.ByAdmin,
		Ledger: func() (Ledger, func()) { return d.ledger, func() {} },
		Store:  func() (Store, func(), bool) { return s, func() {}, !d.bare },
		Gates:  d, Keys: func() []Key { return d.keys },
		Providers: func() []Provider {
			return []Provider{{Name: "echo", Type: "echo", BaseURL: "http://echo.invalid", Keys: 1, Health: d.health}}
		},
		Catalog: func() Catalog {
			return Catalog{Version: "list@1", Built: noon, Age: time.Minute, Known: true, Price: func(_, model string) cost.Price {
				if model == "hello" {
					return price
				}
				return cost.Price{}
			}}
		},
		Ask:     func(w http.ResponseWriter, r *http.Request, id string, t gate.Target) { d.ask(w, r, id, t) },
		Leaving: func() bool { return false }, Now: clock, Log: zaptest.NewLogger(t),
	})
	return d
}

func resolve(model string) (provider, name string, err error) {
	provider, name, ok := strings.Cut(model, "/")
	if !ok || provider != "echo" {
		return "", "", io.ErrUnexpectedEOF
	}
	return provider, name, nil
}

// The desk serves the store's gates, as a configuration does.

func (d *desk) CheckGate(c *gate.Config) error { return d.table.CheckStored(c) }
func (d *desk) HasGate(ref string) bool        { _, ok := d.table.Lookup(ref); return ok }
func (d *desk) Apply(now *store.Snapshot) {
	gates := make([][]byte, len(now.Gates))
	for i, g := range now.Gates {
		gates[i] = g.JSON
	}
	d.table.SetStored(gates)
}

func (d *desk) All() iter.Seq[*gate.Gate] { return d.table.All() }
func (d *desk) Find(ref string) (*gate.Gate, jsontext.Value, bool) {
	g, ok := d.table.Lookup(ref)
	written, _ := d.table.Written(ref)
	return g, written, ok
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

func (d *desk) do(method, path, body string, header ...string) answer {
	d.t.Helper()
	r := httptest.NewRequestWithContext(d.t.Context(), method, path, strings.NewReader(body))
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	a := answer{w.Code, w.Header(), w.Body.String()}
	if o := d.routeOf(r); o != nil {
		d.answered[o.method+" "+o.path] = d.answered[o.method+" "+o.path] || a.status < 300
		for _, wrong := range d.says.check(o, r.URL.Query(), body, a) {
			d.t.Errorf("%s %s: not as openapi.json has it: %s", method, path, wrong)
		}
	}
	return a
}

// routeOf is the operation that a request asks for, nil if it is none of the document's.
func (d *desk) routeOf(r *http.Request) *route {
	for i := range d.routes {
		if o := &d.routes[i]; o.method == r.Method && o.fits(r, strings.Split(r.URL.Path, "/")) {
			return o
		}
	}
	return nil
}

// want asks and reads the answer, whose status must be this one.
func (d *desk) want(status int, into any, method, path, body string, header ...string) answer {
	d.t.Helper()
	a := d.do(method, path, body, header...)
	if a.status != status {
		d.t.Fatalf("%s %s: %d %s, want %d", method, path, a.status, a.body, status)
	}
	if into != nil {
		if err := json.Unmarshal([]byte(a.body), into); err != nil {
			d.t.Fatalf("%s %s: %s: %v", method, path, a.body, err)
		}
	}
	return a
}

// refused checks an error: its status, code and param.
func (d *desk) refused(status int, code, param, method, path, body string, header ...string) answer {
	d.t.Helper()
	a := d.do(method, path, body, header...)
	var got struct {
		Error struct{ Message, Type, Param, Code string }
	}
	err := json.Unmarshal([]byte(a.body), &got, json.MatchCaseInsensitiveNames(true))
	if err != nil || a.status != status || got.Error.Code != code || got.Error.Param != param || got.Error.Message == "" || got.Error.Type == "" {
		d.t.Errorf("%s %s %s: %d %s, want %d %s of %q", method, path, body, a.status, a.body, status, code, param)
	}
	return a
}

func TestRoutes(t *testing.T) {
	d := newDesk(t)
	for _, path := range []string{"/", "/v1", "/v1/gates/", "/v1/gates/hello/", "/v1/keys/x/y", "/v2/gates", "/v1/gates/%2f/x"} {
		d.refused(404, "not_found", "", "GET", path, "")
	}
	for path, allow := range map[string]string{
		"/v1/gates": "GET, HEAD, POST", "/v1/gates/hello": "DELETE, GET, HEAD, PATCH", "/v1/gates/hello/test": "POST",
		"/v1/logs/overview": "GET, HEAD", "/v1/keys/x/rotate": "POST",
	} {
		if a := d.refused(405, "method_not_allowed", "", "PUT", path, ""); a.header.Get("Allow") != allow {
			t.Errorf("%s allows %q, want %q", path, a.header.Get("Allow"), allow)
		}
	}
	if a := d.do("HEAD", "/v1/gates", ""); a.status != 200 || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("HEAD: %d %v", a.status, a.header)
	}
	for _, path := range []string{"/v1/gates?x=1", "/v1/keys?x=1", "/v1/logs?x=1", "/v1/overview?x=1", "/v1/spend?x=1", "/v1/models?x=1", "/v1/logs/stream?x=1"} {
		d.refused(422, "invalid_value", "x", "GET", path, "")
	}
}

// Whatever is sent as a body, the answer says what is wrong with it.
func TestBodies(t *testing.T) {
	d := newDesk(t)
	for _, at := range []struct{ method, path string }{
		{"POST", "/v1/gates"}, {"PATCH", "/v1/gates/" + madeID}, {"POST", "/v1/keys"}, {"PATCH", "/v1/keys/x"},
		{"POST", "/v1/keys/x/rotate"}, {"POST", "/v1/keys/x/revoke"}, {"POST", "/v1/gates/hello/test"},
	} {
		d.refused(400, "invalid_json", "", at.method, at.path, `{"name":`)
		d.refused(400, "invalid_json", "", at.method, at.path, `{"name":"a","name":"b"}`)
		d.refused(422, "invalid_value", "", at.method, at.path, `[]`)
		d.refused(413, "request_too_large", "", at.method, at.path, strings.Repeat(" ", maxBody+1))
	}
	d.refused(400, "invalid_json", "", "POST", "/v1/gates", "")
	d.refused(422, "invalid_value", "x", "POST", "/v1/gates/hello/test", `{"x":1}`)
	d.refused(422, "invalid_value", "x", "POST", "/v1/keys/x/revoke", `{"x":1}`)
}

// The document has the paths and methods that there are.
func TestOpenAPI(t *testing.T) {
	d := newDesk(t)
	var doc struct {
		OpenAPI string                               `json:"openapi"`
		Paths   map[string]map[string]jsontext.Value `json:"paths"`
	}
	a := d.want(200, &doc, "GET", "/openapi.json", "")
	if doc.OpenAPI != "3.1.0" {
		t.Errorf("version %q", doc.OpenAPI)
	}
	there := make(map[string]bool)
	for path, methods := range doc.Paths {
		for method := range methods {
			if method != "parameters" {
				there[strings.ToUpper(method)+" "+path] = true
			}
		}
	}
	for _, o := range d.routes {
		if name := o.method + " " + o.path; !there[name] {
			t.Errorf("%s is not in the document", name)
		} else {
			delete(there, name)
		}
	}
	for name := range there {
		t.Errorf("%s is in the document alone", name)
	}
	for ref := range strings.SplitSeq(a.body, `"$ref": "#/components/`) {
		if strings.HasPrefix(ref, "{") {
			continue
		}
		ref, _, _ = strings.Cut(ref, `"`)
		if _, name, _ := strings.Cut(ref, "/"); !strings.Contains(a.body, `"`+name+`": {`) {
			t.Errorf("the document refers to %s, which it doesn't have", ref)
		}
	}
}

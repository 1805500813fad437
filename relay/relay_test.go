package relay

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/access"
	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/gate"
	"github.com/layergateway/layergateway/health"
	"github.com/layergateway/layergateway/provider"
	"github.com/layergateway/layergateway/provider/compat"
)

// upstream is a provider in memory: what it answers to each of its requests.
type upstream struct {
	answers []answer // the last one repeats
	got     []string // bodies
	gone    int      // requests whose context ended while their answer was read
}

type answer struct {
	status int
	typ    string
	header http.Header
	body   string
	read   io.Reader // in place of body
	err    error
	hang   bool // no headers before the request is cancelled
}

func (u *upstream) RoundTrip(r *http.Request) (*http.Response, error) {
	body, _ := io.ReadAll(r.Body)
	u.got = append(u.got, string(body))
	a := u.answers[min(len(u.got), len(u.answers))-1]
	if a.hang {
		<-r.Context().Done()
		u.gone++
		return nil, r.Context().Err()
	}
	if a.err != nil {
		return nil, a.err
	}
	h := a.header.Clone()
	if h == nil {
		h = http.Header{}
	}
	if a.typ == "" {
		a.typ = "application/json"
	}
	h.Set("Content-Type", a.typ)
	var rd io.Reader = strings.NewReader(a.body)
	if a.read != nil {
		rd = a.read
	}
	return &http.Response{StatusCode: max(a.status, 200), Header: h, Body: &cancellable{r.Context(), rd, u}, Request: r, ContentLength: -1}, nil
}

// cancellable fails its reads once the request is cancelled, as a network does.
type cancellable struct {
	ctx context.Context
	io.Reader
	u *upstream
}

func (c *cancellable) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		c.u.gone++
		return 0, err
	}
	return c.Reader.Read(p)
}

func (c *cancellable) Close() error { return nil }

// silent blocks until the request is cancelled.
func silent(ctx func() context.Context) io.Reader {
	return readerFunc(func([]byte) (int, error) { <-ctx().Done(); return 0, ctx().Err() })
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

const (
	assistantID = "7b4b2f0e-6a1c-4c1e-9a55-1f0c2d3e4f50"
	good        = `{"id":"c1","object":"chat.completion","created":1,"model":"m-1","choices":[{"index":0,"message":{"role":"assistant","content":"hello","refusal":null},"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":2,"total_tokens":12},"system_fingerprint":"fp"}`
)

// goodStream is what a server sends that was asked for usage.
var goodStream = events(
	`{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m-1","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":null}`,
	`{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m-1","choices":[{"index":0,"delta":{"content":"hel"},"finish_reason":null}],"usage":null}`,
	`{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m-1","choices":[{"index":0,"delta":{"content":"lo"},"finish_reason":null}],"usage":null}`,
	`{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m-1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}`,
	`{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m-1","choices":[],"usage":{"prompt_tokens":10,"completion_tokens":2,"total_tokens":12}}`,
	`[DONE]`)

func events(data ...string) string {
	b := ""
	for _, d := range data {
		b += "data: " + d + "\n\n"
	}
	return b
}

// setup is a relay with the gates and the two providers a and b of the tests.
func setup(t *testing.T, a, b *upstream, gates ...string) *Relay {
	t.Helper()
	r := &Relay{Providers: map[string]*provider.Provider{}, Catalog: cost.Builtin, Books: noBooks, MaxBody: 1 << 20, Now: time.Now,
		Retries: new(health.Retries), Flights: NewFlights()}
	price, err := cost.ParsePrice("1", "2", "", "")
	if err != nil {
		t.Fatal(err)
	}
	for name, u := range map[string]*upstream{"a": a, "b": b} {
		if u == nil {
			u = &upstream{answers: []answer{{body: good}}}
		}
		r.Providers[name] = &provider.Provider{
			Name: name, Type: "openai", BaseURL: "http://" + name, NeedsKey: true, Transport: u,
			Keys: provider.NewKeys([]string{"sk-secret-" + name}, ""), NewChat: compat.New(compat.Options{}),
			Prices: map[string]cost.Price{"m": price}, Health: health.NewBoard(time.Now),
		}
	}
	r.Providers["keyless"] = &provider.Provider{
		Name: "keyless", Type: "openai", BaseURL: "http://keyless", NeedsKey: true, Transport: &upstream{},
		Keys: provider.NewKeys(nil, "{env.NO_KEY}"), Health: health.NewBoard(time.Now), NewChat: compat.New(compat.Options{}),
	}
	r.Resolve = func(model string) (string, string, error) {
		p, m, ok := strings.Cut(model, "/")
		if _, known := r.Providers[p]; !ok || !known {
			return "", "", io.ErrUnexpectedEOF
		}
		return p, m, nil
	}
	var configs []*gate.Config
	for _, g := range gates {
		c, err := gate.Decode([]byte(g))
		if err != nil {
			t.Fatal(err)
		}
		configs = append(configs, c)
	}
	if r.Gates, err = gate.NewTable(gate.Options{Inline: configs, Resolve: r.Resolve}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Gates.Close)
	return r
}

// noBooks account for nothing.
func noBooks() (*Books, func(), error) { return new(Books), func() {}, nil }

func gateJSON(more string) string {
	if more != "" {
		more = "," + more
	}
	return `{"id":"` + assistantID + `","name":"assistant","model":"a/m","maxRetries":0` + more + `}`
}

// ask sends a body through the relay.
func ask(r *Relay, body string, h http.Header) (*httptest.ResponseRecorder, *Record) {
	return askContext(context.Background(), r, body, h)
}

func askContext(ctx context.Context, r *Relay, body string, h http.Header) (*httptest.ResponseRecorder, *Record) {
	return askAs(ctx, r, body, h, &access.Key{Name: "k", Gates: []string{"assistant", assistantID}})
}

func askAs(ctx context.Context, r *Relay, body string, h http.Header, key *access.Key) (*httptest.ResponseRecorder, *Record) {
	req := httptest.NewRequestWithContext(ctx, http.MethodPost, "/v1/chat/completions", strings.NewReader(body))
	for name, values := range h {
		req.Header[name] = values
	}
	w := httptest.NewRecorder()
	rec := NewRecord(r.Now())
	r.Chat(w, req, key, rec)
	return w, rec
}

const hi = `{"model":"assistant","messages":[{"role":"user","content":"hi"}]}`
const hiStream = `{"model":"assistant","stream":true,"messages":[{"role":"user","content":"hi"}]}`

// errorOf reads an error answer, which must be in OpenAI's shape.
func errorOf(t *testing.T, body []byte) (e struct {
	Message, Type string
	Param, Code   *string
}) {
	t.Helper()
	var v struct {
		Error jsontext.Value `json:"error"`
	}
	if err := json.Unmarshal(body, &v, json.RejectUnknownMembers(true)); err != nil {
		t.Fatalf("not an error: %s", body)
	}
	for _, name := range []string{"message", "type", "param", "code"} {
		if !strings.Contains(string(v.Error), `"`+name+`":`) {
			t.Fatalf("%s is missing: %s", name, body)
		}
	}
	if err := json.Unmarshal(v.Error, &e, json.MatchCaseInsensitiveNames(true)); err != nil {
		t.Fatal(err)
	}
	return e
}

func TestWhole(t *testing.T) {
	a := &upstream{answers: []answer{{body: good}}}
	w, rec := ask(setup(t, a, nil, gateJSON(``)), `{"model":"assistant","gateId":null,"seed":12345678901234567890,"messages":[{"role":"user","content":"hi"}]}`, nil)
	if w.Code != 200 || rec.Outcome != OK {
		t.Fatalf("%d %s: %s", w.Code, rec.Outcome, w.Body)
	}
	if want := `{"model":"m","seed":12345678901234567890,"messages":[{"role":"user","content":"hi"}]}`; a.got[0] != want {
		t.Errorf("upstream got %s\nwant         %s", a.got[0], want)
	}
	var got struct {
		Cost  float64 `json:"cost"`
		Usage struct {
			Cost    float64 `json:"cost"`
			Details struct {
				Status string `json:"status"`
			} `json:"cost_details"`
			Prompt int `json:"prompt_tokens"`
		} `json:"usage"`
		Layer struct {
			RequestID string   `json:"request_id"`
			Gate      string   `json:"gate"`
			GateID    string   `json:"gate_id"`
			Provider  string   `json:"provider"`
			Model     string   `json:"model"`
			Attempts  int      `json:"attempts"`
			Dropped   []string `json:"dropped"`
		} `json:"layer"`
		Fingerprint string `json:"system_fingerprint"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Cost != 0.000014 || got.Usage.Cost != got.Cost || got.Usage.Details.Status != "exact" || got.Usage.Prompt != 10 || got.Fingerprint != "fp" {
		t.Errorf("got %+v", got)
	}
	if l := got.Layer; l.RequestID != rec.RequestID || l.Gate != "assistant" || l.GateID != assistantID || l.Provider != "a" || l.Model != "m" || l.Attempts != 1 || l.Dropped == nil {
		t.Errorf("layer %+v", l)
	}
	for name, want := range map[string]string{"X-Layer-Cost": "0.000014", "X-Layer-Provider": "a", "X-Layer-Model": "m", "X-Layer-Attempts": "1", "X-Layer-Gate-Id": assistantID} {
		if w.Header().Get(name) != want {
			t.Errorf("%s is %q", name, w.Header().Get(name))
		}
	}
}

func TestStream(t *testing.T) {
	for _, asked := range []bool{false, true} {
		a := &upstream{answers: []answer{{typ: "text/event-stream", body: goodStream}}}
		body := hiStream
		if asked {
			body = strings.Replace(body, `"stream"`, `"stream_options":{"include_usage":true,"x":1},"stream"`, 1)
		}
		w, rec := ask(setup(t, a, nil, gateJSON(``)), body, nil)
		out := w.Body.String()
		if !strings.Contains(a.got[0], `"include_usage":true`) {
			t.Errorf("usage was not asked for: %s", a.got[0])
		}
		if rec.Outcome != OK || rec.Usage.Input.N() != 10 || rec.Bill.Total.String() != "0.000014" || rec.FirstToken <= 0 {
			t.Errorf("record %+v", rec)
		}
		list := strings.Split(strings.TrimSuffix(out, "\n\n"), "\n\n")
		last := list[len(list)-2]
		if list[len(list)-1] != "data: [DONE]" || !strings.Contains(last, `"layer":{"request_id"`) || !strings.Contains(last, `"cost":0.000014`) {
			t.Errorf("end is %q", list[len(list)-2:])
		}
		if usage := strings.Contains(last, `"choices":[]`) && strings.Contains(last, `"prompt_tokens":10`); usage != asked {
			t.Errorf("asked %v: last is %s", asked, last)
		}
		for _, chunk := range list[:len(list)-2] {
			if strings.Contains(chunk, `"usage":null`) != asked || strings.Contains(chunk, "layer") {
				t.Errorf("asked %v: %s", asked, chunk)
			}
		}
	}
}

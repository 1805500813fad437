package survival

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/layergateway/layergateway/access"
	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/internal/faultd"
	"github.com/layergateway/layergateway/internal/site"
	"github.com/layergateway/layergateway/ledger"
)

// office is a site whose books are looked at.
type office struct {
	t      *testing.T
	up     *faultd.Server
	s      *site.Site
	client *http.Client

	global string // what the layer_gateway of the global options has
	grace  string // how long the process's end waits for requests; "" is for ever
	keys   string // clients' keys
	gates  string
	quiet  bool
}

// desk is a gate: its id ends with its number, and its model is its own name at
// the provider, whose dialect is OpenAI's unless it says another.
func desk(number int, name, provider, more string) string {
	return fmt.Sprintf("gate 00000000-0000-4000-8000-%012d {\nname %s\nmodel %s/%s\nmax_retries 0\n%s\n}\n", number, name, provider, name, more)
}

// pounds is what tokens cost at all of the office's providers: input and output
// in dollars for a million.
const pounds = "0.37 1.13"

func (o *office) config() site.Config {
	var text strings.Builder
	fmt.Fprintf(&text, "layer_gateway {\n%s", o.keys)
	for _, d := range dialects {
		fmt.Fprintf(&text, "provider %s {\nbase_url %s/%s/v1\napi_key {env.TEST_PROVIDER_KEY}\n", d, o.up.URL, d)
		for line := range strings.Lines(o.gates) {
			if name, ok := strings.CutPrefix(line, "model "+d+"/"); ok && !strings.HasPrefix(name, "unpriced") && !strings.HasPrefix(name, "exact") {
				fmt.Fprintf(&text, "price %s %s\n", strings.TrimSpace(name), pounds)
			}
		}
		// Of this one a token of output is a picodollar, and input is free.
		text.WriteString("price exact 0 0.000001\n}\n")
	}
	fmt.Fprintf(&text, "%s}\nrespond \"plain\"\n", o.gates)
	global := "layer_gateway {\n" + o.global + "}\n"
	if o.grace != "" {
		global += "grace_period " + o.grace + "\n"
	}
	return site.Config{Block: text.String(), Global: global, Quiet: o.quiet, Env: []string{"TEST_PROVIDER_KEY=u"}}
}

// open starts the site.
func (o *office) open(t *testing.T) {
	t.Helper()
	o.t = t
	if o.up == nil {
		o.up = faultd.New(t, faultd.Options{})
	}
	o.s = site.Start(t, o.config())
	transport := &http.Transport{MaxIdleConnsPerHost: 1024}
	t.Cleanup(transport.CloseIdleConnections)
	o.client = &http.Client{Transport: transport}
}

func (o *office) reload() {
	o.t.Helper()
	if err := o.s.Reload(o.config()); err != nil {
		o.t.Fatal(err)
	}
	o.client.CloseIdleConnections() // the server closes them too, at some moment
}

// receipt is what a client has got.
type receipt struct {
	id     string // of the request
	status int
	head   http.Header
	body   []byte
	err    error
}

// bought is what an answer says that it cost.
type bought struct {
	Usage *struct {
		Prompt     int64        `json:"prompt_tokens"`
		Completion int64        `json:"completion_tokens"`
		Cost       *cost.Amount `json:"cost"`
		Details    struct {
			Status  cost.Status `json:"status"`
			Version *string     `json:"price_version"`
		} `json:"cost_details"`
	} `json:"usage"`
	Cost  *cost.Amount `json:"cost"`
	Error *struct {
		Code string `json:"code"`
	} `json:"error"`
}

// bought reads the last event of a stream, or the whole of another answer.
func (r *receipt) bought() (b bought, err error) {
	text := bytes.TrimSuffix(bytes.TrimSpace(r.body), []byte("\n\ndata: [DONE]"))
	if i := bytes.LastIndex(text, []byte("\n\ndata: ")); i >= 0 {
		text = text[i+len("\n\ndata: "):]
	}
	text = bytes.TrimPrefix(text, []byte("data: "))
	err = json.Unmarshal(text, &b)
	return b, err
}

func (r *receipt) code() string {
	if b, err := r.bought(); err == nil && b.Error != nil {
		return b.Error.Code
	}
	return ""
}

// body asks a gate; fields go in front of the messages.
func asked(gate string, fields ...string) string {
	all := append([]string{fmt.Sprintf(`"model":%q`, gate)}, fields...)
	return "{" + strings.Join(all, ",") + `,"messages":[{"role":"user","content":"hi"}]}`
}

const streaming = `"stream":true,"stream_options":{"include_usage":true}`

func (o *office) ask(ctx context.Context, key, body string) receipt {
	return ask(ctx, o.client, o.s.URL, key, body)
}

func ask(ctx context.Context, client *http.Client, base, key, body string) (r receipt) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		return receipt{err: err}
	}
	req.Header.Set("Authorization", "Bearer "+key)
	resp, err := client.Do(req)
	if err != nil {
		return receipt{err: err}
	}
	defer resp.Body.Close()
	r = receipt{id: resp.Header.Get("X-Layer-Request-Id"), status: resp.StatusCode, head: resp.Header}
	r.body, r.err = io.ReadAll(resp.Body)
	return r
}

// begin asks for a stream, and returns when its head has come; nil if none did. A
// reload resets connections that the old listener has and nobody has accepted yet:
// then it asks again, as clients do.
func (o *office) begin(ctx context.Context, key, body string) *http.Response {
	for try := 1; ; try++ {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, o.s.URL+"/v1/chat/completions", strings.NewReader(body))
		if err != nil {
			o.t.Error(err)
			return nil
		}
		req.Header.Set("Authorization", "Bearer "+key)
		resp, err := o.client.Do(req)
		if err == nil {
			return resp
		}
		if try == 5 || !errors.Is(err, syscall.ECONNRESET) {
			o.t.Error(err)
			return nil
		}
	}
}

// data is where the site keeps its ledger.
func (o *office) data() string { return filepath.Join(o.s.Dir(), "data", "caddy", "layer_gateway") }

// books opens the site's ledger beside it.
func (o *office) books(config ledger.Config) *ledger.Ledger {
	o.t.Helper()
	l, err := ledger.Open(o.t.Context(), config)
	if err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(func() {
		if err := l.Close(context.Background()); err != nil {
			o.t.Error(err)
		}
	})
	return l
}

// rows are all rows, by id, once there are as many as wanted.
func (o *office) rows(l *ledger.Ledger, want int) map[string]ledger.Row {
	o.t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		all, err := l.Summary(o.t.Context(), ledger.ByAll, time.Time{}, time.Time{})
		if err != nil {
			o.t.Fatal(err)
		}
		if len(all) == 1 && all[0].Requests >= int64(want) {
			break
		}
	}
	rows, n := map[string]ledger.Row{}, 0
	for row, err := range l.All(o.t.Context(), ledger.Filter{}) {
		if err != nil {
			o.t.Fatal(err)
		}
		rows[row.ID] = row
		n++
	}
	if n != want || len(rows) != want {
		o.t.Errorf("%d rows of %d requests, want %d", n, len(rows), want)
	}
	return rows
}

// keyID is how rows name a key.
func keyID(key string) string { return (&access.Key{Hash: access.HashOf(key)}).ID() }

// remade is the cost of a row, made again of its attempts and the price in it.
func remade(row *ledger.Row) (total cost.Amount, err error) {
	prices := map[string]cost.Price{}
	if row.Price != nil {
		if err := json.Unmarshal(row.Price, &prices); err != nil {
			return 0, err
		}
	}
	for _, a := range row.Attempts {
		if a.Usage == (cost.Usage{}) {
			continue
		}
		bill := prices[a.Provider+"/"+a.Model].Bill(a.Usage)
		if bill != a.Bill {
			return 0, fmt.Errorf("an attempt's bill is %+v, made again %+v", a.Bill, bill)
		}
		total = total.Add(bill.Total)
	}
	return total, nil
}

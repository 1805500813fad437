package survival

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/layergateway/layergateway/internal/faultd"
	"github.com/layergateway/layergateway/internal/site"
)

// Secrets that must not be seen anywhere but where they belong.
const (
	clientKey   = "canary-of-the-client"
	providerKey = "canary-of-the-provider"
)

// scene is what an upstream plays at the successive requests for a model.
type scene func(d faultd.Dialect, model string) []faultd.Script

// plays is a scene that is the same at each request.
func plays(steps ...faultd.Step) scene { return turns(steps) }

// turns is a scene of one script a request; the last is for all that follow.
func turns(scripts ...faultd.Script) scene {
	return func(faultd.Dialect, string) []faultd.Script { return scripts }
}

// refuses is a scene of an error with a message of its own.
func refuses(status int, message string) scene {
	return func(d faultd.Dialect, _ string) []faultd.Script {
		return []faultd.Script{{faultd.Answer(status, "application/json", d.Error(status, "", message))}}
	}
}

// row is a situation: what an upstream does, and what must become of a request. It is tried in each dialect, streamed
// and not, alone and with a fallback.
type row struct {
	id, name string
	plays    scene
	dialects []faultd.Dialect // none: all
	only     string           // stream or whole; both if empty
	gate     string           // more of the gate's block
	retries  bool             // the gate asks once more
	extra    string           // members of the request
	unasked  bool             // the request does not ask for the usage
	at       string           // where the provider is: see [venue.bases]
	reached  bool             // although it is there, it is asked
	last     want             // where no other target is left
	final    bool             // no other target is asked for it
	alone    bool             // it is not tried with a fallback
	second   faultd.Script    // what the fallback plays; it is healthy if there is none
	both     want             // what becomes of the request then
	left     string           // "yes": the upstream sees that it is left; "maybe": it may have been faster
	least    time.Duration    // what the request takes at least
	look     func(*trial) []string
}

// want is what must become of a request.
type want struct {
	status  int
	code    string // of the error
	outcome string
	words   int      // of the text
	text    string   // in place of words
	tokens  int      // if they are not as many as the words
	tries   []string // result and status of each attempt
	after   string   // Retry-After
	noRetry bool
	hollow  bool // an answer without choices
	free    bool // the upstream does not say the usage
	spare   bool // the last attempt is at the fallback
}

// spareWords is what fallbacks say: fewer than any other answer, so that it shows whose it is.
const spareWords = 3

// trial is a row in one dialect and form.
type trial struct {
	row              *row
	slug, gate       string // of the provider, its model and the gate; the gate's id
	dialect          faultd.Dialect
	stream, fallback bool
	usage            bool // is asked for
	want             want

	seen    *reply
	err     error
	next    int // the status of the request behind this one
	elapsed time.Duration
}

func (tr *trial) name() string {
	form, alone := "whole", "alone"
	if tr.stream {
		form = "stream"
	}
	if tr.fallback {
		alone = "fallback"
	}
	return strings.ReplaceAll(fmt.Sprintf("%s/%s/%s/%s/%s", tr.row.id, tr.row.name, tr.dialect, form, alone), " ", "_")
}

// trials are all of the rows'.
func trials(rows []row) []*trial {
	var all []*trial
	for i := range rows {
		r := &rows[i]
		ds := r.dialects
		if ds == nil {
			ds = faultd.Dialects[:]
		}
		for _, d := range ds {
			for _, form := range []string{"whole", "stream"} {
				if r.only != "" && r.only != form {
					continue
				}
				for _, fallback := range []bool{false, true} {
					w, ok := r.wants(fallback)
					if !ok {
						continue
					}
					n := len(all) + 1
					all = append(all, &trial{row: r, dialect: d, stream: form == "stream", fallback: fallback, want: w,
						slug: fmt.Sprintf("%s-%03d", strings.ToLower(r.id), n), gate: fmt.Sprintf("00000000-0000-4000-8000-%012d", n),
						usage: !r.unasked && !fallback})
				}
			}
		}
	}
	return all
}

// wants is what must become of a request, alone or with a fallback; false if that is not to be tried.
func (r *row) wants(fallback bool) (want, bool) {
	switch {
	case fallback && r.alone:
		return want{}, false
	case !fallback || r.final:
		return r.last, true
	case r.second != nil:
		return r.both, true
	case r.last.outcome == "ok" && len(r.last.tries) == 1:
		return want{}, false
	}
	return want{status: 200, outcome: "ok", words: spareWords, tries: []string{r.last.tries[0], "ok 200"}, spare: true}, true
}

// price is what an answer of n words costs, at one dollar for a million tokens of the prompt and two for those of the
// answer.
func price(n int) float64 {
	dollars, _ := strconv.ParseFloat(fmt.Sprintf("%de-6", faultd.PromptTokens+2*n), 64)
	return dollars
}

// venue is where the trials are held: upstreams, and the gateway in front of them.
type venue struct {
	up     *faultd.Server
	bases  map[string]string // where a provider may be; "" is up
	others []*faultd.Server  // those by other ways
	site   *site.Site
}

// patience is how long anything may take that must come.
const patience = 20 * time.Second

// upstreams are all of them.
func (v *venue) upstreams() []*faultd.Server { return append(slices.Clone(v.others), v.up) }

// paths are what the addresses of providers end with, by their type, which is called as the dialect is.
var paths = map[faultd.Dialect]string{faultd.OpenAI: "/v1", faultd.Anthropic: "/v1", faultd.Google: "/v1beta", faultd.Cohere: "/v2"}

// other is the dialect of a fallback, which is never the first target's.
func other(d faultd.Dialect) faultd.Dialect {
	for i, one := range faultd.Dialects {
		if one == d {
			return faultd.Dialects[(i+1)%len(faultd.Dialects)]
		}
	}
	return d
}

// block is the configuration of the trials: each has a provider of its own, since a key that is refused, or an account
// that is spent, is so for all models.
func (v *venue) block(all []*trial) string {
	var text strings.Builder
	fmt.Fprintf(&text, "layer_gateway {\napi_key {env.TEST_CLIENT_KEY} {\nname tester\n}\n")
	provider := func(name string, d faultd.Dialect, base string) {
		fmt.Fprintf(&text, "provider %s %s {\nbase_url %s%s\napi_key {env.TEST_PROVIDER_KEY}\n", name, d, base, paths[d])
	}
	provider("well", faultd.OpenAI, v.up.URL)
	text.WriteString("}\ngate 99999999-0000-4000-8000-000000000000 {\nname well\nmodel well/well\n}\n")
	for _, d := range faultd.Dialects {
		provider("spare-"+string(d), d, v.up.URL)
		for _, tr := range all {
			if tr.fallback && other(tr.dialect) == d {
				fmt.Fprintf(&text, "price %s-2 1 2\n", tr.slug)
			}
		}
		text.WriteString("}\n")
	}
	for _, tr := range all {
		provider(tr.slug, tr.dialect, v.bases[tr.row.at])
		fmt.Fprintf(&text, "price %s 1 2\n}\ngate %s {\nname %s\nmodel %s/%s\n%s\n", tr.slug, tr.gate, tr.slug, tr.slug, tr.slug, tr.row.gate)
		if tr.fallback {
			fmt.Fprintf(&text, "strategy fallback\nfallback spare-%s/%s-2\n", other(tr.dialect), tr.slug)
		}
		retries := 0
		if tr.row.retries {
			retries = 1
		}
		if !strings.Contains(tr.row.gate, "max_retries") {
			fmt.Fprintf(&text, "max_retries %d\n", retries)
		}
		text.WriteString("}\n")
	}
	text.WriteString("}\nrespond \"plain\"\n")
	return text.String()
}

// rehearse gives the upstream the trials' scripts.
func (v *venue) rehearse(all []*trial) {
	v.up.On("well", faultd.Script{faultd.Healthy(2)})
	for _, tr := range all {
		if tr.row.plays != nil {
			for _, s := range v.upstreams() {
				s.On(tr.slug, tr.row.plays(tr.dialect, tr.slug)...)
			}
		}
		spare := tr.row.second
		if spare == nil {
			spare = faultd.Script{faultd.Healthy(spareWords)}
		}
		v.up.On(tr.slug+"-2", spare)
	}
}

// hold holds a trial: its request, and another one behind it from the same client.
func (v *venue) hold(ctx context.Context, tr *trial) {
	transport := &http.Transport{DisableCompression: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	body := fmt.Sprintf(`{"model":%q,"stream":%v,"messages":[{"role":"user","content":"hi"}]`, tr.slug, tr.stream)
	if tr.usage && tr.stream {
		body += `,"stream_options":{"include_usage":true}`
	}
	start := time.Now()
	tr.seen, tr.err = v.ask(ctx, client, body+tr.row.extra+"}", func(n int) {
		for _, s := range v.upstreams() {
			s.Release(tr.slug + "-" + strconv.Itoa(n))
		}
	})
	tr.elapsed = time.Since(start)
	if next, err := v.ask(ctx, client, `{"model":"well","messages":[{"role":"user","content":"hi"}]}`, func(int) {}); err == nil && next.text == faultd.WordsText(2) {
		tr.next = next.status
	}
}

// ask sends a request to the gateway.
func (v *venue) ask(ctx context.Context, client *http.Client, body string, heard func(int)) (*reply, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, v.site.URL+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+clientKey)
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() {
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}()
	return receive(resp, heard), nil
}

package survival

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/layergateway/layergateway/internal/faultd"
	"github.com/layergateway/layergateway/internal/site"
)

// line is the gateway's log line of a request.
type line struct {
	RequestID        string `json:"request_id"`
	Key              string
	Gate             string
	Provider         string
	Model            string
	Outcome          string
	Status           int
	Attempts         int
	Stream           bool
	PromptTokens     *int     `json:"prompt_tokens"`
	CompletionTokens *int     `json:"completion_tokens"`
	Cost             *float64 `json:"cost"`
	CostStatus       string   `json:"cost_status"`
	TTFT             float64  `json:"ttft"`
	Latency          float64
	Tries            []try

	size int // bytes of the line
}

// try is an attempt in a log line.
type try struct {
	Provider, Model, Result string
	Status                  int
	Start, Took             *float64
}

func (t try) String() string {
	if t.Status == 0 {
		return t.Result
	}
	return t.Result + " " + strconv.Itoa(t.Status)
}

// requests are the log's lines of requests, by gate.
func requests(t *testing.T, s *site.Site) map[string][]line {
	t.Helper()
	found := make(map[string][]line)
	for text := range strings.Lines(s.Log()) {
		if !strings.Contains(text, `"msg":"request"`) || !strings.HasSuffix(text, "\n") {
			continue
		}
		l := line{size: len(text)}
		if err := json.Unmarshal([]byte(text), &l, anyCase); err != nil {
			t.Fatalf("log line %q: %v", text, err)
		}
		found[l.Gate] = append(found[l.Gate], l)
	}
	return found
}

// sample is a metric's series and its value.
type sample struct {
	labels map[string]string
	value  float64
}

// samples are the gateway's metrics, each by the value of one label: requests and cost by gate, attempts by model.
func samples(t *testing.T, s *site.Site, name, by string) map[string][]sample {
	t.Helper()
	found := make(map[string][]sample)
	for text := range strings.Lines(s.Admin("/metrics")) {
		rest, ok := strings.CutPrefix(text, name+"{")
		if !ok {
			continue
		}
		labels, value, _ := strings.Cut(rest, "} ")
		one := sample{labels: make(map[string]string)}
		for _, pair := range strings.Split(labels, `",`) { // no label here has a comma or a quote
			k, v, _ := strings.Cut(pair, `="`)
			one.labels[k] = strings.TrimSuffix(v, `"`)
		}
		var err error
		if one.value, err = strconv.ParseFloat(strings.TrimSpace(value), 64); err != nil {
			t.Fatalf("metric %q: %v", text, err)
		}
		found[one.labels[by]] = append(found[one.labels[by]], one)
	}
	return found
}

// count is a counter for one of its label's values as text, such as "ok 1, timeout 2", in alphabetical order.
func count(all []sample, label string) string {
	sums := make(map[string]float64)
	for _, s := range all {
		sums[s.labels[label]] += s.value
	}
	return inOrder(sums)
}

func inOrder[N int | float64](sums map[string]N) string {
	var out []string
	for k, n := range sums {
		out = append(out, fmt.Sprintf("%s %v", k, n))
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// books are what the process has written of all requests, read once they have ended.
type books struct {
	lines                    map[string][]line         // by gate
	rows                     map[string]*written       // by gate
	outcomes, attempts, cost map[string][]sample       // by gate; attempts by model
	asked                    map[string][]faultd.Entry // by model, at any upstream
}

func readBooks(t *testing.T, v *venue) *books {
	t.Helper()
	s := v.site
	b := &books{
		asked:    make(map[string][]faultd.Entry),
		lines:    requests(t, s),
		outcomes: samples(t, s, "layer_gateway_requests_total", "gate"),
		attempts: samples(t, s, "layer_gateway_attempts_total", "model"),
		cost:     samples(t, s, "layer_gateway_cost_usd_total", "gate"),
	}
	awaitRows(t, s, b.lines)
	for _, up := range v.upstreams() {
		for _, e := range up.Entries("") {
			b.asked[e.Model] = append(b.asked[e.Model], e)
		}
	}
	return b
}

// views are the places where an exchange shows, and which must agree: each checks one trial, and says what is wrong.
var views = []struct {
	name  string
	check func(*trial, *books) []string
}{
	{"client", (*trial).client},
	{"upstream", (*trial).upstream},
	{"log", (*trial).log},
	{"ledger", (*trial).ledger},
	{"metrics", (*trial).metrics},
}

// client is what the client saw.
func (tr *trial) client(*books) (wrong []string) {
	if tr.seen == nil {
		return []string{"no answer: " + fmt.Sprint(tr.err)}
	}
	w, r := tr.want, tr.seen
	not := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if r.status != w.status {
		not("status %d, want %d: %.300s", r.status, w.status, r.body)
	}
	if r.code() != w.code {
		not("code %q, want %q: %.300s", r.code(), w.code, r.body)
	}
	if w.status != 200 && (r.choices > 0 || r.text != "" || r.done) {
		not("an answer beside the error: %.300s", r.body)
	}
	if w.text == "" {
		wrong = append(wrong, r.check(w.words, w.outcome == "ok" && !w.hollow, tr.stream)...)
	} else if r.text != w.text {
		not("text %.80q (%d bytes), want %.80q (%d bytes)", r.text, len(r.text), w.text, len(w.text))
	}
	if wanted := w.outcome == "ok" && tr.stream && tr.usage; (r.usages == 1) != wanted || r.usages > 1 {
		not("%d events with the usage alone", r.usages)
	}
	for name, value := range map[string]string{
		"Retry-After": w.after, "X-Should-Retry": map[bool]string{true: "false"}[w.noRetry],
		"X-Layer-Attempts": strconv.Itoa(len(w.tries)), "Content-Encoding": "", "X-Layer-Gate-Id": tr.gate,
	} {
		if got := r.header.Get(name); got != value {
			not("%s %q, want %q", name, got, value)
		}
	}
	if r.header.Get("X-Layer-Request-Id") == "" {
		not("no request id")
	}
	for _, secret := range []string{"<html", "127.0.0.1", providerKey, clientKey, "nobody.."} {
		if strings.Contains(string(r.body), secret) {
			not("%q reached the client: %.300s", secret, r.body)
		}
	}
	if tr.row.look != nil {
		wrong = append(wrong, tr.row.look(tr)...)
	}
	if tr.elapsed < tr.row.least {
		not("it took %v, less than %v", tr.elapsed, tr.row.least)
	}
	if tr.next != 200 {
		not("the next request: %d", tr.next)
	}
	return wrong
}

// upstream is what the upstreams were asked.
func (tr *trial) upstream(b *books) (wrong []string) {
	not := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	asked, spare := b.asked[tr.slug], b.asked[tr.slug+"-2"]
	want := len(tr.want.tries)
	wantSpare := 0
	if tr.want.spare {
		want, wantSpare = want-1, 1
	}
	if tr.row.at != "" && !tr.row.reached {
		want = 0 // never over what could not be trusted, or reached
	}
	if len(asked) != want || len(spare) != wantSpare {
		not("asked %d times and %d times, want %d and %d", len(asked), len(spare), want, wantSpare)
	}
	for _, e := range slices.Concat(asked, spare) {
		switch {
		case e.Outcome == faultd.Running:
			not("request %d still runs", e.Seq)
		case e.Model == tr.slug && tr.row.left != "maybe" && (tr.row.left == "yes") != (e.Outcome == faultd.Cancelled):
			not("request %d was %s", e.Seq, e.Outcome)
		case e.Stream != tr.stream:
			not("request %d asks for a stream: %v", e.Seq, e.Stream)
		case strings.Contains(string(e.Body)+fmt.Sprint(e.Header), clientKey):
			not("request %d has the client's key", e.Seq)
		case tr.stream && e.Dialect == faultd.OpenAI && !strings.Contains(string(e.Body), `"include_usage":true`):
			not("request %d asks for no usage: %s", e.Seq, e.Body)
		}
	}
	return wrong
}

// log is the request's log line.
func (tr *trial) log(b *books) (wrong []string) {
	not := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if n := len(b.lines[tr.slug]); n != 1 {
		return []string{fmt.Sprintf("%d lines", n)}
	}
	l, w := b.lines[tr.slug][0], tr.want
	if l.Outcome != w.outcome || l.Status != w.status || l.Attempts != len(w.tries) || l.Stream != tr.stream || l.Key != "tester" {
		not("%s, status %d, attempts %d, stream %v, want %s, %d, %d, %v", l.Outcome, l.Status, l.Attempts, l.Stream, w.outcome, w.status, len(w.tries), tr.stream)
	}
	if tr.seen != nil && l.RequestID != tr.seen.header.Get("X-Layer-Request-Id") {
		not("another request's id")
	}
	if len(l.Tries) == 0 && slices.Equal(w.tries, []string{"ok 200"}) {
		l.Tries = []try{{l.Provider, l.Model, "ok", 200, new(float64), new(float64)}}
	}
	var tries []string
	for i, try := range l.Tries {
		tries = append(tries, try.String())
		model := tr.slug
		if w.spare && i == len(l.Tries)-1 {
			model += "-2"
		}
		if try.Model != model || try.Start == nil || try.Took == nil {
			not("attempt %+v, want one at %s", try, model)
		}
	}
	if !slices.Equal(tries, w.tries) {
		not("attempts %q, want %q", tries, w.tries)
	}
	if l.size > 4<<10 {
		not("%d bytes", l.size)
	}
	return append(wrong, tr.billed(l)...)
}

// billed checks what the log says of tokens and cost: those of the answer alone, and nothing where there is none.
func (tr *trial) billed(l line) []string {
	w := tr.want
	switch {
	case w.outcome == "ok" && !w.free:
		n := cmp.Or(w.tokens, w.words)
		if l.CostStatus == "exact" && l.PromptTokens != nil && *l.PromptTokens == faultd.PromptTokens &&
			l.CompletionTokens != nil && *l.CompletionTokens == n && l.Cost != nil && *l.Cost == price(n) {
			return nil
		}
	case w.outcome == "ok":
		return nil
	case w.words == 0 && w.text == "":
		if (l.Cost == nil || *l.Cost == 0) && l.CompletionTokens == nil {
			return nil
		}
	case l.CostStatus == "estimated" && l.CompletionTokens != nil && *l.CompletionTokens > 0 && l.Cost != nil: // the provider has not said them
		return nil
	}
	return []string{fmt.Sprintf("prompt %v, completion %v, cost %v %q", deref2(l.PromptTokens), deref2(l.CompletionTokens), deref2(l.Cost), l.CostStatus)}
}

func deref2[T any](p *T) any {
	if p == nil {
		return nil
	}
	return *p
}

// metrics are the counters of the trial's gate and models.
func (tr *trial) metrics(b *books) (wrong []string) {
	not := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if got, want := count(b.outcomes[tr.slug], "outcome"), tr.want.outcome+" 1"; got != want {
		not("requests_total %s, want %s", got, want)
	}
	want := make(map[string]int)
	for _, t := range tr.want.tries {
		result, _, _ := strings.Cut(t, " ")
		want[result]++
	}
	if got, want := count(slices.Concat(b.attempts[tr.slug], b.attempts[tr.slug+"-2"]), "result"), inOrder(want); got != want {
		not("attempts_total %s, want %s", got, want)
	}
	var paid float64
	for _, s := range b.cost[tr.slug] {
		paid += s.value
	}
	if l := b.lines[tr.slug]; len(l) == 1 && (l[0].Cost == nil && paid != 0 || l[0].Cost != nil && *l[0].Cost != paid) {
		not("cost_usd_total %v, the log %v", paid, deref2(l[0].Cost))
	}
	return wrong
}

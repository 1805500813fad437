package layergateway

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/gate"
	"github.com/layergateway/layergateway/provider"
	"github.com/layergateway/layergateway/relay"
)

// metricLines are all values but those of histograms' buckets, in the form that an endpoint for metrics has.
func metricLines(t testing.TB, collectors ...prometheus.Collector) []string {
	t.Helper()
	r := prometheus.NewPedanticRegistry()
	for _, c := range collectors {
		r.MustRegister(c)
	}
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			name := strings.TrimPrefix(f.GetName(), "layer_gateway_") + "{" + strings.Join(labels, " ") + "}"
			switch {
			case m.GetCounter() != nil:
				lines = append(lines, fmt.Sprint(name, " ", m.GetCounter().GetValue()))
			case m.GetGauge() != nil:
				lines = append(lines, fmt.Sprint(name, " ", m.GetGauge().GetValue()))
			case m.GetHistogram() != nil:
				lines = append(lines, fmt.Sprintf("%s %d of %.4g", name, m.GetHistogram().GetSampleCount(), m.GetHistogram().GetSampleSum()))
			}
		}
	}
	return lines
}

func (m *metrics) vectors() []prometheus.Collector {
	return []prometheus.Collector{m.requests, m.refused, m.attempts, m.retries, m.failovers, m.hedges, m.tokens, m.cost, m.unpriced,
		m.firstToken, m.perToken, m.duration, m.overhead}
}

func TestCount(t *testing.T) {
	targets := []gate.Target{{Provider: "a", Model: "m"}, {Provider: "b", Model: "n"}}
	usage := func(text string) (u cost.Usage) {
		if err := json.Unmarshal([]byte(text), &u); err != nil {
			t.Fatal(err)
		}
		return u
	}
	const s = time.Second
	for name, row := range map[string]struct {
		rec  relay.Record
		want []string // beside the requests' total and their duration
	}{
		"a stream": {relay.Record{Gate: "g", Targets: targets, Provider: "a", Model: "m", Outcome: relay.OK, Stream: true,
			Total: 10 * s, FirstToken: 2 * s, Tries: []*relay.Try{{Provider: "a", Model: "m", Start: s / 2, Took: 9 * s, FirstToken: s}},
			Usage: usage(`{"input":100,"cached_input":10,"cache_write":3,"cache_write_1h":4,"output":5,"reasoning":2}`),
			Bill:  cost.Bill{Status: cost.Exact, Total: cost.Amount(250e9)}}, []string{
			"attempts_total{model=m provider=a result=ok} 1",
			"cost_usd_total{gate=g model=m provider=a} 0.25",
			"overhead_seconds{} 1 of 1",
			"time_per_output_token_seconds{model=m provider=a} 1 of 2",
			"time_to_first_token_seconds{model=m provider=a} 1 of 2",
			"tokens_total{gate=g kind=cache_write model=m provider=a} 7",
			"tokens_total{gate=g kind=cached model=m provider=a} 10",
			"tokens_total{gate=g kind=completion model=m provider=a} 5",
			"tokens_total{gate=g kind=prompt model=m provider=a} 100",
			"tokens_total{gate=g kind=reasoning model=m provider=a} 2",
		}},
		"an estimate says nothing of the pace": {relay.Record{Gate: "g", Targets: targets, Provider: "a", Model: "m", Outcome: relay.OK, Stream: true,
			Total: 10 * s, FirstToken: 2 * s, Usage: usage(`{"output":5,"estimated":true}`)}, []string{
			"time_to_first_token_seconds{model=m provider=a} 1 of 2",
			"tokens_total{gate=g kind=completion model=m provider=a} 5",
		}},
		"retries and failover": {relay.Record{Gate: "g", Targets: targets, Provider: "b", Model: "n", Outcome: relay.OK, Total: 20 * s, FirstToken: 19 * s,
			Bill: cost.Bill{Status: cost.Unpriced}, Tries: []*relay.Try{
				{Provider: "a", Model: "m", Failed: true, Kind: provider.RateLimited, Start: 1 * s, Took: 2 * s},
				{Provider: "a", Model: "m", Failed: true, Kind: provider.Failed, Start: 3 * s, Took: 2 * s},
				{Provider: "b", Model: "n", Failed: true, Kind: provider.TimedOut, Start: 5 * s, Took: 5 * s},
				{Provider: "a", Model: "m", Failed: true, Start: 12 * s, Took: s},
				{Provider: "b", Model: "n", Start: 13 * s, Took: 7 * s},
			}}, []string{
			"attempts_total{model=m provider=a result=failed} 2",
			"attempts_total{model=m provider=a result=rate_limited} 1",
			"attempts_total{model=n provider=b result=ok} 1",
			"attempts_total{model=n provider=b result=timeout} 1",
			"failovers_total{model=n provider=b} 1",
			"overhead_seconds{} 1 of 3",
			"retries_total{model=m provider=a} 2",
			"retries_total{model=n provider=b} 1",
			"unpriced_total{gate=g model=n provider=b} 1",
		}},
		"a hedge that won": {relay.Record{Gate: "g", Targets: targets, Provider: "b", Model: "n", Outcome: relay.OK, Total: 9 * s, Tries: []*relay.Try{
			{Provider: "a", Model: "m", Lost: true, Start: 1 * s, Took: 4 * s},
			{Provider: "b", Model: "n", Hedge: true, FirstToken: s, Start: 3 * s, Took: 5 * s},
		}}, []string{
			"attempts_total{model=m provider=a result=lost} 1",
			"attempts_total{model=n provider=b result=ok} 1",
			"hedges_total{model=n provider=b result=won} 1",
			"overhead_seconds{} 1 of 2",
		}},
		"one that lost beside a longer one": {relay.Record{Gate: "g", Targets: targets, Provider: "a", Model: "m", Outcome: relay.OK, Total: 9 * s, Tries: []*relay.Try{
			{Provider: "a", Model: "m", FirstToken: s, Start: 0, Took: 8 * s},
			{Provider: "b", Model: "n", Hedge: true, Lost: true, Start: 3 * s, Took: 2 * s},
		}}, []string{
			"attempts_total{model=m provider=a result=ok} 1",
			"attempts_total{model=n provider=b result=lost} 1",
			"hedges_total{model=n provider=b result=lost} 1",
			"overhead_seconds{} 1 of 1",
		}},
		"one that failed": {relay.Record{Gate: "g", Targets: targets, Provider: "a", Model: "m", Outcome: relay.ClientGone, Tries: []*relay.Try{
			{Provider: "a", Model: "m"}, {Provider: "b", Model: "n", Hedge: true, Failed: true, Kind: provider.Overloaded},
		}}, []string{
			"attempts_total{model=m provider=a result=ok} 1",
			"attempts_total{model=n provider=b result=overloaded} 1",
			"hedges_total{model=n provider=b result=failed} 1",
			"overhead_seconds{} 1 of 0",
		}},
		"a model of the client's": {relay.Record{Gate: "g", Targets: targets, Provider: "a", Model: "made up", Outcome: relay.ProviderError,
			Tries: []*relay.Try{{Provider: "a", Model: "made up", Failed: true, Kind: provider.ModelNotFound}}}, []string{
			"attempts_total{model=other provider=a result=model_not_found} 1",
			"overhead_seconds{} 1 of 0",
		}},
		"a limit":     {relay.Record{Gate: "g", Outcome: relay.Rejected, Refused: "tokens"}, []string{"limits_refused_total{gate=g reason=tokens} 1"}},
		"concurrency": {relay.Record{Outcome: relay.Rejected, ErrorCode: "gateway_overloaded"}, []string{"limits_refused_total{gate= reason=concurrency} 1"}},
		"the ledger":  {relay.Record{Gate: "g", Outcome: relay.Rejected, ErrorCode: "ledger_unavailable"}, []string{"limits_refused_total{gate=g reason=ledger} 1"}},
		"another gateway's word": {relay.Record{Gate: "g", Targets: targets, Provider: "a", Model: "m", Outcome: relay.Rejected, ErrorCode: "gateway_overloaded",
			Tries: []*relay.Try{{Provider: "a", Model: "m", Failed: true, Kind: provider.Invalid}}}, []string{
			"attempts_total{model=m provider=a result=invalid} 1",
			"overhead_seconds{} 1 of 0",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMetrics()
			m.count(&row.rec)
			var got []string
			common := 0
			for _, line := range metricLines(t, m.vectors()...) {
				switch {
				case strings.HasPrefix(line, "requests_total{"), strings.HasPrefix(line, "request_duration_seconds{"):
					common++
				case line != "overhead_seconds{} 0 of 0":
					got = append(got, line)
				}
			}
			if text, want := strings.Join(got, "\n"), strings.Join(row.want, "\n"); text != want || common != 2 {
				t.Errorf("%d and\n%s\nwant\n%s", common, text, want)
			}
		})
	}
}

// Their types are the documented ones, keys have states, limits are counted by their kind, and all goes on over a
// reload.
func TestMetrics(t *testing.T) {
	_, server, gates := providers(t)
	block := func(more string) string {
		return `
			layer_gateway {
				api_key k
				api_key once {
					rate_limit 1 1h
				}
				api_key spender {
					name   web
					budget 0.0001 daily alert_only
				}
				provider broken openai {
					base_url ` + server.URL + `/openai/v1
					api_key wrong
				}
				gate ` + otherID + ` {
					name broken
					model broken/gpt-4o
					fallback anthropic/claude-sonnet-4-5
					strategy fallback
				}
				` + gates + more + `
			}
		`
	}
	s := start(t, block(""))
	if got := s.chat("broken", "hi"); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if got := s.stream("openai", "hi").all(); got == "" {
		t.Fatal("no answer")
	}
	for range 2 {
		s.do(s.client, "POST", chatPath, question("google", "hi", false), "Authorization", "Bearer once")
	}
	if got := s.do(s.client, "POST", chatPath, question("anthropic", "hi", false), "Authorization", "Bearer spender"); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if err := s.reload(block("keepalive 20s\n")); err != nil {
		t.Fatal(err)
	}
	for _, want := range []struct {
		name, labels string
		value        float64
	}{
		{"requests_total", `outcome="ok"`, 4},
		{"requests_running", "", 0},
		{"limits_refused_total", `gate="google",reason="requests"`, 1},
		{"attempts_total", `model="gpt-4o",provider="broken",result="auth"`, 1},
		{"failovers_total", `model="claude-sonnet-4-5",provider="anthropic"`, 1},
		{"time_to_first_token_seconds_count", `provider="openai"`, 1},
		{"time_per_output_token_seconds_count", `provider="openai"`, 1},
		{"request_duration_seconds_count", "", 5},
		{"overhead_seconds_count", "", 4},
		{"key_state", `key="0",model="",provider="broken",state="dead"`, 1},
		{"key_state", `key="0",model="",provider="broken",state="ok"`, 0},
		{"key_state", `key="0",model="",provider="openai",state="ok"`, 1},
		{"key_state", `key="0",model="gpt-4o",provider="openai",state="ok"`, 1},
		{"ledger_ok", "", 1},
		{"prices_info", "", 1},
		{"gates", "", 4},
	} {
		if got := s.metric("layer_gateway_"+want.name, want.labels); got != want.value {
			t.Errorf("%s{%s} is %v, want %v", want.name, want.labels, got, want.value)
		}
	}
	least := max(time.Since(cost.Builtin().Date()).Seconds(), 0)
	if got := s.metric("layer_gateway_prices_age_seconds", ""); got < least || got > least+3600 {
		t.Errorf("the built-in prices are %v s old, want %v", got, least)
	}
	hits, misses := s.metric("layer_gateway_gate_cache_hits_total", ""), s.metric("layer_gateway_gate_cache_misses_total", "")
	if misses < 1 || hits+misses < 4 {
		t.Errorf("%v look-ups hit, %v missed", hits, misses)
	}
	paid := s.metric("layer_gateway_cost_usd_total", `gate="anthropic"`)
	if got, want := s.metric("layer_gateway_budget_used_ratio", `period="daily",subject="key \"web\""`), paid/0.0001; want == 0 || math.Abs(got/want-1) > 1e-9 {
		t.Errorf("%v of the budget is used, want %v", got, want)
	}
	_, rows := documented(t)
	for _, typed := range regexp.MustCompile(`(?m)^# TYPE (layer_gateway_\S+) (\S+)$`).
		FindAllStringSubmatch(s.do(s.admin, "GET", "http://127.0.0.1/metrics", "").body, -1) {
		if rows[typed[1]][0] != typed[2] {
			t.Errorf("%s is a %s, docs/metrics.md has %q", typed[1], typed[2], rows[typed[1]][0])
		}
	}
}

// Who finds no place is counted, and so is who has one.
func TestMetricsOfConcurrency(t *testing.T) {
	u, server, gates := providers(t)
	halted := halt(u)
	defer halted.open() // or the server would wait for its requests for ever
	server.Config.Handler = halted
	s := start(t, "layer_gateway {\napi_key k\nmax_concurrent 1 0\n"+gates+"}")
	r := s.stream("openai", "[[chunks=40]]")
	if !r.next() {
		t.Fatal("the stream has no beginning")
	}
	if got := s.chat("openai", "hi"); got.status != 503 {
		t.Errorf("beside it: %d %s", got.status, got.body)
	}
	for name, want := range map[string]float64{"requests_running": 1, "limits_refused_total": 1} {
		if got := s.metric("layer_gateway_"+name, ""); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	if got := s.metric("layer_gateway_limits_refused_total", `gate="",reason="concurrency"`); got != 1 {
		t.Errorf("%v were refused for concurrency", got)
	}
	halted.open()
	r.all()
}

// Models that clients made up have no series, whatever the provider's health remembers of them.
func TestStatesOfModels(t *testing.T) {
	s := start(t, `
		layer_gateway {
			api_key k
			provider echo
			gate `+helloID+` {
				name hello
				model echo/words
				allow_overrides model
			}
		}
	`)
	for _, model := range []string{"words", "made-up"} {
		s.do(s.client, "POST", chatPath, `{"gateId":"hello","model":"echo/`+model+`","messages":[{"role":"user","content":"hi"}]}`, "Authorization", "Bearer k")
	}
	if got := s.metric("layer_gateway_key_state", `model="words"`); got != 1 {
		t.Errorf("the gate's model: %v", got)
	}
	if text := s.do(s.admin, "GET", "http://127.0.0.1/metrics", "").body; strings.Contains(text, "made-up") {
		t.Error("the client's model is a label")
	}
}

func BenchmarkCount(b *testing.B) {
	m := newMetrics()
	rec := &relay.Record{Gate: "g", Targets: []gate.Target{{Provider: "a", Model: "m"}}, Provider: "a", Model: "m", Outcome: relay.OK, Stream: true,
		Total: 10 * time.Second, FirstToken: time.Second, Tries: []*relay.Try{{Provider: "a", Model: "m", Took: 9 * time.Second, FirstToken: time.Second}},
		Usage: cost.Usage{Input: cost.Of(100), CachedInput: cost.Of(50), Output: cost.Of(20), Reasoning: cost.Of(10)},
		Bill:  cost.Bill{Status: cost.Exact, Total: cost.Amount(250e9)}}
	b.ReportAllocs()
	for b.Loop() {
		m.count(rec)
	}
}

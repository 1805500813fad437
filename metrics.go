package layergateway

import (
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/gate"
	"github.com/layergateway/layergateway/relay"
)

// metrics are the counters of all handlers. They outlive reloads, although Caddy has a new registry with each.
// Labels are the configuration's own words: never a key, nor a text that a client chose. docs/metrics.md says what
// each of them means.
type metrics struct {
	requests       *prometheus.CounterVec
	refused        *prometheus.CounterVec
	attempts       *prometheus.CounterVec
	retries        *prometheus.CounterVec
	failovers      *prometheus.CounterVec
	hedges         *prometheus.CounterVec
	tokens         *prometheus.CounterVec
	cost           *prometheus.CounterVec
	unpriced       *prometheus.CounterVec
	firstToken     *prometheus.HistogramVec
	perToken       *prometheus.HistogramVec
	duration       *prometheus.HistogramVec
	overhead       prometheus.Histogram
	reloadFailures prometheus.Counter
	limitsAway     prometheus.Gauge

	lookups gate.Lookups
	asked   askedModels
	spend   spenders
}

// The bounds of the histograms, in seconds.
var (
	firstTokenBounds = []float64{.05, .1, .2, .3, .5, .75, 1, 1.5, 2, 3, 5, 8, 13, 20, 30, 60, 120}
	perTokenBounds   = []float64{.001, .0025, .005, .01, .015, .02, .03, .05, .075, .1, .2, .5, 1}
	durationBounds   = []float64{.01, .05, .1, .25, .5, 1, 2, 5, 10, 20, 40, 60, 120, 300, 600}
	overheadBounds   = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, 1, 5}
)

func newMetrics() *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: directive, Name: name, Help: help}, labels)
	}
	histogram := func(name, help string, bounds []float64) prometheus.HistogramOpts {
		return prometheus.HistogramOpts{Namespace: directive, Name: name, Help: help, Buckets: bounds}
	}
	return &metrics{
		requests: counter("requests_total", "Chat completions, by how they ended.", "gate", "provider", "model", "outcome"),
		refused:  counter("limits_refused_total", "Requests that a limit refused, by its kind.", "gate", "reason"),
		attempts: counter("attempts_total", "Attempts at providers, by how they ended: ok, lost (a hedge), or the kind of failure; auth is a credential to mend.",
			"provider", "model", "result"),
		retries:   counter("retries_total", "Attempts at a target that the request had tried before, with the same key or another one.", "provider", "model"),
		failovers: counter("failovers_total", "Attempts at a further target after one had failed, by the one that was turned to.", "provider", "model"),
		hedges:    counter("hedges_total", "Attempts that were begun beside a silent one: won, lost, or failed.", "provider", "model", "result"),
		tokens:    counter("tokens_total", "Tokens, as far as providers reported them.", "gate", "provider", "model", "kind"),
		cost:      counter("cost_usd_total", "Cost in US dollars, as far as prices are known.", "gate", "provider", "model"),
		unpriced:  counter("unpriced_total", "Requests whose cost nobody knows, for want of a price.", "gate", "provider", "model"),
		firstToken: prometheus.NewHistogramVec(histogram("time_to_first_token_seconds", "From a request to the first content of its stream.", firstTokenBounds),
			[]string{"provider", "model"}),
		perToken: prometheus.NewHistogramVec(histogram("time_per_output_token_seconds", "Between the tokens of a whole stream, on average over it.", perTokenBounds),
			[]string{"provider", "model"}),
		duration: prometheus.NewHistogramVec(histogram("request_duration_seconds", "From a request to the end of its answer.", durationBounds),
			[]string{"provider", "model", "outcome"}),
		overhead: prometheus.NewHistogram(histogram("overhead_seconds", "The part of a request in which no attempt at a provider was under way.", overheadBounds)),
		reloadFailures: prometheus.NewCounter(prometheus.CounterOpts{Namespace: directive, Name: "gates_reload_failures_total",
			Help: "Edits of gates files that were not taken over for a mistake."}),
		limitsAway: prometheus.NewGauge(prometheus.GaugeOpts{Namespace: directive, Name: "limits_store_away",
			Help: "Whether the shared store of limits is away just now."}),
	}
}

// storeAway notes whether the store of limits is there.
func (m *metrics) storeAway(away bool) {
	if away {
		m.limitsAway.Set(1)
	} else {
		m.limitsAway.Set(0)
	}
}

// register adds the counters and the state of a configuration to its registry.
func (m *metrics) register(r *prometheus.Registry, a *App) error {
	for _, c := range m.collectors(a) {
		if err := r.Register(c); err != nil {
			return err
		}
	}
	return nil
}

func (m *metrics) collectors(a *App) []prometheus.Collector {
	return []prometheus.Collector{
		m.requests, m.refused, m.attempts, m.retries, m.failovers, m.hedges, m.tokens, m.cost, m.unpriced,
		m.firstToken, m.perToken, m.duration, m.overhead, m.reloadFailures, m.limitsAway, newState(a, m),
	}
}

// count adds one chat completion.
func (m *metrics) count(rec *relay.Record) {
	model := modelLabel(rec.Targets, rec.Provider, rec.Model)
	m.requests.WithLabelValues(rec.Gate, rec.Provider, model, string(rec.Outcome)).Inc()
	m.duration.WithLabelValues(rec.Provider, model, string(rec.Outcome)).Observe(rec.Total.Seconds())
	if reason := refusal(rec); reason != "" {
		m.refused.WithLabelValues(rec.Gate, reason).Inc()
	}
	m.spend.add(rec.Subjects)
	m.countTries(rec)
	m.countUsage(rec, model)
	if !rec.Stream || rec.FirstToken == 0 {
		return
	}
	m.firstToken.WithLabelValues(rec.Provider, model).Observe(rec.FirstToken.Seconds())
	// An estimate of the tokens is none of their pace.
	if n := rec.Usage.Output.N(); n > 1 && rec.Outcome == relay.OK && !rec.Usage.Estimated {
		m.perToken.WithLabelValues(rec.Provider, model).Observe((rec.Total - rec.FirstToken).Seconds() / float64(n-1))
	}
}

func (m *metrics) countTries(rec *relay.Record) {
	for i, try := range rec.Tries {
		model := modelLabel(rec.Targets, try.Provider, try.Model)
		if model == try.Model {
			m.asked.add(try.Provider, model)
		}
		m.attempts.WithLabelValues(try.Provider, model, try.Result()).Inc()
		switch {
		case try.Hedge:
			m.hedges.WithLabelValues(try.Provider, model, hedgeResult(try)).Inc()
		case before(rec.Tries[:i], try):
			m.retries.WithLabelValues(try.Provider, model).Inc()
		case i > 0:
			m.failovers.WithLabelValues(try.Provider, model).Inc()
		}
	}
	if len(rec.Tries) > 0 {
		m.overhead.Observe(overhead(rec).Seconds())
	}
}

// before reports whether the target of try is among those of earlier ones.
func before(earlier []*relay.Try, try *relay.Try) bool {
	for _, e := range earlier {
		if e.Provider == try.Provider && e.Model == try.Model {
			return true
		}
	}
	return false
}

func hedgeResult(try *relay.Try) string {
	switch {
	case try.FirstToken > 0:
		return "won"
	case try.Lost:
		return "lost"
	}
	return "failed"
}

// overhead is how long no attempt was under way. They are in the order in which they began, and may overlap.
func overhead(rec *relay.Record) time.Duration {
	var busy, until time.Duration
	for _, try := range rec.Tries {
		if end := try.Start + try.Took; end > until {
			busy += end - max(try.Start, until)
			until = end
		}
	}
	return max(rec.Total-busy, 0)
}

// refusal is which kind of limit refused the request, empty if none did. Only the gateway itself refuses before
// there is an attempt.
func refusal(rec *relay.Record) string {
	switch {
	case rec.Refused != "" || len(rec.Tries) > 0:
		return rec.Refused
	case rec.ErrorCode == "gateway_overloaded":
		return "concurrency"
	case rec.ErrorCode == "ledger_unavailable":
		return "ledger"
	}
	return ""
}

func (m *metrics) countUsage(rec *relay.Record, model string) {
	u := &rec.Usage
	for _, kind := range [...]struct {
		name   string
		tokens int64
	}{
		{"prompt", u.Input.N()},
		{"cached", u.CachedInput.N()},
		{"cache_write", u.CacheWrite.N() + u.CacheWrite1h.N()},
		{"prompt_audio", u.AudioInput.N()},
		{"prompt_image", u.ImageInput.N()},
		{"completion", u.Output.N()},
		{"reasoning", u.Reasoning.N()},
		{"completion_audio", u.AudioOutput.N()},
		{"completion_image", u.ImageOutput.N()},
		{"citation", u.Citation.N()},
	} {
		if kind.tokens > 0 {
			m.tokens.WithLabelValues(rec.Gate, rec.Provider, model, kind.name).Add(float64(kind.tokens))
		}
	}
	if rec.Bill.Status == cost.Unpriced {
		m.unpriced.WithLabelValues(rec.Gate, rec.Provider, model).Inc()
	}
	if dollars, ok := dollars(rec.Bill); ok && dollars > 0 {
		m.cost.WithLabelValues(rec.Gate, rec.Provider, model).Add(dollars)
	}
}

// modelLabel is the model, if it is one of the gate's: another one is the client's choice, and there is no end
// of those.
func modelLabel(targets []gate.Target, provider, model string) string {
	if model == "" {
		return ""
	}
	for _, t := range targets {
		if t.Provider == provider && t.Model == model {
			return model
		}
	}
	return "other"
}

// askedModels are the models of gates that have been asked: those of which the state may be told.
type askedModels struct {
	mu  sync.RWMutex
	set map[askedModel]struct{}
}

type askedModel struct{ provider, model string }

func (a *askedModels) has(provider, model string) bool {
	a.mu.RLock()
	defer a.mu.RUnlock()
	_, ok := a.set[askedModel{provider, model}]
	return ok
}

func (a *askedModels) add(provider, model string) {
	if a.has(provider, model) {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.set == nil {
		a.set = make(map[askedModel]struct{})
	}
	a.set[askedModel{provider, model}] = struct{}{}
}

// dollars is what a bill comes to; false if it is unknown.
func dollars(b cost.Bill) (float64, bool) {
	if b.Status != cost.Exact && b.Status != cost.Estimated {
		return 0, false
	}
	// Through text, so that the nearest float64 is shown with the digits that the amount has.
	f, err := strconv.ParseFloat(b.Total.String(), 64)
	return f, err == nil
}

package layergateway

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/gate"
	"github.com/layergateway/layergateway/relay"
)

// metrics are the counters of all handlers. They outlive reloads, although Caddy has a new registry with each.
// Labels are the configuration's own words: never a key, nor a text that a client chose.
type metrics struct {
	requests       *prometheus.CounterVec
	attempts       *prometheus.CounterVec
	tokens         *prometheus.CounterVec
	cost           *prometheus.CounterVec
	reloadFailures prometheus.Counter
	limitsAway     prometheus.Gauge
}

func newMetrics() *metrics {
	opts := func(name, help string) prometheus.CounterOpts {
		return prometheus.CounterOpts{Namespace: directive, Name: name, Help: help}
	}
	return &metrics{
		requests: prometheus.NewCounterVec(opts("requests_total", "Chat completions, by how they ended."),
			[]string{"gate", "provider", "model", "outcome"}),
		attempts: prometheus.NewCounterVec(opts("attempts_total", "Attempts at providers, by how they ended: ok, lost (a hedge), or the kind of failure; auth is a credential to mend."),
			[]string{"provider", "model", "result"}),
		tokens: prometheus.NewCounterVec(opts("tokens_total", "Tokens, as far as providers reported them."),
			[]string{"gate", "provider", "model", "kind"}),
		cost: prometheus.NewCounterVec(opts("cost_usd_total", "Cost in US dollars, as far as prices are known."),
			[]string{"gate", "provider", "model"}),
		reloadFailures: prometheus.NewCounter(opts("gates_reload_failures_total", "Edits of gates files that were not taken over for a mistake.")),
		limitsAway:     prometheus.NewGauge(prometheus.GaugeOpts{Namespace: directive, Name: "limits_store_away", Help: "Whether the shared store of limits is away just now."}),
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
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: directive, Name: name, Help: help}, value)
	}
	counter := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: directive, Name: name, Help: help}, value)
	}
	list := []prometheus.Collector{
		m.requests, m.attempts, m.tokens, m.cost, m.reloadFailures, m.limitsAway,
		gauge("gates", "Gates that are loaded.", a.gates.count),
		gauge("gates_reload_ok", "Whether all gates files could be read when they last changed.", a.gates.ok),
		gauge("ledger_queue", "Rows that wait for the ledger's database.", func() float64 {
			s := a.books.stats()
			return float64(s.Queued + s.Spilled)
		}),
		gauge("ledger_ok", "Whether the ledger can write, or is off.", func() float64 {
			if a.books.ledgerErr() != nil {
				return 0
			}
			return 1
		}),
		counter("ledger_dropped_total", "Rows that the ledger has lost.", func() float64 { return float64(a.books.stats().Dropped) }),
	}
	if a.prices != nil {
		list = append(list, gauge("prices_age_seconds", "How long ago the list of prices was known to be up to date; -1 is never.", func() float64 {
			if age, ok := a.prices.Age(); ok {
				return age.Seconds()
			}
			return -1
		}))
	}
	for _, c := range list {
		if err := r.Register(c); err != nil {
			return err
		}
	}
	return nil
}

// count adds one chat completion.
func (m *metrics) count(rec *relay.Record, gates *gate.Table) {
	model := modelLabel(rec.GateID, rec.Provider, rec.Model, gates)
	for _, try := range rec.Tries {
		m.attempts.WithLabelValues(try.Provider, modelLabel(rec.GateID, try.Provider, try.Model, gates), try.Result()).Inc()
	}
	m.requests.WithLabelValues(rec.Gate, rec.Provider, model, string(rec.Outcome)).Inc()
	for _, kind := range []struct {
		name   string
		tokens cost.Tokens
	}{
		{"prompt", rec.Usage.Input},
		{"completion", rec.Usage.Output},
	} {
		if n := kind.tokens.N(); n > 0 {
			m.tokens.WithLabelValues(rec.Gate, rec.Provider, model, kind.name).Add(float64(n))
		}
	}
	if dollars, ok := dollars(rec.Bill); ok && dollars > 0 {
		m.cost.WithLabelValues(rec.Gate, rec.Provider, model).Add(dollars)
	}
}

// modelLabel is the model, if it is one of the gate's: another one is the client's choice, and there is no end
// of those.
func modelLabel(gateID, provider, model string, gates *gate.Table) string {
	if model == "" {
		return ""
	}
	if g, ok := gates.Lookup(gateID); ok {
		for _, t := range g.Targets {
			if t.Provider == provider && t.Model == model {
				return model
			}
		}
	}
	return "other"
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

package layergateway

import (
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/health"
	"github.com/layergateway/layergateway/provider"
)

// state is what is read of a configuration when somebody asks for the metrics.
type state struct {
	app     *App
	metrics *metrics

	gates, reloadOK, hits, misses, running, key, budget *prometheus.Desc
	queue, journal, ledgerOK, failures                  *prometheus.Desc
	dropped, droppedPayloads                            *prometheus.Desc
	pricesAge, pricesInfo                               *prometheus.Desc
}

func newState(a *App, m *metrics) *state {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(directive+"_"+name, help, labels, nil)
	}
	return &state{
		app: a, metrics: m,
		gates:    desc("gates", "Gates that are loaded."),
		reloadOK: desc("gates_reload_ok", "Whether all gates files could be read when they last changed."),
		hits:     desc("gate_cache_hits_total", "Look-ups of gates that the cache answered."),
		misses:   desc("gate_cache_misses_total", "Look-ups of gates that it did not."),
		running:  desc("requests_running", "Chat completions that are under way."),
		key: desc("key_state", "1 for the state that a provider's key is in, over all models or for one: ok, cooling, tripped (the breaker is open), dead.",
			"provider", "key", "model", "state"),
		budget: desc("budget_used_ratio", "The share of a budget that is spent in its present period, where this process counts for itself.",
			"subject", "period"),
		queue:           desc("ledger_queue", "Rows that wait for the ledger's database."),
		journal:         desc("ledger_journal_bytes", "The size of the ledger's journal."),
		ledgerOK:        desc("ledger_ok", "Whether the ledger can write, or is off."),
		failures:        desc("ledger_failures_total", "Writes of the ledger that failed; they are tried again."),
		dropped:         desc("ledger_dropped_total", "Rows that the ledger has lost."),
		droppedPayloads: desc("ledger_dropped_payloads_total", "Stored requests and answers that the ledger has lost."),
		pricesAge:       desc("prices_age_seconds", "How long ago the list of prices was known to be up to date; -1 is never."),
		pricesInfo:      desc("prices_info", "1 for the version of the prices that are in force.", "version"),
	}
}

// Describe implements prometheus.Collector.
func (s *state) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		s.gates, s.reloadOK, s.hits, s.misses, s.running, s.key, s.budget, s.queue, s.journal, s.ledgerOK, s.failures,
		s.dropped, s.droppedPayloads, s.pricesAge, s.pricesInfo,
	} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (s *state) Collect(to chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	counter := func(d *prometheus.Desc, value float64) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, value)
	}
	gauge(s.gates, s.app.gates.count())
	gauge(s.reloadOK, s.app.gates.ok())
	counter(s.hits, float64(s.metrics.lookups.Hits.Load()))
	counter(s.misses, float64(s.metrics.lookups.Misses.Load()))
	gauge(s.running, float64(s.app.flights.Len()))
	for row, now := range s.app.providers.states(&s.metrics.asked) {
		for _, reason := range keyReasons {
			gauge(s.key, oneIf(reason == now), row.provider, row.key, row.model, reason.String())
		}
	}
	for row, share := range s.metrics.spend.used(s.app.books.spentNow) {
		gauge(s.budget, share, row.subject, row.period)
	}
	ledger := s.app.books.stats()
	gauge(s.queue, float64(ledger.Queued+ledger.Spilled))
	gauge(s.journal, float64(ledger.JournalBytes))
	gauge(s.ledgerOK, oneIf(s.app.books.ledgerErr() == nil))
	counter(s.failures, float64(ledger.Failures))
	counter(s.dropped, float64(ledger.Dropped))
	counter(s.droppedPayloads, float64(ledger.DroppedPayloads))
	gauge(s.pricesAge, s.app.pricesAge().Seconds())
	gauge(s.pricesInfo, 1, s.app.catalog().Version())
}

// pricesAge is how long ago the prices were known to be up to date, -1s if they never were: those of one's own list, or of
// the built-in one.
func (a *App) pricesAge() time.Duration {
	if a.prices == nil {
		return max(time.Since(cost.Builtin().Date()), 0)
	}
	if age, ok := a.prices.Age(); ok {
		return age
	}
	return -time.Second
}

func oneIf(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// keyReasons are the states of a key, by the reasons not to give it out, the worst last.
var keyReasons = []health.Reason{health.Usable, health.Cooling, health.Tripped, health.Dead}

// providerList are the providers of all handlers of a configuration.
type providerList struct {
	mu   sync.Mutex
	list []*provider.Provider
}

func (l *providerList) add(providers map[string]*provider.Provider) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range providers {
		l.list = append(l.list, p)
	}
}

// keyRow says of which key a state is, and for which model; empty is all of them.
type keyRow struct{ provider, key, model string }

// states are those of all keys, for all models and for each one in asked. Handlers may have providers of one name:
// of what can't be told apart the worst counts.
func (l *providerList) states(asked *askedModels) map[keyRow]health.Reason {
	l.mu.Lock()
	defer l.mu.Unlock()
	rows := make(map[keyRow]health.Reason)
	for _, p := range l.list {
		keys := p.Keys.Values()
		if len(keys) == 0 && !p.NeedsKey {
			keys = []string{""} // as which it is asked
		}
		for _, s := range p.Health.Snapshot(keys) {
			if s.Model != "" && !asked.has(p.Name, s.Model) {
				continue
			}
			row := keyRow{provider: p.Name, model: s.Model}
			if keys[s.Index] != "" {
				row.key = strconv.Itoa(s.Index)
			}
			rows[row] = max(rows[row], s.Reason)
		}
	}
	return rows
}

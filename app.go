package layergateway

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/relay"
)

// App is what all layer_gateway handlers of a configuration share: the prices of models, the ledger, the store of
// limits, the metrics, and the watching of files with gates.
type App struct {
	// Prices in the format of models.dev's api.json, which go before the built-in ones: a file, whose path is
	// relative to the working directory, or an https address. They are read again while the gateway runs; a list
	// that can't be used changes nothing. Default: none.
	Prices string `json:"prices,omitempty"`

	// How often the file is looked at, or the address asked. Default: 5s for a file, 1h for an address.
	PricesEvery caddy.Duration `json:"prices_every,omitempty"`

	// Where it is kept what became of each request. Default: a file in Caddy's data directory.
	Ledger *LedgerConfig `json:"ledger,omitempty"`

	// Where it is counted what was used of limits and budgets. Default: this process's memory.
	Limits *LimitsStore `json:"limits,omitempty"`

	// An address that is sent each crossed threshold of a budget, as JSON. It may have placeholders. Default: none.
	AlertWebhook string `json:"alert_webhook,omitempty"`

	log     *zap.Logger
	prices  *cost.Source // nil: the built-in ones
	metrics *metrics
	gates   gateFiles
	books   books
	stored  storedHandlers
	alerts  alerts
	held    holds
	flights *relay.Flights
	notice  notice

	providers providerList
	gateways  gatewayList
}

// CaddyModule returns the Caddy module information.
func (*App) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: directive, New: func() caddy.Module { return new(App) }}
}

// Provision reads the prices and registers the metrics.
func (a *App) Provision(ctx caddy.Context) error {
	a.log = ctx.Logger()
	var err error
	if a.prices, err = a.source(); err != nil {
		return err
	}
	if err := a.provisionBooks(); err != nil {
		return err
	}
	if err := a.alerts.provision(ctx, a.AlertWebhook, a.log); err != nil {
		return err
	}
	a.metrics = hold(&a.held, metricsKey{}, newMetrics())
	a.flights = hold(&a.held, flightsKey{}, relay.NewFlights())
	if err := a.notice.provision(ctx); err != nil {
		return err
	}
	return a.metrics.register(ctx.GetMetricsRegistry(), a)
}

func (a *App) provisionBooks() error {
	config, on, err := a.Ledger.resolve()
	if err != nil {
		return err
	}
	if on {
		a.books.config = &config
	}
	a.books.log, a.books.alert = a.log, a.alerts.tell
	a.books.redisState = func(away bool) { a.metrics.storeAway(away) }
	a.books.redis, a.books.allow, err = a.Limits.resolve()
	return err
}

// source is where the prices come from beside the built-in ones, nil for nowhere.
func (a *App) source() (*cost.Source, error) {
	if a.Prices == "" {
		return nil, nil
	}
	o := cost.SourceOptions{
		Every: time.Duration(a.PricesEvery),
		OnChange: func(c *cost.Catalog) {
			a.log.Info("prices read again", zap.String("version", c.Version()))
		},
		OnError: func(err error) {
			a.log.Error("prices not read again: they stay as they were", zap.Error(err))
		},
	}
	if strings.HasPrefix(a.Prices, "https://") || strings.HasPrefix(a.Prices, "http://") {
		o.URL, o.Client = a.Prices, &http.Client{Timeout: time.Minute}
		// Of each address its own copy: another list's prices are not this one's.
		o.Keep = filepath.Join(caddy.AppDataDir(), directive, fmt.Sprintf("prices-%.8x.json", sha256.Sum256([]byte(a.Prices))))
	} else {
		o.File = a.Prices
	}
	s, err := cost.NewSource(o)
	if err != nil {
		return nil, fmt.Errorf("prices %s: %w", a.shownPrices(), err)
	}
	return s, nil
}

// shownPrices are where the prices come from as errors and pages may show it: a user or a query may have a secret.
func (a *App) shownPrices() string {
	if !strings.HasPrefix(a.Prices, "https://") && !strings.HasPrefix(a.Prices, "http://") {
		return a.Prices
	}
	u, err := url.Parse(a.Prices)
	if err != nil {
		return "of an address that can't be read"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String()
}

// catalog is the prices that are in force.
func (a *App) catalog() *cost.Catalog {
	if a.prices == nil {
		return cost.Builtin()
	}
	return a.prices.Catalog()
}

// Start opens the books, and begins to watch files and addresses.
func (a *App) Start() error {
	if err := a.books.open(); err != nil {
		return err
	}
	if err := a.stored.enter(); err != nil {
		return err
	}
	a.alerts.start()
	if a.prices != nil {
		a.prices.Start()
	}
	a.gates.start(a.metrics)
	return nil
}

// Stop ends the watching.
func (a *App) Stop() error {
	a.gates.stop()
	if a.prices != nil {
		a.prices.Stop()
	}
	return nil
}

// Cleanup lets go of what is shared.
func (a *App) Cleanup() error {
	err := errors.Join(a.books.close(), a.held.release())
	a.alerts.stop()
	return err
}

// pricesNow are the prices as a configuration that does not run can know them.
func pricesNow(prices string) (*cost.Catalog, error) {
	a := &App{Prices: prices, log: zap.NewNop()}
	var err error
	if a.prices, err = a.source(); err != nil {
		return nil, err
	}
	return a.catalog(), nil
}

// Interface guards
var (
	_ caddy.App          = (*App)(nil)
	_ caddy.Provisioner  = (*App)(nil)
	_ caddy.CleanerUpper = (*App)(nil)
)

package layergateway

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"

	"github.com/caddyserver/caddy/v2"

	"github.com/layergateway/layergateway/cost"
)

// App is what all layer_gateway handlers of a configuration share: the prices of models, the metrics, and the
// watching of files with gates.
type App struct {
	// A file with prices in the format of models.dev's api.json, which go before the built-in ones; its path
	// is relative to the working directory. Default: none.
	Prices string `json:"prices,omitempty"`

	catalog *cost.Catalog
	metrics *metrics
	gates   gateFiles
	held    holds
}

// CaddyModule returns the Caddy module information.
func (*App) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: directive, New: func() caddy.Module { return new(App) }}
}

// Provision reads the prices and registers the metrics.
func (a *App) Provision(ctx caddy.Context) error {
	var err error
	if a.catalog, err = readCatalog(a.Prices); err != nil {
		return err
	}
	a.metrics = hold(&a.held, metricsKey{}, newMetrics())
	return a.metrics.register(ctx.GetMetricsRegistry(), &a.gates)
}

// Start begins to watch files with gates.
func (a *App) Start() error {
	a.gates.start(a.metrics)
	return nil
}

// Stop ends the watching.
func (a *App) Stop() error {
	a.gates.stop()
	return nil
}

// Cleanup lets go of what is shared.
func (a *App) Cleanup() error { return a.held.release() }

// readCatalog returns the built-in prices with those of a file before them, if there is one.
func readCatalog(file string) (*cost.Catalog, error) {
	if file == "" {
		return cost.Builtin(), nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("prices: %w", err)
	}
	// The version leads from a bill to the very prices that it was made of.
	version := fmt.Sprintf("%s@%.6x", filepath.Base(file), sha256.Sum256(data))
	catalog, err := cost.Builtin().Overlay(data, version)
	if err != nil {
		return nil, fmt.Errorf("prices %s: %w", file, err)
	}
	return catalog, nil
}

// Interface guards
var (
	_ caddy.App          = (*App)(nil)
	_ caddy.Provisioner  = (*App)(nil)
	_ caddy.CleanerUpper = (*App)(nil)
)

// Package layergateway is layer_gateway, an LLM gateway for Caddy: one API in OpenAI's format in front of
// many providers, with gates instead of models, keys of its own, failover, and the cost of every answer.
//
// This package is what Caddy sees. The gateway itself is in its sub-packages, which know nothing of Caddy.
package layergateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/layergateway/layergateway/access"
	"github.com/layergateway/layergateway/gate"
	"github.com/layergateway/layergateway/health"
	"github.com/layergateway/layergateway/relay"
)

func init() {
	caddy.RegisterModule(new(Gateway))
	caddy.RegisterModule(new(App))
	caddy.RegisterModule(new(OpenAI))
	caddy.RegisterModule(new(Anthropic))
	caddy.RegisterModule(new(Google))
	caddy.RegisterModule(new(Echo))
	httpcaddyfile.RegisterGlobalOption(directive, parseApp)
	httpcaddyfile.RegisterHandlerDirective(directive, parseGateway)
	// What is not the API's is the site's: respond, reverse_proxy and file_server come after.
	httpcaddyfile.RegisterDirectiveOrder(directive, httpcaddyfile.Before, "respond")
}

const (
	directive = "layer_gateway"

	defaultMaxBody   = 32 << 20
	defaultKeepalive = caddy.Duration(15 * time.Second)
	defaultStall     = caddy.Duration(time.Minute)
)

// Gateway answers OpenAI's API below the path at which it is mounted: POST /v1/chat/completions, and GET
// /v1/models with the gates that the key may use. All other requests go to the next handler untouched.
//
// A request names a gate where it would name a model. The gate says which models of which providers are
// asked, in which order and with which settings. The answer is in OpenAI's format, and says what it cost.
//
// Placeholders, for log fields and headers of the answer, once the gateway has answered a chat completion:
//
// Placeholder | Description
// ------------|------------
// `{http.layer_gateway.request_id}` | The id that the answer's X-Layer-Request-Id has
// `{http.layer_gateway.gate}` | The gate's name, or its id if it has none
// `{http.layer_gateway.provider}` | The provider that was asked last
// `{http.layer_gateway.model}` | The model as that provider calls it
// `{http.layer_gateway.outcome}` | How it ended: ok, client_gone, rejected, provider_error, truncated, timeout, budget_cut, gateway_error
// `{http.layer_gateway.cost}` | The cost in US dollars; empty if it is unknown
// `{http.layer_gateway.prompt_tokens}` | The tokens of the prompt; empty if unknown
// `{http.layer_gateway.completion_tokens}` | The tokens of the answer; empty if unknown
// `{http.layer_gateway.attempts}` | How many attempts at providers there were
//
// The access log has the same in its field `layer_gateway`.
type Gateway struct {
	// The keys that clients may come with. Default: none, which needs `anonymous`.
	APIKeys []*APIKey `json:"api_keys,omitempty"`

	// Serve requests without a key. Default: false.
	Anonymous bool `json:"anonymous,omitempty"`

	// The providers, by the names that gates call them. Default: none.
	ProvidersRaw map[string]json.RawMessage `json:"providers,omitempty" caddy:"namespace=http.handlers.layer_gateway.providers inline_key=type"`

	// The gates. Default: none.
	Gates []*gate.Config `json:"gates,omitempty"`

	// Files with more gates: paths, or patterns such as gates/*.json, relative to the working directory. A
	// file holds one gate, an array, or {"gates": [...]}. Files that change are read again without a
	// reload; while one has a mistake, the gates stay as they were. Default: none.
	GatesFiles []string `json:"gates_files,omitempty"`

	// Whether the gates and client keys are served too that are made while the gateway runs. They are in the ledger's
	// database, which must not be off. What the configuration and its files declare goes before them. Default: false.
	GatesStore bool `json:"gates_store,omitempty"`

	// The gate, by name or id, for requests that name none. Default: none, they are refused.
	DefaultGate string `json:"default_gate,omitempty"`

	// The largest body of a request, in bytes, after decompression. Default: 33554432 (32 MiB).
	MaxBody int64 `json:"max_body,omitempty"`

	// The silence after which a stream that has begun gets a comment, so that nobody in between takes it
	// for dead; negative is never. Default: 15s.
	Keepalive caddy.Duration `json:"keepalive,omitempty"`

	// How many chat completions may run at once. A reload begins to count anew: what still runs of the
	// configuration before is not in it. Default: no bound.
	MaxConcurrent *MaxConcurrent `json:"max_concurrent,omitempty"`

	// How long a client may read nothing of its stream before it is given up, and the provider's answer with it;
	// negative is for ever. Default: 1m.
	StallTimeout caddy.Duration `json:"stall_timeout,omitempty"`

	// What becomes of an answer whose client is gone: "cancel" ends it, and what was relayed is billed as estimated;
	// "drain" reads it to its end, for the provider's own numbers. Default: cancel.
	OnDisconnect string `json:"on_disconnect,omitempty"`

	// How long an answer is drained. Default: 30s.
	DrainTimeout caddy.Duration `json:"drain_timeout,omitempty"`

	// What may be fetched for providers that take the bytes of images and files alone, where a request has an
	// address: "off"; or "public", the internet by https; and further networks in CIDR notation, also by http.
	// Private addresses are never fetched from unless a network names them. Default: public.
	FetchURLs []string `json:"fetch_urls,omitempty"`

	relay  *relay.Relay
	keys   *access.Keys
	stored *stored // nil without GatesStore
	app    *App
	held   holds
	log    *zap.Logger

	configured []*access.Key // those of APIKeys, in their order
}

// CaddyModule returns the Caddy module information.
func (*Gateway) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.layer_gateway",
		New: func() caddy.Module { return new(Gateway) },
	}
}

// Provision reads secrets and gates, and makes ready to serve. It has no effect outside of the process.
func (g *Gateway) Provision(ctx caddy.Context) error {
	g.log = ctx.Logger()
	app, err := ctx.App(directive)
	if err != nil {
		return err
	}
	g.app = app.(*App)
	if len(g.APIKeys) == 0 && !g.Anonymous && !g.GatesStore {
		return errors.New("nobody could come in: add api_keys, or set anonymous to serve without keys")
	}
	if err := g.provisionStored(); err != nil {
		return err
	}
	if g.MaxBody < 0 {
		return fmt.Errorf("max_body is %d: it must be positive", g.MaxBody)
	}
	providers, err := g.provisionProviders(ctx)
	if err != nil {
		return err
	}
	known := models{types: make(map[string]string, len(providers)), catalog: g.app.catalog()}
	for name, p := range providers {
		known.types[name] = p.Type
	}
	if slices.Contains(g.Gates, nil) {
		return errors.New("gates: null is not a gate")
	}
	table, err := gate.NewTable(gate.Options{
		Inline:  g.Gates,
		Files:   g.GatesFiles,
		Resolve: known.resolve,
		Cycles:  hold(&g.held, cyclesKey{}, gate.NewCycles()),
		Keep:    gateLimits,
		Lookups: &g.app.metrics.lookups,
	})
	if err != nil {
		return err
	}
	g.relay = &relay.Relay{
		Providers: providers,
		Gates:     table,
		Resolve:   known.resolve,
		Catalog:   g.app.catalog,
		Books:     g.app.books.use,
		Keepalive: time.Duration(orDefault(g.Keepalive, defaultKeepalive)),
		MaxBody:   orDefault(g.MaxBody, defaultMaxBody),

		StallTimeout: time.Duration(orDefault(g.StallTimeout, defaultStall)),
		Retries:      hold(&g.held, retriesKey{}, new(health.Retries)),
		Flights:      hold(&g.held, flightsKey{}, relay.NewFlights()),
		Closing:      g.app.notice.soon,
		Now:          time.Now,
	}
	if g.relay.Drain, err = g.drain(); err != nil {
		return err
	}
	if g.relay.Concurrency, err = g.MaxConcurrent.provision(new(access.Slots)); err != nil {
		return err
	}
	if err := g.provisionDefaultGate(); err != nil {
		return err
	}
	if err := g.provisionKeys(); err != nil {
		return err
	}
	g.app.watch(table, g.GatesFiles, g.log)
	if g.stored != nil {
		g.keys.AwaitStored()
		g.app.stored.add(g.stored)
	}
	g.app.providers.add(providers)
	g.app.gateways.add(g)
	return nil
}

const (
	onGoneCancel = "cancel"
	onGoneDrain  = "drain"

	defaultDrain = caddy.Duration(30 * time.Second)
)

// drain is how long answers are read on whose client is gone.
func (g *Gateway) drain() (time.Duration, error) {
	switch {
	case g.OnDisconnect == onGoneDrain && g.DrainTimeout >= 0:
		return time.Duration(orDefault(g.DrainTimeout, defaultDrain)), nil
	case g.OnDisconnect == onGoneDrain, g.DrainTimeout != 0:
		return 0, errors.New("drain_timeout: it must be positive, and needs on_disconnect drain")
	case g.OnDisconnect == "" || g.OnDisconnect == onGoneCancel:
		return 0, nil
	}
	return 0, fmt.Errorf("on_disconnect is %q: it can be cancel, drain", g.OnDisconnect)
}

func orDefault[T comparable](value, unset T) T {
	var zero T
	if value == zero {
		return unset
	}
	return value
}

func (g *Gateway) provisionDefaultGate() error {
	if g.DefaultGate == "" {
		return nil
	}
	ref, _ := gate.NormalizeRef(g.DefaultGate)
	if err := g.checkGate("default_gate", ref); err != nil {
		return err
	}
	g.relay.DefaultGate = ref
	return nil
}

// checkGate reports a gate that the configuration refers to and that is not there. With files or the store it
// may come later.
func (g *Gateway) checkGate(who, ref string) error {
	if _, ok := g.relay.Gates.Lookup(ref); ok {
		return nil
	}
	if g.stored != nil {
		g.stored.expect(who, ref)
		return nil
	}
	if len(g.GatesFiles) == 0 {
		var names []string
		for other := range g.relay.Gates.All() {
			names = append(names, other.Name)
		}
		return fmt.Errorf("%s: there is no gate %q%s", who, ref, suggest(ref, names))
	}
	g.log.Warn("there is no such gate yet", zap.String("gate", ref), zap.String("named_by", who))
	return nil
}

// lastWords is how long streams may take to say that they end with the process.
const lastWords = 2 * time.Second

// Cleanup lets go of what is shared. Requests that are still under way go on: a closed table still finds
// gates, and a transport that nobody holds only closes connections that are idle. But if the process is about to
// exit, Caddy's grace period is over for whoever is still here: those are told.
func (g *Gateway) Cleanup() error {
	if g.stored != nil {
		g.stored.leave()
	}
	if g.relay != nil {
		if caddy.Exiting() {
			ctx, cancel := context.WithTimeout(context.Background(), lastWords)
			defer cancel()
			g.relay.Flights.Stop(ctx)
		}
		g.relay.Gates.Close()
	}
	return g.held.release()
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Gateway)(nil)
	_ caddy.CleanerUpper          = (*Gateway)(nil)
	_ caddyhttp.MiddlewareHandler = (*Gateway)(nil)
)

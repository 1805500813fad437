package layergateway

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/go-json-experiment/json/jsontext"
	"go.uber.org/zap"

	"github.com/layergateway/layergateway/access"
	"github.com/layergateway/layergateway/admin"
	"github.com/layergateway/layergateway/gate"
	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/store"
)

func init() {
	caddy.RegisterModule(new(AdminAPI))
}

// adminPrefix is where Caddy's admin endpoint has the admin API.
const adminPrefix = "/layer_gateway"

// AdminAPI serves the gateway's admin API below /layer_gateway/ of Caddy's admin endpoint, for whoever may use that: gates
// and client keys, logs, spend, how providers fare. It is there whenever the endpoint is.
type AdminAPI struct{ ctx caddy.Context }

// CaddyModule returns the Caddy module information.
func (*AdminAPI) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "admin.api.layer_gateway", New: func() caddy.Module { return new(AdminAPI) }}
}

// Provision notes whose endpoint it is. The configuration's apps are not there yet.
func (a *AdminAPI) Provision(ctx caddy.Context) error {
	a.ctx = ctx
	return nil
}

// Routes implements caddy.AdminRouter.
func (a *AdminAPI) Routes() []caddy.AdminRoute {
	return []caddy.AdminRoute{{Pattern: adminPrefix + "/", Handler: caddy.AdminHandlerFunc(a.serve)}}
}

// serve answers for the configuration that runs, which is another one than the endpoint's own while that is loaded.
func (a *AdminAPI) serve(w http.ResponseWriter, r *http.Request) error {
	app, err := caddy.ActiveContext().AppIfConfigured(directive)
	if err != nil {
		return caddy.APIError{HTTPStatus: http.StatusNotFound, Err: errNoGateway}
	}
	leaving := func() bool { return caddy.Exiting() || a.ctx.Err() != nil }
	api := app.(*App).adminAPI(store.ByAdmin, leaving, a.ctx.Logger(a))
	http.StripPrefix(adminPrefix, api).ServeHTTP(w, r)
	return nil
}

var errNoGateway = errors.New("the configuration that runs has no layer_gateway")

// adminAPI is the admin API over what the configuration's gateways have. who is through what it is used; leaving reports
// whether streams should end.
func (a *App) adminAPI(who store.Who, leaving func() bool, log *zap.Logger) http.Handler {
	return admin.New(admin.Options{
		Who: who,
		Ledger: func() (admin.Ledger, func()) {
			l, done := a.books.opened()
			return l, done
		},
		Store: func() (admin.Store, func(), bool) {
			s, done, ok := a.servedStore()
			return s, done, ok
		},
		Gates: servedGates{&a.gateways}, Keys: a.gateways.adminKeys, Providers: a.adminProviders, Catalog: a.adminCatalog,
		Ask: func(w http.ResponseWriter, r *http.Request, gateID string, t gate.Target) {
			a.gateways.ask(w, r, gateID, t, &access.Key{Name: string(who)})
		},
		Leaving: leaving, Log: log,
	})
}

// servedStore is the store of gates and keys, if some gateway serves it.
func (a *App) servedStore() (s *store.Store, done func(), ok bool) {
	if !slices.ContainsFunc(a.gateways.all(), func(g *Gateway) bool { return g.GatesStore }) {
		return nil, nil, false
	}
	s, done, err := a.books.useStore()
	return s, done, err == nil
}

func (a *App) adminProviders() []admin.Provider {
	var list []admin.Provider
	for _, p := range a.gateways.providers() {
		list = append(list, admin.Provider(p))
	}
	return list
}

func (a *App) adminCatalog() admin.Catalog {
	c := a.shownCatalog()
	return admin.Catalog{Version: c.Version, Built: c.Built, Age: c.Age, Known: c.Known, Price: c.Price}
}

// adminKeys are all configured keys of all gateways, as they are written; one that several have is there once.
func (l *gatewayList) adminKeys() []admin.Key {
	var list []admin.Key
	for _, g := range l.all() {
		for i, k := range g.configured {
			if slices.ContainsFunc(list, func(other admin.Key) bool { return other.ID == k.ID() }) {
				continue
			}
			from := g.APIKeys[i]
			c := store.KeyConfig{
				Name: k.Name, Gates: k.Gates, Expires: from.Expires, LimitsConfig: from.LimitsConfig, AtGates: from.AtGates,
			}
			if m := from.MaxConcurrent; m != nil {
				c.MaxConcurrent = &store.MaxConcurrent{Running: m.Running, Waiting: m.Waiting, Wait: gate.Duration(m.Wait)}
			}
			list = append(list, admin.Key{ID: k.ID(), KeyConfig: c})
		}
	}
	return list
}

// servedGates are the gates of all gateways.
type servedGates struct{ *gatewayList }

// All implements admin.Gates.
func (s servedGates) All() iter.Seq[*gate.Gate] {
	return func(yield func(*gate.Gate) bool) {
		for _, g := range s.all() {
			g.enterStore()
			for one := range g.relay.Gates.All() {
				if !yield(one) {
					return
				}
			}
		}
	}
}

// Find implements admin.Gates.
func (s servedGates) Find(ref string) (*gate.Gate, jsontext.Value, bool) {
	g, one, ok := s.find(ref)
	if !ok {
		return nil, nil, false
	}
	written, ok := g.relay.Gates.Written(one.ID)
	return one, written, ok
}

// find is the first gateway that has a gate.
func (l *gatewayList) find(ref string) (*Gateway, *gate.Gate, bool) {
	for _, g := range l.all() {
		g.enterStore()
		if one, ok := g.relay.Gates.Lookup(ref); ok {
			return g, one, true
		}
	}
	return nil, nil, false
}

const (
	// askTime is how long one target may take that is tried, askTokens how much it may say.
	askTime   = 20 * time.Second
	askTokens = "16"
)

// ask answers a chat completion at one target of a gate: as the gate would, but once, briefly, and even if it is paused.
func (l *gatewayList) ask(w http.ResponseWriter, r *http.Request, gateID string, t gate.Target, key *access.Key) {
	g, one, ok := l.find(gateID)
	if !ok {
		refusal := openai.Invalid("gate_not_found", "gateId", "there is no such gate")
		refusal.Status = http.StatusNotFound
		refusal.Write(w)
		return
	}
	table, err := g.alone(one, t)
	if err != nil {
		g.log.Error("a gate can't be tried", zap.String("gate", gateID), zap.Error(err))
		(&openai.Error{Status: http.StatusInternalServerError, Type: openai.TypeAPI, Code: "gateway_error", Message: "the gate can't be tried"}).Write(w)
		return
	}
	defer table.Close()
	ctx, cancel := context.WithTimeout(r.Context(), askTime+time.Second) // beyond the gate's own, which tells why
	defer cancel()
	relay := *g.relay
	relay.Gates, relay.Drain = table, 0
	rec := begin(w, r)
	told := relay.Flights.Tell(r.Context())
	defer told()
	rec.Client, _ = caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string)
	rec.Trace = trace(r)
	asked := r.Clone(ctx)
	asked.Header.Set("X-Layer-Gate-Id", gateID)
	relay.Chat(w, asked, key, rec)
	g.report(rec)
}

// alone is a table with a gate that has one target only, is asked once and says little.
func (g *Gateway) alone(one *gate.Gate, t gate.Target) (*gate.Table, error) {
	written, ok := g.relay.Gates.Written(one.ID)
	if !ok {
		return nil, errors.New("it is gone")
	}
	c, err := gate.Decode(written)
	if err != nil {
		return nil, err
	}
	c.Model, c.FallbackModels, c.RoutingStrategy, c.Hedge = t.Provider+"/"+t.Model, nil, "", 0
	c.MaxRetries, c.MaxTokens, c.Paused = "0", askTokens, false
	c.Timeouts.Total = gate.Duration(min(one.Timeouts.Total, askTime))
	return gate.NewTable(gate.Options{
		Inline: []*gate.Config{c}, Resolve: g.relay.Resolve, Keep: gateLimits, CacheSize: 1,
	})
}

// Interface guards
var (
	_ caddy.AdminRouter = (*AdminAPI)(nil)
	_ caddy.Provisioner = (*AdminAPI)(nil)
)

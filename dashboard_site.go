package layergateway

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/layergateway/layergateway/access"
	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/dashboard"
	"github.com/layergateway/layergateway/gate"
	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/provider"
)

// dashboardKey is as whom the dashboard's playground asks: nobody comes in with it.
const dashboardKey = "dashboard"

// price is what a provider's model costs just now.
func (a *App) price(p *provider.Provider, model string) cost.Price {
	if p == nil {
		return cost.Price{}
	}
	if p.Free {
		return cost.Price{Version: "free"}
	}
	if price, ok := p.Prices[model]; ok {
		return price
	}
	if p.Unlisted {
		return cost.Price{}
	}
	price, _ := a.catalog().Price(p.Type, model, time.Now())
	return price
}

// shownCatalog is the prices in force, as a page shows them.
func (a *App) shownCatalog() dashboard.Catalog {
	list := a.catalog()
	c := dashboard.Catalog{Version: list.Version(), Built: cost.Builtin().Date(), Source: a.shownPrices(), Price: a.gateways.price,
		Entries: func() []cost.Entry { return list.Entries(time.Now()) }}
	if a.prices != nil {
		c.Age, c.Known = a.prices.Age()
	}
	return c
}

// shownStore is the store of keys, if some gateway serves it.
func (a *App) shownStore() (keys dashboard.KeyStore, done func(), ok bool) {
	s, done, ok := a.servedStore()
	return s, done, ok
}

// price is what a model costs at a provider of that name.
func (l *gatewayList) price(name, model string) cost.Price {
	for _, g := range l.all() {
		if p := g.relay.Providers[name]; p != nil {
			return g.app.price(p, model)
		}
	}
	return cost.Price{}
}

// gates are all gates of all gateways.
func (l *gatewayList) gates() []dashboard.Gate {
	var list []dashboard.Gate
	for _, g := range l.all() {
		g.enterStore()
		for one := range g.relay.Gates.All() {
			list = append(list, g.shown(one))
		}
	}
	slices.SortStableFunc(list, func(a, b dashboard.Gate) int { return strings.Compare(a.Label(), b.Label()) })
	return list
}

// gateNames are what gates calls them.
func (l *gatewayList) gateNames() []string {
	var names []string
	for _, g := range l.all() {
		g.enterStore()
		names = slices.AppendSeq(names, g.relay.Gates.Labels())
	}
	slices.Sort(names)
	return names
}

// gate is the gate of an id.
func (l *gatewayList) gate(id string) (dashboard.Gate, bool) {
	for _, g := range l.all() {
		g.enterStore()
		if one, ok := g.relay.Gates.Lookup(id); ok && one.ID == id {
			return g.shown(one), true
		}
	}
	return dashboard.Gate{}, false
}

func (g *Gateway) shown(one *gate.Gate) dashboard.Gate {
	shown := dashboard.Gate{Gate: one, Prices: make([]cost.Price, len(one.Targets))}
	for i, t := range one.Targets {
		shown.Prices[i] = g.app.price(g.relay.Providers[t.Provider], t.Model)
	}
	return shown
}

// keys are all configured keys of all gateways; one that several have is there once.
func (l *gatewayList) keys() []dashboard.Key {
	var list []dashboard.Key
	seen := make(map[string]bool)
	for _, g := range l.all() {
		for i, k := range g.configured {
			if seen[k.ID()] {
				continue
			}
			seen[k.ID()] = true
			// They were read when the key was made.
			limits, _ := g.APIKeys[i].Limits()
			list = append(list, dashboard.Key{
				ID: k.ID(), Name: k.Name, Gates: k.Gates, Expires: k.Expires, Limits: limits, Running: k.Concurrency.Limit, AtGates: limitsAt(g.APIKeys[i]),
			})
		}
	}
	return list
}

// limitsAt are a key's limits at single gates.
func limitsAt(k *APIKey) map[string]gate.Limits {
	at := make(map[string]gate.Limits, len(k.AtGates))
	for ref, c := range k.AtGates {
		at[ref], _ = c.Limits()
	}
	return at
}

// providers are all providers of all gateways. Two with the same name and address share all that is known of them.
func (l *gatewayList) providers() []dashboard.Provider {
	var list []dashboard.Provider
	type id struct{ name, baseURL string }
	seen := make(map[id]bool)
	for _, g := range l.all() {
		for _, p := range g.relay.Providers {
			if seen[id{p.Name, p.BaseURL}] {
				continue
			}
			seen[id{p.Name, p.BaseURL}] = true
			keys := p.Keys.Values()
			shown := dashboard.Provider{Name: p.Name, Type: p.Type, BaseURL: p.BaseURL, Missing: p.Keys.Missing(), Keys: len(keys)}
			if strings.HasSuffix(p.BaseURL, ".invalid") { // it is asked nowhere
				shown.BaseURL = ""
			}
			if len(keys) == 0 && !p.NeedsKey {
				keys = []string{""} // as which it is asked
			}
			shown.Health = p.Health.Snapshot(keys)
			list = append(list, shown)
		}
	}
	slices.SortStableFunc(list, func(a, b dashboard.Provider) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// try answers a chat completion at a gate, as if a key had come that may use all.
func (l *gatewayList) try(w http.ResponseWriter, r *http.Request, gateID string) {
	for _, g := range l.all() {
		g.enterStore()
		if _, ok := g.relay.Gates.Lookup(gateID); ok {
			g.try(w, r, gateID)
			return
		}
	}
	refusal := openai.Invalid("gate_not_found", "gateId", "there is no such gate")
	refusal.Status = http.StatusNotFound
	refusal.Write(w)
}

func (g *Gateway) try(w http.ResponseWriter, r *http.Request, gateID string) {
	rec := begin(w, r)
	told := g.relay.Flights.Tell(r.Context())
	defer told()
	rec.Client, _ = caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string)
	rec.Trace = trace(r)
	asked := r.Clone(r.Context())
	asked.Header.Set("X-Layer-Gate-Id", gateID)
	g.relay.Chat(w, asked, &access.Key{Name: dashboardKey}, rec)
	g.report(rec)
}

package layergateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/layergateway/layergateway/access"
	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/fetch"
	"github.com/layergateway/layergateway/gate"
)

// gatewayParser reads the block of one handler. What refers to something that may come later in the block is
// kept with its token and checked at the end.
type gatewayParser struct {
	gateway *Gateway
	types   map[string]string // of providers, by name
	gates   []*gateParser
	refs    []gateRef
}

// gateRef is a gate that is referred to.
type gateRef struct {
	who   string
	token caddyfile.Token
}

// parseGateway sets up the handler from Caddyfile tokens.
//
//	layer_gateway [<matcher>] {
//		api_key <key> {
//			name    <name>
//			gates   <name|id>...
//			expires <date|time>
//			max_concurrent <running> [<waiting> [<wait>]]
//			rate_limit     <count> <window>
//			token_limit    <count> <window>
//			budget         <dollars> daily|weekly|monthly|total [block|alert_only]
//			at_gate <name|id> {
//				rate_limit|token_limit|budget ...
//			}
//		}
//		anonymous
//		provider <name> [<type>] {
//			...
//		}
//		gate <id> {
//			...
//		}
//		gates_file     <file|pattern>...
//		gates_store
//		default_gate   <name|id>
//		max_body       <size>
//		max_concurrent <running> [<waiting> [<wait>]]
//		keepalive      <duration>|off
//		stall_timeout  <duration>|off
//		on_disconnect  cancel|drain [<duration>]
//		fetch_urls     off|public|<network>...
//	}
func parseGateway(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	d := h.Dispenser
	d.Next()
	head := d.Token()
	if d.NextArg() {
		return nil, d.ArgErr()
	}
	app, err := appOf(h)
	if err != nil {
		return nil, err
	}
	p := &gatewayParser{gateway: new(Gateway), types: make(map[string]string)}
	g := p.gateway
	err = words{
		"api_key":        p.apiKey,
		"anonymous":      noArgs(&g.Anonymous),
		"provider":       p.provider,
		"gate":           p.gate,
		"gates_file":     someArgs(&g.GatesFiles),
		"gates_store":    func(d *caddyfile.Dispenser) error { return g.parseStore(d, app) },
		"default_gate":   p.setDefaultGate,
		"max_body":       sizeArg(&g.MaxBody),
		"keepalive":      spanOrOff(&g.Keepalive),
		"stall_timeout":  spanOrOff(&g.StallTimeout),
		"max_concurrent": maxConcurrentArg(&g.MaxConcurrent),
		"on_disconnect":  p.onDisconnect,
		"fetch_urls":     p.fetchURLs,
	}.block(d, directive, "api_key", "provider", "gate", "gates_file")
	if err != nil {
		return nil, err
	}
	if len(g.APIKeys) == 0 && !g.Anonymous && !g.GatesStore {
		return nil, at(head, errors.New("nobody could come in: add an api_key, or say anonymous to serve without keys"))
	}
	catalog, err := pricesNow(app.Prices)
	if err != nil {
		return nil, err
	}
	if err := p.check(catalog); err != nil {
		return nil, err
	}
	return g, nil
}

func (p *gatewayParser) apiKey(d *caddyfile.Dispenser) error {
	key := new(APIKey)
	if err := oneArg(&key.Key)(d); err != nil {
		return err
	}
	var err error
	if key.Key, err = hashedKey(key.Key); err != nil {
		return d.Errf("api_key: %w", err)
	}
	if slices.ContainsFunc(p.gateway.APIKeys, func(k *APIKey) bool { return k.Key == key.Key }) {
		return d.Err("api_key: is given twice")
	}
	p.gateway.APIKeys = append(p.gateway.APIKeys, key)
	known := words{
		"name":           oneArg(&key.Name),
		"max_concurrent": maxConcurrentArg(&key.MaxConcurrent),
		"at_gate":        func(d *caddyfile.Dispenser) error { return p.atGate(d, key) },
		"gates": func(d *caddyfile.Dispenser) error {
			for d.NextArg() {
				if err := p.refer("api_key", d.Token()); err != nil {
					return err
				}
				key.Gates = append(key.Gates, d.Val())
			}
			if key.Gates == nil {
				return d.ArgErr()
			}
			return nil
		},
		"expires": func(d *caddyfile.Dispenser) error {
			if err := oneArg(&key.Expires)(d); err != nil {
				return err
			}
			if _, err := access.ParseExpiry(key.Expires); err != nil {
				return d.Errf("expires: %w", err)
			}
			return nil
		},
	}
	maps.Copy(known, limitWords(&key.LimitsConfig))
	return known.block(d, "api_key", "gates", "at_gate", "rate_limit", "token_limit")
}

// atGate reads limits of a key at one gate.
func (p *gatewayParser) atGate(d *caddyfile.Dispenser, key *APIKey) error {
	var ref string
	if err := oneArg(&ref)(d); err != nil {
		return err
	}
	if err := p.refer("at_gate", d.Token()); err != nil {
		return err
	}
	if _, ok := key.AtGates[ref]; ok {
		return d.Errf("at_gate: %s is given twice", ref)
	}
	limits := new(gate.LimitsConfig)
	if key.AtGates == nil {
		key.AtGates = make(map[string]*gate.LimitsConfig)
	}
	key.AtGates[ref] = limits
	return limitWords(limits).block(d, "at_gate", "rate_limit", "token_limit")
}

func (p *gatewayParser) provider(d *caddyfile.Dispenser) error {
	args := d.CountRemainingArgs()
	if args != 1 && args != 2 {
		return d.ArgErr()
	}
	d.NextArg()
	name := d.Val()
	d.NextArg()
	kind := d.Val()
	if err := checkProviderName(name); err != nil {
		return d.WrapErr(err)
	}
	if _, ok := p.types[name]; ok {
		return d.Errf("provider %s is given twice", name)
	}
	if err := checkProviderType(kind); err != nil {
		return d.Errf("provider %s: %w", name, err)
	}
	module, err := caddyfile.UnmarshalModule(d, providerNamespace+"."+kind)
	if err != nil {
		return err
	}
	var warnings []caddyconfig.Warning
	raw := caddyconfig.JSONModuleObject(module, "type", kind, &warnings)
	if len(warnings) > 0 {
		return d.Errf("provider %s: %s", name, warnings[0].Message)
	}
	if p.gateway.ProvidersRaw == nil {
		p.gateway.ProvidersRaw = make(map[string]json.RawMessage)
	}
	p.gateway.ProvidersRaw[name] = raw
	p.types[name] = kind
	return nil
}

func (p *gatewayParser) setDefaultGate(d *caddyfile.Dispenser) error {
	if err := oneArg(&p.gateway.DefaultGate)(d); err != nil {
		return err
	}
	return p.refer("default_gate", d.Token())
}

// refer notes a gate that is referred to.
func (p *gatewayParser) refer(who string, token caddyfile.Token) error {
	if _, ok := gate.NormalizeRef(token.Text); !ok {
		return at(token, fmt.Errorf("%s: %q is not the name or id of a gate", who, token.Text))
	}
	p.refs = append(p.refs, gateRef{who, token})
	return nil
}

func (p *gatewayParser) onDisconnect(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	g := p.gateway
	switch {
	case len(args) == 1 && (args[0] == onGoneCancel || args[0] == onGoneDrain):
		g.OnDisconnect = args[0]
		return nil
	case len(args) == 2 && args[0] == onGoneDrain:
		g.OnDisconnect = onGoneDrain
		return parseSpan(d, "on_disconnect", args[1], &g.DrainTimeout)
	}
	return d.Errf("on_disconnect: give cancel, or drain and how long at most")
}

func (p *gatewayParser) fetchURLs(d *caddyfile.Dispenser) error {
	if err := someArgs(&p.gateway.FetchURLs)(d); err != nil {
		return err
	}
	if _, err := fetch.ParsePolicy(p.gateway.FetchURLs); err != nil {
		return d.Errf("fetch_urls: %w", err)
	}
	return nil
}

// check finds what only the block as a whole can show.
func (p *gatewayParser) check(catalog *cost.Catalog) error {
	known := models{types: p.types, catalog: catalog}
	var names []string
	declared := make(map[string]caddyfile.Token) // by id and by name
	for _, g := range p.gates {
		if err := g.check(known); err != nil {
			return err
		}
		id, _ := gate.NormalizeRef(g.config.ID)
		for _, mark := range []struct{ word, text string }{{"id", id}, {"name", g.config.Name}} {
			token := g.place(mark.word).token
			if first, ok := declared[mark.text]; ok && mark.text != "" {
				return at(token, fmt.Errorf("gate: the %s %q is already that of the gate at %s:%d",
					mark.word, mark.text, first.File, first.Line))
			}
			declared[mark.text] = token
		}
		names = append(names, g.config.Name)
	}
	if len(p.gateway.GatesFiles) > 0 || p.gateway.GatesStore {
		return nil // they may have it
	}
	for _, r := range p.refs {
		ref, _ := gate.NormalizeRef(r.token.Text)
		if _, ok := declared[ref]; !ok {
			return at(r.token, fmt.Errorf("%s: there is no gate %q%s", r.who, ref, suggest(ref, names)))
		}
	}
	return nil
}

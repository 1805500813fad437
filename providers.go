package layergateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/fetch"
	"github.com/layergateway/layergateway/health"
	"github.com/layergateway/layergateway/provider"
)

// providerNamespace is where modules for provider types are registered.
const providerNamespace = "http.handlers.layer_gateway.providers"

// ProviderModule is a provider type: a module in http.handlers.layer_gateway.providers. Others can add types
// of their own with `xcaddy build --with`: a type usually embeds ProviderConfig, calls its NewProvider, and
// sets Provider.NewChat to the dialect that its servers speak. To be usable in the Caddyfile it implements
// caddyfile.Unmarshaler too, for which there is ProviderConfig.ParseCaddyfile.
type ProviderModule interface {
	caddy.Module

	// NewProvider makes the provider that gates call by this name. It is called once, when the configuration
	// is provisioned. What it returns needs no Name and no Type; without a Transport it gets one that is
	// shared by all configurations with the same name and BaseURL.
	NewProvider(name string, log *zap.Logger) (*provider.Provider, error)
}

// ProviderConfig is what all provider types have in common.
type ProviderConfig struct {
	// The keys to call the provider with, used in turn; each may be a placeholder such as {env.NAME} or
	// {file./path}. While none has a value, gates go on to their other models, or answer 502. Default: none.
	APIKeys []string `json:"api_keys,omitempty"`

	// Everything in front of an operation's own path. Default: the type's own.
	BaseURL string `json:"base_url,omitempty"`

	// Headers to send with each request; values may be placeholders. Default: none.
	Headers http.Header `json:"headers,omitempty"`

	// Prices by model, in place of the catalog's. Default: none.
	Prices map[string]*Price `json:"prices,omitempty"`
}

// Price is what a model costs, in US dollars per million tokens.
type Price struct {
	// Tokens of the prompt. Required.
	Input json.Number `json:"input"`

	// Tokens of the answer. Required.
	Output json.Number `json:"output"`

	// Tokens of the prompt that came from the provider's cache. Default: as input.
	CachedInput json.Number `json:"cached_input,omitempty"`

	// Tokens of the prompt that were put into the provider's cache. Default: as input.
	CacheWrite json.Number `json:"cache_write,omitempty"`
}

func (p *Price) parse() (cost.Price, error) {
	if p == nil {
		return cost.Price{}, errors.New("is null: give input and output")
	}
	return cost.ParsePrice(p.Input.String(), p.Output.String(), p.CachedInput.String(), p.CacheWrite.String())
}

// NewProvider makes a provider of these settings. A key without a value is no error, since the other
// providers can serve: it is logged, and requests for this one are told.
func (c *ProviderConfig) NewProvider(name, defaultBaseURL string, log *zap.Logger) (*provider.Provider, error) {
	base, err := baseURL(orDefault(c.BaseURL, defaultBaseURL))
	if err != nil {
		return nil, err
	}
	p := &provider.Provider{
		Name:     name,
		BaseURL:  base,
		Header:   make(http.Header, len(c.Headers)),
		Prices:   make(map[string]cost.Price, len(c.Prices)),
		NeedsKey: base == defaultBaseURL || len(c.APIKeys) > 0,
	}
	if p.Keys, err = c.keys(name, p.NeedsKey, log); err != nil {
		return nil, err
	}
	for field, values := range c.Headers {
		for _, value := range values {
			if err := checkHeader(field); err != nil {
				return nil, err
			}
			text, ok, err := resolve(value)
			if err != nil {
				return nil, fmt.Errorf("header %s: %w", field, err)
			}
			if !ok {
				log.Warn("a provider's header is left out, since its value is empty",
					zap.String("provider", name), zap.String("header", field), zap.String("value", shown(value)))
				continue
			}
			p.Header.Add(field, text)
		}
	}
	for model, price := range c.Prices {
		if p.Prices[model], err = price.parse(); err != nil {
			return nil, fmt.Errorf("price of %q: %w", model, err)
		}
	}
	return p, nil
}

func (c *ProviderConfig) keys(name string, needed bool, log *zap.Logger) (provider.Keys, error) {
	var values []string
	missing := ""
	for _, text := range c.APIKeys {
		value, ok, err := resolve(text)
		if err != nil {
			return provider.Keys{}, fmt.Errorf("api_key: %w", err)
		}
		if !ok {
			missing = orDefault(missing, orDefault(text, "api_key"))
			continue
		}
		if !hasPlaceholder(text) {
			log.Warn("a provider's key is in the configuration as it is, where many can read it: use a placeholder such as {env.NAME} or {file./path}",
				zap.String("provider", name))
		}
		values = append(values, value)
	}
	if needed && len(c.APIKeys) == 0 {
		missing = "api_key"
	}
	if missing != "" {
		log.Warn("a provider's key is empty", zap.String("provider", name), zap.String("api_key", missing),
			zap.Bool("has_other_keys", len(values) > 0))
	}
	return provider.NewKeys(values, missing), nil
}

// baseURL checks the address of a provider.
func baseURL(text string) (string, error) {
	value, ok, err := resolve(text)
	if err == nil && !ok {
		err = fmt.Errorf("%s is empty", text)
	}
	if err != nil {
		return "", fmt.Errorf("base_url: %w", err)
	}
	u, err := url.Parse(value)
	switch {
	case err != nil:
		return "", errors.New("base_url: is not a URL") // its text may have a password
	case u.User != nil:
		return "", errors.New("base_url: has a user or password: use api_key, or a header")
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return "", fmt.Errorf("base_url: %q must begin with https:// or http:// and a host", value)
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "", fmt.Errorf("base_url: %q must not have a query or fragment", u.Redacted())
	}
	return strings.TrimRight(value, "/"), nil
}

// ownHeaders are for the gateway and its HTTP client to set.
var ownHeaders = []string{"Accept-Encoding", "Connection", "Content-Encoding", "Content-Length", "Content-Type", "Host",
	"Te", "Trailer", "Transfer-Encoding", "Upgrade", "User-Agent"}

func checkHeader(field string) error {
	if field == "" || strings.ContainsFunc(field, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	}) {
		return fmt.Errorf("header: %q is not a header's name", field)
	}
	if slices.Contains(ownHeaders, http.CanonicalHeaderKey(field)) {
		return fmt.Errorf("header: %s is the gateway's own to set", field)
	}
	return nil
}

// checkProviderName keeps names apart from models, and fit for headers and metrics.
func checkProviderName(name string) error {
	if name == "" || len(name) > 64 || strings.ContainsFunc(name, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.')
	}) {
		return fmt.Errorf("provider name %q: use letters, digits, and -_. only, 64 at most", name)
	}
	return nil
}

// provisionProviders loads the provider modules and gives each provider its connections.
func (g *Gateway) provisionProviders(ctx caddy.Context) (map[string]*provider.Provider, error) {
	for name, raw := range g.ProvidersRaw {
		var head struct{ Type string }
		if err := json.Unmarshal(raw, &head); err != nil {
			return nil, fmt.Errorf("provider %s: %w", name, err)
		}
		if err := checkProviderName(name); err != nil {
			return nil, err
		}
		if err := checkProviderType(head.Type); err != nil {
			return nil, fmt.Errorf("provider %s: %w", name, err)
		}
	}
	modules, err := ctx.LoadModule(g, "ProvidersRaw")
	if err != nil {
		return nil, fmt.Errorf("loading providers: %w", err)
	}
	policy, err := fetch.ParsePolicy(g.FetchURLs)
	if err != nil {
		return nil, fmt.Errorf("fetch_urls: %w", err)
	}
	fetcher := fetch.New(policy)
	providers := make(map[string]*provider.Provider)
	loaded := modules.(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(loaded)) {
		m, ok := loaded[name].(ProviderModule)
		if !ok {
			return nil, fmt.Errorf("provider %s: the module %T is not a provider type", name, loaded[name])
		}
		p, err := m.NewProvider(name, g.log)
		if err != nil {
			return nil, fmt.Errorf("provider %s: %w", name, err)
		}
		p.Name, p.Type = name, m.CaddyModule().ID.Name()
		p.Fetch = fetcher
		p.Health = hold(&g.held, healthKey{name, p.BaseURL}, health.NewBoard(time.Now))
		if p.Transport == nil {
			p.Transport = hold(&g.held, transportKey{name, p.BaseURL}, newTransport())
		}
		providers[name] = p
	}
	return providers, nil
}

// checkProviderType reports a type that this program doesn't have.
func checkProviderType(name string) error {
	if _, err := caddy.GetModule(providerNamespace + "." + name); err == nil {
		return nil
	}
	var types []string
	for _, m := range caddy.GetModules(providerNamespace) {
		types = append(types, m.ID.Name())
	}
	slices.Sort(types)
	return fmt.Errorf("unknown provider type %q: this version has %s; a server that speaks OpenAI's API has the type openai, with its own name and base_url",
		name, strings.Join(types, ", "))
}

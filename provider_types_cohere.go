package layergateway

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.uber.org/zap"

	"github.com/layergateway/layergateway/provider"
	"github.com/layergateway/layergateway/provider/cohere"
)

func init() { caddy.RegisterModule(new(Cohere)) }

const cohereBaseURL = "https://api.cohere.com/v2"

// Cohere is Cohere's chat API, version 2. The default of base_url is https://api.cohere.com/v2.
type Cohere struct{ ProviderConfig }

// CaddyModule returns the Caddy module information.
func (*Cohere) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: providerNamespace + ".cohere", New: func() caddy.Module { return new(Cohere) }}
}

// NewProvider implements ProviderModule.
func (c *Cohere) NewProvider(name string, log *zap.Logger) (*provider.Provider, error) {
	p, err := c.ProviderConfig.NewProvider(name, cohereBaseURL, log)
	if err != nil {
		return nil, err
	}
	p.NewChat = cohere.New
	return p, nil
}

// UnmarshalCaddyfile sets up the provider from Caddyfile tokens, as OpenAI's without organization and project.
func (c *Cohere) UnmarshalCaddyfile(d *caddyfile.Dispenser) error { return c.ParseCaddyfile(d, nil) }

// Interface guards
var (
	_ ProviderModule        = (*Cohere)(nil)
	_ caddyfile.Unmarshaler = (*Cohere)(nil)
)

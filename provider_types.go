package layergateway

import (
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.uber.org/zap"

	"github.com/layergateway/layergateway/provider"
	"github.com/layergateway/layergateway/provider/anthropic"
	"github.com/layergateway/layergateway/provider/compat"
	"github.com/layergateway/layergateway/provider/echo"
	"github.com/layergateway/layergateway/provider/google"
)

// Where the providers are.
const (
	openAIBaseURL    = "https://api.openai.com/v1"
	anthropicBaseURL = "https://api.anthropic.com/v1"
	googleBaseURL    = "https://generativelanguage.googleapis.com/v1beta"
)

// OpenAI is OpenAI, and every other server that speaks its API: give such a server a name of its own and its
// base_url. The default of base_url is https://api.openai.com/v1.
type OpenAI struct {
	ProviderConfig

	// The organization to bill, sent as OpenAI-Organization. Default: the key's own.
	Organization string `json:"organization,omitempty"`

	// The project to bill, sent as OpenAI-Project. Default: the key's own.
	Project string `json:"project,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (*OpenAI) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: providerNamespace + ".openai", New: func() caddy.Module { return new(OpenAI) }}
}

// NewProvider implements ProviderModule.
func (o *OpenAI) NewProvider(name string, log *zap.Logger) (*provider.Provider, error) {
	p, err := o.ProviderConfig.NewProvider(name, openAIBaseURL, log)
	if err != nil {
		return nil, err
	}
	// By its own name it is OpenAI behind a proxy; by another, some other maker's server.
	own := p.BaseURL == openAIBaseURL || name == "openai"
	p.Unlisted = !own
	p.NewChat = compat.New(compat.Options{
		Organization: o.Organization,
		Project:      o.Project,
		// A server that has a type of its own has its habits under this type as well.
		Server: compat.At(p.BaseURL),
		// OpenAI refuses what it doesn't know. Other servers may need their reasoning back.
		Strict: own,
	})
	return p, nil
}

// UnmarshalCaddyfile sets up the provider from Caddyfile tokens.
//
//	openai {
//		api_key      <key>
//		base_url     <url>
//		header       <name> <value>
//		price        <model> <input> <output> [<cached_input> [<cache_write>]]
//		organization <id>
//		project      <id>
//	}
func (o *OpenAI) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return o.ParseCaddyfile(d, map[string]func(*caddyfile.Dispenser) error{
		"organization": oneArg(&o.Organization),
		"project":      oneArg(&o.Project),
	})
}

// Anthropic is Anthropic's Messages API. The default of base_url is https://api.anthropic.com/v1.
type Anthropic struct {
	ProviderConfig

	// The API's version, sent as anthropic-version. Default: 2023-06-01.
	Version string `json:"version,omitempty"`

	// Beta features to switch on, sent as anthropic-beta. Default: none.
	Beta []string `json:"beta,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (*Anthropic) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: providerNamespace + ".anthropic", New: func() caddy.Module { return new(Anthropic) }}
}

// NewProvider implements ProviderModule.
func (a *Anthropic) NewProvider(name string, log *zap.Logger) (*provider.Provider, error) {
	p, err := a.ProviderConfig.NewProvider(name, anthropicBaseURL, log)
	if err != nil {
		return nil, err
	}
	p.NewChat = anthropic.New(anthropic.Options{Version: a.Version, Beta: a.Beta})
	return p, nil
}

// UnmarshalCaddyfile sets up the provider from Caddyfile tokens, as OpenAI's and
//
//	anthropic {
//		version <date>
//		beta    <feature>...
//	}
func (a *Anthropic) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return a.ParseCaddyfile(d, map[string]func(*caddyfile.Dispenser) error{
		"version": oneArg(&a.Version),
		"beta":    someArgs(&a.Beta),
	})
}

// Google is the Gemini API. The default of base_url is https://generativelanguage.googleapis.com/v1beta.
type Google struct{ ProviderConfig }

// CaddyModule returns the Caddy module information.
func (*Google) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: providerNamespace + ".google", New: func() caddy.Module { return new(Google) }}
}

// NewProvider implements ProviderModule.
func (g *Google) NewProvider(name string, log *zap.Logger) (*provider.Provider, error) {
	p, err := g.ProviderConfig.NewProvider(name, googleBaseURL, log)
	if err != nil {
		return nil, err
	}
	p.NewChat = google.New
	return p, nil
}

// UnmarshalCaddyfile sets up the provider from Caddyfile tokens, as OpenAI's without organization and project.
func (g *Google) UnmarshalCaddyfile(d *caddyfile.Dispenser) error { return g.ParseCaddyfile(d, nil) }

// Echo is a provider inside of the gateway, which answers with what it was asked. It needs no key and no
// network, costs nothing, and takes any model: it is for trying out and for tests.
type Echo struct {
	// The pause before each word of a stream. Default: none.
	Delay caddy.Duration `json:"delay,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (*Echo) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: providerNamespace + ".echo", New: func() caddy.Module { return new(Echo) }}
}

// NewProvider implements ProviderModule.
func (e *Echo) NewProvider(string, *zap.Logger) (*provider.Provider, error) {
	return &provider.Provider{
		BaseURL:   "http://echo.invalid", // nobody is asked there
		Free:      true,
		Transport: &echo.Transport{Delay: time.Duration(e.Delay), Now: time.Now},
		NewChat:   compat.New(compat.Options{}),
	}, nil
}

// UnmarshalCaddyfile sets up the provider from Caddyfile tokens.
//
//	echo {
//		delay <duration>
//	}
func (e *Echo) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return parseType(d, map[string]func(*caddyfile.Dispenser) error{"delay": durationArg(&e.Delay)})
}

// Interface guards
var (
	_ ProviderModule        = (*OpenAI)(nil)
	_ ProviderModule        = (*Anthropic)(nil)
	_ ProviderModule        = (*Google)(nil)
	_ ProviderModule        = (*Echo)(nil)
	_ caddyfile.Unmarshaler = (*OpenAI)(nil)
	_ caddyfile.Unmarshaler = (*Anthropic)(nil)
	_ caddyfile.Unmarshaler = (*Google)(nil)
	_ caddyfile.Unmarshaler = (*Echo)(nil)
)

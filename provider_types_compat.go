package layergateway

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.uber.org/zap"

	"github.com/layergateway/layergateway/provider"
	"github.com/layergateway/layergateway/provider/compat"
)

func init() {
	caddy.RegisterModule(new(Azure))
	for _, s := range compat.Servers() {
		if s.BaseURL != "" {
			caddy.RegisterModule(&Compatible{server: s.Name})
		}
	}
}

// Compatible is a server that speaks OpenAI's API with habits of its own, which are known: parameters that it
// refuses, and where its answers have reasoning and usage. The default of base_url is the server's own address;
// those that run at home, such as ollama, need no key.
type Compatible struct {
	ProviderConfig

	server string
}

// CaddyModule returns the Caddy module information.
func (c *Compatible) CaddyModule() caddy.ModuleInfo {
	server := c.server
	return caddy.ModuleInfo{
		ID:  caddy.ModuleID(providerNamespace + "." + server),
		New: func() caddy.Module { return &Compatible{server: server} },
	}
}

// NewProvider implements ProviderModule.
func (c *Compatible) NewProvider(name string, log *zap.Logger) (*provider.Provider, error) {
	s := compat.Lookup(c.server)
	config, base := c.ProviderConfig, s.BaseURL
	if s.Keyless {
		config.BaseURL, base = orDefault(config.BaseURL, base), ""
	}
	p, err := config.NewProvider(name, base, log)
	if err != nil {
		return nil, err
	}
	p.NewChat = compat.New(compat.Options{Server: s})
	return p, nil
}

// UnmarshalCaddyfile sets up the provider from Caddyfile tokens, as OpenAI's without organization and project.
func (c *Compatible) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return c.ParseCaddyfile(d, nil)
}

// Azure is OpenAI's models at Microsoft Azure. The default of base_url is
// https://<resource>.openai.azure.com/openai/v1, where a model is called as its deployment is; with an api_version
// that is a date it is https://<resource>.openai.azure.com/openai, which has classic deployments.
type Azure struct {
	ProviderConfig

	// The resource's name, the first part of its address; may be a placeholder. Required, unless there is a
	// base_url.
	Resource string `json:"resource,omitempty"`

	// The version of the API, such as 2024-10-21 for classic deployments, or preview; may be a placeholder.
	// Default: none, which is v1.
	APIVersion string `json:"api_version,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (*Azure) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: providerNamespace + ".azure", New: func() caddy.Module { return new(Azure) }}
}

// NewProvider implements ProviderModule.
func (a *Azure) NewProvider(name string, log *zap.Logger) (*provider.Provider, error) {
	version, ok, err := resolve(a.APIVersion)
	if err != nil {
		return nil, fmt.Errorf("api_version: %w", err)
	}
	if !ok && a.APIVersion != "" {
		return nil, fmt.Errorf("api_version: %s is empty", a.APIVersion)
	}
	base, err := a.baseURL(version)
	if err != nil {
		return nil, err
	}
	p, err := a.ProviderConfig.NewProvider(name, base, log)
	if err != nil {
		return nil, err
	}
	p.NewChat = compat.New(compat.Options{Server: compat.Lookup("azure"), APIVersion: version})
	return p, nil
}

// baseURL is the address of the resource; empty where base_url says it.
func (a *Azure) baseURL(version string) (string, error) {
	if a.BaseURL != "" {
		if a.Resource != "" {
			return "", errors.New("has both a resource and a base_url: keep one of them")
		}
		return "", nil
	}
	if a.Resource == "" {
		return "", errors.New("resource is empty: name the Azure resource, or give a base_url")
	}
	resource, ok, err := resolve(a.Resource)
	if err != nil {
		return "", fmt.Errorf("resource: %w", err)
	}
	if !ok {
		return "", fmt.Errorf("resource: %s is empty", a.Resource)
	}
	if !azureName.MatchString(resource) {
		return "", fmt.Errorf("resource: %q is not a resource's name: letters, digits and hyphens", resource)
	}
	base := "https://" + resource + ".openai.azure.com/openai"
	if !compat.Classic(version) {
		base += "/v1"
	}
	return base, nil
}

// azureName is what a resource may be called, being a part of a host's name.
var azureName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]{0,62}[A-Za-z0-9])?$`)

// UnmarshalCaddyfile sets up the provider from Caddyfile tokens, as OpenAI's without organization and project, and
//
//	azure {
//		resource    <name>
//		api_version <date>
//	}
func (a *Azure) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	err := a.ParseCaddyfile(d, map[string]func(*caddyfile.Dispenser) error{
		"resource": func(d *caddyfile.Dispenser) error {
			if err := oneArg(&a.Resource)(d); err != nil {
				return err
			}
			switch err := checkPlaceholders(a.Resource); {
			case err != nil:
				return d.Errf("resource: %w", err)
			case !hasPlaceholder(a.Resource) && !azureName.MatchString(a.Resource):
				return d.Errf("resource: %q is not a resource's name: letters, digits and hyphens", a.Resource)
			}
			return nil
		},
		"api_version": func(d *caddyfile.Dispenser) error {
			if err := oneArg(&a.APIVersion)(d); err != nil {
				return err
			}
			if err := checkPlaceholders(a.APIVersion); err != nil {
				return d.Errf("api_version: %w", err)
			}
			return nil
		},
	})
	switch {
	case err != nil:
		return err
	case a.Resource == "" && a.BaseURL == "":
		return d.Err("provider azure: resource is missing: name the Azure resource, or give a base_url")
	case a.Resource != "" && a.BaseURL != "":
		return d.Err("provider azure: has both a resource and a base_url: keep one of them")
	}
	return nil
}

// Interface guards
var (
	_ ProviderModule        = (*Compatible)(nil)
	_ ProviderModule        = (*Azure)(nil)
	_ caddyfile.Unmarshaler = (*Compatible)(nil)
	_ caddyfile.Unmarshaler = (*Azure)(nil)
)

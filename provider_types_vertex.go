package layergateway

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.uber.org/zap"

	"github.com/layergateway/layergateway/provider"
	"github.com/layergateway/layergateway/provider/vertex"
)

func init() { caddy.RegisterModule(new(Vertex)) }

// Vertex is Google Cloud's Vertex AI, with the models of Google and of Anthropic. It is called in the name of a
// project, with credentials of Google Cloud, or with an API key. The default of base_url is that of the location,
// such as https://europe-west1-aiplatform.googleapis.com/v1.
type Vertex struct {
	ProviderConfig

	// The Google Cloud project; may be a placeholder. Required, unless there are api_keys: then calls are made in
	// express mode, which knows no projects.
	Project string `json:"project,omitempty"`

	// Where the models are, such as europe-west1, eu or global; may be a placeholder. Default: global.
	Location string `json:"location,omitempty"`

	// A file with the credentials of Google Cloud, such as a service account's key; may be a placeholder. Default:
	// the machine's own: what GOOGLE_APPLICATION_CREDENTIALS names, what gcloud has left, or the service account
	// that the machine runs as.
	Credentials string `json:"credentials,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (*Vertex) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: providerNamespace + ".vertex", New: func() caddy.Module { return new(Vertex) }}
}

// NewProvider implements ProviderModule.
func (v *Vertex) NewProvider(name string, log *zap.Logger) (*provider.Provider, error) {
	switch {
	case v.Credentials != "" && len(v.APIKeys) > 0:
		return nil, errors.New("has both an api_key and credentials: keep one of them")
	case v.Project == "" && len(v.APIKeys) == 0:
		return nil, errors.New("project is empty: name the Google Cloud project, or give an api_key")
	}
	var o vertex.Options
	var err error
	if o.Project, err = vertexName("project", v.Project, ".:"); err != nil {
		return nil, err
	}
	if o.Location, err = vertexName("location", v.Location, ""); err != nil {
		return nil, err
	}
	config := v.ProviderConfig
	config.BaseURL = orDefault(config.BaseURL, vertex.BaseURL(o.Location))
	p, err := config.NewProvider(name, "", log) // no default: a key is needed only where one is configured
	if err != nil {
		return nil, err
	}
	if v.Credentials != "" {
		if err := v.findCredentials(&o, p, log); err != nil {
			return nil, err
		}
	}
	p.NewChat = vertex.New(o)
	return p, nil
}

// findCredentials resolves the path of the credentials. A file that is not there yet is no error: it is read when
// the first token is needed.
func (v *Vertex) findCredentials(o *vertex.Options, p *provider.Provider, log *zap.Logger) error {
	path, ok, err := resolve(v.Credentials)
	if err != nil {
		return fmt.Errorf("credentials: %w", err)
	}
	if !ok {
		p.NeedsKey, p.Keys = true, provider.NewKeys(nil, v.Credentials)
		log.Warn("a provider's key is empty", zap.String("provider", p.Name), zap.String("credentials", v.Credentials))
		return nil
	}
	o.Credentials = path
	file, err := os.Open(path)
	if err != nil {
		log.Warn("a provider's credentials can't be read", zap.String("provider", p.Name), zap.Error(err))
		return nil
	}
	return file.Close()
}

// vertexName resolves a name that becomes a part of URLs: it has small letters, digits, - and what is in more.
func vertexName(word, text, more string) (string, error) {
	if text == "" {
		return "", nil
	}
	value, ok, err := resolve(text)
	if err == nil && !ok {
		err = fmt.Errorf("%s is empty", text)
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", word, err)
	}
	if strings.Trim(value, "abcdefghijklmnopqrstuvwxyz0123456789-"+more) != "" {
		return "", fmt.Errorf("%s: %q is not a name of Google Cloud's", word, value)
	}
	return value, nil
}

// UnmarshalCaddyfile sets up the provider from Caddyfile tokens, as OpenAI's, but
//
//	vertex {
//		project     <project>
//		location    <location>
//		credentials <file>
//	}
func (v *Vertex) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return v.ParseCaddyfile(d, map[string]func(*caddyfile.Dispenser) error{
		"project":     oneArg(&v.Project),
		"location":    oneArg(&v.Location),
		"credentials": oneArg(&v.Credentials),
	})
}

// Interface guards
var (
	_ ProviderModule        = (*Vertex)(nil)
	_ caddyfile.Unmarshaler = (*Vertex)(nil)
)

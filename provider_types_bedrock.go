package layergateway

import (
	"errors"
	"fmt"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.uber.org/zap"

	"github.com/layergateway/layergateway/provider"
	"github.com/layergateway/layergateway/provider/bedrock"
)

func init() { caddy.RegisterModule(new(Bedrock)) }

// Bedrock is the Converse API of AWS Bedrock. It is called with an API key of Bedrock's, or with the access key
// of an account. The default of base_url is https://bedrock-runtime.<region>.amazonaws.com.
type Bedrock struct {
	ProviderConfig

	// The region of the models, such as eu-central-1. Required.
	Region string `json:"region,omitempty"`

	// The id of the access key; may be a placeholder such as {env.AWS_ACCESS_KEY_ID}. Default: none, which needs
	// api_keys.
	AccessKeyID string `json:"access_key_id,omitempty"`

	// The secret of the access key; may be a placeholder. Default: none.
	SecretAccessKey string `json:"secret_access_key,omitempty"`

	// The session token of temporary credentials; may be a placeholder. Default: none.
	SessionToken string `json:"session_token,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (*Bedrock) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: providerNamespace + ".bedrock", New: func() caddy.Module { return new(Bedrock) }}
}

// NewProvider implements ProviderModule.
func (b *Bedrock) NewProvider(name string, log *zap.Logger) (*provider.Provider, error) {
	region, ok, err := resolve(b.Region)
	if err != nil || !ok {
		return nil, errors.Join(errors.New("region is empty: name the region of the models, such as eu-central-1"), err)
	}
	if strings.Trim(region, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return nil, fmt.Errorf("region %q is none: it is a name such as eu-central-1", region)
	}
	if b.AccessKeyID != "" && len(b.APIKeys) > 0 {
		return nil, errors.New("has both an api_key and an access_key_id: keep one of them")
	}
	o := bedrock.Options{Region: region}
	missing := ""
	for _, secret := range []struct {
		word, text string
		to         *string
	}{
		{"access_key_id", b.AccessKeyID, &o.AccessKeyID},
		{"secret_access_key", b.SecretAccessKey, &o.SecretAccessKey},
		{"session_token", b.SessionToken, &o.SessionToken},
	} {
		if *secret.to, ok, err = resolve(secret.text); err != nil {
			return nil, fmt.Errorf("%s: %w", secret.word, err)
		}
		if !ok && b.AccessKeyID != "" && (secret.text != "" || secret.word == "secret_access_key") {
			missing = orDefault(missing, orDefault(secret.text, secret.word))
		}
	}
	p, err := b.newProvider(name, region, log)
	if err != nil {
		return nil, err
	}
	if b.AccessKeyID != "" {
		// The access key signs requests: it takes the place of an API key.
		p.NeedsKey = missing != ""
		p.Keys = provider.NewKeys(nil, missing)
	}
	if missing != "" {
		log.Warn("a provider's key is empty", zap.String("provider", name), zap.String("access_key", missing))
	}
	p.NewChat = bedrock.New(o)
	return p, nil
}

// newProvider makes the provider of the settings that all types have. An access key in place of API keys is no
// lack that is worth a warning.
func (b *Bedrock) newProvider(name, region string, log *zap.Logger) (*provider.Provider, error) {
	if b.AccessKeyID != "" {
		log = zap.NewNop()
	}
	return b.ProviderConfig.NewProvider(name, "https://bedrock-runtime."+region+".amazonaws.com", log)
}

// UnmarshalCaddyfile sets up the provider from Caddyfile tokens, as OpenAI's without organization and project,
// and
//
//	bedrock {
//		region            <region>
//		access_key_id     <id>
//		secret_access_key <secret>
//		session_token     <token>
//	}
func (b *Bedrock) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return b.ParseCaddyfile(d, map[string]func(*caddyfile.Dispenser) error{
		"region":            oneArg(&b.Region),
		"access_key_id":     oneArg(&b.AccessKeyID),
		"secret_access_key": oneArg(&b.SecretAccessKey),
		"session_token":     oneArg(&b.SessionToken),
	})
}

// Interface guards
var (
	_ ProviderModule        = (*Bedrock)(nil)
	_ caddyfile.Unmarshaler = (*Bedrock)(nil)
)

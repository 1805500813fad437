package layergateway

import (
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/provider"
	"github.com/layergateway/layergateway/provider/compat"
)

// Every server of the table is a provider type, which is where the table says.
func TestCompatibleTypes(t *testing.T) {
	for _, s := range compat.Servers() {
		if s.BaseURL == "" {
			continue // Azure: below
		}
		info, err := caddy.GetModule(providerNamespace + "." + s.Name)
		if err != nil {
			t.Error(err)
			continue
		}
		m := info.New().(ProviderModule)
		p, err := m.NewProvider("x", zap.NewNop())
		if err != nil {
			t.Errorf("%s: %v", s.Name, err)
			continue
		}
		if m.CaddyModule().ID != info.ID || p.BaseURL != s.BaseURL || p.NeedsKey == s.Keyless || p.NewChat() == nil {
			t.Errorf("%s: %s is %+v", s.Name, m.CaddyModule().ID, p)
		}
		elsewhere := &Compatible{ProviderConfig: ProviderConfig{BaseURL: "https://proxy.example/v1/"}, server: s.Name}
		if p, err = elsewhere.NewProvider("x", zap.NewNop()); err != nil || p.BaseURL != "https://proxy.example/v1" || p.NeedsKey {
			t.Errorf("%s elsewhere: %+v, %v", s.Name, p, err)
		}
	}
}

// A server that is configured as type openai, at its own address, has its habits all the same.
func TestOpenAIAtKnownAddress(t *testing.T) {
	for base, want := range map[string]int{"https://api.groq.com/openai/v1": 1, "https://api.groq.com/openai/v1/": 1, "https://proxy.example/v1": 0, "": 0} {
		o := &OpenAI{ProviderConfig: ProviderConfig{BaseURL: base}}
		p, err := o.NewProvider("x", zap.NewNop())
		if err != nil {
			t.Fatal(err)
		}
		r, err := openai.ParseChat([]byte(`{"messages":[{"role":"user","content":"hi"}],"logprobs":true}`))
		if err != nil {
			t.Fatal(err)
		}
		chat := p.NewChat()
		if _, err := chat.Request(t.Context(), &provider.Call{Provider: p, Model: "m", Request: r, Edits: new(openai.Edits)}); err != nil {
			t.Fatal(err)
		}
		if dropped := chat.Dropped(); len(dropped) != want {
			t.Errorf("%q: dropped %q", base, dropped)
		}
	}
}

func TestAzure(t *testing.T) {
	t.Setenv("TEST_RESOURCE", "from-env")
	t.Setenv("TEST_VERSION", "2024-10-21")
	for name, c := range map[string]struct {
		azure Azure
		want  string // the base URL, or the end of the error
	}{
		"v1":          {Azure{Resource: "example"}, "https://example.openai.azure.com/openai/v1"},
		"preview":     {Azure{Resource: "example", APIVersion: "preview"}, "https://example.openai.azure.com/openai/v1"},
		"classic":     {Azure{Resource: "example", APIVersion: "2024-10-21"}, "https://example.openai.azure.com/openai"},
		"placeholder": {Azure{Resource: "{env.TEST_RESOURCE}"}, "https://from-env.openai.azure.com/openai/v1"},
		"version":     {Azure{Resource: "example", APIVersion: "{env.TEST_VERSION}"}, "https://example.openai.azure.com/openai"},
		"no version":  {Azure{Resource: "example", APIVersion: "{env.TEST_NO_VERSION}"}, "{env.TEST_NO_VERSION} is empty"},
		"elsewhere":   {Azure{ProviderConfig: ProviderConfig{BaseURL: "https://proxy.example/openai"}}, "https://proxy.example/openai"},
		"nothing":     {Azure{}, "name the Azure resource, or give a base_url"},
		"both":        {Azure{Resource: "example", ProviderConfig: ProviderConfig{BaseURL: "https://proxy.example"}}, "keep one of them"},
		"empty":       {Azure{Resource: "{env.TEST_NO_RESOURCE}"}, "{env.TEST_NO_RESOURCE} is empty"},
		"a host":      {Azure{Resource: "evil.example/#"}, "letters, digits and hyphens"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := c.azure.NewProvider("x", zap.NewNop())
			if err != nil {
				p = &provider.Provider{BaseURL: err.Error()}
			}
			if !strings.HasSuffix(p.BaseURL, c.want) || (err == nil) != strings.HasPrefix(c.want, "https") {
				t.Errorf("%q, want %q", p.BaseURL, c.want)
			}
		})
	}
}

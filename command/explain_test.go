package command

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/layergateway/layergateway/access"
	"github.com/layergateway/layergateway/access/limit"
	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/fetch"
	"github.com/layergateway/layergateway/gate"
	"github.com/layergateway/layergateway/internal/golden"
	"github.com/layergateway/layergateway/provider"
	"github.com/layergateway/layergateway/provider/anthropic"
	"github.com/layergateway/layergateway/provider/bedrock"
	"github.com/layergateway/layergateway/provider/compat"
	"github.com/layergateway/layergateway/provider/vertex"
	"github.com/layergateway/layergateway/relay"
)

// network fails the test: nothing may be sent.
type network struct{ t *testing.T }

func (n network) RoundTrip(r *http.Request) (*http.Response, error) {
	n.t.Errorf("sent to %s", r.URL)
	return nil, errors.New("nothing may be sent")
}

const explained = `[
	{"id": "11111111-1111-4111-8111-111111111111", "name": "assistant", "model": "openai/gpt-x", "fallbackModels": ["anthropic/claude-x", "keyless/m"],
	 "routingStrategy": "fallback", "systemPrompt": "Be brief.", "temperature": 0.5, "maxTokens": 100, "allowOverrides": ["maxTokens"]},
	{"id": "22222222-2222-4222-8222-222222222222", "name": "budgeted", "model": "openai/gpt-x", "fallbackModels": ["openai/unpriced"],
	 "routingStrategy": "fallback", "maxTokens": 100, "spendingLimit": 1, "spendingLimitPeriod": "total"},
	{"id": "33333333-3333-4333-8333-333333333333", "name": "paused", "model": "openai/gpt-x", "paused": true},
	{"id": "44444444-4444-4444-8444-444444444444", "name": "strict", "model": "claude/claude-x", "strict": true},
	{"id": "55555555-5555-4555-8555-555555555555", "name": "hedged", "model": "openai/gpt-x", "fallbackModels": ["anthropic/claude-x"], "routingStrategy": "round-robin", "hedge": "1s", "maxTokens": 100},
	{"id": "77777777-7777-4777-8777-777777777777", "name": "claude", "model": "claude/claude-x", "fallbackModels": ["openai/gpt-x"], "routingStrategy": "fallback"},
	{"id": "88888888-8888-4888-8888-888888888888", "name": "clouds", "model": "vertex/gemini-x", "fallbackModels": ["bedrock/a.model"], "routingStrategy": "fallback", "maxTokens": 100},
	{"id": "66666666-6666-4666-8666-666666666666", "name": "unpriced", "model": "openai/unpriced", "maxTokens": 100, "spendingLimit": 1}
]`

// gateway is one whose providers must not be called.
func gateway(t *testing.T) *relay.Relay {
	t.Helper()
	providers := map[string]*provider.Provider{
		"openai": {
			Name: "openai", Type: "openai", BaseURL: "https://openai.example/v1", NeedsKey: true, Keys: provider.NewKeys([]string{"sk-secret-1", "sk-secret-2"}, ""),
			Header: http.Header{"X-Org": {"secret-org"}}, Prices: map[string]cost.Price{"gpt-x": price(t, "3", "15"), "unpriced": {}}, NewChat: compat.New(compat.Options{}),
		},
		"anthropic": {
			Name: "anthropic", Type: "anthropic", BaseURL: "https://anthropic.example/v1", NeedsKey: true, Keys: provider.NewKeys(nil, "{env.ANTHROPIC_API_KEY}"),
			Prices: map[string]cost.Price{"claude-x": price(t, "5", "25")}, NewChat: anthropic.New(anthropic.Options{Now: time.Now}),
		},
		"claude": {
			Name: "claude", Type: "anthropic", BaseURL: "https://claude.example/v1", NeedsKey: true, Keys: provider.NewKeys([]string{"secret"}, ""),
			Prices: map[string]cost.Price{"claude-x": price(t, "5", "25")}, NewChat: anthropic.New(anthropic.Options{Now: time.Now}),
		},
		"vertex": {
			Name: "vertex", Type: "vertex", BaseURL: "https://vertex.example/v1", NewChat: vertex.New(vertex.Options{Project: "p", Credentials: "/none"}),
		},
		"bedrock": {
			Name: "bedrock", Type: "bedrock", BaseURL: "https://bedrock.example", Fetch: fetch.New(fetch.Policy{}),
			NewChat: bedrock.New(bedrock.Options{Region: "eu-central-1", AccessKeyID: "secret-id", SecretAccessKey: "secret", SessionToken: "secret-token",
				Now: func() time.Time { return began }}),
		},
		"keyless": {Name: "keyless", Type: "vllm", BaseURL: "http://keyless.example/v1", Unlisted: true, NewChat: compat.New(compat.Options{})},
	}
	for _, p := range providers {
		p.Transport = network{t}
	}
	path := write(t, "gates.json", explained)
	table, err := gate.NewTable(gate.Options{Files: []string{path}, Resolve: anyModel, Keep: func(g *gate.Gate) any {
		if g.Budget == nil {
			return nil
		}
		s, err := limit.ForGate(g.ID, g.Name, &limit.Limits{Budgets: []limit.Budget{{Amount: cost.Amount(g.Budget.Amount), Period: limit.Period(g.Budget.Period)}}})
		if err != nil {
			t.Error(err)
		}
		return s
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(table.Close)
	return &relay.Relay{Providers: providers, Gates: table, Resolve: anyModel, Catalog: cost.Builtin, MaxBody: 1 << 20, Now: time.Now}
}

// key is one that may use some gates.
func key(t *testing.T, l *limit.Limits, gates ...string) *access.Key {
	t.Helper()
	s, err := limit.ForKey("k", "web", l)
	if err != nil {
		t.Fatal(err)
	}
	return &access.Key{Name: "web", Hash: access.HashOf("k"), Limits: s, Gates: gates}
}

func TestExplain(t *testing.T) {
	spent := func(amount cost.Amount) func(context.Context, string, string, time.Time, time.Time) (cost.Amount, error) {
		return func(context.Context, string, string, time.Time, time.Time) (cost.Amount, error) { return amount, nil }
	}
	const dollar cost.Amount = 1_000_000_000_000
	for _, c := range []struct {
		name    string
		options ExplainOptions
		code    int
	}{
		{"fallback", ExplainOptions{Gate: "assistant", Request: []byte(`{"model":"assistant","messages":[{"role":"user","content":"Hi"}],"temperature":1,"max_tokens":50,"n":2,"seed":1,"stream":true}`)}, 0},
		{"budget_left", ExplainOptions{Gate: "budgeted", Spent: spent(dollar / 2)}, 0},
		{"budget_spent", ExplainOptions{Gate: "budgeted", Spent: spent(dollar)}, CodeNo},
		{"unpriced", ExplainOptions{Gate: "unpriced"}, CodeNo},
		{"paused", ExplainOptions{Gate: "paused"}, CodeNo},
		{"strict", ExplainOptions{Gate: "strict", Request: []byte(`{"messages":[{"role":"user","content":"Hi"}],"seed":1}`)}, CodeNo},
		{"several_answers", ExplainOptions{Gate: "claude", Request: []byte(`{"messages":[{"role":"user","content":"Hi"}],"n":2}`)}, CodeNo},
		{"clouds", ExplainOptions{Gate: "clouds"}, 0},
		{"clouds_image", ExplainOptions{Gate: "clouds", Request: []byte(`{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://example.com/a.png"}}]}]}`)}, 0},
		{"hedged", ExplainOptions{Gate: "hedged"}, 0},
		{"image", ExplainOptions{Gate: "assistant", Request: []byte(`{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://example.com/a.png"}}]}]}`)}, 0},
		{"wrong", ExplainOptions{Gate: "assistant", Request: []byte(`{"messages":[]}`)}, CodeNo},
		{"other_key", ExplainOptions{Gate: "assistant", Key: key(t, nil, "budgeted")}, CodeNo},
		{"key_tokens", ExplainOptions{Gate: "assistant", Key: key(t, &limit.Limits{Tokens: []limit.Rate{{Count: 10, Window: time.Minute}}}, "assistant")}, CodeNo},
	} {
		t.Run(c.name, func(t *testing.T) {
			at := gateway(t)
			var out bytes.Buffer
			code, tell := ExitCode(Explain(t.Context(), Streams{Out: &out}, at, c.options))
			if code != c.code || tell {
				t.Errorf("code %d, want %d", code, c.code)
			}
			text := out.String()
			if i := strings.Index(text, ", from "); i >= 0 {
				text = text[:i] + text[i+strings.IndexByte(text[i:], '\n'):]
			}
			for _, secret := range []string{"secret", credential} {
				if strings.Contains(text, secret) {
					t.Errorf("%q is shown", secret)
				}
			}
			golden.Compare(t, filepath.Join("testdata", "explain_"+c.name+".txt"), []byte(text))

			out.Reset()
			c.options.JSON = true
			if again, _ := ExitCode(Explain(t.Context(), Streams{Out: &out}, at, c.options)); again != c.code {
				t.Errorf("as JSON: code %d", again)
			}
			var e Explanation
			if err := json.Unmarshal(out.Bytes(), &e); err != nil || strings.Contains(out.String(), "secret") {
				t.Errorf("%v: %s", err, out.String())
			}
		})
	}
}

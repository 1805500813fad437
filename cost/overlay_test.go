package cost

import (
	"slices"
	"strings"
	"testing"
)

const modelsDev = `{
"openai": {"id": "openai", "name": "OpenAI", "models": {
	"gpt-4o": {"id": "gpt-4o", "cost": {"input": 2, "output": 8, "cache_read": 1}},
	"gpt-next": {"id": "gpt-next", "limit": {"context": 400000}, "cost": {"input": 1.25, "output": 10, "cache_read": 0.125,
		"input_audio": 30, "output_audio": 60,
		"tiers": [
			{"input": 5, "output": 30, "cache_read": 0.6, "tier": {"type": "context", "size": 500000}},
			{"input": 2.5, "output": 15, "tier": {"type": "context", "size": 272000}}],
		"context_over_200k": {"input": 9, "output": 9}}},
	"gpt-4.1": {"id": "gpt-4.1"}}},
"anthropic": {"models": {
	"claude-next": {"cost": {"input": 4, "output": 20, "cache_read": 0.4,
		"context_over_200k": {"input": 8, "output": 30}}}}},
"google-vertex-anthropic": {"models": {"claude-opus-4-5@20251101": {"cost": {"input": 6, "output": 30}}}},
"amazon-bedrock": {"models": {"amazon.nova-lite-v1:0": {"cost": {"input": 0.07, "output": 0.25}}}},
"my-host": {"models": {"gpt-4o": {"cost": {"input": 0, "output": 0}}}}
}`

func TestOverlay(t *testing.T) {
	c, err := Builtin().Overlay([]byte(modelsDev), "prices.json")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct{ provider, model, want, version string }{
		{"openai", "gpt-4o", "2 8", "prices.json"},
		{"openai", "gpt-4o-2024-08-06", "2 8", "prices.json"},
		{"azure", "gpt-4o", "2 8", "prices.json"},
		{"openai", "gpt-4o-2024-05-13", "5 15", "genai-prices@0.1.8"}, // priced apart from gpt-4o
		{"openai", "gpt-4o-mini", "0.15 0.6", "genai-prices@0.1.8"},
		{"openai", "gpt-4.1", "2 8", "genai-prices@0.1.8"}, // no cost in the file
		{"openai", "gpt-next-2027-01-31", "1.25 10", "prices.json"},
		{"anthropic", "claude-next-20270131", "4 20", "prices.json"},
		{"anthropic", "claude-next-latest", "4 20", "prices.json"},
		{"vertex", "claude-opus-4-5@20251101", "6 30", "prices.json"},
		{"vertex", "claude-next", "4 20", "prices.json"},
		{"bedrock", "amazon.nova-lite-v1:0", "0.07 0.25", "prices.json"},
		{"my-host", "GPT-4o", "0 0", "prices.json"},
	}
	for _, tt := range tests {
		p, ok := c.Price(tt.provider, tt.model, day)
		if !ok || perMillion(p) != tt.want || p.Version != tt.version {
			t.Errorf("%s/%s costs %s by %q, want %s by %q", tt.provider, tt.model, perMillion(p), p.Version, tt.want, tt.version)
		}
	}
	if got, want := c.Providers("gpt-4o"), []string{"openai", "azure", "my-host"}; !slices.Equal(got, want) {
		t.Errorf("providers %v, want %v", got, want)
	}
	if c.Version() != "genai-prices@0.1.8+prices.json" || !c.Date().Equal(Builtin().Date()) {
		t.Errorf("version %q of %v", c.Version(), c.Date())
	}
	if p, _ := Builtin().Price("openai", "gpt-4o", day); perMillion(p) != "2.5 10" {
		t.Error("the catalog below has changed")
	}
}

func TestOverlayRates(t *testing.T) {
	c, err := Builtin().Overlay([]byte(modelsDev), "v")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		provider, model string
		usage           Usage
		want            string
	}{
		// 272000*1.25 + 1*10
		{"openai", "gpt-next", Usage{Input: Of(272000), Output: Of(1)}, "0.34001"},
		// The tier's cache rate isn't given and doubles as input does:
		// 172001*2.5 + 100000*0.25 + 1*15 = 430002.5 + 25000 + 15
		{"openai", "gpt-next", Usage{Input: Of(272001), CachedInput: Of(100000), Output: Of(1)}, "0.4550175"},
		// 500001*5 - 100000*(5-0.6) + 1*30 = 2500005 - 440000 + 30
		{"openai", "gpt-next", Usage{Input: Of(500001), CachedInput: Of(100000), Output: Of(1)}, "2.060035"},
		// 10*30 + 10*60
		{"openai", "gpt-next", Usage{Input: Of(10), AudioInput: Of(10), Output: Of(10), AudioOutput: Of(10)}, "0.0009"},
		// Writes at 1.25 and 2 times 4: 10*5 + 10*8
		{"anthropic", "claude-next", Usage{Input: Of(20), CacheWrite: Of(10), CacheWrite1h: Of(10), Output: Of(0)}, "0.00013"},
		// Above 200k at 8: 199971*8 + 10*0.8 + 10*10 + 10*16 = 1599768 + 8 + 100 + 160
		{"anthropic", "claude-next", Usage{Input: Of(200001), CachedInput: Of(10), CacheWrite: Of(10), CacheWrite1h: Of(10), Output: Of(0)}, "1.600036"},
	}
	for _, tt := range tests {
		p, _ := c.Price(tt.provider, tt.model, day)
		if got := p.Bill(tt.usage); got.Status != Exact || got.Total.String() != tt.want {
			t.Errorf("%s %+v costs %s %s, want %s", tt.model, tt.usage, got.Status, got.Total, tt.want)
		}
	}
}

func TestOverlayOnOverlay(t *testing.T) {
	first, err := Builtin().Overlay([]byte(modelsDev), "one")
	if err != nil {
		t.Fatal(err)
	}
	second, err := first.Overlay([]byte(`{"openai":{"models":{"gpt-next":{"cost":{"input":7,"output":7}}}}}`), "two")
	if err != nil {
		t.Fatal(err)
	}
	for model, want := range map[string]string{"gpt-next": "7 7", "gpt-4o": "2 8"} {
		if p, _ := second.Price("openai", model, day); perMillion(p) != want {
			t.Errorf("%s costs %s, want %s", model, perMillion(p), want)
		}
	}
	if p, _ := first.Price("openai", "gpt-next", day); perMillion(p) != "1.25 10" {
		t.Error("the catalog below has changed")
	}
	if second.Version() != "genai-prices@0.1.8+one+two" {
		t.Error(second.Version())
	}
}

func TestOverlayErrors(t *testing.T) {
	model := func(s string) string { return `{"acme":{"models":{"m-1":` + s + `}}}` }
	tests := []struct {
		in   string
		want []string
	}{
		{`[]`, []string{"models.dev"}},
		{`{"acme":`, []string{"price file"}},
		{`{"acme":{},"acme":{}}`, []string{"duplicate", "acme"}},
		{`{"acme":{"models":[]}}`, []string{`"acme"`}},
		{model(`7`), []string{`"acme"`, `"m-1"`}},
		{model(`{"cost":{"input":1}}`), []string{`"acme"`, `"m-1"`, "both input and output"}},
		{model(`{"cost":{"input":1,"output":-2}}`), []string{`"acme"`, `"m-1"`, "negative"}},
		{model(`{"cost":{"input":"1","output":2}}`), []string{`"acme"`, `"m-1"`}},
		{model(`{"cost":{"input":1,"output":1e30}}`), []string{`"acme"`, `"m-1"`, "too large"}},
		{model(`{"cost":{"input":1,"output":1,"tiers":[{"input":2,"output":2,"tier":{"type":"context","size":3}},` +
			`{"input":3,"output":3,"tier":{"type":"context","size":3}}]}}`), []string{`"acme"`, `"m-1"`, "two tiers of size 3"}},
		{model(`{"cost":{"input":1,"output":1,"tiers":[{"input":2,"output":2,"tier":{"type":"hour","size":3}}]}}`), []string{`"acme"`, `"m-1"`, `"hour"`}},
	}
	for _, tt := range tests {
		_, err := Builtin().Overlay([]byte(tt.in), "v")
		if err == nil {
			t.Errorf("no error for %s", tt.in)
			continue
		}
		for _, part := range tt.want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: the error %q doesn't say %s", tt.in, err, part)
			}
		}
	}
	if _, err := Builtin().Overlay([]byte(`{}`), ""); err == nil {
		t.Error("no error without a version")
	}
}

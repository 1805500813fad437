package cost

import (
	"slices"
	"testing"
	"time"
)

// perMillion prints input and output rates in dollars per million tokens.
func perMillion(p Price) string {
	return (p.Rates.Input * 1e6).String() + " " + (p.Rates.Output * 1e6).String()
}

func TestBuiltinPrice(t *testing.T) {
	tests := []struct{ provider, model, want string }{
		{"openai", "gpt-4o", "2.5 10"},
		{"openai", " GPT-4o ", "2.5 10"},
		{"openai", "gpt-4o-2024-08-06", "2.5 10"},
		{"openai", "gpt-4o-2024-05-13", "5 15"},
		{"openai", "gpt-4.1-nano-2025-04-14", "0.1 0.4"},
		{"openai", "gpt-4o-2024-08-06-of-mine", ""},
		{"openai", "claude-sonnet-4-5", ""},
		{"openai", "whisper-1", ""}, // by the hour
		{"anthropic", "claude-sonnet-4-5", "3 15"},
		{"anthropic", "claude-sonnet-4-5-20250929", "3 15"},
		{"anthropic", "claude-3-5-sonnet-latest", "3 15"},
		{"anthropic", "claude-3-haiku-20240307", "0.25 1.25"},
		{"google", "models/gemini-2.5-flash", "0.3 2.5"},
		{"google", "gemini-2.5-pro-preview-06-05", "1.25 10"},
		{"google", "gemini-2.5-pro-preview-tts", "1 20"}, // kept from 2.5-pro by a "not"
		{"google", "claude-sonnet-4-5", ""},
		{"vertex", "gemini-2.5-flash", "0.3 2.5"},
		{"vertex", "publishers/google/models/gemini-2.5-flash", "0.3 2.5"},
		{"vertex", "claude-haiku-4-5@20251001", "1 5"},
		{"vertex", "claude-opus-4-7@default", "5 25"},
		{"azure", "gpt-4o", "2.5 10"},
		{"azure", "phi-4", "0.07 0.14"},
		{"bedrock", "anthropic.claude-3-5-sonnet-20241022-v2:0", "3 15"},
		{"bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "3.3 16.5"},
		{"bedrock", "global.anthropic.claude-sonnet-4-5-20250929-v1:0", "3 15"},
		{"bedrock", "arn:aws:bedrock:eu-west-1:1:inference-profile/eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "3.3 16.5"},
		{"bedrock", "claude-opus-5", ""},
		{"groq", "llama-3.3-70b-versatile", "0.59 0.79"},
		{"xai", "grok-4.3-latest", "1.25 2.5"},
		{"fireworks", "accounts/fireworks/models/gpt-oss-120b", "0.15 0.6"},
		{"fireworks", "gpt-oss-120b", ""},
		{"openrouter", "deepseek/deepseek-r1:free", "0 0"},
		{"moonshot", "kimi-k2-0905-preview", "0.6 2.5"},
		{"cerebras", "qwen-3-coder-480b", ""}, // listed without any price
		{"echo", "gpt-4o", ""},
		{"", "gpt-4o", ""},
		{"openai", "", ""},
	}
	for _, tt := range tests {
		p, ok := Builtin().Price(tt.provider, tt.model, day)
		if ok != (tt.want != "") || p.Known() != ok {
			t.Errorf("%s/%s: price %v, known %t", tt.provider, tt.model, perMillion(p), ok)
		} else if ok && perMillion(p) != tt.want {
			t.Errorf("%s/%s costs %s, want %s", tt.provider, tt.model, perMillion(p), tt.want)
		}
		if ok && p.Version != "genai-prices@0.1.8" {
			t.Errorf("%s/%s has price version %q", tt.provider, tt.model, p.Version)
		}
	}
}

func TestDatedPrices(t *testing.T) {
	tests := []struct{ provider, model, at, want string }{
		{"openai", "o3", "2025-06-09T23:59:59Z", "10 40"},
		{"openai", "o3", "2025-06-10T00:00:00Z", "2 8"},
		{"openai", "o3", "2025-06-09T20:00:00-05:00", "2 8"},
		{"deepseek", "deepseek-reasoner", "2025-07-01T00:29:59Z", "0.135 0.55"},
		{"deepseek", "deepseek-reasoner", "2025-07-01T00:30:00Z", "0.55 2.19"},
		{"deepseek", "deepseek-reasoner", "2025-07-01T16:30:00Z", "0.135 0.55"},
		{"deepseek", "deepseek-reasoner", "2025-07-01T22:00:00+08:00", "0.55 2.19"},
	}
	for _, tt := range tests {
		at, err := time.Parse(time.RFC3339, tt.at)
		if err != nil {
			t.Fatal(err)
		}
		if p, _ := Builtin().Price(tt.provider, tt.model, at); perMillion(p) != tt.want {
			t.Errorf("%s at %s costs %s, want %s", tt.model, tt.at, perMillion(p), tt.want)
		}
	}
	// Sonnet 4.6 lost its tier for long prompts.
	before, _ := Builtin().Price("anthropic", "claude-sonnet-4-6", time.Date(2026, 2, 20, 0, 0, 0, 0, time.UTC))
	after, _ := Builtin().Price("anthropic", "claude-sonnet-4-6", time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC))
	if len(before.Tiers) != 1 || len(after.Tiers) != 0 {
		t.Errorf("tiers before and after: %v, %v", before.Tiers, after.Tiers)
	}
}

func TestHoursAcrossMidnight(t *testing.T) {
	night := datedPrice{start: 22 * time.Hour, end: 6 * time.Hour}
	for clock, want := range map[time.Duration]bool{
		0: true, 6*time.Hour - 1: true, 6 * time.Hour: false, 22*time.Hour - 1: false, 22 * time.Hour: true,
	} {
		if night.holds(day.Truncate(24*time.Hour).Add(clock)) != want {
			t.Errorf("at %v: holds is %t", clock, !want)
		}
	}
}

func TestProviders(t *testing.T) {
	tests := []struct {
		model string
		want  []string
	}{
		{"gpt-4o", []string{"openai", "azure"}},
		{"gpt-4o-2024-08-06", []string{"openai", "azure"}},
		{"o4-mini-2025-04-16", []string{"openai", "azure"}},
		{"claude-sonnet-4-5", []string{"anthropic", "azure", "vertex"}},
		{"claude-3-5-sonnet-latest", []string{"anthropic", "azure", "vertex"}},
		{"anthropic.claude-sonnet-4-5-20250929-v1:0", []string{"bedrock"}},
		{"gemini-2.5-flash", []string{"google", "vertex"}},
		{"mistral-large-latest", []string{"mistral", "azure"}},
		{"whisper-1", []string{"openai", "azure"}},
		{"llama-3.3-70b-versatile", []string{"groq"}},
		{"my-gpt-4o", nil},
		{"x-claude-3-5-sonnet-20241022-x", nil},
		{"", nil},
	}
	for _, tt := range tests {
		if got := Builtin().Providers(tt.model); !slices.Equal(got, tt.want) {
			t.Errorf("Providers(%q) = %v, want %v", tt.model, got, tt.want)
		}
	}
}

// Each listed model is found by its id and by its aliases, and where tiers
// change the input rate they come in order and change the cache rate with it.
func TestListIsSound(t *testing.T) {
	c := Builtin()
	if c.Version() != "genai-prices@0.1.8" || !c.Date().Equal(time.Date(2026, 9, 23, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("version %q of %v", c.Version(), c.Date())
	}
	for name, p := range c.providers {
		if !slices.Contains(order[:], name) {
			t.Errorf("provider type %q has no place in the order", name)
		}
		for id, m := range p.exact {
			if id != normalize(name, id) {
				t.Errorf("%s/%s can't be found: it is looked up as %s", name, id, normalize(name, id))
			}
			for _, d := range m.dated {
				above := int64(0)
				for _, tier := range d.price.Tiers {
					if tier.Above <= above || tier.Rates.Input < d.price.Rates.Input {
						t.Errorf("%s/%s: tier above %d is out of order", name, id, tier.Above)
					}
					above = tier.Above
				}
			}
		}
	}
}

func TestParseCatalogErrors(t *testing.T) {
	const head = `{"source":"s","version":"v","date":"2026-01-01","license":"l","models":[`
	for _, in := range []string{
		`{}`,
		`{"date":"yesterday"}`,
		head + `{"provider":"p","id":"m","match":[{}]}]}`,
		head + `{"provider":"p","id":"m","match":[{"or":[{"regex":"("}]}]}]}`,
		head + `{"provider":"p","id":"m","prices":[{"since":"soon"}]}]}`,
		head + `{"provider":"p","id":"m","prices":[{"hours":["1","2"]}]}]}`,
		head + `{"provider":"p","id":"m","prices":[{"input":-1}]}]}`,
		head + `{"provider":"p","id":"m","prices":[{"inputs":1}]}]}`,
	} {
		if _, err := parseCatalog([]byte(in)); err == nil {
			t.Errorf("no error for %s", in)
		}
	}
}

func BenchmarkPrice(b *testing.B) {
	for _, tt := range []struct{ name, provider, model string }{
		{"exact", "openai", "gpt-4o"},
		{"prefix", "anthropic", "claude-sonnet-4-5-20250929"},
		{"fallback", "vertex", "claude-haiku-4-5@20251001"},
		{"unknown", "azure", "my-own-deployment-20250101"},
	} {
		b.Run(tt.name, func(b *testing.B) {
			c := Builtin()
			b.ReportAllocs()
			for b.Loop() {
				c.Price(tt.provider, tt.model, day)
			}
		})
	}
}

func BenchmarkParseCatalog(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parseCatalog(catalogJSON); err != nil {
			b.Fatal(err)
		}
	}
}

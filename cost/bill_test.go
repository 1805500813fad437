package cost

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// day is after all of the list's changes of 2025 that the tests touch.
var day = time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)

func usd(t *testing.T, s string) Amount {
	t.Helper()
	a, err := ParseAmount(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func listed(t *testing.T, providerType, model string) Price {
	t.Helper()
	p, ok := Builtin().Price(providerType, model, day)
	if !ok {
		t.Fatalf("%s/%s has no price", providerType, model)
	}
	return p
}

func given(t *testing.T, rates ...string) Price {
	t.Helper()
	rates = append(rates, "", "")
	p, err := ParsePrice(rates[0], rates[1], rates[2], rates[3])
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestBill(t *testing.T) {
	sonnet37 := listed(t, "anthropic", "claude-3-7-sonnet-20250219")
	sonnet45 := listed(t, "anthropic", "claude-sonnet-4-5-20250929")
	tests := []struct {
		name  string
		price Price
		usage Usage
		// status, then total, input, cached input, cache write, output
		want [6]string
	}{{
		// 3 + 12304 = 12307 prompt tokens; 3/M, writes 3.75/M, output 15/M:
		// 3*3 + 12304*3.75 + 550*15 = 9 + 46140 + 8250 = 54399 millionths
		"W20", sonnet37,
		Usage{Input: Of(12307), CachedInput: Of(0), CacheWrite: Of(12304), Output: Of(550)},
		[6]string{"exact", "0.054399", "0.000009", "0", "0.04614", "0.00825"},
	}, {
		// gemini-2.5-flash: 0.30/M and 2.50/M.
		// 1000*0.3 + 8150*2.5 = 300 + 20375 = 20675 millionths
		"W28 thoughts are part of the output", listed(t, "google", "gemini-2.5-flash"),
		Usage{Input: Of(1000), Output: Of(8150), Reasoning: Of(8000)},
		[6]string{"exact", "0.020675", "0.0003", "0", "0", "0.020375"},
	}, {
		// (262960-257955)*1.25 + 257955*0.625 + 1744*10
		// = 5005*1.25 + 161221.875 + 17440 = 6256.25 + 161221.875 + 17440 = 184918.125
		"W29", given(t, "1.25", "10", "0.625"),
		Usage{Input: Of(262960), CachedInput: Of(257955), Output: Of(1744)},
		[6]string{"exact", "0.184918125", "0.00625625", "0.161221875", "0", "0.01744"},
	}, {
		// 10*3 + 2000*0.3 + 1000*3.75 + 4000*6 + 100*15
		// = 30 + 600 + 3750 + 24000 + 1500 = 29880
		"W21 one-hour writes", sonnet37,
		Usage{Input: Of(7010), CachedInput: Of(2000), CacheWrite: Of(1000), CacheWrite1h: Of(4000), Output: Of(100)},
		[6]string{"exact", "0.02988", "0.00003", "0.0006", "0.02775", "0.0015"},
	}, {
		// Exactly 200000 is not above it: 200000*3 + 1000*15 = 600000 + 15000
		"W21 at 200k", sonnet45,
		Usage{Input: Of(200000), Output: Of(1000)},
		[6]string{"exact", "0.615", "0.6", "0", "0", "0.015"},
	}, {
		// All of it at the tier: 100001*6 + 80000*0.6 + 15000*7.5 + 5000*12 + 1000*22.5
		// = 600006 + 48000 + 112500 + 60000 + 22500 = 843006
		"W21 above 200k", sonnet45,
		Usage{Input: Of(200001), CachedInput: Of(80000), CacheWrite: Of(15000), CacheWrite1h: Of(5000), Output: Of(1000)},
		[6]string{"exact", "0.843006", "0.600006", "0.048", "0.1725", "0.0225"},
	}, {
		// Claude on Vertex is listed without one-hour writes: twice 3/M.
		// 10*3 + 100*6 + 1*15 = 30 + 600 + 15
		"one-hour writes of a reseller", listed(t, "vertex", "claude-3-7-sonnet@20250219"),
		Usage{Input: Of(110), CacheWrite1h: Of(100), Output: Of(1)},
		[6]string{"exact", "0.000645", "0.00003", "0", "0.0006", "0.000015"},
	}, {
		// gpt-realtime: text 4/M and 16/M, audio 32/M and 64/M.
		// 100*4 + 200*32 + 50*16 + 300*64 = 400 + 6400 + 800 + 19200
		"audio", listed(t, "openai", "gpt-realtime-2025-08-28"),
		Usage{Input: Of(300), AudioInput: Of(200), Output: Of(350), AudioOutput: Of(300)},
		[6]string{"exact", "0.0268", "0.0068", "0", "0", "0.02"},
	}, {
		// gpt-4o-audio-preview is listed with its text rates only, 2.5/M and
		// 10/M: 300*2.5 + 350*10
		"audio without a rate", listed(t, "openai", "gpt-4o-audio-preview-2025-06-03"),
		Usage{Input: Of(300), AudioInput: Of(200), Output: Of(350)},
		[6]string{"estimated", "0.00425", "0.00075", "0", "0", "0.0035"},
	}, {
		// gpt-image-1.5: text 5/M and 10/M, images 8/M and 32/M.
		// 40*5 + 1000*8 + 20*10 + 4000*32 = 200 + 8000 + 200 + 128000
		"images", listed(t, "openai", "gpt-image-1.5"),
		Usage{Input: Of(1040), ImageInput: Of(1000), Output: Of(4020), ImageOutput: Of(4000)},
		[6]string{"exact", "0.1364", "0.0082", "0", "0", "0.1282"},
	}, {
		// sonar: 1/M and 1/M, and 12 for a thousand requests at most: 12000 + 10 + 20
		"a fee per request", listed(t, "perplexity", "sonar"),
		Usage{Input: Of(10), Output: Of(20)},
		[6]string{"estimated", "0.01203", "0.01201", "0", "0", "0.00002"},
	}, {
		// sonar-deep-research: 2/M, 8/M, reasoning 3/M: 10*2 + 5*8 + 100*3
		"reasoning at its own rate", listed(t, "perplexity", "sonar-deep-research"),
		Usage{Input: Of(10), Output: Of(105), Reasoning: Of(100)},
		[6]string{"exact", "0.00036", "0.00002", "0", "0", "0.00034"},
	}, {
		// Nothing but input is charged: 500*0.02
		"embeddings don't tell any output", listed(t, "openai", "text-embedding-3-small"),
		Usage{Input: Of(500)},
		[6]string{"exact", "0.00001", "0.00001", "0", "0", "0"},
	}, {
		// 100*0.59 + 100*0.79, cached and written at the input rate
		"the Caddyfile's price", given(t, "0.59", "0.79"),
		Usage{Input: Of(100), CachedInput: Of(50), CacheWrite: Of(20), CacheWrite1h: Of(10), Output: Of(100)},
		[6]string{"exact", "0.000138", "0.0000118", "0.0000295", "0.0000177", "0.000079"},
	}, {
		// 50*3 + 30*0.3 + 20*3.75 + 10*15 = 150 + 9 + 75 + 150
		"the Caddyfile's cache prices", given(t, "3", "15", "0.3", "3.75"),
		Usage{Input: Of(100), CachedInput: Of(30), CacheWrite: Of(15), CacheWrite1h: Of(5), Output: Of(10)},
		[6]string{"exact", "0.000384", "0.00015", "0.000009", "0.000075", "0.00015"},
	}, {
		"free", given(t, "0", "0"), Usage{},
		[6]string{"exact", "0", "0", "0", "0", "0"},
	}, {
		"an unknown model", Price{}, Usage{Input: Of(10), Output: Of(10)},
		[6]string{"unpriced", "0", "0", "0", "0", "0"},
	}, {
		"unknown output", sonnet37, Usage{Input: Of(10), Estimated: true},
		[6]string{"unpriced", "0", "0", "0", "0", "0"},
	}, {
		"unknown input", sonnet37, Usage{Output: Of(10)},
		[6]string{"unpriced", "0", "0", "0", "0", "0"},
	}, {
		"estimated usage", given(t, "1", "2"), Usage{Input: Of(3), Output: Of(4), Estimated: true},
		[6]string{"estimated", "0.000011", "0.000003", "0", "0", "0.000008"},
	}, {
		// The parts of the prompt come to more than the prompt: 60 cached and
		// 40 of the 50 written fit. 60*0.3 + 40*3.75 = 18 + 150
		"more cached than there was", given(t, "3", "15", "0.3", "3.75"),
		Usage{Input: Of(100), CachedInput: Of(60), CacheWrite: Of(50), Output: Of(0)},
		[6]string{"estimated", "0.000168", "0", "0.000018", "0.00015", "0"},
	}, {
		// 100 * 15
		"more reasoning than output", given(t, "3", "15"),
		Usage{Input: Of(0), Output: Of(100), Reasoning: Of(200)},
		[6]string{"estimated", "0.0015", "0", "0", "0", "0.0015"},
	}, {
		// gemini-2.5-flash: audio 1/M, cached 0.03/M, text 0.3/M, output 2.5/M.
		// 100*0.03 + 200*1 + 700*0.3 = 3 + 200 + 210
		"audio that may have been cached", listed(t, "google", "gemini-2.5-flash"),
		Usage{Input: Of(1000), CachedInput: Of(100), AudioInput: Of(200), Output: Of(0)},
		[6]string{"estimated", "0.000413", "0.00041", "0.000003", "0", "0"},
	}, {
		// command-r7b: 0.0375/M and 0.15/M. Cohere counted 1533 and 36 tokens,
		// and charges 51 and 13: 51*0.0375 + 13*0.15 = 1.9125 + 1.95
		"the provider says what it charges", listed(t, "cohere", "command-r7b-12-2024"),
		Usage{Input: Of(1533), CachedInput: Of(1440), Output: Of(36), BilledInput: Of(51), BilledOutput: Of(13)},
		[6]string{"exact", "0.0000038625", "0.0000019125", "0", "0", "0.00000195"},
	}, {
		// No part of what was counted is charged on top: 10*3 + 5*15
		"charged at the plain rates", given(t, "3", "15", "0.3", "3.75"),
		Usage{Input: Of(100), CachedInput: Of(60), CacheWrite: Of(40), CacheWrite1h: Of(1), AudioInput: Of(7), ImageInput: Of(8),
			Output: Of(50), Reasoning: Of(40), AudioOutput: Of(6), ImageOutput: Of(5), BilledInput: Of(10), BilledOutput: Of(5)},
		[6]string{"exact", "0.000105", "0.00003", "0", "0", "0.000075"},
	}, {
		// 0*3 + 50*15
		"a charge of nothing is none", given(t, "3", "15"),
		Usage{Input: Of(100), Output: Of(50), BilledInput: Of(0)},
		[6]string{"exact", "0.00075", "0", "0", "0", "0.00075"},
	}, {
		"charged though not counted", given(t, "3", "15"),
		Usage{BilledInput: Of(10), BilledOutput: Of(5)},
		[6]string{"exact", "0.000105", "0.00003", "0", "0", "0.000075"},
	}, {
		// Above 200k: 6/M and 22.5/M. 100*6 + 10*22.5
		"the prompt picks the tier of what is charged", sonnet45,
		Usage{Input: Of(300000), Output: Of(20), BilledInput: Of(100), BilledOutput: Of(10)},
		[6]string{"exact", "0.000825", "0.0006", "0", "0", "0.000225"},
	}, {
		"no prompt, no tier", sonnet45,
		Usage{Output: Of(20), BilledInput: Of(100), BilledOutput: Of(10)},
		[6]string{"unpriced", "0", "0", "0", "0", "0"},
	}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := Bill{
				Status: Status(tt.want[0]), PriceVersion: tt.price.Version, Total: usd(t, tt.want[1]),
				Input: usd(t, tt.want[2]), CachedInput: usd(t, tt.want[3]),
				CacheWrite: usd(t, tt.want[4]), Output: usd(t, tt.want[5]),
			}
			if diff := cmp.Diff(want, tt.price.Bill(tt.usage)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestBillJSON(t *testing.T) {
	price := given(t, "3", "15", "0.3", "3.75")
	tests := []struct {
		bill          Bill
		cost, details string
	}{
		{
			price.Bill(Usage{Input: Of(20), CachedInput: Of(10), Output: Of(30)}), "0.000483",
			`{"status":"exact","price_version":"set:3/15/0.3/3.75","input":0.00003,"cached_input":0.000003,"cache_write":0,"output":0.00045}`,
		},
		{
			price.Bill(Usage{}), "null",
			`{"status":"unpriced","price_version":"set:3/15/0.3/3.75","input":null,"cached_input":null,"cache_write":null,"output":null}`,
		},
		{
			Price{}.Bill(Usage{Input: Of(1), Output: Of(1)}), "null",
			`{"status":"unpriced","price_version":null,"input":null,"cached_input":null,"cache_write":null,"output":null}`,
		},
	}
	for _, tt := range tests {
		if got := string(tt.bill.AppendCost([]byte("="))); got != "="+tt.cost {
			t.Errorf("cost %s, want %s", got, tt.cost)
		}
		if got := string(tt.bill.AppendDetails(nil)); got != tt.details {
			t.Errorf("details %s, want %s", got, tt.details)
		}
	}
}

func TestParsePriceErrors(t *testing.T) {
	for _, in := range [][4]string{
		{"", "1", "", ""}, {"1", "", "", ""}, {"-1", "1", "", ""}, {"1", "1", "-0.1", ""},
		{"1", "1", "", "x"}, {"1", "1e99", "", ""}, {"$1", "1", "", ""},
	} {
		if p, err := ParsePrice(in[0], in[1], in[2], in[3]); err == nil {
			t.Errorf("ParsePrice(%q) = %v, want an error", in, p)
		}
	}
}

func drawPrice(t *rapid.T) Price {
	amount := func(name string) Amount { return Amount(rapid.Int64Range(0, 600_000_000).Draw(t, name)) }
	rates := Rates{
		amount("input"), amount("cached"), amount("write"), amount("write 1h"), amount("output"),
		amount("reasoning"), amount("audio in"), amount("audio out"), amount("image in"), amount("image out"), amount("citation"),
	}
	p := Price{Version: "drawn", Rates: rates, Request: amount("request")}
	for above := int64(0); rapid.Bool().Draw(t, "tier"); {
		above += rapid.Int64Range(1, 300_000).Draw(t, "above")
		// Prices rise with the size of the prompt.
		k := rapid.Int64Range(1, 3).Draw(t, "times")
		for _, r := range []*Amount{
			&rates.Input, &rates.CachedInput, &rates.CacheWrite, &rates.CacheWrite1h, &rates.Output,
			&rates.Reasoning, &rates.AudioInput, &rates.AudioOutput, &rates.ImageInput, &rates.ImageOutput,
		} {
			*r = r.times(k)
		}
		p.Tiers = append(p.Tiers, Tier{above, rates})
	}
	return p
}

func drawUsage(t *rapid.T, most int64) Usage {
	tokens := func(name string) Tokens {
		if rapid.IntRange(0, 9).Draw(t, name+" is told") == 0 {
			return Tokens{}
		}
		return Of(rapid.Int64Range(0, most).Draw(t, name))
	}
	u := Usage{
		Input: tokens("input"), CachedInput: tokens("cached"), CacheWrite: tokens("write"), CacheWrite1h: tokens("write 1h"),
		Output: tokens("output"), Reasoning: tokens("reasoning"),
		AudioInput: tokens("audio in"), AudioOutput: tokens("audio out"),
		ImageInput: tokens("image in"), ImageOutput: tokens("image out"),
	}
	if rapid.IntRange(0, 3).Draw(t, "charges are told") == 0 {
		u.BilledInput, u.BilledOutput = tokens("billed in"), tokens("billed out")
	}
	return u
}

func TestBillProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, u := drawPrice(t), drawUsage(t, 500_000)
		b := p.Bill(u)
		if b.Input < 0 || b.CachedInput < 0 || b.CacheWrite < 0 || b.Output < 0 {
			t.Fatalf("negative: %+v", b)
		}
		if sum := b.Input + b.CachedInput + b.CacheWrite + b.Output; sum != b.Total {
			t.Fatalf("the parts are %s, the total is %s", sum, b.Total)
		}
		if b.Status == Unpriced && b.Total != 0 {
			t.Fatalf("unpriced, but %s", b.Total)
		}
		if b.Status == Unpriced {
			return
		}
		more := u
		more.Input = Of(u.Input.N() + rapid.Int64Range(0, 400_000).Draw(t, "more input"))
		more.Output = Of(u.Output.N() + rapid.Int64Range(0, 400_000).Draw(t, "more output"))
		if got := p.Bill(more); got.Total < b.Total {
			t.Fatalf("%+v costs %s, the larger %+v %s", u, b.Total, more, got.Total)
		}
	})
}

func TestBillStaysInRange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, u := drawPrice(t), drawUsage(t, math.MaxInt64)
		b := p.Bill(u)
		if b.Total < 0 || b.Input < 0 || b.CachedInput < 0 || b.CacheWrite < 0 || b.Output < 0 {
			t.Fatalf("negative: %+v", b)
		}
	})
}

func BenchmarkBill(b *testing.B) {
	price, _ := Builtin().Price("anthropic", "claude-sonnet-4-5", day)
	usage := Usage{Input: Of(250_000), CachedInput: Of(100_000), CacheWrite: Of(3000), Output: Of(800), Reasoning: Of(500)}
	b.ReportAllocs()
	for b.Loop() {
		price.Bill(usage)
	}
}

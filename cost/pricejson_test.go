package cost

import (
	stdjson "encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"pgregory.net/rapid"
)

// drawStored is any price at all, with its inner marks.
func drawStored(t *rapid.T) Price {
	p := drawPrice(t)
	p.Search = Amount(rapid.Int64Range(0, math.MaxInt64).Draw(t, "search"))
	if rapid.Bool().Draw(t, "services") {
		p.Services = map[string]Share{"flex": {1, 2}, "us": {rapid.Int64Range(0, 99).Draw(t, "num"), rapid.Int64Range(1, 99).Draw(t, "den")}}
	}
	for _, mark := range []*bool{&p.noAudioInput, &p.noAudioOutput, &p.noSearch, &p.hiddenFees} {
		*mark = rapid.Bool().Draw(t, "mark")
	}
	return p
}

func drawAnyUsage(t *rapid.T) Usage {
	count := func(name string) Tokens { return Of(rapid.Int64Range(-1, 400_000).Draw(t, name)) } // -1 is unknown
	return Usage{
		Input: count("input"), CachedInput: count("cached"), CacheWrite: count("write"), CacheWrite1h: count("write 1h"),
		Output: count("output"), Reasoning: count("reasoning"),
		AudioInput: count("audio in"), AudioOutput: count("audio out"), ImageInput: count("image in"), ImageOutput: count("image out"),
		Citation: count("citation"), Searches: Of(rapid.Int64Range(-1, 9).Draw(t, "searches")),
		Service:     rapid.SampledFrom([]string{"", "default", "flex", "us", "priority"}).Draw(t, "service"),
		BilledInput: count("billed in"), BilledOutput: count("billed out"),
		BilledRequest: FeeOf(Amount(rapid.Int64Range(-1, 1e12).Draw(t, "fee"))),
		Estimated:     rapid.Bool().Draw(t, "estimated"),
	}
}

// I3: what is stored of a bill's price and usage gives the same bill again.
func TestBillAgainOfWhatWasStored(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		price, usage := drawStored(t), drawAnyUsage(t)
		for name, codec := range map[string]struct {
			marshal   func(any) ([]byte, error)
			unmarshal func([]byte, any) error
		}{
			"encoding/json": {stdjson.Marshal, stdjson.Unmarshal},
			"json v2": {func(v any) ([]byte, error) { return json.Marshal(v) },
				func(b []byte, v any) error { return json.Unmarshal(b, v) }},
		} {
			var p Price
			var u Usage
			pb, err := codec.marshal(price)
			if err == nil {
				err = codec.unmarshal(pb, &p)
			}
			ub, uerr := codec.marshal(usage)
			if by := usage.AppendJSON(nil); string(by) != string(ub) {
				t.Fatalf("%s is not %s", by, ub)
			}
			if uerr == nil {
				uerr = codec.unmarshal(ub, &u)
			}
			if err != nil || uerr != nil {
				t.Fatalf("%s: %v, %v", name, err, uerr)
			}
			if !reflect.DeepEqual(p, price) || u != usage {
				t.Fatalf("%s: %s is %+v, was %+v; %s is %+v, was %+v", name, pb, p, price, ub, u, usage)
			}
			bill := price.Bill(usage)
			if got := p.Bill(u); got != bill {
				t.Fatalf("%s: the bill is %+v, was %+v", name, got, bill)
			}
			if bb, err := codec.marshal(bill); err != nil || string(bill.AppendJSON(nil)) != string(bb) {
				t.Fatalf("%s is not %s, %v", bill.AppendJSON(nil), bb, err)
			}
			form, err := json.Marshal(priceJSON{
				p.Version, p.Rates, p.Request, p.Search, p.Tiers, p.Services,
				p.noAudioInput, p.noAudioOutput, p.noSearch, p.hiddenFees,
			}, json.Deterministic(true))
			if err != nil || name == "json v2" && string(form) != string(pb) {
				t.Fatalf("%s is not the form %s, %v", pb, form, err)
			}
			if again, _ := codec.marshal(p); string(again) != string(pb) {
				t.Fatalf("%s: %s is stored as %s", name, pb, again)
			}
		}
	})
}

// Every price of the list can be stored.
func TestStoreTheList(t *testing.T) {
	c := Builtin()
	n := 0
	for _, p := range c.providers {
		for id := range p.exact {
			for _, provider := range []string{"openai", "anthropic", "google", "perplexity", "openrouter"} {
				price, ok := c.Price(provider, id, day)
				if !ok {
					continue
				}
				n++
				b, err := price.MarshalJSON()
				var back Price
				if err == nil {
					err = back.UnmarshalJSON(b)
				}
				if err != nil || !reflect.DeepEqual(back, price) {
					t.Fatalf("%s/%s: %s, %v", provider, id, b, err)
				}
			}
		}
	}
	if n < 300 {
		t.Errorf("only %d prices", n)
	}
}

func TestStoredForms(t *testing.T) {
	b, err := given(t, "3", "15").MarshalJSON()
	want := `{"version":"set:3/15","rates":{"input":0.000003,"cached_input":0.000003,"cache_write":0.000003,"cache_write_1h":0.000003,` +
		`"output":0.000015,"reasoning":0.000015,"audio_input":0.000003,"audio_output":0.000015,"image_input":0.000003,"image_output":0.000015},` +
		`"no_audio_input":true,"no_audio_output":true,"no_search":true}`
	if err != nil || string(b) != want {
		t.Errorf("price %s, %v", b, err)
	}
	b, err = stdjson.Marshal(Usage{Input: Of(12), CachedInput: Of(0), Output: Of(34), Service: "flex", BilledRequest: FeeOf(6_000_000_000)})
	if want := `{"input":12,"cached_input":0,"output":34,"service":"flex","billed_request":0.006}`; err != nil || string(b) != want {
		t.Errorf("usage %s, %v", b, err)
	}
	var u Usage
	if err := stdjson.Unmarshal([]byte(`{"input":null,"output":0,"billed_request":null}`), &u); err != nil || u != (Usage{Output: Of(0)}) {
		t.Errorf("%+v, %v", u, err)
	}
}

func TestStoredFormsRefused(t *testing.T) {
	for in, want := range map[string]string{
		`{"version":"v","rates":{},"smell":1}`:                                               "unknown",
		`{"version":"v","rates":{"input":-1}}`:                                               "negative",
		`{"version":"v","rates":{},"request":-1}`:                                            "negative",
		`{"version":"v","rates":{},"tiers":[{"above":1,"rates":{"output":-1}}]}`:             "negative",
		`{"version":"v","rates":{},"tiers":[{"above":5,"rates":{}},{"above":5,"rates":{}}]}`: "ascending",
		`{"version":"v","rates":{},"services":{"flex":{"num":1,"den":0}}}`:                   "1/0",
		`{"version":"v","rates":{"input":"much"}}`:                                           "amount",
		`[]`: "stored price",
	} {
		var p Price
		if err := p.UnmarshalJSON([]byte(in)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", in, err, want)
		}
	}
	for _, in := range []string{`{"input":-1}`, `{"input":1.5}`, `{"input":"1"}`, `{"billed_request":-1}`, `{"billed_request":"x"}`} {
		var u Usage
		if err := stdjson.Unmarshal([]byte(in), &u); err == nil {
			t.Errorf("%s is read as %+v", in, u)
		}
	}
}

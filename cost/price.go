package cost

import (
	"fmt"
	"strings"
)

// Rates is what one token costs, by kind. The unit is picodollars per token,
// which is US dollars per million tokens times 1e6. None is negative.
type Rates struct {
	Input        Amount `json:"input,omitzero"`
	CachedInput  Amount `json:"cached_input,omitzero"`
	CacheWrite   Amount `json:"cache_write,omitzero"`
	CacheWrite1h Amount `json:"cache_write_1h,omitzero"`
	Output       Amount `json:"output,omitzero"`
	Reasoning    Amount `json:"reasoning,omitzero"`
	AudioInput   Amount `json:"audio_input,omitzero"`
	AudioOutput  Amount `json:"audio_output,omitzero"`
	ImageInput   Amount `json:"image_input,omitzero"`
	ImageOutput  Amount `json:"image_output,omitzero"`
	Citation     Amount `json:"citation,omitzero"`
}

// Tier is the rates of prompts with more than Above tokens. They hold for the
// whole request, prompt and answer, and not just for the tokens beyond Above:
// so Anthropic, Google, OpenAI and xAI bill, and so genai-prices means it.
type Tier struct {
	Above int64 `json:"above"`
	Rates Rates `json:"rates"`
}

// Price is what one model costs. Every rate is filled in: where a source has
// none for some kind of token, it is that of the kind it belongs to (see
// newPrice).
//
// A Price without a Version is unknown, and all its bills are unpriced; for
// what is free, give zero rates a version.
type Price struct {
	// Version tells where the rates come from and which they are, so that a
	// bill can be made again: "genai-prices@0.1.8", or for those of ParsePrice
	// the rates themselves.
	Version string
	Rates   Rates
	// Request is charged once a request, whatever it used, and Search for each
	// search of the web.
	Request, Search Amount
	// Tiers are in ascending order of Above.
	Tiers []Tier
	// Services are the service tiers whose price is known, as parts of the rates
	// above. The standard one needs no entry.
	Services map[string]Share

	// The source tells no rates for audio. Elsewhere it costs up to sixteen
	// times what text does, so text's rate is no more than an estimate.
	noAudioInput, noAudioOutput bool
	// The source tells no fee for searches.
	noSearch bool
	// There are fees for what no answer tells.
	hiddenFees bool
}

// Known tells whether this is a price at all.
func (p Price) Known() bool { return p.Version != "" }

// ratesFor are the rates that hold for a prompt of so many tokens.
func (p *Price) ratesFor(input int64) *Rates {
	rates := &p.Rates
	for i := range p.Tiers {
		if input > p.Tiers[i].Above {
			rates = &p.Tiers[i].Rates
		}
	}
	return rates
}

// ParsePrice reads a price given in US dollars per million tokens, as in the
// Caddyfile's "price <model> <input> <output> [<cached> [<cache_write>]]". An
// empty cached or cacheWrite was not given and costs what input does. One-hour
// writes cost what cacheWrite does. A rate is rounded to the picodollar per
// token, the sixth decimal place here.
//
// The Version is the given text, "set:3/15/0.3/3.75".
func ParsePrice(input, output, cached, cacheWrite string) (Price, error) {
	var list rateList
	for _, field := range []struct {
		name, text string
		to         **rate
		needed     bool
	}{
		{"input", input, &list.Input, true},
		{"output", output, &list.Output, true},
		{"cached", cached, &list.CachedInput, false},
		{"cache_write", cacheWrite, &list.CacheWrite, false},
	} {
		if field.text == "" && !field.needed {
			continue
		}
		r, err := parseRate(field.text)
		if err != nil {
			return Price{}, fmt.Errorf("%s price: %w; give US dollars per million tokens, such as 0.59", field.name, err)
		}
		*field.to = &r
	}
	given := strings.TrimRight(strings.Join([]string{input, output, cached, cacheWrite}, "/"), "/")
	return newPrice("set:"+given, "", list, nil), nil
}

// rate is a Rates field as prices are written down: US dollars per million
// tokens, a JSON number.
type rate Amount

// parseRate rounds to the picodollar per token: a few resellers' rates are
// quotients like 0.0833333333.
func parseRate(s string) (rate, error) {
	n, _, err := parseDecimal(s, 6)
	if err != nil {
		return 0, err
	}
	if n < 0 {
		return 0, fmt.Errorf("%s is negative", s)
	}
	return rate(n), nil
}

// UnmarshalJSON reads a number without going through a float.
func (r *rate) UnmarshalJSON(b []byte) (err error) {
	*r, err = parseRate(string(b))
	return err
}

// or is the rate, or what it falls back to if none was given.
func (r *rate) or(fallback Amount) Amount {
	if r == nil {
		return fallback
	}
	return Amount(*r)
}

// rateList is rates as price lists have them: some not given.
type rateList struct {
	Input        *rate `json:"input,omitzero"`
	CachedInput  *rate `json:"cached_input,omitzero"`
	CacheWrite   *rate `json:"cache_write,omitzero"`
	CacheWrite1h *rate `json:"cache_write_1h,omitzero"`
	Output       *rate `json:"output,omitzero"`
	Reasoning    *rate `json:"reasoning,omitzero"`
	AudioInput   *rate `json:"audio_input,omitzero"`
	AudioOutput  *rate `json:"audio_output,omitzero"`
	ImageInput   *rate `json:"image_input,omitzero"`
	ImageOutput  *rate `json:"image_output,omitzero"`
	Citation     *rate `json:"citation,omitzero"`
}

// tierList is a Tier as price lists have it.
type tierList struct {
	Above int64 `json:"above"`
	rateList
}

// newPrice fills in what a list leaves open. Input of any kind falls back to
// the input rate, output of any kind to the output rate, one-hour cache writes
// to the other writes. A Claude model's cache writes have fixed ratios to the
// input rate at Anthropic and its resellers: 1.25, and 2 for an hour.
//
// Citations cost nothing unless listed, as Perplexity has it.
//
// In a tier, a cache rate that is not given changes as the input rate does.
func newPrice(version, model string, base rateList, tiers []tierList) Price {
	p := Price{
		Version:       version,
		Rates:         base.rates(model),
		noAudioInput:  base.AudioInput == nil,
		noAudioOutput: base.AudioOutput == nil,
		noSearch:      true,
	}
	for _, t := range tiers {
		list := t.rateList
		scaled := func(to **rate, from *rate, rate0 Amount) {
			if *to == nil && from != nil && p.Rates.Input > 0 {
				r := rate(rate0.scale(list.Input.or(p.Rates.Input), p.Rates.Input))
				*to = &r
			}
		}
		scaled(&list.CachedInput, base.CachedInput, p.Rates.CachedInput)
		scaled(&list.CacheWrite, base.CacheWrite, p.Rates.CacheWrite)
		scaled(&list.CacheWrite1h, base.CacheWrite1h, p.Rates.CacheWrite1h)
		for _, kept := range []struct {
			to   **rate
			from *rate
		}{
			{&list.Input, base.Input},
			{&list.Output, base.Output},
			{&list.Reasoning, base.Reasoning},
			{&list.AudioInput, base.AudioInput},
			{&list.AudioOutput, base.AudioOutput},
			{&list.ImageInput, base.ImageInput},
			{&list.ImageOutput, base.ImageOutput},
			{&list.Citation, base.Citation},
		} {
			if *kept.to == nil {
				*kept.to = kept.from
			}
		}
		p.Tiers = append(p.Tiers, Tier{Above: t.Above, Rates: list.rates(model)})
	}
	return p
}

func (l rateList) rates(model string) Rates {
	input, output := l.Input.or(0), l.Output.or(0)
	write, write1h := input, l.CacheWrite.or(input)
	if strings.Contains(model, "claude") {
		write, write1h = input.scale(5, 4), input.scale(2, 1)
	}
	return Rates{
		Input:        input,
		CachedInput:  l.CachedInput.or(input),
		CacheWrite:   l.CacheWrite.or(write),
		CacheWrite1h: l.CacheWrite1h.or(write1h),
		Output:       output,
		Reasoning:    l.Reasoning.or(output),
		AudioInput:   l.AudioInput.or(input),
		AudioOutput:  l.AudioOutput.or(output),
		ImageInput:   l.ImageInput.or(input),
		ImageOutput:  l.ImageOutput.or(output),
		Citation:     l.Citation.or(0),
	}
}

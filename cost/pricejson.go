package cost

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// priceJSON is a Price with all that a bill depends on. Amounts are US dollars
// per token, request or search.
type priceJSON struct {
	Version       string           `json:"version"`
	Rates         Rates            `json:"rates"`
	Request       Amount           `json:"request,omitzero"`
	Search        Amount           `json:"search,omitzero"`
	Tiers         []Tier           `json:"tiers,omitempty"`
	Services      map[string]Share `json:"services,omitempty"`
	NoAudioInput  bool             `json:"no_audio_input,omitzero"`
	NoAudioOutput bool             `json:"no_audio_output,omitzero"`
	NoSearch      bool             `json:"no_search,omitzero"`
	HiddenFees    bool             `json:"hidden_fees,omitzero"`
}

// MarshalJSON writes all of the price, so that a bill can be made again of it
// wherever it was stored: {"version":…,"rates":{"input":0.000003,…},…}. Equal
// prices have equal bytes.
func (p Price) MarshalJSON() ([]byte, error) { return p.AppendJSON(nil), nil }

// AppendJSON appends what MarshalJSON writes. Each request stores its price, so
// this is a priceJSON put together by hand, in a tenth of the time.
func (p Price) AppendJSON(b []byte) []byte {
	// The only error is invalid UTF-8, which is replaced all the same.
	b, _ = jsontext.AppendQuote(append(b, `{"version":`...), p.Version)
	b = p.Rates.appendJSON(append(b, `,"rates":`...))
	if p.Request != 0 {
		b = p.Request.AppendJSON(append(b, `,"request":`...))
	}
	if p.Search != 0 {
		b = p.Search.AppendJSON(append(b, `,"search":`...))
	}
	for i := range p.Tiers {
		b = append(b, if0(i, `,"tiers":[`, `,`)...)
		b = strconv.AppendInt(append(b, `{"above":`...), p.Tiers[i].Above, 10)
		b = append(p.Tiers[i].Rates.appendJSON(append(b, `,"rates":`...)), '}')
	}
	if len(p.Tiers) > 0 {
		b = append(b, ']')
	}
	for i, name := range slices.Sorted(maps.Keys(p.Services)) {
		b, _ = jsontext.AppendQuote(append(b, if0(i, `,"services":{`, `,`)...), name)
		b = strconv.AppendInt(append(b, `:{"num":`...), p.Services[name].Num, 10)
		b = append(strconv.AppendInt(append(b, `,"den":`...), p.Services[name].Den, 10), '}')
	}
	if len(p.Services) > 0 {
		b = append(b, '}')
	}
	for _, mark := range [...]struct {
		set  bool
		text string
	}{
		{p.noAudioInput, `,"no_audio_input":true`},
		{p.noAudioOutput, `,"no_audio_output":true`},
		{p.noSearch, `,"no_search":true`},
		{p.hiddenFees, `,"hidden_fees":true`},
	} {
		if mark.set {
			b = append(b, mark.text...)
		}
	}
	return append(b, '}')
}

// if0 is first for the first of several, and otherwise next.
func if0(i int, first, next string) string {
	if i == 0 {
		return first
	}
	return next
}

// UnmarshalJSON reads what MarshalJSON wrote. A member that it doesn't know is
// an error: what a newer version charges for would be left out.
func (p *Price) UnmarshalJSON(b []byte) error {
	var j priceJSON
	if err := json.Unmarshal(b, &j, json.RejectUnknownMembers(true)); err != nil {
		return fmt.Errorf("stored price: %w", err)
	}
	if err := j.check(); err != nil {
		return fmt.Errorf("stored price: %w", err)
	}
	*p = Price{
		Version: j.Version, Rates: j.Rates, Request: j.Request, Search: j.Search, Tiers: j.Tiers, Services: j.Services,
		noAudioInput: j.NoAudioInput, noAudioOutput: j.NoAudioOutput, noSearch: j.NoSearch, hiddenFees: j.HiddenFees,
	}
	return nil
}

func (j *priceJSON) check() error {
	if j.Request < 0 || j.Search < 0 || j.Rates.negative() {
		return errors.New("an amount is negative")
	}
	last := int64(-1)
	for _, t := range j.Tiers {
		if t.Above <= last {
			return errors.New("the tiers are not in ascending order")
		}
		if last = t.Above; t.Rates.negative() {
			return errors.New("an amount is negative")
		}
	}
	for name, s := range j.Services {
		if s.Num < 0 || s.Den <= 0 {
			return fmt.Errorf("service %q: %d/%d is no part of a price", name, s.Num, s.Den)
		}
	}
	return nil
}

func (r *Rates) negative() bool {
	return min(r.Input, r.CachedInput, r.CacheWrite, r.CacheWrite1h, r.Output, r.Reasoning,
		r.AudioInput, r.AudioOutput, r.ImageInput, r.ImageOutput, r.Citation) < 0
}

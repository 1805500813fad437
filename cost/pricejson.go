package cost

import (
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
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
func (p Price) MarshalJSON() ([]byte, error) {
	return json.Marshal(priceJSON{
		p.Version, p.Rates, p.Request, p.Search, p.Tiers, p.Services,
		p.noAudioInput, p.noAudioOutput, p.noSearch, p.hiddenFees,
	}, json.Deterministic(true))
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

package cost

import (
	"fmt"
	"strconv"
)

// Tokens is a token count that may be unknown, which is not the same as 0.
// The zero value is unknown. Tokens can be compared with ==.
type Tokens struct {
	plusOne uint64
}

// Of is a known count. No answer uses a negative count, so one is unknown.
func Of(n int64) Tokens {
	if n < 0 {
		return Tokens{}
	}
	return Tokens{uint64(n) + 1}
}

// Known tells whether there is a count.
func (t Tokens) Known() bool { return t.plusOne != 0 }

// N is the count, or 0 if unknown. It is never negative.
func (t Tokens) N() int64 { return t.Or(0) }

// Or is the count, or n if unknown.
func (t Tokens) Or(n int64) int64 {
	if t.plusOne == 0 {
		return n
	}
	return int64(t.plusOne - 1)
}

// MarshalJSON writes a number, or null if unknown.
func (t Tokens) MarshalJSON() ([]byte, error) {
	if !t.Known() {
		return []byte("null"), nil
	}
	return strconv.AppendInt(nil, t.N(), 10), nil
}

// UnmarshalJSON reads a whole number that is not negative, or null.
func (t *Tokens) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*t = Tokens{}
		return nil
	}
	n, err := strconv.ParseInt(string(b), 10, 64)
	if err != nil || n < 0 {
		return fmt.Errorf("%s is not a count", b)
	}
	*t = Of(n)
	return nil
}

// Fee is an amount that may be unknown, which is not the same as 0. The zero
// value is unknown. Fees can be compared with ==.
type Fee struct {
	amount Amount
	known  bool
}

// FeeOf is a known fee. Nobody pays a negative one, so one is unknown.
func FeeOf(a Amount) Fee {
	if a < 0 {
		return Fee{}
	}
	return Fee{a, true}
}

// Known tells whether there is a fee.
func (f Fee) Known() bool { return f.known }

// Amount is the fee, or 0 if unknown. It is never negative.
func (f Fee) Amount() Amount { return f.amount }

// MarshalJSON writes a number of dollars, or null if unknown.
func (f Fee) MarshalJSON() ([]byte, error) {
	if !f.known {
		return []byte("null"), nil
	}
	return f.amount.MarshalJSON()
}

// UnmarshalJSON reads a number of dollars that is not negative, or null.
func (f *Fee) UnmarshalJSON(b []byte) error {
	*f = Fee{}
	if string(b) == "null" {
		return nil
	}
	var a Amount
	if err := a.UnmarshalJSON(b); err != nil {
		return err
	}
	if *f = FeeOf(a); !f.known {
		return fmt.Errorf("fee %s is negative", b)
	}
	return nil
}

// Usage is what one answer used, counted as OpenAI counts: Input includes all
// other input counts, Output all other output counts.
//
// An unknown Input or Output leaves an answer without a bill. The rest are
// breakdowns that providers leave out when there is nothing to tell, so for a
// bill an unknown one is 0.
//
// Its JSON has what is known, so that a bill can be made again of what was
// stored: {"input":12,"cached_input":0,"output":34}.
type Usage struct {
	// Input is the whole prompt. Of it CachedInput was read from the
	// provider's cache, CacheWrite written there for the default time (five
	// minutes at Anthropic) and CacheWrite1h for an hour.
	Input        Tokens `json:"input,omitzero"`
	CachedInput  Tokens `json:"cached_input,omitzero"`
	CacheWrite   Tokens `json:"cache_write,omitzero"`
	CacheWrite1h Tokens `json:"cache_write_1h,omitzero"`
	// Output is the whole answer, Reasoning the part of it spent on thinking.
	Output    Tokens `json:"output,omitzero"`
	Reasoning Tokens `json:"reasoning,omitzero"`
	// Audio and image tokens, parts of Input and Output.
	AudioInput  Tokens `json:"audio_input,omitzero"`
	AudioOutput Tokens `json:"audio_output,omitzero"`
	ImageInput  Tokens `json:"image_input,omitzero"`
	ImageOutput Tokens `json:"image_output,omitzero"`
	// Citation is what the provider's own sources took, beside Input and Output.
	Citation Tokens `json:"citation,omitzero"`
	// Searches is how often the provider searched the web, a count of searches.
	Searches Tokens `json:"searches,omitzero"`
	// Service is the service tier that the provider says it used, in its own
	// words: "flex", "priority", "batch". Empty is the standard one.
	Service string `json:"service,omitzero"`
	// BilledInput and BilledOutput are what a provider charges where it says so
	// itself and that differs from what it counts: Cohere leaves out the tokens
	// of its own prompts. Known, they are charged at the plain rates in place of
	// Input and Output and all parts of these.
	BilledInput  Tokens `json:"billed_input,omitzero"`
	BilledOutput Tokens `json:"billed_output,omitzero"`
	// BilledRequest is what it charges for the request itself, where it says so:
	// Perplexity's fee depends on how much of the web it read.
	BilledRequest Fee `json:"billed_request,omitzero"`
	// Estimated says that some number here was estimated by the gateway.
	Estimated bool `json:"estimated,omitzero"`
}

// charged is the usage as a bill has it.
func (u Usage) charged() Usage {
	if u.BilledInput.Known() {
		u.Input, u.CachedInput, u.CacheWrite, u.CacheWrite1h = u.BilledInput, Tokens{}, Tokens{}, Tokens{}
		u.AudioInput, u.ImageInput = Tokens{}, Tokens{}
	}
	if u.BilledOutput.Known() {
		u.Output, u.Reasoning = u.BilledOutput, Tokens{}
		u.AudioOutput, u.ImageOutput = Tokens{}, Tokens{}
	}
	return u
}

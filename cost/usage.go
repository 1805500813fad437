package cost

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

// Usage is what one answer used, counted as OpenAI counts: Input includes all
// other input counts, Output all other output counts.
//
// An unknown Input or Output leaves an answer without a bill. The rest are
// breakdowns that providers leave out when there is nothing to tell, so for a
// bill an unknown one is 0.
type Usage struct {
	// Input is the whole prompt. Of it CachedInput was read from the
	// provider's cache, CacheWrite written there for the default time (five
	// minutes at Anthropic) and CacheWrite1h for an hour.
	Input, CachedInput, CacheWrite, CacheWrite1h Tokens
	// Output is the whole answer, Reasoning the part of it spent on thinking.
	Output, Reasoning Tokens
	// Audio and image tokens, parts of Input and Output.
	AudioInput, AudioOutput, ImageInput, ImageOutput Tokens
	// BilledInput and BilledOutput are what a provider charges where it says so
	// itself and that differs from what it counts: Cohere leaves out the tokens
	// of its own prompts. Known, they are charged at the plain rates in place of
	// Input and Output and all parts of these.
	BilledInput, BilledOutput Tokens
	// Estimated says that some number here was estimated by the gateway.
	Estimated bool
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

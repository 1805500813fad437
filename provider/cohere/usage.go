package cohere

import (
	"math"

	"github.com/layergateway/layergateway/cost"
)

// usage has what the model read and wrote, and what of it is charged: not what
// Cohere itself put into the prompt, nor marks that only the model needs.
// https://docs.cohere.com/docs/how-does-cohere-pricing-work
type usage struct {
	Tokens      tokens   `json:"tokens"`
	BilledUnits tokens   `json:"billed_units"`
	Cached      *float64 `json:"cached_tokens"`
}

// tokens are numbers, as the specification has it, though they have always been
// whole.
type tokens struct {
	Input  *float64 `json:"input_tokens"`
	Output *float64 `json:"output_tokens"`
}

// Usage implements provider.Chat. A stream has it with its end.
func (c *chat) Usage() cost.Usage {
	u := &c.usage
	return cost.Usage{
		Input: count(u.Tokens.Input), CachedInput: count(u.Cached), Output: count(u.Tokens.Output),
		BilledInput: count(u.BilledUnits.Input), BilledOutput: count(u.BilledUnits.Output),
	}
}

// count is unknown where there is no number, or one that can't be a count.
func count(f *float64) cost.Tokens {
	if f == nil || *f != math.Trunc(*f) || *f > 1<<53 {
		return cost.Tokens{}
	}
	return cost.Of(int64(max(*f, -1)))
}

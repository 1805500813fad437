package relay

import (
	"time"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/gate"
)

// ranking tells a gate's strategy what it needs to know of targets for one
// request.
type ranking struct{ *exchange }

// Latency implements gate.Ranker.
func (r ranking) Latency(t gate.Target) (time.Duration, bool) {
	p, ok := r.relay.Providers[t.Provider]
	if !ok {
		return 0, false
	}
	return p.Health.Latency(t.Model, r.req.Stream)
}

// typicalOutput is how many tokens an answer is taken to have, to compare what
// targets would cost.
const typicalOutput = 500

// Cost implements gate.Ranker.
func (r ranking) Cost(t gate.Target) (int64, bool) {
	p, ok := r.relay.Providers[t.Provider]
	if !ok {
		return 0, false
	}
	output := int64(typicalOutput)
	if limit, ok := r.req.Int(r.edits, "max_completion_tokens", "max_tokens"); ok {
		output = min(output, limit)
	}
	bill := r.price(p, t.Model).Bill(cost.Usage{Input: cost.Of(int64(r.req.Size()) / 4), Output: cost.Of(output)})
	return int64(bill.Total), bill.Status != cost.Unpriced
}

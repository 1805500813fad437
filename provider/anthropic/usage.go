package anthropic

import "github.com/layergateway/layergateway/cost"

// usage is what a message used. Numbers that an event leaves out keep their last
// value.
type usage struct {
	Input      *int64 `json:"input_tokens"` // without what the cache read or wrote
	CacheRead  *int64 `json:"cache_read_input_tokens"`
	CacheWrite *int64 `json:"cache_creation_input_tokens"`
	Writes     struct {
		FiveMinutes *int64 `json:"ephemeral_5m_input_tokens"`
		OneHour     *int64 `json:"ephemeral_1h_input_tokens"`
	} `json:"cache_creation"`
	Output  *int64 `json:"output_tokens"`
	Details struct {
		Thinking *int64 `json:"thinking_tokens"`
	} `json:"output_tokens_details"`
	ServiceTier string `json:"service_tier"`
	Iterations  []struct {
		Type string `json:"type"`
	} `json:"iterations"`
}

// update overwrites what v knows.
func (u *usage) update(v usage) {
	for _, f := range []struct {
		old **int64
		new *int64
	}{
		{&u.Input, v.Input}, {&u.CacheRead, v.CacheRead}, {&u.CacheWrite, v.CacheWrite},
		{&u.Writes.FiveMinutes, v.Writes.FiveMinutes}, {&u.Writes.OneHour, v.Writes.OneHour},
		{&u.Output, v.Output}, {&u.Details.Thinking, v.Details.Thinking},
	} {
		if f.new != nil {
			*f.old = f.new
		}
	}
	if v.Iterations != nil {
		u.Iterations = v.Iterations
	}
}

// tokens counts as OpenAI does.
func (u *usage) tokens() cost.Usage {
	n := func(p *int64) int64 {
		if p == nil {
			return 0
		}
		return max(*p, 0)
	}
	known := func(p *int64) cost.Tokens {
		if p == nil {
			return cost.Tokens{}
		}
		return cost.Of(*p)
	}
	out := cost.Usage{CachedInput: known(u.CacheRead), Output: known(u.Output), Reasoning: known(u.Details.Thinking)}
	if u.Input != nil {
		out.Input = cost.Of(n(u.Input) + n(u.CacheRead) + n(u.CacheWrite))
	}
	if u.CacheWrite != nil {
		// Only the beginning of a stream says for how long.
		hour := min(n(u.Writes.OneHour), n(u.CacheWrite))
		out.CacheWrite1h = cost.Of(hour)
		out.CacheWrite = cost.Of(n(u.CacheWrite) - hour)
	}
	for _, i := range u.Iterations {
		// The totals leave out what the provider did beside the message, such as
		// a compaction or another model's advice, but its bill does not.
		out.Estimated = out.Estimated || i.Type != "message"
	}
	return out
}

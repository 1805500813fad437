package anthropic

import (
	"strings"

	"github.com/layergateway/layergateway/cost"
)

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
	Speed       string `json:"speed"`
	Geo         string `json:"inference_geo"`
	Server      struct {
		Searches *int64 `json:"web_search_requests"`
	} `json:"server_tool_use"`
	Iterations []struct {
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
		{&u.Server.Searches, v.Server.Searches},
	} {
		if f.new != nil {
			*f.old = f.new
		}
	}
	for _, f := range []struct {
		old *string
		new string
	}{{&u.ServiceTier, v.ServiceTier}, {&u.Speed, v.Speed}, {&u.Geo, v.Geo}} {
		if f.new != "" {
			*f.old = f.new
		}
	}
	if v.Iterations != nil {
		u.Iterations = v.Iterations
	}
}

// service names all that the price depends on: the tier, the speed, and whether
// the US alone were asked for. Empty is the standard.
func (u *usage) service() string {
	var parts []string
	if u.ServiceTier != "" && u.ServiceTier != "standard" {
		parts = append(parts, u.ServiceTier)
	}
	if u.Speed == "fast" {
		parts = append(parts, u.Speed)
	}
	if u.Geo == "us" {
		parts = append(parts, u.Geo)
	}
	return strings.Join(parts, "+")
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
	out := cost.Usage{
		CachedInput: known(u.CacheRead), Output: known(u.Output), Reasoning: known(u.Details.Thinking),
		Searches: known(u.Server.Searches), Service: u.service(),
	}
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

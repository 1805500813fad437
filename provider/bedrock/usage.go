package bedrock

import "github.com/layergateway/layergateway/cost"

// usage is a count of tokens; nil is one that was not given.
type usage struct {
	Input      *int64 `json:"inputTokens"` // without what the cache has to do with
	Output     *int64 `json:"outputTokens"`
	CacheRead  *int64 `json:"cacheReadInputTokens"`
	CacheWrite *int64 `json:"cacheWriteInputTokens"`
	// Details split the cache's writes by how long they hold: 5m, 1h.
	Details []struct {
		TTL   string `json:"ttl"`
		Input int64  `json:"inputTokens"`
	} `json:"cacheDetails"`
	service string // the service tier, which stands beside the usage
}

// tokens counts as OpenAI does: the input includes what was read from the cache
// and written there.
func (u usage) tokens() cost.Usage {
	t := cost.Usage{Service: u.service}
	if u.Output != nil {
		t.Output = cost.Of(*u.Output)
	}
	if u.CacheRead != nil {
		t.CachedInput = cost.Of(*u.CacheRead)
	}
	var hour int64
	for _, d := range u.Details {
		if d.TTL == "1h" {
			hour += d.Input
		}
	}
	if u.CacheWrite != nil && *u.CacheWrite >= 0 {
		hour = min(max(hour, 0), *u.CacheWrite)
		t.CacheWrite = cost.Of(*u.CacheWrite - hour)
		if hour > 0 {
			t.CacheWrite1h = cost.Of(hour)
		}
	}
	if u.Input != nil && *u.Input >= 0 {
		t.Input = cost.Of(*u.Input + t.CachedInput.N() + t.CacheWrite.N() + t.CacheWrite1h.N())
	}
	return t
}

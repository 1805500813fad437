package compat

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/cost"
)

// wireUsage is OpenAI's usage object. DeepSeek names its cached tokens itself.
type wireUsage struct {
	Prompt     *int64 `json:"prompt_tokens"`
	Completion *int64 `json:"completion_tokens"`
	CacheHit   *int64 `json:"prompt_cache_hit_tokens"`
	Cached     *int64 `json:"cached_tokens"`
	PromptIs   struct {
		Cached     *int64 `json:"cached_tokens"`
		CacheWrite *int64 `json:"cache_write_tokens"`
		Audio      *int64 `json:"audio_tokens"`
	} `json:"prompt_tokens_details"`
	CompletionIs struct {
		Reasoning *int64 `json:"reasoning_tokens"`
		Audio     *int64 `json:"audio_tokens"`
	} `json:"completion_tokens_details"`
}

// parseUsage reads a usage object; nil, or one that is not as documented, is
// usage that we don't know.
func parseUsage(raw []byte) cost.Usage {
	var u wireUsage
	if raw == nil || json.Unmarshal(raw, &u, jsontext.AllowDuplicateNames(true)) != nil {
		return cost.Usage{}
	}
	return cost.Usage{
		Input:       tokens(u.Prompt),
		CachedInput: tokens(u.PromptIs.Cached, u.CacheHit, u.Cached),
		CacheWrite:  tokens(u.PromptIs.CacheWrite),
		Output:      tokens(u.Completion),
		Reasoning:   tokens(u.CompletionIs.Reasoning),
		AudioInput:  tokens(u.PromptIs.Audio),
		AudioOutput: tokens(u.CompletionIs.Audio),
	}
}

// tokens is the first count that is there.
func tokens(counts ...*int64) cost.Tokens {
	for _, n := range counts {
		if n != nil {
			return cost.Of(*n)
		}
	}
	return cost.Tokens{}
}

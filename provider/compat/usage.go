package compat

import (
	"bytes"

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
		Image      *int64 `json:"image_tokens"`
	} `json:"prompt_tokens_details"`
	CompletionIs struct {
		Reasoning *int64 `json:"reasoning_tokens"`
		Audio     *int64 `json:"audio_tokens"`
		Image     *int64 `json:"image_tokens"`
	} `json:"completion_tokens_details"`
}

// ownUsage is what some servers add to it.
type ownUsage struct {
	// Perplexity: reasoning and citations are beside what it calls completion.
	// https://docs.perplexity.ai/getting-started/pricing
	Reasoning *int64         `json:"reasoning_tokens"`
	Citation  *int64         `json:"citation_tokens"`
	Queries   *int64         `json:"num_search_queries"`
	Cost      jsontext.Value `json:"upstream_cost"` // "cost" before it was mended: an object; elsewhere a number

	Sources *int64 `json:"num_sources_used"` // xAI
	Server  struct {
		Searches *int64 `json:"web_search_requests"`
	} `json:"server_tool_use"` // OpenRouter
}

// parseUsage reads a usage object; nil, or one that is not as documented, is
// usage that we don't know. The service tier stands beside it.
func parseUsage(raw []byte, service string) cost.Usage {
	var u wireUsage
	if raw == nil || json.Unmarshal(raw, &u, jsontext.AllowDuplicateNames(true)) != nil {
		return cost.Usage{}
	}
	// What of it can't be read takes nothing away from the rest.
	var own ownUsage
	_ = json.Unmarshal(raw, &own, jsontext.AllowDuplicateNames(true))
	out := cost.Usage{
		Input:       tokens(u.Prompt),
		CachedInput: tokens(u.PromptIs.Cached, u.CacheHit, u.Cached),
		CacheWrite:  tokens(u.PromptIs.CacheWrite),
		Output:      tokens(u.Completion),
		Reasoning:   tokens(u.CompletionIs.Reasoning),
		AudioInput:  tokens(u.PromptIs.Audio),
		AudioOutput: tokens(u.CompletionIs.Audio),
		ImageInput:  tokens(u.PromptIs.Image),
		ImageOutput: tokens(u.CompletionIs.Image),
		Citation:    tokens(own.Citation),
		Searches:    tokens(own.Queries, own.Sources, own.Server.Searches),
		Service:     service,
	}
	if beside := tokens(own.Reasoning); out.Output.Known() && (own.Citation != nil || own.Queries != nil) && beside.Known() {
		out.Output, out.Reasoning = cost.Of(out.Output.N()+beside.N()), beside
	}
	var charged struct {
		Request *cost.Amount `json:"request_cost"`
	}
	if own.Cost.Kind() == '{' && json.Unmarshal(own.Cost, &charged) == nil && charged.Request != nil {
		out.BilledRequest = cost.FeeOf(*charged.Request)
	}
	return out
}

// serviceOf is the service tier that a chunk or an answer names.
func serviceOf(data []byte) string {
	if !bytes.Contains(data, []byte(`"service_tier"`)) {
		return "" // as most servers' chunks, without an allocation
	}
	head := new(struct {
		Tier string `json:"service_tier"`
	})
	if json.Unmarshal(data, head, jsontext.AllowDuplicateNames(true)) != nil {
		return ""
	}
	return head.Tier
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

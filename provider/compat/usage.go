package compat

import (
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/internal/rawjson"
)

// The counts that a usage object may have.
const (
	promptTokens = iota
	completionTokens
	cacheHit
	flatCachedTokens
	promptCached
	promptWritten
	promptAudio
	promptImage
	completionReasoning
	completionAudio
	completionImage
	reasoningBeside
	citationTokens
	searchQueries
	sourcesUsed
	webSearches
	allCounts
)

// place is where a usage object has a count, or an object of them.
type place struct {
	count int
	inner map[string]int
	// own is what some servers add to OpenAI's: where it can't be read, it is
	// left out alone, and what is added behind it.
	own bool
}

var places = map[string]place{
	"prompt_tokens":     {count: promptTokens},
	"completion_tokens": {count: completionTokens},
	"prompt_tokens_details": {inner: map[string]int{
		"cached_tokens": promptCached, "cache_write_tokens": promptWritten, "audio_tokens": promptAudio, "image_tokens": promptImage}},
	"completion_tokens_details": {inner: map[string]int{
		"reasoning_tokens": completionReasoning, "audio_tokens": completionAudio, "image_tokens": completionImage}},

	"prompt_cache_hit_tokens": {count: cacheHit},         // DeepSeek
	"cached_tokens":           {count: flatCachedTokens}, // Moonshot

	// Perplexity: reasoning and citations are beside what it calls completion.
	// https://docs.perplexity.ai/getting-started/pricing
	"reasoning_tokens":   {count: reasoningBeside, own: true},
	"citation_tokens":    {count: citationTokens, own: true},
	"num_search_queries": {count: searchQueries, own: true},

	"num_sources_used": {count: sourcesUsed, own: true},                                        // xAI
	"server_tool_use":  {inner: map[string]int{"web_search_requests": webSearches}, own: true}, // OpenRouter
}

// usageCounts are a usage object's counts, as it has them.
type usageCounts [allCounts]struct {
	n     int64
	there bool
}

// read reads what is in a place, and reports whether it is as documented.
func (c *usageCounts) read(p place, v jsontext.Value) bool {
	if p.inner == nil {
		return c.count(p.count, v)
	}
	if v.Kind() == 'n' {
		for _, i := range p.inner {
			c.count(i, v)
		}
		return true
	}
	if v.Kind() != '{' {
		return false
	}
	w := rawjson.Of(v)
	for name := w.Enter().Member(); name != nil; name = w.Member() {
		i, known := p.inner[string(rawjson.Key(name))]
		if v := w.Value(); known && !c.count(i, v) {
			return false
		}
	}
	return true
}

// count reads one count; null is none.
func (c *usageCounts) count(i int, v jsontext.Value) bool {
	x := &c[i]
	if v.Kind() == 'n' {
		x.n, x.there = 0, false
		return true
	}
	x.there = true
	n, err := strconv.ParseInt(string(v), 10, 64)
	if err != nil {
		return false
	}
	x.n = n
	return true
}

// tokens is the first count that is there.
func (c *usageCounts) tokens(list ...int) cost.Tokens {
	for _, i := range list {
		if c[i].there {
			return cost.Of(c[i].n)
		}
	}
	return cost.Tokens{}
}

// parseUsage reads a usage object; nil, or one that is not as documented, is
// usage that we don't know. The service tier stands beside it.
func parseUsage(raw []byte, service string) cost.Usage {
	if jsontext.Value(raw).Kind() != '{' {
		return cost.Usage{}
	}
	var u usageCounts
	var charged jsontext.Value // "cost" before it was mended: an object; elsewhere a number
	own := true
	w := rawjson.Of(raw)
	for name := w.Enter().Member(); name != nil; name = w.Member() {
		p, known := places[string(rawjson.Key(name))]
		v := w.Value()
		switch {
		case known && p.own:
			own = own && u.read(p, v)
		case known && !u.read(p, v):
			return cost.Usage{}
		case own && string(rawjson.Key(name)) == "upstream_cost":
			charged = v
		}
	}
	out := cost.Usage{
		Input:       u.tokens(promptTokens),
		CachedInput: u.tokens(promptCached, cacheHit, flatCachedTokens),
		CacheWrite:  u.tokens(promptWritten),
		Output:      u.tokens(completionTokens),
		Reasoning:   u.tokens(completionReasoning),
		AudioInput:  u.tokens(promptAudio),
		AudioOutput: u.tokens(completionAudio),
		ImageInput:  u.tokens(promptImage),
		ImageOutput: u.tokens(completionImage),
		Citation:    u.tokens(citationTokens),
		Searches:    u.tokens(searchQueries, sourcesUsed, webSearches),
		Service:     service,
	}
	if beside := u.tokens(reasoningBeside); out.Output.Known() && (u[citationTokens].there || u[searchQueries].there) && beside.Known() {
		out.Output, out.Reasoning = cost.Of(out.Output.N()+beside.N()), beside
	}
	out.BilledRequest = requestFee(charged)
	return out
}

// requestFee is what a server says that it takes for the request.
func requestFee(charged jsontext.Value) cost.Fee {
	var v struct {
		Request *cost.Amount `json:"request_cost"`
	}
	if charged.Kind() != '{' || json.Unmarshal(charged, &v) != nil || v.Request == nil {
		return cost.Fee{}
	}
	return cost.FeeOf(*v.Request)
}

// tierOf is the service tier that a chunk or an answer names.
func tierOf(v jsontext.Value) string {
	if v.Kind() != '"' {
		return ""
	}
	return text(v)
}

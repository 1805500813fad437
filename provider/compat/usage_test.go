package compat

import (
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/cost"
)

// plainUsage reads usage as parseUsage does, the plain way.
func plainUsage(raw []byte, service string) cost.Usage {
	var u struct {
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
	if json.Unmarshal(raw, &u, duplicates) != nil {
		return cost.Usage{}
	}
	var own struct {
		Reasoning *int64         `json:"reasoning_tokens"`
		Citation  *int64         `json:"citation_tokens"`
		Queries   *int64         `json:"num_search_queries"`
		Cost      jsontext.Value `json:"upstream_cost"`
		Sources   *int64         `json:"num_sources_used"`
		Server    struct {
			Searches *int64 `json:"web_search_requests"`
		} `json:"server_tool_use"`
	}
	_ = json.Unmarshal(raw, &own, duplicates)
	tokens := func(counts ...*int64) cost.Tokens {
		for _, n := range counts {
			if n != nil {
				return cost.Of(*n)
			}
		}
		return cost.Tokens{}
	}
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
	out.BilledRequest = requestFee(own.Cost)
	return out
}

// FuzzUsage reads any object both ways.
func FuzzUsage(f *testing.F) {
	for _, s := range []string{
		usualUsage, `{}`,
		`{"prompt_tokens":9,"prompt_tokens":8,"completion_tokens":null,"prompt_tokens_details":{"cached_tokens":1},"prompt_tokens_details":{"audio_tokens":2}}`,
		`{"prompt_tokens_details":{"cached_tokens":1},"prompt_tokens_details":null,"completion_tokens_details":{"image_tokens":3,"x":[{}]}}`,
		`{"\u0070rompt_tokens":9,"prompt_tokens_details":{"c\u0061ched_tokens":4},"Prompt_Tokens":1}`,
		`{"prompt_tokens":9.0}`, `{"prompt_tokens":1e2}`, `{"prompt_tokens":"9"}`, `{"prompt_tokens":9223372036854775808}`, `{"prompt_tokens":-1,"cached_tokens":-0}`,
		`{"prompt_tokens":[]}`, `{"prompt_tokens_details":[]}`, `{"prompt_tokens_details":{"audio_tokens":true}}`,
		`{"completion_tokens":1,"citation_tokens":5,"num_search_queries":2,"reasoning_tokens":40,"upstream_cost":{"request_cost":0.006}}`,
		`{"completion_tokens":1,"citation_tokens":5,"reasoning_tokens":"x","upstream_cost":{"request_cost":0.006}}`,
		`{"completion_tokens":1,"upstream_cost":{"request_cost":0.006},"server_tool_use":7,"num_sources_used":3}`,
		`{"completion_tokens":1,"reasoning_tokens":4,"num_search_queries":"x","citation_tokens":5}`,
		`{"server_tool_use":{"web_search_requests":2},"server_tool_use":null,"num_sources_used":null,"upstream_cost":0.25}`,
		`{"server_tool_use":{"web_search_requests":2},"server_tool_use":{"web_search_requests":{}},"num_sources_used":1}`,
		`{"upstream_cost":{"request_cost":null},"upstream_cost":{"request_cost":1,"request_cost":2}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if v := jsontext.Value(raw); v.Kind() != '{' || !v.IsValid(duplicates) {
			return
		}
		if got, want := parseUsage(raw, "flex"), plainUsage(raw, "flex"); got != want {
			t.Errorf("%s:\n%+v, want\n%+v", raw, got, want)
		}
	})
}

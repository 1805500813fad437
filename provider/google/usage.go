package google

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/cost"
)

// usageMetadata counts tokens. In a stream each event has the counts so far.
type usageMetadata struct {
	Prompt     *int64 `json:"promptTokenCount"` // cached ones included
	Cached     *int64 `json:"cachedContentTokenCount"`
	ToolUse    *int64 `json:"toolUsePromptTokenCount"` // beside the prompt
	Candidates *int64 `json:"candidatesTokenCount"`
	Thoughts   *int64 `json:"thoughtsTokenCount"` // beside the candidates
	Total      *int64 `json:"totalTokenCount"`

	PromptIs     []modality `json:"promptTokensDetails"`
	ToolUseIs    []modality `json:"toolUsePromptTokensDetails"`
	CandidatesIs []modality `json:"candidatesTokensDetails"`

	ServiceTier string `json:"serviceTier"`
	TrafficType string `json:"trafficType"` // Vertex AI alone
}

// modality is a part of a count by kind: TEXT, IMAGE, AUDIO, VIDEO, DOCUMENT.
type modality struct {
	Modality   string `json:"modality"`
	TokenCount int64  `json:"tokenCount"`
}

// update takes the counts of a newer event; some events have none.
func (u *usageMetadata) update(newer *usageMetadata) {
	for _, f := range []struct{ to, from **int64 }{
		{&u.Prompt, &newer.Prompt}, {&u.Cached, &newer.Cached}, {&u.ToolUse, &newer.ToolUse},
		{&u.Candidates, &newer.Candidates}, {&u.Thoughts, &newer.Thoughts}, {&u.Total, &newer.Total},
	} {
		if *f.from != nil {
			*f.to = *f.from
		}
	}
	for _, f := range []struct{ to, from *string }{
		{&u.ServiceTier, &newer.ServiceTier}, {&u.TrafficType, &newer.TrafficType},
	} {
		if *f.from != "" {
			*f.to = *f.from
		}
	}
	for _, f := range []struct{ to, from *[]modality }{
		{&u.PromptIs, &newer.PromptIs}, {&u.ToolUseIs, &newer.ToolUseIs}, {&u.CandidatesIs, &newer.CandidatesIs},
	} {
		if *f.from != nil {
			*f.to = *f.from
		}
	}
}

// tier is OpenAI's name of the service tier that was used, empty if none is
// named.
func (u *usageMetadata) tier() string {
	switch {
	case u.ServiceTier == "standard":
		return "default"
	case u.ServiceTier == "flex", u.TrafficType == "ON_DEMAND_FLEX":
		return "flex"
	case u.ServiceTier == "priority", u.TrafficType == "ON_DEMAND_PRIORITY":
		return "priority"
	}
	return ""
}

// Usage implements provider.Chat.
func (c *chat) Usage() cost.Usage {
	u := &c.usage
	return cost.Usage{
		Input: u.input(), CachedInput: count(u.Cached),
		Output: u.output(c.ended), Reasoning: count(u.Thoughts),
		AudioInput:  of("AUDIO", u.PromptIs, u.ToolUseIs),
		AudioOutput: of("AUDIO", u.CandidatesIs),
		ImageInput:  of("IMAGE", u.PromptIs, u.ToolUseIs),
		ImageOutput: of("IMAGE", u.CandidatesIs),
		Service:     u.service(),
		Searches:    c.searches(),
	}
}

// service is tier, or the provider's own word where OpenAI has none.
func (u *usageMetadata) service() string {
	if t := u.tier(); t != "" || u.TrafficType == "ON_DEMAND" {
		return t
	}
	if u.TrafficType != "" {
		return u.TrafficType
	}
	return u.ServiceTier
}

// searches counts the queries that the answer's sources were found with.
func (c *chat) searches() cost.Tokens {
	var n int
	for _, x := range c.choices {
		var g struct {
			Queries []jsontext.Value `json:"webSearchQueries"`
		}
		if x.grounding != nil && json.Unmarshal(x.grounding, &g, jsontext.AllowDuplicateNames(true)) == nil {
			n += len(g.Queries)
		}
	}
	if n == 0 {
		return cost.Tokens{}
	}
	return cost.Of(int64(n))
}

func (u *usageMetadata) input() cost.Tokens {
	if u.Prompt == nil {
		return cost.Tokens{}
	}
	return cost.Of(*u.Prompt + count(u.ToolUse).N())
}

// output adds thoughts to candidates. Where one of them is missing, the total
// tells whether it is 0; where both are, the total alone tells the output, but
// not before the end: a stream's first events count the prompt only.
func (u *usageMetadata) output(ended bool) cost.Tokens {
	candidates, thoughts := count(u.Candidates), count(u.Thoughts)
	known := candidates.N() + thoughts.N()
	if candidates.Known() && thoughts.Known() {
		return cost.Of(known)
	}
	if input := u.input(); input.Known() && u.Total != nil {
		rest := *u.Total - input.N()
		if rest > known || rest == 0 && ended {
			return cost.Of(rest)
		}
	}
	if !candidates.Known() && !thoughts.Known() {
		return cost.Tokens{}
	}
	return cost.Of(known)
}

func count(n *int64) cost.Tokens {
	if n == nil {
		return cost.Tokens{}
	}
	return cost.Of(*n)
}

// of sums the details of one modality, unknown if there are none at all.
func of(name string, details ...[]modality) cost.Tokens {
	n, known := int64(0), false
	for _, list := range details {
		for _, d := range list {
			known = true
			if d.Modality == name {
				n += d.TokenCount
			}
		}
	}
	if !known {
		return cost.Tokens{}
	}
	return cost.Of(n)
}

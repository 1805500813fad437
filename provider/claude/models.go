// Package claude knows what Anthropic's models take, whoever serves them.
package claude

import (
	"strconv"
	"strings"
)

// Generation is what a run of models has in common that a request must heed.
// Sources: Anthropic's model overview, and the capability tables of the SDKs of
// Vercel and Pydantic, September 2026.
type Generation struct {
	family string  // opus, sonnet, haiku, fable, mythos; empty is any
	since  version // the first model of the run

	// Limit is the most tokens that an answer may have.
	Limit    int64
	Thinking Thinking
	// Off is the thinking type that turns thinking off, empty where it can't be.
	Off string
	// XHigh models know that effort; for others it is max.
	XHigh bool
	// Sampling is what the model takes of temperature and top_p.
	Sampling Sampling
	// Unforced models refuse a tool_choice that forces a tool.
	Unforced bool
	// Schemas models can be held to a JSON schema; others are made to call a
	// tool that takes what the schema describes.
	Schemas bool
}

// Thinking is how a model is asked to think.
type Thinking int

// The ways to ask a model to think.
const (
	NoThinking       Thinking = iota
	BudgetThinking            // type enabled, with a budget of tokens
	AdaptiveThinking          // type adaptive, with an effort
)

// Sampling is what a model takes of temperature and top_p.
type Sampling int

// What a model takes of temperature and top_p.
const (
	BothSampling Sampling = iota
	OneSampling           // temperature or top_p, not both
	NoSampling            // anything but the default is refused
)

// version is a model's: 4.5 is {4, 5}.
type version struct{ major, minor int }

func (v version) before(w version) bool {
	return v.major < w.major || v.major == w.major && v.minor < w.minor
}

// generations goes from old to new; of the rows that fit a model, the last one
// counts. So a model that is newer than this table follows the newest row of
// its family, or of any.
var generations = []Generation{
	{since: version{0, 0}, Limit: 4096},
	{since: version{3, 5}, Limit: 8192},
	{since: version{3, 7}, Limit: 64000, Thinking: BudgetThinking, Off: "disabled"},
	{since: version{4, 0}, family: "opus", Limit: 32000, Thinking: BudgetThinking, Off: "disabled"},
	{since: version{4, 1}, family: "opus", Limit: 32000, Thinking: BudgetThinking, Off: "disabled", Sampling: OneSampling},
	{since: version{4, 5}, Limit: 64000, Thinking: BudgetThinking, Off: "disabled", Sampling: OneSampling, Schemas: true},
	{since: version{4, 6}, Limit: 128000, Thinking: AdaptiveThinking, Off: "disabled", Sampling: OneSampling, Schemas: true},
	{since: version{4, 7}, Limit: 128000, Thinking: AdaptiveThinking, Off: "disabled", XHigh: true, Sampling: NoSampling, Schemas: true},
	{since: version{5, 0}, family: "haiku", Limit: 64000, Thinking: AdaptiveThinking, Off: "disabled", XHigh: true, Sampling: NoSampling, Schemas: true},
	{since: version{5, 0}, family: "fable", Limit: 128000, Thinking: AdaptiveThinking, XHigh: true, Sampling: NoSampling, Unforced: true, Schemas: true},
	{since: version{5, 0}, family: "mythos", Limit: 128000, Thinking: AdaptiveThinking, XHigh: true, Sampling: NoSampling, Unforced: true, Schemas: true},
	{since: version{5, 5}, family: "opus", Limit: 128000, Thinking: AdaptiveThinking, XHigh: true, Sampling: NoSampling, Unforced: true, Schemas: true},
	{since: version{5, 5}, family: "sonnet", Limit: 128000, Thinking: AdaptiveThinking, Off: "between_tools", XHigh: true, Sampling: NoSampling, Unforced: true, Schemas: true},
}

// foreign is for the models of other makers whose servers speak this protocol:
// the protocol's oldest common ground.
var foreign = Generation{Limit: 8192, Thinking: BudgetThinking, Off: "disabled"}

// Of finds the rules for a model. Names of other platforms are known
// too: anthropic.claude-sonnet-4-5-20250929-v1:0, claude-opus-4@20250514,
// claude-3.7-sonnet.
func Of(model string) Generation {
	_, name, ok := strings.Cut(strings.ToLower(model), "claude")
	if !ok {
		return foreign
	}
	family, v := parse(name)
	found := generations[0]
	for _, g := range generations {
		if (g.family == "" || g.family == family) && !v.before(g.since) {
			found = g
		}
	}
	return found
}

// parse reads what follows "claude" in a name. The version is the first run of
// numbers, before the family (3-5-sonnet) or behind it (sonnet-4-5); numbers of
// more than two digits are dates. A name without a version, such as
// claude-next, is taken to be newer than all others.
func parse(name string) (family string, v version) {
	var numbers []int
	ended := false
	for _, w := range strings.FieldsFunc(name, func(c rune) bool { return strings.ContainsRune("-._@:/", c) }) {
		n, err := strconv.Atoi(strings.TrimPrefix(w, "v"))
		switch {
		case err != nil && family == "":
			family = w
			ended = len(numbers) > 0
		case err != nil || len(w) > 2 || ended:
			ended = true
		default:
			numbers = append(numbers, n)
		}
	}
	switch len(numbers) {
	case 0:
		return family, version{99, 0}
	case 1:
		return family, version{numbers[0], 0}
	}
	return family, version{numbers[0], numbers[1]}
}

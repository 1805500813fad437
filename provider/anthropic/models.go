package anthropic

import (
	"strconv"
	"strings"
)

// generation is what a run of models has in common that a request must heed.
// Sources: Anthropic's model overview, and the capability tables of the SDKs of
// Vercel and Pydantic, September 2026.
type generation struct {
	family string  // opus, sonnet, haiku, fable, mythos; empty is any
	since  version // the first model of the run

	// limit is the most tokens that an answer may have.
	limit    int64
	thinking thinkingKind
	// off is the thinking type that turns thinking off, empty where it can't be.
	off string
	// xhigh models know that effort; for others it is max.
	xhigh bool
	// sampling is what the model takes of temperature and top_p.
	sampling samplingKind
	// unforced models refuse a tool_choice that forces a tool.
	unforced bool
	// schemas models can be held to a JSON schema; others are made to call a
	// tool that takes what the schema describes.
	schemas bool
}

type thinkingKind int

const (
	noThinking       thinkingKind = iota
	budgetThinking                // type enabled, with a budget of tokens
	adaptiveThinking              // type adaptive, with an effort
)

type samplingKind int

const (
	bothSampling samplingKind = iota
	oneSampling               // temperature or top_p, not both
	noSampling                // anything but the default is refused
)

// version is a model's: 4.5 is {4, 5}.
type version struct{ major, minor int }

func (v version) before(w version) bool {
	return v.major < w.major || v.major == w.major && v.minor < w.minor
}

// generations goes from old to new; of the rows that fit a model, the last one
// counts. So a model that is newer than this table follows the newest row of
// its family, or of any.
var generations = []generation{
	{since: version{0, 0}, limit: 4096},
	{since: version{3, 5}, limit: 8192},
	{since: version{3, 7}, limit: 64000, thinking: budgetThinking, off: "disabled"},
	{since: version{4, 0}, family: "opus", limit: 32000, thinking: budgetThinking, off: "disabled"},
	{since: version{4, 1}, family: "opus", limit: 32000, thinking: budgetThinking, off: "disabled", sampling: oneSampling},
	{since: version{4, 5}, limit: 64000, thinking: budgetThinking, off: "disabled", sampling: oneSampling, schemas: true},
	{since: version{4, 6}, limit: 128000, thinking: adaptiveThinking, off: "disabled", sampling: oneSampling, schemas: true},
	{since: version{4, 7}, limit: 128000, thinking: adaptiveThinking, off: "disabled", xhigh: true, sampling: noSampling, schemas: true},
	{since: version{5, 0}, family: "haiku", limit: 64000, thinking: adaptiveThinking, off: "disabled", xhigh: true, sampling: noSampling, schemas: true},
	{since: version{5, 0}, family: "fable", limit: 128000, thinking: adaptiveThinking, xhigh: true, sampling: noSampling, unforced: true, schemas: true},
	{since: version{5, 0}, family: "mythos", limit: 128000, thinking: adaptiveThinking, xhigh: true, sampling: noSampling, unforced: true, schemas: true},
	{since: version{5, 5}, family: "opus", limit: 128000, thinking: adaptiveThinking, xhigh: true, sampling: noSampling, unforced: true, schemas: true},
	{since: version{5, 5}, family: "sonnet", limit: 128000, thinking: adaptiveThinking, off: "between_tools", xhigh: true, sampling: noSampling, unforced: true, schemas: true},
}

// foreign is for the models of other makers whose servers speak this protocol:
// the protocol's oldest common ground.
var foreign = generation{limit: 8192, thinking: budgetThinking, off: "disabled"}

// generationOf finds the rules for a model. Names of other platforms are known
// too: anthropic.claude-sonnet-4-5-20250929-v1:0, claude-opus-4@20250514,
// claude-3.7-sonnet.
func generationOf(model string) generation {
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

package bedrock

import (
	"strings"

	"github.com/layergateway/layergateway/provider/claude"
)

// model is what the models of a maker, or some of them, have in common that a
// request must heed. The zero value is for models that nothing is known of, such
// as those behind an application's inference profile: they get what is asked
// for, and Bedrock says what they do not take.
type model struct {
	prefix string // of the ids, behind the region's
	maker  string

	thinking thinking
	// efforts are the words that thinking takes, from the least on.
	efforts []string
	// schemas models can be held to a JSON schema, in answers and tool calls.
	schemas bool
	choice  choiceKind
	// beside is what may stand in one turn with tool results.
	beside besideKind
	cache  cacheKind
	// shortIDs models take tool call ids of nine letters and digits alone.
	shortIDs bool

	generation claude.Generation // of Claude's models
}

// thinking is where a model's effort is said, in the fields of its maker.
type thinking int

const (
	noThinking     thinking = iota
	claudeThinking          // thinking and output_config, as on Anthropic's API
	novaThinking            // reasoningConfig {type, maxReasoningEffort}
	effortThinking          // reasoning_effort, a word
	objectThinking          // reasoning {effort}
	configThinking          // reasoning_config, a word
)

// choiceKind is what a model takes of a tool choice that forces it.
type choiceKind int

const (
	anyChoice  choiceKind = iota // any tool, or one by its name
	someChoice                   // any tool, but none by its name
	autoChoice                   // none
)

type besideKind int

const (
	allBeside  besideKind = iota
	noFiles               // all but documents and videos
	onlyResult            // nothing
)

// cacheKind is where a model takes cache points.
type cacheKind int

const (
	anyCache  cacheKind = iota
	textCache           // but for tools
	noCache
)

var (
	lowToHigh = []string{"low", "medium", "high"}
	lowOrHigh = []string{"low", "high"}
)

// models goes from makers to their models; of the rows that fit a model, the last
// one counts. Sources: the guides of Bedrock and Nova, and what the SDKs of
// LangChain, Pydantic and Vercel have found out, September 2026.
var models = []model{
	{prefix: "anthropic.", thinking: claudeThinking, beside: noFiles},
	{prefix: "amazon.", choice: autoChoice, cache: noCache},
	{prefix: "amazon.nova", cache: textCache},
	{prefix: "amazon.nova-2", cache: textCache, thinking: novaThinking, efforts: lowToHigh},
	{prefix: "ai21.", choice: autoChoice, cache: noCache},
	{prefix: "cohere.", choice: autoChoice, cache: noCache},
	{prefix: "deepseek.", choice: autoChoice, cache: noCache},
	{prefix: "deepseek.v3", choice: someChoice, cache: noCache, schemas: true, thinking: configThinking, efforts: lowOrHigh},
	{prefix: "google.", choice: autoChoice, cache: noCache},
	{prefix: "google.gemma-3-12b", choice: autoChoice, cache: noCache, schemas: true},
	{prefix: "google.gemma-3-27b", choice: autoChoice, cache: noCache, schemas: true},
	{prefix: "meta.", choice: autoChoice, cache: noCache, beside: onlyResult},
	{prefix: "minimax.", choice: autoChoice, cache: noCache},
	{prefix: "minimax.minimax-m2", choice: autoChoice, cache: noCache, schemas: true},
	{prefix: "mistral.", choice: autoChoice, cache: noCache, beside: onlyResult, shortIDs: true},
	{prefix: "mistral.mistral-large", choice: someChoice, cache: noCache, beside: onlyResult, shortIDs: true},
	{prefix: "mistral.mistral-large-3", choice: someChoice, cache: noCache, beside: onlyResult, shortIDs: true, schemas: true},
	{prefix: "mistral.ministral-3", choice: autoChoice, cache: noCache, beside: onlyResult, shortIDs: true, schemas: true},
	{prefix: "mistral.magistral-small", choice: autoChoice, cache: noCache, beside: onlyResult, shortIDs: true, schemas: true},
	{prefix: "mistral.voxtral", choice: autoChoice, cache: noCache, beside: onlyResult, shortIDs: true, schemas: true},
	{prefix: "moonshot.", cache: noCache, schemas: true, thinking: effortThinking, efforts: lowToHigh},
	{prefix: "moonshotai.", cache: noCache, schemas: true, thinking: configThinking, efforts: lowOrHigh},
	{prefix: "nvidia.", choice: autoChoice, cache: noCache},
	{prefix: "nvidia.nemotron-nano", choice: autoChoice, cache: noCache, schemas: true},
	{prefix: "openai.", cache: noCache, thinking: objectThinking, efforts: []string{"low", "medium", "high", "xhigh"}},
	{prefix: "openai.gpt-oss", cache: noCache, schemas: true, thinking: effortThinking, efforts: lowToHigh},
	{prefix: "qwen.", choice: autoChoice, cache: noCache},
	{prefix: "qwen.qwen3", choice: autoChoice, cache: noCache, schemas: true, thinking: configThinking, efforts: lowOrHigh},
	{prefix: "writer.", choice: autoChoice, cache: noCache, beside: onlyResult},
	{prefix: "zai.", cache: noCache, schemas: true, thinking: configThinking, efforts: []string{"high"}},
}

// modelOf finds what is known of a model, which may be named by its id, by an
// inference profile with a region in front, or by either's ARN.
func modelOf(id string) model {
	name := strings.ToLower(id[strings.LastIndexByte(id, '/')+1:])
	_, behind, _ := strings.Cut(name, ".")
	var found model
	for _, m := range models {
		if strings.HasPrefix(name, m.prefix) || strings.HasPrefix(behind, m.prefix) {
			found = m
		}
	}
	found.maker, _, _ = strings.Cut(found.prefix, ".")
	if found.thinking == claudeThinking {
		found.generation = claude.Of(name)
		found.schemas = found.generation.Schemas && !withoutSchemas(name)
		if found.generation.Unforced {
			found.choice = autoChoice
		}
	}
	return found
}

// withoutSchemas reports whether a Claude model takes schemas on Anthropic's own
// API, but not here.
func withoutSchemas(name string) bool {
	for _, known := range []string{"sonnet-4-5", "haiku-4-5", "opus-4-5", "opus-4-6", "sonnet-4-6"} {
		if strings.Contains(name, "claude-"+known) {
			return false
		}
	}
	return true
}

package bedrock

import (
	"slices"
	"strings"
	"testing"
)

func TestModelOf(t *testing.T) {
	type known struct {
		maker    string
		thinking thinking
		schemas  bool
		choice   choiceKind
		beside   besideKind
		cache    cacheKind
		shortIDs bool
	}
	claude := known{maker: "anthropic", thinking: claudeThinking, beside: noFiles}
	claudeWithSchemas := claude
	claudeWithSchemas.schemas = true
	unforced := claude
	unforced.choice = autoChoice
	for id, want := range map[string]known{
		"": {},
		"arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/a1b2c3": {},
		"my-imported-model":                            {},
		"anthropic.claude-3-haiku-20240307-v1:0":       claude,
		"anthropic.claude-v2:1":                        claude,
		"eu.anthropic.claude-sonnet-4-5-20250929-v1:0": claudeWithSchemas,
		"arn:aws:bedrock:eu-west-1:1:inference-profile/eu.anthropic.claude-sonnet-4-5-20250929-v1:0": claudeWithSchemas,
		"arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-haiku-4-5-20251001-v1:0":       claudeWithSchemas,
		"us.anthropic.claude-opus-4-1-20250805-v1:0":                                                 claude,
		"global.anthropic.claude-opus-4-6-v1":                                                        claudeWithSchemas,
		"US.Anthropic.Claude-Sonnet-4-6":                                                             claudeWithSchemas,
		"us.anthropic.claude-opus-4-8":                                                               claude,
		"us.anthropic.claude-sonnet-5":                                                               claude,
		"us.anthropic.claude-fable-5":                                                                unforced,
		"amazon.titan-text-express-v1":                                                               {maker: "amazon", choice: autoChoice, cache: noCache},
		"us.amazon.nova-pro-v1:0":                                                                    {maker: "amazon", cache: textCache},
		"us-gov.amazon.nova-2-lite-v1:0":                                                             {maker: "amazon", cache: textCache, thinking: novaThinking},
		"deepseek.r1-v1:0":                                                                           {maker: "deepseek", choice: autoChoice, cache: noCache},
		"deepseek.v3.2":                                                                              {maker: "deepseek", choice: someChoice, cache: noCache, schemas: true, thinking: configThinking},
		"us.meta.llama4-scout-17b-instruct-v1:0":                                                     {maker: "meta", choice: autoChoice, cache: noCache, beside: onlyResult},
		"mistral.mistral-small-2402-v1:0":                                                            {maker: "mistral", choice: autoChoice, cache: noCache, beside: onlyResult, shortIDs: true},
		"mistral.mistral-large-3-675b-instruct":                                                      {maker: "mistral", choice: someChoice, cache: noCache, beside: onlyResult, shortIDs: true, schemas: true},
		"openai.gpt-oss-120b-1:0":                                                                    {maker: "openai", cache: noCache, schemas: true, thinking: effortThinking},
		"us.openai.gpt-5.6":                                                                          {maker: "openai", cache: noCache, thinking: objectThinking},
		"moonshot.kimi-k2-thinking":                                                                  {maker: "moonshot", cache: noCache, schemas: true, thinking: effortThinking},
		"zai.glm-5":                                                                                  {maker: "zai", cache: noCache, schemas: true, thinking: configThinking},
		"qwen.qwen3-32b-v1:0":                                                                        {maker: "qwen", choice: autoChoice, cache: noCache, schemas: true, thinking: configThinking},
		"us.writer.palmyra-x5-v1:0":                                                                  {maker: "writer", choice: autoChoice, cache: noCache, beside: onlyResult},
		"anthropicus.claude":                                                                         {},
	} {
		m := modelOf(id)
		if got := (known{m.maker, m.thinking, m.schemas, m.choice, m.beside, m.cache, m.shortIDs}); got != want {
			t.Errorf("%s: %+v, want %+v", id, got, want)
		}
	}
}

// Rows must be reachable: a row that a later one covers would never count, and
// efforts go from the least on.
func TestModelsTable(t *testing.T) {
	for i, m := range models {
		for _, later := range models[i+1:] {
			if strings.HasPrefix(m.prefix, later.prefix) {
				t.Errorf("%s is covered by %s behind it", m.prefix, later.prefix)
			}
		}
		takes := m.thinking != noThinking && m.thinking != claudeThinking
		if takes != (len(m.efforts) > 0) || !slices.IsSortedFunc(m.efforts, func(a, b string) int { return slices.Index(ranks, a) - slices.Index(ranks, b) }) {
			t.Errorf("%s has the efforts %v", m.prefix, m.efforts)
		}
	}
}

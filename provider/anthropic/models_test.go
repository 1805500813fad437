package anthropic

import "testing"

func TestGenerationOf(t *testing.T) {
	type rules struct {
		limit    int64
		thinking thinkingKind
		sampling samplingKind
		schemas  bool
		forced   bool
	}
	for model, want := range map[string]rules{
		"claude-2.1":                                  {4096, noThinking, bothSampling, false, true},
		"anthropic.claude-v2:1":                       {4096, noThinking, bothSampling, false, true},
		"claude-instant-1.2":                          {4096, noThinking, bothSampling, false, true},
		"claude-3-haiku-20240307":                     {4096, noThinking, bothSampling, false, true},
		"claude-3-opus-latest":                        {4096, noThinking, bothSampling, false, true},
		"claude-3-5-sonnet-20241022":                  {8192, noThinking, bothSampling, false, true},
		"anthropic.claude-3-5-sonnet-20241022-v2:0":   {8192, noThinking, bothSampling, false, true},
		"claude-3.7-sonnet":                           {64000, budgetThinking, bothSampling, false, true},
		"claude-3-7-sonnet-20250219":                  {64000, budgetThinking, bothSampling, false, true},
		"claude-sonnet-4-20250514":                    {64000, budgetThinking, bothSampling, false, true},
		"claude-sonnet-4@20250514":                    {64000, budgetThinking, bothSampling, false, true},
		"claude-sonnet-4-0":                           {64000, budgetThinking, bothSampling, false, true},
		"claude-opus-4-20250514":                      {32000, budgetThinking, bothSampling, false, true},
		"claude-opus-4-1-20250805":                    {32000, budgetThinking, oneSampling, false, true},
		"claude-sonnet-4-5-20250929":                  {64000, budgetThinking, oneSampling, true, true},
		"us.anthropic.claude-haiku-4-5-20251001-v1:0": {64000, budgetThinking, oneSampling, true, true},
		"claude-opus-4-5":                             {64000, budgetThinking, oneSampling, true, true},
		"claude-sonnet-4-6":                           {128000, adaptiveThinking, oneSampling, true, true},
		"claude-opus-4.6":                             {128000, adaptiveThinking, oneSampling, true, true},
		"claude-opus-4-7":                             {128000, adaptiveThinking, noSampling, true, true},
		"claude-opus-4-8":                             {128000, adaptiveThinking, noSampling, true, true},
		"claude-sonnet-5":                             {128000, adaptiveThinking, noSampling, true, true},
		"claude-opus-5":                               {128000, adaptiveThinking, noSampling, true, true},
		"claude-haiku-5-5":                            {64000, adaptiveThinking, noSampling, true, true},
		"claude-fable-5":                              {128000, adaptiveThinking, noSampling, true, false},
		"claude-mythos-preview":                       {128000, adaptiveThinking, noSampling, true, false},
		"claude-opus-5-5":                             {128000, adaptiveThinking, noSampling, true, false},
		"claude-sonnet-5-5":                           {128000, adaptiveThinking, noSampling, true, false},
		"claude-sonnet-latest":                        {128000, adaptiveThinking, noSampling, true, false},
		"claude-next-9":                               {128000, adaptiveThinking, noSampling, true, true},
		"kimi-k3":                                     {8192, budgetThinking, bothSampling, false, true},
	} {
		g := generationOf(model)
		got := rules{g.limit, g.thinking, g.sampling, g.schemas, !g.unforced}
		if got != want {
			t.Errorf("%s: %+v, want %+v", model, got, want)
		}
	}
}

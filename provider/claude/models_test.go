package claude

import "testing"

func TestOf(t *testing.T) {
	type rules struct {
		limit    int64
		thinking Thinking
		sampling Sampling
		schemas  bool
		forced   bool
	}
	for model, want := range map[string]rules{
		"claude-2.1":                                  {4096, NoThinking, BothSampling, false, true},
		"anthropic.claude-v2:1":                       {4096, NoThinking, BothSampling, false, true},
		"claude-instant-1.2":                          {4096, NoThinking, BothSampling, false, true},
		"claude-3-haiku-20240307":                     {4096, NoThinking, BothSampling, false, true},
		"claude-3-opus-latest":                        {4096, NoThinking, BothSampling, false, true},
		"claude-3-5-sonnet-20241022":                  {8192, NoThinking, BothSampling, false, true},
		"anthropic.claude-3-5-sonnet-20241022-v2:0":   {8192, NoThinking, BothSampling, false, true},
		"claude-3.7-sonnet":                           {64000, BudgetThinking, BothSampling, false, true},
		"claude-3-7-sonnet-20250219":                  {64000, BudgetThinking, BothSampling, false, true},
		"claude-sonnet-4-20250514":                    {64000, BudgetThinking, BothSampling, false, true},
		"claude-sonnet-4@20250514":                    {64000, BudgetThinking, BothSampling, false, true},
		"claude-sonnet-4-0":                           {64000, BudgetThinking, BothSampling, false, true},
		"claude-opus-4-20250514":                      {32000, BudgetThinking, BothSampling, false, true},
		"claude-opus-4-1-20250805":                    {32000, BudgetThinking, OneSampling, false, true},
		"claude-sonnet-4-5-20250929":                  {64000, BudgetThinking, OneSampling, true, true},
		"us.anthropic.claude-haiku-4-5-20251001-v1:0": {64000, BudgetThinking, OneSampling, true, true},
		"claude-opus-4-5":                             {64000, BudgetThinking, OneSampling, true, true},
		"claude-sonnet-4-6":                           {128000, AdaptiveThinking, OneSampling, true, true},
		"claude-opus-4.6":                             {128000, AdaptiveThinking, OneSampling, true, true},
		"claude-opus-4-7":                             {128000, AdaptiveThinking, NoSampling, true, true},
		"claude-opus-4-8":                             {128000, AdaptiveThinking, NoSampling, true, true},
		"claude-sonnet-5":                             {128000, AdaptiveThinking, NoSampling, true, true},
		"claude-opus-5":                               {128000, AdaptiveThinking, NoSampling, true, true},
		"claude-haiku-5-5":                            {64000, AdaptiveThinking, NoSampling, true, true},
		"claude-fable-5":                              {128000, AdaptiveThinking, NoSampling, true, false},
		"claude-mythos-preview":                       {128000, AdaptiveThinking, NoSampling, true, false},
		"claude-opus-5-5":                             {128000, AdaptiveThinking, NoSampling, true, false},
		"claude-sonnet-5-5":                           {128000, AdaptiveThinking, NoSampling, true, false},
		"claude-sonnet-latest":                        {128000, AdaptiveThinking, NoSampling, true, false},
		"claude-next-9":                               {128000, AdaptiveThinking, NoSampling, true, true},
		"kimi-k3":                                     {8192, BudgetThinking, BothSampling, false, true},
	} {
		g := Of(model)
		got := rules{g.Limit, g.Thinking, g.Sampling, g.Schemas, !g.Unforced}
		if got != want {
			t.Errorf("%s: %+v, want %+v", model, got, want)
		}
	}
}

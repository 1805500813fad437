package compat

import "github.com/layergateway/layergateway/provider"

// openAI is OpenAI itself, and Azure as far as the format goes: it refuses
// members of messages that it doesn't know, so that reasoning state of other
// providers is left out, and its newer models take max_completion_tokens alone.
var openAI = Server{
	Name: "openai", AllowedTools: true,
	Members: leaveOut("reasoning_content", "reasoning_details", "extra_content", "tool_plan"),
}

// anyServer is a server that nobody has described: its requests stay as they
// are, and of its answers every habit is understood.
var anyServer = Server{
	OwnLimit: "max_tokens", AllowedTools: true,
	Answers: ReasoningMember | PartContent | BareCalls | GroqUsage | ChoiceUsage | FlatCached |
		ReasoningBeside | Unsteady | FinishTwice,
	Finish: map[string]string{"model_length": "length", "eos": "stop", "end_turn": "stop"},
}

// servers is what OpenAI-compatible servers do otherwise than OpenAI, from
// their documentation, specifications and recorded traffic.
var servers = []Server{
	{
		Name: "alibaba", BaseURL: "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
		Limit:   "max_tokens",
		Members: leaveOut("reasoning_details", "extra_content", "tool_plan", "annotations"),
		Roles:   developerIsSystem,
		Params: rules(
			drop("not in Model Studio", "audio", "logit_bias", "metadata", "moderation", "prediction", "prompt_cache_key",
				"prompt_cache_options", "prompt_cache_retention", "safety_identifier", "service_tier", "store", "user",
				"verbosity", "web_search_options"),
			[]Param{{Name: "tool_choice", Values: map[string]string{"required": ""}, Note: "takes auto, none and one function"}},
		),
	},
	{
		// The resource is part of the address: see Endpoint.
		Name: "azure", KeyHeader: "api-key",
		AllowedTools: true,
		Members:      openAI.Members,
	},
	{
		Name: "cerebras", BaseURL: "https://api.cerebras.ai/v1",
		Limit:   "max_completion_tokens",
		Members: renamedReasoning("annotations", "refusal", "audio"),
		Answers: ReasoningMember,
		Params: rules(
			drop("refused with status 400", "audio", "frequency_penalty", "logit_bias", "metadata", "modalities", "moderation",
				"presence_penalty", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "safety_identifier",
				"service_tier", "store", "verbosity", "web_search_options"),
			[]Param{{Name: "reasoning_effort", Values: lowToHigh}},
		),
	},
	{
		Name: "deepseek", BaseURL: "https://api.deepseek.com",
		Limit:    "max_tokens",
		Members:  leaveOut("reasoning_details", "extra_content", "tool_plan", "annotations"),
		Roles:    developerIsSystem,
		Answers:  FlatCached,
		Failures: map[string]provider.Kind{"insufficient_system_resource": provider.Overloaded},
		Params: rules(
			drop("not in DeepSeek's API", "audio", "logit_bias", "metadata", "modalities", "moderation", "n", "parallel_tool_calls",
				"prediction", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "safety_identifier", "seed",
				"service_tier", "store", "user", "verbosity", "web_search_options"),
			[]Param{{Name: "response_format", Values: map[string]string{"json_schema": "json_object"}, Note: "takes json_object alone"}},
		),
	},
	{
		Name: "fireworks", BaseURL: "https://api.fireworks.ai/inference/v1",
		Limit:   "max_tokens",
		Members: leaveOut("reasoning_details", "extra_content", "tool_plan", "annotations", "refusal", "audio"),
		Roles:   developerIsSystem,
		Answers: ReasoningMember | BareCalls,
		Faults:  []Fault{{412, "", provider.Auth}}, // the account is suspended
		Params: rules(
			drop("not in Fireworks' API", "audio", "modalities", "moderation", "prompt_cache_options", "prompt_cache_retention",
				"safety_identifier", "store", "verbosity", "web_search_options"),
			[]Param{{Name: "reasoning_effort", Values: lowToHigh}},
		),
	},
	{
		Name: "groq", BaseURL: "https://api.groq.com/openai/v1",
		Members: renamedReasoning("annotations", "refusal", "audio", "name"),
		Answers: ReasoningMember | GroqUsage | Unsteady,
		Faults: []Fault{
			{413, "rate_limit_exceeded", provider.RateLimited}, // more tokens than a minute has
			{498, "", provider.Overloaded},
		},
		Params: rules(
			drop("refused with status 400", "audio", "logit_bias", "logprobs", "metadata", "modalities", "moderation", "prediction",
				"prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "safety_identifier", "store",
				"top_logprobs", "verbosity", "web_search_options"),
			[]Param{
				{Name: "service_tier", Values: map[string]string{"default": "on_demand", "scale": "performance",
					"priority": "performance", "fast": "performance"}},
				{Name: "reasoning_effort", Models: "qwen/*", Note: "Qwen thinks or doesn't", Values: map[string]string{
					"minimal": "none", "low": "default", "medium": "default", "high": "default", "xhigh": "default", "max": "default"}},
				{Name: "reasoning_effort", Values: lowToHigh},
			},
		),
	},
	{
		Name: "mistral", BaseURL: "https://api.mistral.ai/v1",
		Limit: "max_tokens", NoStreamOptions: true,
		Members: leaveOut("name", "reasoning_content", "reasoning_details", "extra_content", "tool_plan", "annotations",
			"refusal", "audio", "function_call"),
		Roles:    developerIsSystem,
		CallID:   nineLetters,
		Prefix:   true,
		Answers:  PartContent | BareCalls | FlatCached,
		Finish:   map[string]string{"model_length": "length"},
		Failures: map[string]provider.Kind{"error": provider.Failed},
		Params: rules(
			drop("refused with status 422", "audio", "function_call", "functions", "logit_bias", "logprobs", "modalities", "moderation",
				"prompt_cache_options", "prompt_cache_retention", "safety_identifier", "service_tier", "store", "top_logprobs",
				"user", "verbosity", "web_search_options"),
			[]Param{
				{Name: "seed", As: "random_seed"},
				{Name: "tool_choice", Values: map[string]string{"required": "any"}},
				{Name: "reasoning_effort", Note: "takes high and none", Values: map[string]string{
					"minimal": "none", "low": "high", "medium": "high", "xhigh": "high", "max": "high"}},
			},
		),
	},
	{
		Name: "moonshot", BaseURL: "https://api.moonshot.ai/v1",
		Limit:   "max_tokens",
		Members: leaveOut("reasoning_details", "extra_content", "tool_plan", "annotations", "refusal", "audio"),
		Roles:   developerIsSystem,
		Answers: ChoiceUsage | FlatCached | Unsteady,
		Faults:  []Fault{{429, "exceeded_current_quota", provider.QuotaSpent}},
		Params: rules(
			drop("not in Moonshot's API", "audio", "logit_bias", "logprobs", "metadata", "modalities", "moderation", "prediction",
				"prompt_cache_options", "prompt_cache_retention", "seed", "service_tier", "store", "top_logprobs", "user",
				"verbosity", "web_search_options"),
			[]Param{{Name: "tool_choice", Values: map[string]string{"required": ""}, Note: "takes auto and none"}},
		),
	},
	{
		Name: "ollama", BaseURL: "http://localhost:11434/v1", Keyless: true,
		Limit:        "max_tokens",
		Members:      renamedReasoning(),
		Roles:        developerIsSystem,
		InlineImages: true,
		Answers:      ReasoningMember | BareCalls,
		Params: rules(
			drop("ignored", "audio", "logit_bias", "metadata", "modalities", "moderation", "n", "parallel_tool_calls", "prediction",
				"prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "safety_identifier", "service_tier", "store",
				"tool_choice", "user", "verbosity", "web_search_options"),
			[]Param{{Name: "reasoning_effort", Values: map[string]string{"minimal": "low", "xhigh": "max"}}},
		),
	},
	{
		Name: "openrouter", BaseURL: "https://openrouter.ai/api/v1",
		// The details are its own way to have reasoning back.
		Members:  map[string]string{"reasoning_content": "reasoning", "extra_content": "", "tool_plan": ""},
		Answers:  ReasoningMember | BareCalls | OwnCost | Unsteady | FinishTwice,
		Failures: map[string]provider.Kind{"error": provider.Failed},
		Faults: []Fault{
			{402, "", provider.QuotaSpent},
			{403, "flagged", provider.Invalid},
			{403, "moderation", provider.Invalid},
		},
		Params: rules(
			drop("not in OpenRouter's API", "moderation", "safety_identifier", "store"),
			[]Param{{Name: "reasoning_effort", Values: map[string]string{"max": "xhigh"}}},
		),
	},
	{
		Name: "perplexity", BaseURL: "https://api.perplexity.ai",
		Limit:   "max_tokens",
		Members: leaveOut("name", "reasoning_content", "reasoning_details", "extra_content", "tool_plan", "annotations", "refusal", "audio"),
		Roles:   developerIsSystem,
		Answers: OwnCost | Unsteady,
		Params: rules(
			drop("not in Sonar's API", "audio", "function_call", "functions", "logit_bias", "logprobs", "metadata", "modalities",
				"moderation", "n", "parallel_tool_calls", "prediction", "prompt_cache_key", "prompt_cache_options",
				"prompt_cache_retention", "safety_identifier", "seed", "service_tier", "store", "tool_choice", "tools",
				"top_logprobs", "user", "verbosity"),
			[]Param{{Name: "reasoning_effort", Values: map[string]string{"none": "minimal", "xhigh": "high", "max": "high"}}},
		),
	},
	{
		Name: "together", BaseURL: "https://api.together.xyz/v1",
		Limit:   "max_tokens",
		Members: renamedReasoning("annotations", "refusal", "audio"),
		Roles:   developerIsSystem,
		Answers: ReasoningMember | BareCalls,
		Finish:  map[string]string{"eos": "stop"},
		Params: rules(
			drop("not in Together's API", "audio", "metadata", "modalities", "moderation", "parallel_tool_calls", "prediction",
				"prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "safety_identifier", "service_tier", "store",
				"user", "verbosity", "web_search_options"),
			[]Param{{Name: "reasoning_effort", Values: lowToHigh}},
		),
	},
	{
		Name: "vllm", BaseURL: "http://localhost:8000/v1", Keyless: true,
		OwnLimit: "max_tokens",
		Members:  leaveOut("reasoning_details", "extra_content", "tool_plan", "annotations"),
		Answers:  ReasoningMember | BareCalls,
		Failures: map[string]provider.Kind{"abort": provider.Failed, "error": provider.Failed},
		Params: drop("ignored", "audio", "metadata", "modalities", "moderation", "prediction", "prompt_cache_key",
			"prompt_cache_options", "prompt_cache_retention", "safety_identifier", "service_tier", "store", "verbosity",
			"web_search_options"),
	},
	{
		Name: "xai", BaseURL: "https://api.x.ai/v1",
		Members: leaveOut("reasoning_details", "extra_content", "tool_plan", "annotations"),
		Answers: ReasoningBeside | Unsteady,
		Finish:  map[string]string{"end_turn": "stop"},
		Faults:  []Fault{{400, "incorrect api key", provider.Auth}},
		Params: rules(
			drop("not in xAI's API", "audio", "logit_bias", "metadata", "modalities", "moderation", "prediction",
				"prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "safety_identifier", "store", "verbosity"),
			[]Param{
				{Name: "stop", Models: "*non-reasoning*"},
				{Name: "frequency_penalty", Models: "*non-reasoning*"},
				{Name: "presence_penalty", Models: "*non-reasoning*"},
				{Name: "stop", Models: grokThinks, Drop: true, Note: grokRefuses},
				{Name: "frequency_penalty", Models: grokThinks, Drop: true, Note: grokRefuses},
				{Name: "presence_penalty", Models: grokThinks, Drop: true, Note: grokRefuses},
				{Name: "reasoning_effort", Models: "grok-3-mini*", Note: "takes low and high", Values: map[string]string{
					"none": "low", "minimal": "low", "medium": "low", "xhigh": "high", "max": "high"}},
				{Name: "reasoning_effort", Models: "grok-2* grok-3* grok-4 grok-4-* grok-4.1* grok-4.20* grok-code*", Drop: true,
					Note: "refused by models that always or never think"},
				{Name: "reasoning_effort", Values: lowToHigh},
			},
		),
	},
}

const (
	grokThinks  = "grok-3-mini* grok-4* grok-code*"
	grokRefuses = "refused by models that think"
)

var developerIsSystem = map[string]string{"developer": "system"}

// lowToHigh are the efforts of servers that know three.
var lowToHigh = map[string]string{"minimal": "low", "xhigh": "high", "max": "high"}

// leaveOut are members that a server refuses.
func leaveOut(names ...string) map[string]string {
	m := make(map[string]string, len(names))
	for _, name := range names {
		m[name] = ""
	}
	return m
}

// renamedReasoning takes reasoning back in the member reasoning, and no other
// provider's state.
func renamedReasoning(refused ...string) map[string]string {
	m := leaveOut(append(refused, "reasoning_details", "extra_content", "tool_plan")...)
	m["reasoning_content"] = "reasoning"
	return m
}

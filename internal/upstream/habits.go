package upstream

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// habits are what a server that speaks OpenAI's format does otherwise than OpenAI, as its documentation and
// recorded traffic have it. The zero value is OpenAI.
type habits struct {
	name  string // also the first element of its path
	key   string // the header of the key; "" is Authorization: Bearer
	model string // that it serves; "" is OpenAI's
	// Requests
	efforts  []string // of reasoning_effort; none: refused
	status   int      // of refusals for what is below, by default 400
	refuses  []string // parameters
	takes    []string // parameters and members of messages that OpenAI refuses
	members  []string // of messages and parts, refused
	choices  []string // words of tool_choice; none: OpenAI's
	formats  []string // types of response_format; none: OpenAI's
	noSystem bool     // the role developer is refused
	ids      *regexp.Regexp
	thoughts bool // an assistant's calls must come back with their reasoning_content
	bytes    bool // images by their bytes alone
	turns    bool // a user's turn and an assistant's, and so on
	// Answers
	reasoning string // the member with the reasoning; "parts": parts of the content; "": it isn't told
	whole     bool   // a stream has each call in one piece
	bare      bool   // calls have no type
	usage     usagePlace
	count     func(u Usage) []pair // the usage; nil: as OpenAI
	filters   bool                 // a stream begins with a chunk about the prompt alone
	comments  bool                 // a stream has comments
	errors    errorShape
}

// usagePlace is where a stream has its usage.
type usagePlace int

const (
	usageAsked  usagePlace = iota // in a chunk of its own, if asked for
	usageFinish                   // in the chunk with the finish reason
	usageChoice                   // in the choice with the finish reason
	usageGroq                     // in x_groq of the chunk with the finish reason
)

// errorShape is what an error looks like.
type errorShape int

const (
	errorNested  errorShape = iota // {"error":{"message":…}}
	errorFlat                      // {"message":…}
	errorText                      // {"error":"…"}
	errorMistral                   // flat; faults of shape are a list in "message"
)

// outdated are parameters that servers which have copied the format know nothing of.
var outdated = []string{"audio", "metadata", "modalities", "moderation", "prediction", "prompt_cache_options",
	"safety_identifier", "store", "verbosity", "web_search_options"}

var (
	threeEfforts = []string{"low", "medium", "high"}
	stateOfAll   = []string{"reasoning_details", "extra_content", "tool_plan"}
)

// family is all servers but OpenAI.
var family = []habits{
	{name: "azure", key: "Api-Key", filters: true},
	{name: "mistral", model: "mistral-medium-latest", efforts: []string{"high", "none"}, status: 422, noSystem: true,
		refuses: []string{"max_completion_tokens", "stream_options", "seed", "user", "logprobs", "top_logprobs", "logit_bias", "store",
			"service_tier", "verbosity", "safety_identifier", "modalities", "audio", "web_search_options", "prompt_cache_retention"},
		takes:   []string{"random_seed", "safe_prompt", "prefix"},
		members: append([]string{"name", "reasoning_content", "reasoning", "refusal", "audio", "annotations"}, stateOfAll...),
		choices: []string{"auto", "none", "any", "required"}, ids: regexp.MustCompile(`^[A-Za-z0-9]{9}$`),
		reasoning: "parts", whole: true, bare: true, usage: usageFinish, count: func(u Usage) []pair {
			return []pair{{"num_cached_tokens", u.Cached}}
		}, errors: errorMistral},
	{name: "groq", model: "openai/gpt-oss-120b", efforts: threeEfforts,
		refuses: []string{"logprobs", "top_logprobs", "logit_bias", "store", "metadata", "modalities", "prediction", "safety_identifier"},
		takes:   []string{"reasoning"},
		members: append([]string{"name", "reasoning_content", "annotations", "refusal"}, stateOfAll...),
		whole:   true, reasoning: "reasoning", usage: usageGroq},
	{name: "deepseek", model: "deepseek-chat", efforts: []string{"low", "medium", "high", "max"}, noSystem: true,
		refuses: []string{"max_completion_tokens", "seed", "store"}, takes: []string{"reasoning_content"},
		formats: []string{"text", "json_object"}, thoughts: true,
		reasoning: "reasoning_content", usage: usageFinish, count: func(u Usage) []pair {
			return []pair{{"prompt_cache_hit_tokens", u.Cached}, {"prompt_cache_miss_tokens", u.Input - u.Cached}}
		}},
	{name: "xai", model: "grok-4.5", efforts: threeEfforts, takes: []string{"reasoning_content"},
		refuses: append([]string{"stop", "presence_penalty", "frequency_penalty", "logit_bias"}, outdated[:6]...),
		whole:   true, reasoning: "reasoning_content", errors: errorText},
	{name: "openrouter", model: "moonshotai/kimi-k2", efforts: []string{"none", "minimal", "low", "medium", "high", "xhigh"},
		takes: []string{"reasoning", "reasoning_details"}, reasoning: "reasoning", comments: true, count: func(u Usage) []pair {
			return []pair{{"cost", 0.00125}, {"prompt_tokens_details", document(pair{"cached_tokens", u.Cached})},
				{"completion_tokens_details", document(pair{"reasoning_tokens", u.Reasoning})}}
		}},
	{name: "together", model: "openai/gpt-oss-20b", efforts: threeEfforts, noSystem: true,
		refuses: append([]string{"max_completion_tokens"}, outdated...), takes: []string{"reasoning"},
		reasoning: "reasoning", usage: usageFinish},
	{name: "fireworks", model: "accounts/fireworks/models/glm-5", efforts: threeEfforts, noSystem: true,
		refuses: []string{"max_completion_tokens", "store", "audio", "modalities", "safety_identifier", "verbosity"},
		takes:   []string{"reasoning_content"}, members: append([]string{"annotations", "refusal"}, stateOfAll...),
		reasoning: "reasoning_content", usage: usageFinish},
	{name: "perplexity", model: "sonar-pro", noSystem: true, turns: true,
		refuses: append([]string{"max_completion_tokens", "tools", "tool_choice", "parallel_tool_calls", "logprobs", "logit_bias", "seed", "n",
			"service_tier", "user"}, outdated[:9]...),
		members: append([]string{"name", "reasoning_content", "annotations", "refusal"}, stateOfAll...),
		usage:   usageFinish, count: func(Usage) []pair {
			return []pair{{"search_context_size", "low"}, {"cost", document(pair{"request_cost", 0.006}, pair{"total_cost", 0.0061})}}
		}},
	{name: "cerebras", model: "gpt-oss-120b", efforts: threeEfforts,
		refuses: append([]string{"frequency_penalty", "presence_penalty", "logit_bias", "service_tier", "max_tokens"}, outdated...),
		takes:   []string{"reasoning"}, members: append([]string{"reasoning_content", "annotations", "refusal"}, stateOfAll...),
		whole: true, reasoning: "reasoning", errors: errorFlat},
	{name: "moonshot", model: "kimi-k2.5", efforts: threeEfforts, noSystem: true,
		refuses: []string{"max_completion_tokens", "logprobs", "logit_bias", "seed", "store", "service_tier", "user"},
		takes:   []string{"reasoning_content"}, choices: []string{"auto", "none"}, thoughts: true,
		reasoning: "reasoning_content", usage: usageChoice, count: func(u Usage) []pair {
			return []pair{{"cached_tokens", u.Cached}}
		}},
	{name: "alibaba", model: "qwen3-max", efforts: []string{"none", "minimal", "low", "medium", "high", "xhigh", "max"}, noSystem: true,
		refuses: append([]string{"max_completion_tokens", "logit_bias", "service_tier", "user"}, outdated...),
		takes:   []string{"reasoning_content"}, choices: []string{"auto", "none"}, reasoning: "reasoning_content"},
	{name: "ollama", model: "qwen3:8b", key: "-", efforts: []string{"none", "low", "medium", "high", "max"}, bytes: true,
		refuses: []string{"max_completion_tokens", "tool_choice", "logit_bias", "user", "n"}, takes: []string{"reasoning"},
		members: []string{"reasoning_content"}, whole: true, reasoning: "reasoning", count: func(Usage) []pair { return nil }},
	{name: "vllm", model: "Qwen/Qwen3-8B", key: "-", efforts: []string{"none", "low", "medium", "high"},
		takes: []string{"reasoning_content", "reasoning"}, reasoning: "reasoning", errors: errorFlat, count: func(Usage) []pair { return nil }},
}

// admit refuses what the server refuses of what OpenAI takes, and takes out of the request what OpenAI does
// not know.
func (s *habits) admit(req map[string]any) *refusal {
	for _, name := range s.refuses {
		if _, ok := req[name]; ok && (req[name] != nil || s.errors == errorMistral) {
			return s.forbid(name)
		}
	}
	effort := str(req, "reasoning_effort")
	if effort != "" && s.model != "" && !slices.Contains(s.efforts, effort) {
		return s.forbid("reasoning_effort")
	}
	if choice := str(req, "tool_choice"); choice != "" && s.choices != nil {
		if !slices.Contains(s.choices, choice) {
			return s.forbid("tool_choice")
		}
		if choice == "any" {
			req["tool_choice"] = "required"
		}
	}
	if kind := str(sub(req, "response_format"), "type"); kind != "" && s.formats != nil && !slices.Contains(s.formats, kind) {
		return openAIInvalid("This response_format type is unavailable now", "", "invalid_request_error")
	}
	if no := s.messages(items(req, "messages"), effort != "" && effort != "none"); no != nil {
		return no
	}
	for _, name := range s.takes {
		delete(req, name)
	}
	return nil
}

func (s *habits) messages(list []any, thinks bool) *refusal {
	before := ""
	for i, msg := range each(list) {
		at := fmt.Sprintf("messages.%d.", i)
		role := str(msg, "role")
		switch {
		case role == "developer" && s.noSystem:
			return s.forbid(at + "role")
		case role == before && s.turns && role != "system":
			return openAIInvalid("After the (optional) system message(s), user or tool message(s) should alternate with assistant message(s).", "", "")
		case role == "assistant" && thinks && s.thoughts && has(msg, "tool_calls") && !has(msg, "reasoning_content"):
			return openAIInvalid(fmt.Sprintf("Missing `reasoning_content` field in the assistant message at message index %d", i), "", "")
		}
		before = role
		for _, name := range s.members {
			if _, ok := msg[name]; ok {
				return s.forbid(at + name)
			}
		}
		for _, name := range s.takes {
			delete(msg, name)
		}
		if no := s.parts(at, msg); no != nil {
			return no
		}
	}
	return nil
}

// parts looks at a message's images and ids.
func (s *habits) parts(at string, msg map[string]any) *refusal {
	ids := []string{str(msg, "tool_call_id")}
	for _, c := range each(items(msg, "tool_calls")) {
		ids = append(ids, str(c, "id"))
		if slices.Contains(s.members, "extra_content") && has(c, "extra_content") {
			return s.forbid(at + "tool_calls.extra_content")
		}
	}
	for _, id := range ids {
		if id != "" && s.ids != nil && !s.ids.MatchString(id) {
			return &refusal{status: http.StatusBadRequest, kind: "invalid_request_function_call", code: "3280",
				message: "Tool call id was " + id + " but must be a-z, A-Z, 0-9, with a length of 9."}
		}
	}
	for _, p := range each(items(msg, "content")) {
		if url := str(sub(p, "image_url"), "url"); s.bytes && url != "" {
			if _, _, ok := dataURL(url); !ok {
				return openAIInvalid("invalid image input", "", "")
			}
		}
	}
	return nil
}

// forbid refuses a member of the request by its path.
func (s *habits) forbid(at string) *refusal {
	no := openAIInvalid("property '"+at+"' is unsupported", at, "")
	if s.status != 0 {
		no.status, no.kind = s.status, "extra_forbidden"
	}
	return no
}

// error writes a refusal in the server's shape.
func (s *habits) error(no *refusal) jsontext.Value {
	members := []pair{{"message", no.message}, {"type", no.kind}, {"param", orNull(no.param)}, {"code", orNull(no.code)}}
	switch s.errors {
	case errorNested:
		return openAIError(no)
	case errorText:
		return document(pair{"code", no.kind}, pair{"error", no.message})
	case errorMistral:
		if no.kind == "extra_forbidden" {
			members[0].value = document(pair{"detail", []jsontext.Value{document(pair{"type", no.kind},
				pair{"loc", []string{"body", no.param}}, pair{"msg", "Extra inputs are not permitted"})}})
		}
		members = append([]pair{{"object", "error"}}, members...)
	}
	return document(members...)
}

// bill is the usage as the server tells it.
func (s *habits) bill(u Usage) jsontext.Value {
	out := u.Output
	if s.name == "xai" {
		out -= u.Reasoning // which the total has all the same
	}
	members := []pair{{"prompt_tokens", u.Input}, {"completion_tokens", out}, {"total_tokens", u.Input + u.Output}}
	if s.count != nil {
		members = append(members, s.count(u)...)
		if u.Reasoning > 0 && s.name != "openrouter" {
			members = append(members, pair{"completion_tokens_details", document(pair{"reasoning_tokens", u.Reasoning})})
		}
		return document(members...)
	}
	return document(append(members,
		pair{"prompt_tokens_details", document(pair{"cached_tokens", u.Cached}, pair{"audio_tokens", 0})},
		pair{"completion_tokens_details", document(pair{"reasoning_tokens", u.Reasoning}, pair{"audio_tokens", 0},
			pair{"accepted_prediction_tokens", 0}, pair{"rejected_prediction_tokens", 0})})...)
}

package fidelity

// Note is something about a provider that the table has no place for, with an
// example that shows it: either a request and what becomes of it, or an answer.
type Note struct {
	Columns string // the names of the columns, separated by " | "
	Topic   string
	Says    string // Markdown

	Model   string
	Request string   // members of a request beside model and messages, or messages among them
	Sends   []string // parts of the upstream request
	Drops   []string // what is reported
	Refuses string   // the parameter that a 400 names

	Answer string   // the provider's answer, whole
	Gives  []string // parts of the client's answer
	Cached int64    // tokens of the prompt that were read from a cache
}

// The topics, in their order.
const (
	tools     = "Tools"
	formats   = "Structured output"
	reasoning = "Reasoning"
	caching   = "Prompt caching"
)

const (
	askSchema = `"response_format":{"type":"json_schema","json_schema":{"name":"city","schema":{"type":"object","properties":{"city":{"type":"string","minLength":1}},"additionalProperties":false}}}`
	askJSON   = `"response_format":{"type":"json_object"}`
	askTool   = `"tools":[{"type":"function","function":{"name":"f","strict":true,"parameters":{"type":"object","properties":{},"additionalProperties":false}}}]`
	twoTools  = `"tools":[{"type":"function","function":{"name":"f"}},{"type":"function","function":{"name":"g"}}]`
	onlyG     = twoTools + `,"tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[{"type":"function","function":{"name":"g"}}]}}`
	marked    = `"messages":[{"role":"user","content":[{"type":"text","text":"a","cache_control":{"type":"ephemeral"}}]}]`
	thought   = `"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b",` +
		`"reasoning_details":[{"type":"reasoning.text","text":"hm","signature":"c2ln","format":"anthropic-claude-v1","index":0}]},{"role":"user","content":"c"}]`
	custom     = `"tools":[{"type":"custom","custom":{"name":"x"}}]`
	instructed = "Answer with one JSON object and nothing else"
)

// Notes lists the notes, topic by topic.
func Notes() []Note {
	return append(append(toolNotes(), formatNotes()...), append(reasoningNotes(), cachingNotes()...)...)
}

func toolNotes() []Note {
	return []Note{
		{Columns: "anthropic | vertex (Claude)", Topic: tools, Model: "claude-sonnet-4-5", Request: askTool, Sends: []string{`"strict":true`},
			Says: "`strict` is kept from Claude 4.5 on."},
		{Columns: "anthropic | vertex (Claude)", Topic: tools, Model: "claude-3-7-sonnet-20250219", Request: askTool, Drops: []string{"tools[0].function.strict"},
			Says: "Before Claude 4.5 `strict` is dropped."},
		{Columns: "anthropic | vertex (Claude)", Topic: tools, Model: "claude-sonnet-4-5", Request: `"tools":[{"type":"web_search_20250305","name":"web_search","max_uses":2}]`,
			Sends: []string{`"type":"web_search_20250305"`, `"max_uses":2`}, Says: "Anthropic's own tools go up as they are."},
		{Columns: "anthropic | vertex (Claude)", Topic: tools, Model: "claude-sonnet-4-5", Request: custom, Refuses: "tools[0].type",
			Says: "Custom tools of free text are refused."},
		{Columns: "bedrock | cohere | google | vertex (Gemini)", Topic: tools, Model: "m", Request: custom, Refuses: "tools[0].type",
			Says: "Custom tools of free text are refused."},
		{Columns: "bedrock", Topic: tools, Model: "meta.llama3-70b-instruct-v1:0", Request: askTool + `,"tool_choice":"required"`,
			Drops: []string{"tool_choice", "tools[0].function.strict"}, Says: "A choice that forces a tool, and `strict`, are dropped for models that take none."},
		{Columns: "cohere", Topic: tools, Model: "command-a-03-2025", Request: askTool, Sends: []string{`"strict_tools":true`},
			Says: "`strict` is kept where all tools have it."},
		{Columns: "cohere", Topic: tools, Model: "command-a-03-2025",
			Request: `"tools":[{"type":"function","function":{"name":"f","strict":true}},{"type":"function","function":{"name":"g"}}]`,
			Drops:   []string{"tools.function.strict"}, Says: "`strict` of some tools alone is dropped."},
		{Columns: "google | vertex (Gemini)", Topic: tools, Model: "gemini-2.5-flash", Request: askTool, Sends: []string{`"mode":"VALIDATED"`},
			Says: "`strict` is kept for all tools, from Gemini 2.5 on."},
		{Columns: "google | vertex (Gemini)", Topic: tools, Model: "gemini-2.5-flash", Request: `"tools":[{"google_search":{}}]`, Sends: []string{`"googleSearch":{}`},
			Says: "Google's own tools are taken by their names."},
		{Columns: "mistral | groq | together", Topic: tools, Model: "m", Request: onlyG, Sends: []string{`"tools":[{"type":"function","function":{"name":"g"}}],"tool_choice":"auto"`},
			Says: "`allowed_tools` leaves the others out."},
	}
}

func formatNotes() []Note {
	return []Note{
		{Columns: "anthropic | vertex (Claude)", Topic: formats, Model: "claude-sonnet-4-5", Request: askSchema, Sends: []string{`"output_config":{"format":{"type":"json_schema"`},
			Drops: []string{"response_format.json_schema.schema.minLength"}, Says: "`json_schema` is native from Claude 4.5 on; keywords that Anthropic can't hold a model to are reported."},
		{Columns: "anthropic | vertex (Claude)", Topic: formats, Model: "claude-3-7-sonnet-20250219", Request: askSchema,
			Sends: []string{`"tool_choice":{"type":"tool","name":"answer"`}, Says: "Before Claude 4.5 `json_schema` is a tool, `answer`, that the model must call; the client gets its input as text."},
		{Columns: "anthropic | vertex (Claude)", Topic: formats, Model: "claude-sonnet-4-5", Request: askJSON, Sends: []string{instructed},
			Says: "`json_object` is an instruction at the end of the system prompt."},
		{Columns: "bedrock", Topic: formats, Model: "anthropic.claude-sonnet-4-5-20250929-v1:0", Request: askSchema, Sends: []string{`"outputConfig":{"textFormat":{"type":"json_schema"`},
			Drops: []string{"response_format.json_schema.schema.minLength"}, Says: "`json_schema` is native where the model takes it, as Claude 4.5 does."},
		{Columns: "bedrock", Topic: formats, Model: "amazon.nova-pro-v1:0", Request: askSchema, Sends: []string{`"toolChoice":{"tool":{"name":"answer"}}`},
			Says: "For models that can be made to call a tool, such as Nova, it is the tool `answer`."},
		{Columns: "bedrock", Topic: formats, Model: "meta.llama3-70b-instruct-v1:0", Request: askSchema, Sends: []string{instructed, "minLength"},
			Drops: []string{"response_format.json_schema"}, Says: "For all others it is an instruction, which is reported."},
		{Columns: "bedrock", Topic: formats, Model: "amazon.nova-pro-v1:0", Request: askJSON, Sends: []string{instructed}, Says: "`json_object` is an instruction."},
		{Columns: "cohere", Topic: formats, Model: "command-a-03-2025", Request: askSchema, Sends: []string{`"response_format":{"type":"json_object","json_schema":{`},
			Says: "`json_schema` and `json_object` are native."},
		{Columns: "cohere", Topic: formats, Model: "command-a-03-2025", Request: askSchema + "," + twoTools, Drops: []string{"response_format"}, Says: "Beside tools they are dropped."},
		{Columns: "google | vertex (Gemini)", Topic: formats, Model: "gemini-2.5-flash", Request: askSchema, Sends: []string{`"responseMimeType":"application/json"`, `"responseJsonSchema":{`},
			Says: "`json_schema` and `json_object` are native."},
		{Columns: "google | vertex (Gemini)", Topic: formats, Model: "gemini-2.5-flash", Request: askSchema + "," + twoTools, Drops: []string{"response_format"},
			Says: "Beside functions they are dropped before Gemini 3."},
		{Columns: "deepseek", Topic: formats, Model: "m", Request: askSchema, Sends: []string{`"response_format":{"type":"json_object"}`},
			Drops: []string{"response_format.json_schema"}, Says: "`json_schema` becomes `json_object`, which is reported."},
	}
}

func reasoningNotes() []Note {
	return []Note{
		{Columns: "anthropic | vertex (Claude)", Topic: reasoning, Model: "claude-sonnet-4-5",
			Answer: `{"id":"1","model":"m","role":"assistant","type":"message","content":[{"type":"thinking","thinking":"hm","signature":"c2ln"},{"type":"text","text":"b"}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}}`,
			Gives:  []string{`"reasoning_content":"hm"`, `"signature":"c2ln"`}, Says: "Thinking comes as `reasoning_content`, and with its signature in `reasoning_details`, redacted thinking in these alone."},
		{Columns: "anthropic | vertex (Claude)", Topic: reasoning, Model: "claude-sonnet-4-5", Request: thought, Sends: []string{`"type":"thinking","thinking":"hm","signature":"c2ln"`},
			Says: "`reasoning_details` of Claude's go back as thinking, byte by byte."},
		{Columns: "bedrock", Topic: reasoning, Model: "anthropic.claude-sonnet-4-5-20250929-v1:0",
			Answer: `{"output":{"message":{"role":"assistant","content":[{"reasoningContent":{"reasoningText":{"text":"hm","signature":"c2ln"}}},{"text":"b"}]}},"stopReason":"end_turn","usage":{"inputTokens":1,"outputTokens":1,"totalTokens":2}}`,
			Gives:  []string{`"reasoning_content":"hm"`, `"signature":"c2ln"`}, Says: "Reasoning comes as `reasoning_content`, and signed or sealed in `reasoning_details`."},
		{Columns: "bedrock", Topic: reasoning, Model: "anthropic.claude-sonnet-4-5-20250929-v1:0", Request: thought, Sends: []string{`"signature":"c2ln"`},
			Says: "`reasoning_details` go back to models of the same maker; Claude's also from and to the other providers of Claude."},
		{Columns: "cohere", Topic: reasoning, Model: "command-a-reasoning-08-2025",
			Answer: `{"id":"1","finish_reason":"COMPLETE","message":{"role":"assistant","content":[{"type":"thinking","thinking":"hm"},{"type":"text","text":"b"}]},"usage":{"tokens":{"input_tokens":1,"output_tokens":1}}}`,
			Gives:  []string{`"reasoning_content":"hm"`}, Says: "Thinking comes as `reasoning_content`."},
		{Columns: "cohere", Topic: reasoning, Model: "command-a-reasoning-08-2025",
			Request: `"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b","reasoning_content":"hm"},{"role":"user","content":"c"}]`,
			Sends:   []string{`"type":"thinking","thinking":"hm"`}, Says: "`reasoning_content` goes back to models that think."},
		{Columns: "google | vertex (Gemini)", Topic: reasoning, Model: "gemini-2.5-flash",
			Answer: `{"candidates":[{"index":0,"finishReason":"STOP","content":{"role":"model","parts":[{"text":"hm","thought":true},{"text":"b","thoughtSignature":"c2ln"}]}}],"usageMetadata":{"promptTokenCount":1,"candidatesTokenCount":1,"totalTokenCount":2}}`,
			Gives:  []string{`"reasoning_content":"hm"`, `"thought_signature":"c2ln"`}, Says: "Summaries of thoughts, where `reasoning_effort` asks for thinking, come as `reasoning_content`; signatures as `extra_content.google.thought_signature` of the message or the tool call."},
		{Columns: "google | vertex (Gemini)", Topic: reasoning, Model: "gemini-2.5-flash",
			Request: `"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b","extra_content":{"google":{"thought_signature":"c2ln"}}},{"role":"user","content":"c"}]`,
			Sends:   []string{`"thoughtSignature":"c2ln"`}, Says: "`thought_signature` goes back to where it came from."},
		{Columns: "cerebras | fireworks | groq | ollama | openrouter | together | vllm | openai (any server)", Topic: reasoning, Model: "m",
			Answer: `{"id":"1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"b","reasoning":"hm"}}]}`,
			Gives:  []string{`"reasoning_content":"hm"`}, Says: "`reasoning` of an answer comes as `reasoning_content`."},
		{Columns: "mistral", Topic: reasoning, Model: "m",
			Answer: `{"id":"1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]},{"type":"text","text":"b"}]}}]}`,
			Gives:  []string{`"reasoning_content":"hm"`, `"content":"b"`}, Says: "Thinking among the content comes as `reasoning_content`."},
		{Columns: "deepseek | alibaba | moonshot | fireworks | xai | vllm", Topic: reasoning, Model: "m",
			Request: `"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b","reasoning_content":"hm"},{"role":"user","content":"c"}]`,
			Sends:   []string{`"reasoning_content":"hm"`}, Says: "`reasoning_content` goes back as it is."},
		{Columns: "cerebras | groq | ollama | openrouter | together", Topic: reasoning, Model: "m",
			Request: `"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b","reasoning_content":"hm"},{"role":"user","content":"c"}]`,
			Sends:   []string{`"reasoning":"hm"`}, Says: "`reasoning_content` goes back as `reasoning`."},
	}
}

func cachingNotes() []Note {
	return []Note{
		{Columns: "anthropic | vertex (Claude)", Topic: caching, Model: "claude-sonnet-4-5", Request: marked, Sends: []string{`"text":"a","cache_control":{"type":"ephemeral"}`},
			Says: "`cache_control` of parts, messages and tools stays in its place."},
		{Columns: "bedrock", Topic: caching, Model: "anthropic.claude-sonnet-4-5-20250929-v1:0", Request: marked, Sends: []string{`{"text":"a"},{"cachePoint":{"type":"default"}}`},
			Says: "`cache_control` is a cache point behind what it marks, for models that have a cache."},
		{Columns: "bedrock", Topic: caching, Model: "meta.llama3-70b-instruct-v1:0", Request: marked, Drops: []string{"cache_control"}, Says: "For others it is dropped."},
		{Columns: "cohere | google | vertex (Gemini)", Topic: caching, Model: "m", Request: marked, Drops: []string{"cache_control"}, Says: "`cache_control` is dropped: the cache works by itself."},
		{Columns: "openai | openai (any server) | openrouter", Topic: caching, Model: "m", Request: marked, Sends: []string{`"cache_control":{"type":"ephemeral"}`},
			Says: "`cache_control` goes up as it is."},
		{Columns: "anthropic | vertex (Claude)", Topic: caching, Model: "claude-sonnet-4-5", Cached: 7,
			Answer: `{"id":"1","model":"m","role":"assistant","type":"message","content":[{"type":"text","text":"b"}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1,"cache_read_input_tokens":7}}`,
			Says:   "Tokens that the cache read and wrote are in `prompt_tokens_details`."},
		{Columns: "bedrock", Topic: caching, Model: "anthropic.claude-sonnet-4-5-20250929-v1:0", Cached: 7,
			Answer: `{"output":{"message":{"role":"assistant","content":[{"text":"b"}]}},"stopReason":"end_turn","usage":{"inputTokens":1,"outputTokens":1,"totalTokens":9,"cacheReadInputTokens":7}}`,
			Says:   "Tokens that the cache read and wrote are in `prompt_tokens_details`."},
		{Columns: "google | vertex (Gemini)", Topic: caching, Model: "gemini-2.5-flash", Cached: 7,
			Answer: `{"candidates":[{"index":0,"finishReason":"STOP","content":{"role":"model","parts":[{"text":"b"}]}}],"usageMetadata":{"promptTokenCount":9,"cachedContentTokenCount":7,"candidatesTokenCount":1,"totalTokenCount":10}}`,
			Says:   "Tokens that the cache read are in `prompt_tokens_details`."},
		{Columns: "deepseek", Topic: caching, Model: "m", Cached: 7,
			Answer: `{"id":"1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"b"}}],"usage":{"prompt_tokens":9,"completion_tokens":1,"total_tokens":10,"prompt_cache_hit_tokens":7,"prompt_cache_miss_tokens":2}}`,
			Says:   "`prompt_cache_hit_tokens` are in `prompt_tokens_details`."},
	}
}

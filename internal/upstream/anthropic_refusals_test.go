package upstream

import (
	"net/http"
	"testing"
)

// png is the smallest picture there is: 68 bytes.
const png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAAC0lEQVR4nGNgAAIAAAUAAXpeqz8AAAAASUVORK5CYII="

func TestAnthropicRefuses(t *testing.T) {
	const (
		bad    = "invalid_request_error"
		tools  = `"tools":[{"name":"f","input_schema":{"type":"object"}}]`
		use    = `{"type":"tool_use","id":"a","name":"f","input":{}}`
		result = `{"type":"tool_result","tool_use_id":"a","content":"1"}`
		says   = `{"type":"text","text":"so"}`
		ask    = `{"role":"user","content":"x"}`
	)
	turns := func(more string) string { return `"messages":[` + ask + `,` + more + `]` }
	assistant := func(blocks string) string { return `{"role":"assistant","content":[` + blocks + `]}` }
	user := func(blocks string) string { return `{"role":"user","content":[` + blocks + `]}` }
	testRefusals(t, "anthropic", "claude-sonnet-4-5", `{"model":"claude-sonnet-4-5","max_tokens":2000,"messages":[{"role":"user","content":"hi"}]}`, []refused{
		{name: "no key", change: setHeader("X-Api-Key", ""), status: 401, kind: "authentication_error", say: "x-api-key header is required"},
		{name: "wrong key", change: setHeader("X-Api-Key", "sk-ant-other"), status: 401, kind: "authentication_error", say: "invalid x-api-key"},
		{name: "key as bearer", change: func(r *http.Request) {
			r.Header.Del("X-Api-Key")
			r.Header.Set("Authorization", "Bearer "+AnthropicKey)
		}, status: 401, kind: "authentication_error", say: "Invalid bearer token"},
		{name: "no version", change: setHeader("Anthropic-Version", ""), kind: bad, say: "anthropic-version: header is required"},
		{name: "unknown version", change: setHeader("Anthropic-Version", "2030-01-01"), kind: bad, say: "not a valid version"},
		{name: "not JSON", set: `raw:{"model":`, kind: bad, say: "not valid JSON"},
		{name: "gateway's own field", set: `"gateId":"x"`, kind: bad, say: "gateId: Extra inputs are not permitted"},
		{name: "OpenAI's field", set: `"stop":["x"]`, kind: bad, say: "stop: Extra inputs are not permitted"},
		{name: "unknown model", model: "claude-sonet-4-5", status: 404, kind: "not_found_error", say: "model: claude-sonet-4-5"},
		{name: "no max_tokens", set: `"max_tokens":null`, kind: bad, say: "max_tokens: Field required"},
		{name: "max_tokens too many", set: `"max_tokens":64001`, kind: bad, say: "max_tokens: 64001 > 64000, which is the maximum allowed number of output tokens for claude-sonnet-4-5-20250929"},
		{name: "no messages", set: `"messages":null`, kind: bad, say: "messages: Field required"},
		{name: "messages empty", set: `"messages":[]`, kind: bad, say: "messages: at least one message is required"},
		{name: "temperature a string", set: `"temperature":"hot"`, kind: bad, say: "temperature: Input should be a valid number"},
		{name: "temperature 1.5", set: `"temperature":1.5`, kind: bad, say: "temperature: range: 0..1"},
		{name: "temperature and top_p", set: `"temperature":1,"top_p":0.9`, kind: bad, say: "`temperature` and `top_p` cannot both be specified"},
		{name: "temperature to a model without", model: "claude-opus-5", set: `"temperature":0.7`, kind: bad, say: "`temperature` is not supported"},
		{name: "top_p to a model without", model: "claude-sonnet-5", set: `"top_p":0.5`, kind: bad, say: "`top_p` is not supported"},
		{name: "top_k to a model without", model: "claude-opus-4-8", set: `"top_k":5`, kind: bad, say: "`top_k` is not supported"},
		{name: "blank stop", set: `"stop_sequences":["\n"]`, kind: bad, say: "stop_sequences: each stop sequence must contain non-whitespace"},
		{name: "system role", set: `"messages":[{"role":"system","content":"x"}]`, kind: bad, say: `messages: Unexpected role "system".`},
		{name: "tool role", set: `"messages":[{"role":"tool","content":"x"}]`, kind: bad, say: `messages: Unexpected role "tool".`},
		{name: "reasoning_details", set: `"messages":[{"role":"user","content":"x","reasoning_details":[]}]`, kind: bad, say: "messages.0.reasoning_details: Extra inputs are not permitted"},
		{name: "OpenAI's image", set: `"messages":[` + user(`{"type":"image_url","image_url":{"url":"https://x"}}`) + `]`, kind: bad,
			say: "messages.0.content.0: Input tag 'image_url' found using 'type' does not match any of the expected tags: "},
		{name: "empty content", set: turns(assistant(says) + `,{"role":"user","content":""}`), kind: bad, say: "messages.2: all messages must have non-empty content"},
		{name: "empty text", set: `"messages":[` + user(`{"type":"text","text":""}`) + `]`, kind: bad, say: "text content blocks must be non-empty"},
		{name: "blank text", set: `"messages":[` + user(`{"type":"text","text":" \n"}`) + `]`, kind: bad, say: "text content blocks must contain non-whitespace text"},
		{name: "empty system", set: `"system":[{"type":"text","text":""}]`, kind: bad, say: "system.0: text content blocks must be non-empty"},
		{name: "final assistant turn ends in a space", set: turns(`{"role":"assistant","content":"so "}`), kind: bad, say: "final assistant content cannot end with trailing whitespace"},
		{name: "prefill of a model without", model: "claude-opus-4-6", set: turns(assistant(says)), kind: bad, say: "does not support assistant message prefill"},
		{name: "use without result", set: tools + `,` + turns(assistant(use)+`,`+user(says)), kind: bad,
			say: "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: a. Each"},
		{name: "use without result at the end", set: tools + `,` + turns(assistant(use)), kind: bad, say: "messages.1: `tool_use` ids were found without"},
		{name: "result behind text", set: tools + `,` + turns(assistant(use)+`,`+user(says+`,`+result)), kind: bad, say: "`tool_use` ids were found without"},
		{name: "one of two results", set: tools + `,` + turns(assistant(use+`,{"type":"tool_use","id":"b","name":"f","input":{}}`)+`,`+user(result)), kind: bad, say: "immediately after: b."},
		{name: "result without use", set: tools + `,` + turns(assistant(says)+`,`+user(result)), kind: bad, say: "messages.2.content.0: unexpected `tool_use_id` found in `tool_result` blocks: a."},
		{name: "result twice", set: tools + `,` + turns(assistant(use)+`,`+user(result+`,`+result)), kind: bad, say: "messages.2.content.1: unexpected `tool_use_id`"},
		{name: "use id", set: turns(assistant(`{"type":"tool_use","id":"a.b","name":"f","input":{}}`)), kind: bad, say: "messages.1.content.0.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'"},
		{name: "use ids alike", set: turns(assistant(use + `,` + use)), kind: bad, say: "`tool_use` ids must be unique"},
		{name: "input a string", set: turns(assistant(`{"type":"tool_use","id":"a","name":"f","input":"{}"}`)), kind: bad, say: "messages.1.content.0.tool_use.input: Input should be a valid dictionary"},
		{name: "tool name", set: `"tools":[{"name":"a b","input_schema":{"type":"object"}}]`, kind: bad, say: "tools.0.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'"},
		{name: "tool names alike", set: `"tools":[{"name":"f","input_schema":{"type":"object"}},{"name":"f","input_schema":{"type":"object"}}]`, kind: bad, say: "tools: Tool names must be unique."},
		{name: "OpenAI's tool", set: `"tools":[{"name":"f","parameters":{}}]`, kind: bad, say: "tools.0.custom.parameters: Extra inputs are not permitted"},
		{name: "tool without schema", set: `"tools":[{"name":"f"}]`, kind: bad, say: "tools.0.custom.input_schema: Field required"},
		{name: "schema without type", set: `"tools":[{"name":"f","input_schema":{}}]`, kind: bad, say: "tools.0.custom.input_schema.type: Field required"},
		{name: "choice without tools", set: `"tool_choice":{"type":"auto"}`, kind: bad, say: "may only be specified while providing tools"},
		{name: "choice a string", set: tools + `,"tool_choice":"auto"`, kind: bad, say: "tool_choice: Input should be a valid dictionary"},
		{name: "choice of no tool", set: tools + `,"tool_choice":{"type":"tool","name":"g"}`, kind: bad, say: "Tool 'g' not found in provided tools"},
		{name: "none with parallel", set: tools + `,"tool_choice":{"type":"none","disable_parallel_tool_use":true}`, kind: bad, say: "tool_choice.none.disable_parallel_tool_use: Extra inputs are not permitted"},
		{name: "forced where it cannot be", model: "claude-fable-5", set: tools + `,"tool_choice":{"type":"any"}`, kind: bad, say: "not supported by this model"},
		{name: "budget too small", set: `"thinking":{"type":"enabled","budget_tokens":1000}`, kind: bad, say: "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024"},
		{name: "budget not below max_tokens", set: `"thinking":{"type":"enabled","budget_tokens":2000}`, kind: bad, say: "`max_tokens` must be greater than `thinking.budget_tokens`"},
		{name: "thinking with temperature", set: `"thinking":{"type":"enabled","budget_tokens":1024},"temperature":0.5`, kind: bad, say: "`temperature` may only be set to 1 when thinking is enabled"},
		{name: "thinking with top_k", set: `"thinking":{"type":"enabled","budget_tokens":1024},"top_k":5`, kind: bad, say: "`top_k` must be unset"},
		{name: "thinking with forced tools", set: tools + `,"thinking":{"type":"enabled","budget_tokens":1024},"tool_choice":{"type":"any"}`, kind: bad, say: "Thinking may not be enabled when tool_choice forces tool use."},
		{name: "thinking of a model without", model: "claude-3-haiku-20240307", set: `"thinking":{"type":"enabled","budget_tokens":1024}`, kind: bad, say: "does not support thinking"},
		{name: "adaptive of a model without", set: `"thinking":{"type":"adaptive"}`, kind: bad, say: "adaptive thinking is not supported"},
		{name: "enabled of an adaptive model", model: "claude-opus-5", set: `"thinking":{"type":"enabled","budget_tokens":1024}`, kind: bad, say: `Use "thinking.type.adaptive"`},
		{name: "effort of a model without", set: `"output_config":{"effort":"low"}`, kind: bad, say: "does not support the effort parameter"},
		{name: "effort that the model has not", model: "claude-opus-4-6", set: `"output_config":{"effort":"xhigh"}`, kind: bad, say: "does not support effort level 'xhigh'. Supported levels: high, low, max, medium."},
		{name: "schema open", set: `"output_config":{"format":{"type":"json_schema","schema":{"type":"object","properties":{"a":{"type":"object"}},"additionalProperties":false}}}`, kind: bad, say: "'additionalProperties' must be explicitly set to false"},
		{name: "schema with a minimum", set: `"output_config":{"format":{"type":"json_schema","schema":{"type":"object","properties":{"a":{"type":"integer","minimum":1}},"additionalProperties":false}}}`, kind: bad, say: "property 'minimum' is not supported"},
		{name: "schema to a model without", model: "claude-3-haiku-20240307", set: `"output_config":{"format":{"type":"json_schema","schema":{"type":"object","additionalProperties":false}}}`, kind: bad, say: "does not support output format"},
		{name: "image type", set: `"messages":[` + user(`{"type":"image","source":{"type":"base64","media_type":"image/bmp","data":"AAAA"}}`) + `]`, kind: bad,
			say: "messages.0.content.0.image.source.base64.media_type: Input should be 'image/jpeg', 'image/png', 'image/gif' or 'image/webp'"},
		{name: "image of another type", set: `"messages":[` + user(`{"type":"image","source":{"type":"base64","media_type":"image/jpeg","data":"`+png+`"}}`) + `]`, kind: bad,
			say: "messages.0.content.0.image.source.base64.data: The image was specified using the image/jpeg media type, but the image appears to be a image/png image"},
		{name: "image of garbage", set: `"messages":[` + user(`{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA"}}`) + `]`, kind: bad, say: "Could not process image"},
		{name: "image without https", set: `"messages":[` + user(`{"type":"image","source":{"type":"url","url":"http://x/y.png"}}`) + `]`, kind: bad, say: "Only HTTPS URLs are supported."},
		{name: "five cache marks", set: `"messages":[` + user(repeat(`{"type":"text","text":"x","cache_control":{"type":"ephemeral"}}`, 5)) + `]`, kind: bad, say: "A maximum of 4 blocks with cache_control may be provided. Found 5."},
		{name: "foreign signature", set: turns(assistant(`{"type":"thinking","thinking":"x","signature":"EqkBCkYICxgC"},`+says) + `,` + ask), kind: bad, say: "messages.1.content.0: Invalid `signature` in `thinking` block"},
		{name: "foreign redaction", set: turns(assistant(`{"type":"redacted_thinking","data":"EqkBCkYICxgC"},`+says) + `,` + ask), kind: bad, say: "messages.1.content.0: Invalid `data` in `redacted_thinking` block"},
		{name: "thinking, but the calls have none", set: `"thinking":{"type":"enabled","budget_tokens":1024},` + tools + `,` + turns(assistant(use)+`,`+user(result)), kind: bad,
			say: "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`."},
	})
}

func repeat(s string, n int) string {
	all := s
	for range n - 1 {
		all += "," + s
	}
	return all
}

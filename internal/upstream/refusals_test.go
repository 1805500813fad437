package upstream

import (
	"net/http"
	"strings"
	"testing"
)

// A refused is a request that its provider refuses, and how. The body is the base of its provider with the
// given members set; null takes one away.
type refused struct {
	name   string
	model  string // "" is the provider's base model
	set    string // members, as JSON without the outer braces
	change func(*http.Request)
	status int
	kind   string // type of the error; Google: status
	param  string // OpenAI
	code   string // OpenAI
	say    string // within the message
}

func testRefusals(t *testing.T, provider, model, base string, rows []refused) {
	_, url := start(t)
	if w, got := post(t, url, provider, model, false, base, nil); w.StatusCode != http.StatusOK {
		t.Fatalf("the base is refused: %s", got)
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			body := merge(t, base, row.set)
			name := model
			if row.model != "" {
				name = row.model
				if provider != "google" {
					body = merge(t, body, `"model":"`+row.model+`"`)
				}
			}
			if row.status == 0 {
				row.status = http.StatusBadRequest
			}
			w, got := post(t, url, provider, name, false, body, row.change)
			e := parse(t, got)
			kind := "type"
			if provider == "google" {
				kind = "status"
			}
			if w.StatusCode != row.status || dig(e, "error", kind) != row.kind {
				t.Errorf("got %d %s, want %d %s", w.StatusCode, got, row.status, row.kind)
			}
			if say, _ := dig(e, "error", "message").(string); !strings.Contains(say, row.say) || say == "" {
				t.Errorf("message %q, want %q in it", say, row.say)
			}
			switch provider {
			case "openai":
				if dig(e, "error", "param") != orNull(row.param) || dig(e, "error", "code") != orNull(row.code) {
					t.Errorf("param and code of %s, want %q %q", got, row.param, row.code)
				}
			case "anthropic":
				if e["type"] != "error" || !strings.HasPrefix(str(e, "request_id"), "req_") {
					t.Errorf("not Anthropic's frame: %s", got)
				}
			case "google":
				if dig(e, "error", "code") != float64(row.status) {
					t.Errorf("code of %s", got)
				}
			}
		})
	}
}

// merge sets members of a JSON object; a member null is taken away. What is no JSON is returned as it is.
func merge(t *testing.T, base, set string) string {
	t.Helper()
	if strings.HasPrefix(set, "raw:") {
		return strings.TrimPrefix(set, "raw:")
	}
	all := parse(t, base)
	for k, v := range parse(t, "{"+set+"}") {
		if all[k] = v; v == nil {
			delete(all, k)
		}
	}
	return marshal(t, all)
}

func setHeader(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func TestOpenAIRefuses(t *testing.T) {
	const (
		bad  = "invalid_request_error"
		tool = `{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{}}}}`
		call = `{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}`
	)
	testRefusals(t, "openai", "gpt-4o", `{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]}`, []refused{
		{name: "no key", change: setHeader("Authorization", ""), status: 401, kind: bad, say: "You didn't provide an API key"},
		{name: "wrong key", change: setHeader("Authorization", "Bearer sk-other-0000000000"), status: 401, kind: bad, code: "invalid_api_key", say: "Incorrect API key provided: sk-other"},
		{name: "key in another provider's header", change: func(r *http.Request) {
			r.Header.Del("Authorization")
			r.Header.Set("X-Api-Key", OpenAIKey)
		}, status: 401, kind: bad, say: "Authorization header"},
		{name: "not JSON", set: `raw:{"model":`, kind: bad, say: "could not parse the JSON"},
		{name: "duplicate name", set: `raw:{"model":"gpt-4o","model":"gpt-4o","messages":[{"role":"user","content":"hi"}]}`, kind: bad, say: "could not parse"},
		{name: "gateway's own field", set: `"gateId":"x"`, kind: bad, say: "Unrecognized request argument supplied: gateId"},
		{name: "no model", set: `"model":null`, kind: bad, say: "you must provide a model parameter"},
		{name: "unknown model", model: "gpt-9", status: 404, kind: bad, code: "model_not_found", say: "The model `gpt-9` does not exist"},
		{name: "no messages", set: `"messages":null`, kind: bad, param: "messages", code: "missing_required_parameter", say: "Missing required parameter: 'messages'."},
		{name: "messages empty", set: `"messages":[]`, kind: bad, param: "messages", code: "empty_array", say: "empty array"},
		{name: "messages a string", set: `"messages":"x"`, kind: bad, param: "messages", code: "invalid_type", say: "expected an array, but got a string instead"},
		{name: "temperature a string", set: `"temperature":"hot"`, kind: bad, param: "temperature", code: "invalid_type", say: "expected a decimal, but got a string"},
		{name: "temperature 3", set: `"temperature":3`, kind: bad, param: "temperature", code: "decimal_above_max_value", say: "<= 2, but got 3"},
		{name: "temperature negative", set: `"temperature":-1`, kind: bad, param: "temperature", code: "decimal_below_min_value", say: ">= 0"},
		{name: "max_tokens 0", set: `"max_tokens":0`, kind: bad, param: "max_tokens", code: "integer_below_min_value", say: ">= 1"},
		{name: "stream a string", set: `"stream":"yes"`, kind: bad, param: "stream", code: "invalid_type", say: "a boolean"},
		{name: "five stops", set: `"stop":["a","b","c","d","e"]`, kind: bad, param: "stop", code: "array_above_max_length", say: "maximum length 4"},
		{name: "role unknown", set: `"messages":[{"role":"bot","content":"x"}]`, kind: bad, param: "messages[0].role", code: "invalid_value", say: "Supported values are: 'assistant', 'developer'"},
		{name: "reasoning text of another provider", set: `"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b","reasoning_content":"c"},{"role":"user","content":"d"}]`,
			kind: bad, param: "messages[1].reasoning_content", code: "unknown_parameter", say: "Unknown parameter: 'messages[1].reasoning_content'."},
		{name: "signature of another provider", set: `"messages":[{"role":"user","content":"a"},{"role":"assistant","tool_calls":[{"id":"a","type":"function","extra_content":{},"function":{"name":"f","arguments":"{}"}}]}]`,
			kind: bad, param: "messages[1].tool_calls[0].extra_content", code: "unknown_parameter", say: "Unknown parameter"},
		{name: "cache mark of another provider", set: `"messages":[{"role":"user","content":[{"type":"text","text":"a","cache_control":{"type":"ephemeral"}}]}]`,
			kind: bad, param: "messages[0].content[0].cache_control", code: "unknown_parameter", say: "Unknown parameter"},
		{name: "part unknown", set: `"messages":[{"role":"user","content":[{"type":"video"}]}]`, kind: bad, param: "messages[0].content[0].type", code: "invalid_value", say: "'video'"},
		{name: "assistant says nothing", set: `"messages":[{"role":"assistant","content":null}]`, kind: bad, param: "messages.[0].content", say: "expected a string, got null"},
		{name: "call without result", set: `"messages":[{"role":"user","content":"x"},{"role":"assistant","tool_calls":[` + call + `]},{"role":"user","content":"y"}]`,
			kind: bad, param: "messages.[1].role", say: "did not have response messages: a"},
		{name: "call without result at the end", set: `"messages":[{"role":"user","content":"x"},{"role":"assistant","tool_calls":[` + call + `]}]`,
			kind: bad, param: "messages.[1].role", say: "did not have response messages: a"},
		{name: "result without call", set: `"messages":[{"role":"user","content":"x"},{"role":"tool","tool_call_id":"a","content":"1"}]`,
			kind: bad, param: "messages.[1].role", say: "must be a response to a preceeding message with 'tool_calls'"},
		{name: "result twice", set: `"messages":[{"role":"user","content":"x"},{"role":"assistant","tool_calls":[` + call + `]},{"role":"tool","tool_call_id":"a","content":"1"},{"role":"tool","tool_call_id":"a","content":"1"}]`,
			kind: bad, param: "messages.[3].role", say: "preceeding message"},
		{name: "call id too long", set: `"messages":[{"role":"user","content":"x"},{"role":"assistant","tool_calls":[{"id":"` + strings.Repeat("x", 41) + `","type":"function","function":{"name":"f","arguments":"{}"}}]}]`,
			kind: bad, param: "messages[1].tool_calls[0].id", code: "string_above_max_length", say: "length 41"},
		{name: "arguments an object", set: `"messages":[{"role":"assistant","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":{}}}]}]`,
			kind: bad, param: "messages[0].tool_calls[0].function.arguments", code: "invalid_type", say: "a string"},
		{name: "tools empty", set: `"tools":[]`, kind: bad, param: "tools", code: "empty_array", say: "empty array"},
		{name: "tool name", set: `"tools":[{"type":"function","function":{"name":"a b"}}]`, kind: bad, param: "tools[0].function.name", code: "invalid_value", say: "does not match pattern"},
		{name: "tool name too long", set: `"tools":[{"type":"function","function":{"name":"` + strings.Repeat("x", 65) + `"}}]`, kind: bad, param: "tools[0].function.name", code: "string_above_max_length", say: "maximum length 64"},
		{name: "tool parameters no object", set: `"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"string"}}}]`,
			kind: bad, param: "tools[0].function.parameters", code: "invalid_function_parameters", say: `got 'type: "string"'`},
		{name: "strict tool open", set: `"tools":[{"type":"function","function":{"name":"f","strict":true,"parameters":{"type":"object","properties":{}}}}]`,
			kind: bad, param: "tools[0].function.parameters", code: "invalid_function_parameters", say: "'additionalProperties' is required to be supplied and to be false"},
		{name: "choice without tools", set: `"tool_choice":"auto"`, kind: bad, param: "tool_choice", say: "only allowed when 'tools' are specified"},
		{name: "choice of no tool", set: `"tools":[` + tool + `],"tool_choice":{"type":"function","function":{"name":"g"}}`, kind: bad, param: "tool_choice", say: "'g' not found"},
		{name: "parallel without tools", set: `"parallel_tool_calls":false`, kind: bad, param: "parallel_tool_calls", say: "only allowed when 'tools'"},
		{name: "stream_options without stream", set: `"stream_options":{"include_usage":true}`, kind: bad, param: "stream_options", say: "only allowed when 'stream' is enabled"},
		{name: "JSON unasked", set: `"response_format":{"type":"json_object"}`, kind: bad, param: "messages", say: "must contain the word 'json'"},
		{name: "strict schema open", set: `"response_format":{"type":"json_schema","json_schema":{"name":"r","strict":true,"schema":{"type":"object","properties":{}}}}`,
			kind: bad, param: "response_format", say: "In context=(), 'additionalProperties'"},
		{name: "strict schema optional", set: `"response_format":{"type":"json_schema","json_schema":{"name":"r","strict":true,"schema":{"type":"object","additionalProperties":false,"required":["a"],"properties":{"a":{"type":"object","additionalProperties":false,"properties":{"b":{"type":"string"}}}}}}}`,
			kind: bad, param: "response_format", say: "In context=('properties', 'a'), 'required' is required to be supplied and to be an array including every key in properties. Missing 'b'"},
		{name: "image not base64", set: `"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,***"}}]}]`,
			kind: bad, param: "messages[0].content[0].image_url.url", code: "invalid_base64", say: "Invalid base64"},
		{name: "image a string", set: `"messages":[{"role":"user","content":[{"type":"image_url","image_url":"https://x"}]}]`,
			kind: bad, param: "messages[0].content[0].image_url", code: "invalid_type", say: "expected an object, but got a string"},
		{name: "image a bitmap", set: `"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/bmp;base64,AAAA"}}]}]`,
			kind: bad, code: "invalid_image_format", say: "unsupported image"},
		{name: "image in a result", set: `"messages":[{"role":"user","content":"x"},{"role":"assistant","tool_calls":[` + call + `]},{"role":"tool","tool_call_id":"a","content":[{"type":"image_url","image_url":{"url":"https://x"}}]}]`,
			kind: bad, param: "messages[2].content[0].type", code: "invalid_value", say: "Supported values are: 'text'"},
		{name: "audio to a deaf model", set: `"messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"AAAA","format":"wav"}}]}]`,
			kind: bad, param: "messages[0]", code: "invalid_value", say: "expected to be either text or image_url type"},
		{name: "image to a blind model", model: "o3-mini", set: `"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://x/y.png"}}]}]`,
			kind: bad, param: "messages.[0].content.[0].type", say: "only supported by certain models"},
		{name: "max_tokens to a reasoning model", model: "gpt-5", set: `"max_tokens":5`, kind: bad, param: "max_tokens", code: "unsupported_parameter", say: "Use 'max_completion_tokens' instead."},
		{name: "max_tokens to a reasoning model, dated", model: "o4-mini-2025-04-16", set: `"max_tokens":5`, kind: bad, param: "max_tokens", code: "unsupported_parameter", say: "not supported with this model"},
		{name: "temperature to a reasoning model", model: "gpt-5-mini", set: `"temperature":0.7`, kind: bad, param: "temperature", code: "unsupported_value", say: "does not support 0.7"},
		{name: "logprobs of a reasoning model", model: "o3", set: `"logprobs":true`, kind: bad, param: "logprobs", code: "unsupported_parameter", say: "not supported"},
		{name: "effort that the model has not", model: "gpt-5", set: `"reasoning_effort":"none"`, kind: bad, param: "reasoning_effort", code: "unsupported_value", say: "Supported values are: 'minimal', 'low', 'medium', and 'high'."},
		{name: "effort of no reasoning model", set: `"reasoning_effort":"low"`, kind: bad, say: "Unrecognized request argument supplied: reasoning_effort"},
		{name: "129 tools", set: `"tools":[` + strings.TrimSuffix(strings.Repeat(tool+",", 129), ",") + `]`, kind: bad, param: "tools", code: "array_above_max_length", say: "maximum length 128"},
		{name: "directive unknown", set: `"messages":[{"role":"user","content":"[[statsu=429]]"}]`, kind: bad, say: `unknown directive "statsu=429"`},
	})
}

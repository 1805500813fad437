package upstream

import (
	"net/http"
	"testing"
)

func TestGoogleRefuses(t *testing.T) {
	const (
		bad    = "INVALID_ARGUMENT"
		three  = "gemini-3-flash-preview"
		tools  = `"tools":[{"functionDeclarations":[{"name":"f"},{"name":"g"}]}]`
		call   = `{"role":"model","parts":[{"functionCall":{"name":"f","args":{}}}]}`
		result = `{"role":"user","parts":[{"functionResponse":{"name":"f","response":{"result":"1"}}}]}`
		ask    = `{"role":"user","parts":[{"text":"x"}]}`
		skip   = `"thoughtSignature":"skip_thought_signature_validator"`
	)
	contents := func(more string) string { return `"contents":[` + ask + `,` + more + `]` }
	schema := func(s string) string {
		return `"tools":[{"functionDeclarations":[{"name":"f","parameters":` + s + `}]}]`
	}
	config := func(s string) string { return `"generationConfig":{` + s + `}` }
	testRefusals(t, "google", "gemini-2.5-flash", `{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}`, []refused{
		{name: "no key", change: setHeader("X-Goog-Api-Key", ""), status: 403, kind: "PERMISSION_DENIED", say: "unregistered callers"},
		{name: "wrong key", change: setHeader("X-Goog-Api-Key", "AIzaOther"), kind: bad, say: "API key not valid. Please pass a valid API key."},
		{name: "key as bearer", change: func(r *http.Request) {
			r.Header.Del("X-Goog-Api-Key")
			r.Header.Set("Authorization", "Bearer "+GoogleKey)
		}, status: 401, kind: "UNAUTHENTICATED", say: "Expected OAuth 2 access token"},
		{name: "unknown model", model: "gemini-9", status: 404, kind: "NOT_FOUND", say: "models/gemini-9 is not found for API version v1beta"},
		{name: "not JSON", set: `raw:{"contents":`, kind: bad, say: "Invalid JSON payload received."},
		{name: "gateway's own field", set: `"gateId":"x"`, kind: bad, say: `Invalid JSON payload received. Unknown name "gateId": Cannot find field.`},
		{name: "OpenAI's field", set: config(`"maxTokens":5`), kind: bad, say: `Unknown name "maxTokens" at 'generation_config': Cannot find field.`},
		{name: "no contents", set: `"contents":null`, kind: bad, say: "* GenerateContentRequest.contents: contents is not specified"},
		{name: "contents a string", set: `"contents":"x"`, kind: bad, say: `Invalid value at 'contents'`},
		{name: "system role", set: `"contents":[{"role":"system","parts":[{"text":"x"}]},` + ask + `]`, kind: bad, say: "Please use a valid role: user, model."},
		{name: "no parts", set: `"contents":[{"role":"user","parts":[]}]`, kind: bad, say: "* GenerateContentRequest.contents[0].parts: contents.parts must not be empty."},
		{name: "empty text", set: `"contents":[{"role":"user","parts":[{"text":""}]}]`, kind: bad, say: "contents[0].parts[0].data: required oneof field 'data' must have one initialized field"},
		{name: "two things in a part", set: `"contents":[{"role":"user","parts":[{"text":"x","inlineData":{"mimeType":"image/png","data":"AAAA"}}]}]`, kind: bad, say: "oneof field 'data' is already set. Cannot set 'text'"},
		{name: "empty system instruction", set: `"systemInstruction":{"parts":[]}`, kind: bad, say: "system_instruction.parts: contents.parts must not be empty."},
		{name: "temperature a string", set: config(`"temperature":"hot"`), kind: bad, say: `Invalid value at 'generation_config.temperature' (TYPE_FLOAT), "hot"`},
		{name: "temperature 3", set: config(`"temperature":3`), kind: bad, say: "temperature must be in the range [0.0, 2.0]"},
		{name: "topP 2", set: config(`"topP":2`), kind: bad, say: "top_p must be in the range"},
		{name: "no output", set: config(`"maxOutputTokens":0`), kind: bad, say: "max_output_tokens must be positive"},
		{name: "six stops", set: config(`"stopSequences":["a","b","c","d","e","f"]`), kind: bad, say: "at most 5 stop sequences"},
		{name: "penalty", set: config(`"presencePenalty":0.5`), kind: bad, say: "Penalty is not enabled for models/gemini-2.5-flash"},
		{name: "logprobs alone", set: config(`"logprobs":3`), kind: bad, say: "logprobs should be set only when response_logprobs is set"},
		{name: "schema without JSON", set: config(`"responseSchema":{"type":"OBJECT"}`), kind: bad, say: "only allowed when response_mime_type is `application/json`"},
		{name: "two schemas", set: config(`"responseMimeType":"application/json","responseSchema":{"type":"OBJECT"},"responseJsonSchema":{}`), kind: bad, say: "cannot both be set"},
		{name: "responseSchema with additionalProperties", set: config(`"responseMimeType":"application/json","responseSchema":{"type":"OBJECT","additionalProperties":false}`), kind: bad,
			say: `Unknown name "additionalProperties" at 'generation_config.response_schema': Cannot find field.`},
		{name: "mime type", set: config(`"responseMimeType":"text/html"`), kind: bad, say: "allowed mimetypes are"},
		{name: "JSON with tools", set: tools + `,` + config(`"responseMimeType":"application/json"`), kind: bad, say: "Function calling with a response mime type: 'application/json' is unsupported"},
		{name: "budget and level", model: three, set: config(`"thinkingConfig":{"thinkingBudget":5,"thinkingLevel":"LOW"}`), kind: bad, say: "only set only one of thinking budget and thinking level"},
		{name: "level of a model without", set: config(`"thinkingConfig":{"thinkingLevel":"LOW"}`), kind: bad, say: "Thinking level is not supported for this model."},
		{name: "level that the model has not", model: "gemini-3-pro-preview", set: config(`"thinkingConfig":{"thinkingLevel":"MEDIUM"}`), kind: bad, say: "Thinking level MEDIUM is not supported for this model"},
		{name: "thinking off where it cannot be", model: "gemini-2.5-pro", set: config(`"thinkingConfig":{"thinkingBudget":0}`), kind: bad, say: "Budget 0 is invalid. This model only works in thinking mode."},
		{name: "budget too large", set: config(`"thinkingConfig":{"thinkingBudget":24577}`), kind: bad, say: "The thinking budget 24577 is invalid. Please choose a value between 0 and 24576."},
		{name: "thinking of a model without", model: "gemini-2.0-flash", set: config(`"thinkingConfig":{"includeThoughts":true}`), kind: bad, say: "Thinking is not enabled"},
		{name: "schema keyword", set: schema(`{"type":"object","$schema":"x"}`), kind: bad, say: `Unknown name "$schema" at 'tools[0].function_declarations[0].parameters': Cannot find field.`},
		{name: "schema const", set: schema(`{"type":"object","properties":{"a":{"const":1}}}`), kind: bad, say: `Unknown name "const" at 'tools[0].function_declarations[0].parameters.properties.a'`},
		{name: "schema oneOf", set: schema(`{"type":"object","properties":{"a":{"oneOf":[]}}}`), kind: bad, say: `Unknown name "oneOf"`},
		{name: "schema exclusiveMinimum", set: schema(`{"type":"object","properties":{"a":{"type":"integer","exclusiveMinimum":0}}}`), kind: bad, say: `Unknown name "exclusiveMinimum"`},
		{name: "schema types", set: schema(`{"type":"object","properties":{"a":{"type":["string","null"]}}}`), kind: bad, say: `Unknown name "type" at 'tools[0].function_declarations[0].parameters.properties.a': Proto field is not repeating, cannot start list.`},
		{name: "schema array without items", set: schema(`{"type":"object","properties":{"a":{"type":"array"}}}`), kind: bad, say: "parameters.properties[a].items: missing field."},
		{name: "schema enum of numbers", set: schema(`{"type":"object","properties":{"a":{"type":"integer","enum":["1"]}}}`), kind: bad, say: "enum: only allowed for STRING type"},
		{name: "schema format", set: schema(`{"type":"object","properties":{"a":{"type":"string","format":"uri"}}}`), kind: bad, say: "only 'enum' and 'date-time' are supported for STRING type"},
		{name: "schema requires what is not there", set: schema(`{"type":"object","properties":{},"required":["a"]}`), kind: bad, say: "parameters.required[0]: property is not defined"},
		{name: "function name", set: `"tools":[{"functionDeclarations":[{"name":"1f"}]}]`, kind: bad, say: "tools[0].function_declarations[0].name: Invalid function name. Must start with a letter"},
		{name: "function name twice", set: `"tools":[{"functionDeclarations":[{"name":"f"},{"name":"f"}]}]`, kind: bad, say: "Duplicate function declaration found: f"},
		{name: "OpenAI's tool", set: `"tools":[{"type":"function"}]`, kind: bad, say: `Unknown name "type" at 'tools[0]'`},
		{name: "both parameters", set: `"tools":[{"functionDeclarations":[{"name":"f","parameters":{"type":"object"},"parametersJsonSchema":{}}]}]`, kind: bad, say: "cannot both be set"},
		{name: "mode", set: tools + `,"toolConfig":{"functionCallingConfig":{"mode":"REQUIRED"}}`, kind: bad, say: `Invalid value at 'tool_config.function_calling_config.mode'`},
		{name: "mode without tools", set: `"toolConfig":{"functionCallingConfig":{"mode":"ANY"}}`, kind: bad, say: "Function calling config is set without function_declarations."},
		{name: "names without ANY", set: tools + `,"toolConfig":{"functionCallingConfig":{"mode":"AUTO","allowedFunctionNames":["f"]}}`, kind: bad, say: "should be set only when mode is ANY"},
		{name: "names undeclared", set: tools + `,"toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["h"]}}`, kind: bad, say: "h is not among the declared functions"},
		{name: "one of two responses", set: tools + `,` + contents(`{"role":"model","parts":[{"functionCall":{"name":"f"}},{"functionCall":{"name":"g"}}]},`+result), kind: bad,
			say: "Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn."},
		{name: "response of another name", set: tools + `,` + contents(`{"role":"model","parts":[{"functionCall":{"name":"g"}}]},`+result), kind: bad, say: "number of function response parts is equal"},
		{name: "calls at the end", set: tools + `,` + contents(call), kind: bad, say: "number of function response parts is equal"},
		{name: "response without call", set: tools + `,` + contents(result), kind: bad, say: "function response turn comes immediately after a function call turn"},
		{name: "response without name", set: tools + `,` + contents(call+`,{"role":"user","parts":[{"functionResponse":{"response":{}}}]}`), kind: bad, say: "contents[2].parts[0].function_response.name: Name cannot be empty."},
		{name: "response a string", set: tools + `,` + contents(call+`,{"role":"user","parts":[{"functionResponse":{"name":"f","response":"1"}}]}`), kind: bad, say: `Invalid value at 'contents[2].parts[0].function_response.response' (type.googleapis.com/google.protobuf.Struct), "1"`},
		{name: "call behind the model's turn", set: tools + `,` + contents(`{"role":"model","parts":[{"text":"so"}]},`+call+`,`+result), kind: bad, say: "function call turn comes immediately after a user turn or after a function response turn"},
		{name: "call by the user", set: tools + `,` + contents(`{"role":"user","parts":[{"functionCall":{"name":"f"}}]}`), kind: bad, say: "function call turn has the role model"},
		{name: "no signature", model: three, set: tools + `,` + contents(call+`,`+result), kind: bad,
			say: "Function call is missing a thought_signature in functionCall parts. This is required for tools to work correctly, and missing thought_signature may lead to degraded model performance. Additional data, function call `default_api:f` , position 2."},
		{name: "no signature in the second step", model: three, set: tools + `,` + contents(`{"role":"model","parts":[{"functionCall":{"name":"f"},`+skip+`}]},`+result+`,`+call+`,`+result), kind: bad, say: "`default_api:f` , position 4."},
		{name: "signature on the second call", model: three, set: tools + `,` + contents(`{"role":"model","parts":[{"functionCall":{"name":"f"}},{"functionCall":{"name":"f"},`+skip+`}]},{"role":"user","parts":[{"functionResponse":{"name":"f"}},{"functionResponse":{"name":"f"}}]}`), kind: bad, say: "missing a thought_signature"},
		{name: "foreign signature", model: three, set: tools + `,` + contents(`{"role":"model","parts":[{"functionCall":{"name":"f"},"thoughtSignature":"Eqo+Cqc+"}]},`+result), kind: bad, say: "Corrupted thought signature."},
		{name: "signature no base64", model: three, set: tools + `,` + contents(`{"role":"model","parts":[{"functionCall":{"name":"f"},"thoughtSignature":"***"}]},`+result), kind: bad, say: "contents[1].parts[0].thought_signature' (TYPE_BYTES)"},
		{name: "image not base64", set: `"contents":[{"role":"user","parts":[{"inlineData":{"mimeType":"image/png","data":"***"}}]}]`, kind: bad, say: "inline_data.data' (TYPE_BYTES)"},
		{name: "image type", set: `"contents":[{"role":"user","parts":[{"inlineData":{"mimeType":"image/gif","data":"AAAA"}}]}]`, kind: bad, say: "Unsupported MIME type: image/gif"},
		{name: "file of another scheme", set: `"contents":[{"role":"user","parts":[{"fileData":{"fileUri":"gs://x/y.png"}}]}]`, kind: bad, say: "Invalid or unsupported file uri: gs://x/y.png"},
	})
}

// TestGoogleNames sends the same request in both spellings.
func TestGoogleNames(t *testing.T) {
	_, url := start(t)
	body := `{"contents":[{"parts":[{"text":"hi"}]}],"system_instruction":{"parts":[{"text":"x"}]},` +
		`"tools":[{"function_declarations":[{"name":"f","parameters":{"type":"object","properties":{"a_b":{"type":"string"}},"required":["a_b"]}}]}],` +
		`"generation_config":{"max_output_tokens":50}}`
	w, got := post(t, url, "google", "gemini-2.5-flash", false, body, nil)
	args := dig(parse(t, got), "candidates", 0, "content", "parts", 0, "functionCall", "args")
	if w.StatusCode != http.StatusOK || marshal(t, args) != `{"a_b":"Paris"}` {
		t.Errorf("%d %s", w.StatusCode, got)
	}
}

// TestGoogleKeyReason checks what tells a bad key from another invalid argument.
func TestGoogleKeyReason(t *testing.T) {
	_, url := start(t)
	_, got := post(t, url, "google", "gemini-2.5-flash", false, `{}`, setHeader("X-Goog-Api-Key", "no"))
	if dig(parse(t, got), "error", "details", 0, "reason") != "API_KEY_INVALID" {
		t.Errorf("no reason in %s", got)
	}
}

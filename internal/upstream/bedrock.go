package upstream

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/go-json-experiment/json"
)

// bedrock is the Converse and ConverseStream operations of bedrock-runtime, with an API key.
// https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
type bedrock struct{}

const bedrockModel = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"

func (bedrock) name() string { return "bedrock" }

func (bedrock) header(h http.Header, id string) { h.Set("X-Amzn-Requestid", id) }

var bedrockSource = object(map[string]rule{"bytes": text}, "bytes")

// bedrockBlock is one block of content: an object with one member.
func bedrockBlock(kinds map[string]rule) rule {
	shape := object(kinds)
	return func(at *path, v any) *fault {
		if m, ok := v.(map[string]any); ok && len(m) != 1 {
			return &fault{at: at, what: tooLong, got: v, edge: 1}
		}
		return shape(at, v)
	}
}

var (
	bedrockID    = sized(1, 64, regexp.MustCompile(`^[a-zA-Z0-9_-]+$`))
	bedrockText  = sized(1, 0, nil)
	bedrockImage = object(map[string]rule{"format": enum("png", "jpeg", "gif", "webp"), "source": bedrockSource}, "format", "source")
)

var bedrockRequest = object(map[string]rule{
	"messages": list(1, 0, object(map[string]rule{"role": enum("user", "assistant"), "content": list(1, 0, bedrockBlock(map[string]rule{
		"text": bedrockText, "image": bedrockImage, "cachePoint": anyObj,
		"document": object(map[string]rule{"format": text, "name": text, "source": bedrockSource}, "format", "name", "source"),
		"toolUse":  object(map[string]rule{"toolUseId": bedrockID, "name": bedrockID, "input": anyObj}, "toolUseId", "name", "input"),
		"toolResult": object(map[string]rule{"toolUseId": bedrockID, "status": enum("success", "error"), "content": list(0, 0,
			bedrockBlock(map[string]rule{"text": bedrockText, "json": anyObj, "image": bedrockImage}))}, "toolUseId", "content"),
		"reasoningContent": bedrockBlock(map[string]rule{"redactedContent": text,
			"reasoningText": object(map[string]rule{"text": text, "signature": text}, "text")}),
	}))}, "role", "content")),
	"system": list(0, 0, bedrockBlock(map[string]rule{"text": bedrockText, "cachePoint": anyObj})),
	"inferenceConfig": object(map[string]rule{"maxTokens": integer(1, 64000), "temperature": number(0, 1), "topP": number(0, 1),
		"stopSequences": list(0, 4, bedrockText)}),
	"toolConfig": object(map[string]rule{"tools": list(1, 0, bedrockBlock(map[string]rule{"cachePoint": anyObj,
		"toolSpec": object(map[string]rule{"name": bedrockID, "description": bedrockText, "strict": boolean,
			"inputSchema": object(map[string]rule{"json": anyObj}, "json")}, "name", "inputSchema")})),
		"toolChoice": bedrockBlock(map[string]rule{"auto": object(nil), "any": object(nil), "tool": object(map[string]rule{"name": text}, "name")}),
	}, "tools"),
	"outputConfig": object(map[string]rule{"textFormat": object(map[string]rule{"type": enum("json_schema"),
		"structure": object(map[string]rule{"jsonSchema": object(map[string]rule{"name": text, "description": text, "schema": text}, "schema")}, "jsonSchema"),
	}, "type", "structure")}),
	"additionalModelRequestFields": object(map[string]rule{"output_config": anyObj, "tool_choice": anyObj,
		"thinking": object(map[string]rule{"type": enum("enabled", "disabled"), "budget_tokens": integer(1024, noLimit)}, "type")}),
	"serviceTier": anyObj, "requestMetadata": dict(sized(0, 256, nil)),
}, "messages")

func (d bedrock) read(r *http.Request, body []byte) (*ask, *refusal) {
	if r.Header.Get("Authorization") != "Bearer "+OpenAIKey {
		return nil, &refusal{status: http.StatusForbidden, kind: "AccessDeniedException", message: "Authentication failed: Please make sure your API Key is valid."}
	}
	req, err := decode(body)
	if err != nil || !isJSON(r) {
		return nil, bedrockInvalid("The request body is not valid JSON")
	}
	if r.PathValue("model") != bedrockModel || !strings.Contains(r.URL.EscapedPath(), "%3A0/") {
		return nil, bedrockInvalid("The provided model identifier is invalid.")
	}
	if f := bedrockRequest(root(), req); f != nil {
		return nil, bedrockInvalid("Malformed input request: %s.%s: %v", f.at.render("[", "]", false), f.key, f.got)
	}
	thinking := sub(sub(req, "additionalModelRequestFields"), "thinking")
	a := &ask{model: bedrockModel, stream: r.PathValue("operation") == "converse-stream", choice: "auto", think: str(thinking, "type") == "enabled"}
	if no := d.turns(a, req); no != nil {
		return nil, no
	}
	inference := sub(req, "inferenceConfig")
	a.limit = count(inference, "maxTokens")
	if a.think && (count(thinking, "budget_tokens") >= a.limit || has(inference, "temperature")) {
		return nil, bedrockInvalid("`max_tokens` must be greater than `thinking.budget_tokens`, and `temperature` may only be set to 1 when thinking is enabled.")
	}
	for _, s := range items(inference, "stopSequences") {
		a.stops = append(a.stops, s.(string))
	}
	return a, d.tools(a, req)
}

func (bedrock) tools(a *ask, req map[string]any) *refusal {
	config := sub(req, "toolConfig")
	for _, t := range each(items(config, "tools")) {
		if f := sub(t, "toolSpec"); f != nil {
			a.tools = append(a.tools, tool{str(f, "name"), sub(sub(f, "inputSchema"), "json")})
		}
	}
	if len(a.rounds) > 0 && config == nil {
		return bedrockInvalid("The toolConfig field must be defined when using toolUse and toolResult content blocks.")
	}
	choice := sub(config, "toolChoice")
	switch {
	case has(choice, "any"):
		a.choice = "required"
	case has(choice, "tool"):
		a.choice, a.named = "named", str(sub(choice, "tool"), "name")
	}
	a.single = truth(sub(sub(req, "additionalModelRequestFields"), "tool_choice"), "disable_parallel_tool_use")
	structure := sub(sub(sub(sub(req, "outputConfig"), "textFormat"), "structure"), "jsonSchema")
	if structure == nil {
		return nil
	}
	if err := json.Unmarshal([]byte(str(structure, "schema")), &a.schema); err != nil {
		return bedrockInvalid("The JSON schema is invalid: %v", err)
	}
	if bad := strictObjects(a.schema, false); bad != nil {
		return bedrockInvalid("output_config.format.schema: For 'object' type, 'additionalProperties' must be explicitly set to false")
	}
	return nil
}

// turns checks the conversation and reads it: the prompt with its media, and the results since.
func (bedrock) turns(a *ask, req map[string]any) *refusal {
	names, open := map[string]string{}, map[string]bool{}
	before := "assistant"
	for i, msg := range each(items(req, "messages")) {
		role := str(msg, "role")
		if role == before {
			return bedrockInvalid("A conversation must alternate between user and assistant roles.")
		}
		before = role
		blocks := items(msg, "content")
		called, words, round := false, []string{}, []result{}
		var seen []media
		for j, b := range each(blocks) {
			use, res, image := sub(b, "toolUse"), sub(b, "toolResult"), sub(b, "image")
			thought := sub(sub(b, "reasoningContent"), "reasoningText")
			switch {
			case thought != nil:
				if _, ok := openSeal(str(thought, "signature"), "thinking:"+str(thought, "text")); !ok {
					return bedrockInvalid("messages.%d.content.%d: Invalid `signature` in `thinking` block", i, j)
				}
			case use != nil:
				if a.think && !called && !has(blocks[0].(map[string]any), "reasoningContent") {
					return bedrockInvalid("messages.%d.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`.", i)
				}
				called, names[str(use, "toolUseId")], open[str(use, "toolUseId")] = true, str(use, "name"), true
			case res != nil:
				id := str(res, "toolUseId")
				if !open[id] || len(words) > 0 {
					return bedrockInvalid("messages.%d.content.%d: unexpected toolResult", i, j)
				}
				delete(open, id)
				round = append(round, result{names[id], bedrockPlain(items(res, "content"))})
			case image != nil:
				data, err := base64.StdEncoding.DecodeString(str(sub(image, "source"), "bytes"))
				if err != nil {
					return bedrockInvalid("Could not process image")
				}
				seen = append(seen, media{kind: "image", mime: "image/" + str(image, "format"), bytes: len(data)})
			case has(b, "text"):
				words = append(words, str(b, "text"))
			}
		}
		if role == "user" && len(open) > 0 {
			return bedrockInvalid("Expected toolResult blocks at messages.%d.content for the following Ids: %v", i, sortedKeys(open))
		}
		a.read += 1 + tokens(strings.Join(words, " ")) + 85*len(seen)
		switch {
		case called:
			a.rounds = append(a.rounds, nil)
		case len(round) > 0 && len(a.rounds) > 0:
			a.rounds[len(a.rounds)-1] = round
		}
		if role == "user" && len(words) > 0 {
			a.prompt, a.media, a.rounds = strings.Join(words, " "), seen, nil
		}
	}
	return nil
}

func bedrockPlain(blocks []any) string {
	var all []string
	for _, b := range each(blocks) {
		all = append(all, str(b, "text"))
	}
	return strings.Join(all, " ")
}

func bedrockInvalid(format string, args ...any) *refusal {
	return &refusal{status: http.StatusBadRequest, kind: "ValidationException", message: fmt.Sprintf(format, args...)}
}

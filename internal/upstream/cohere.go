package upstream

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"
)

// cohere is POST /v2/chat of api.cohere.com. Its conversations and tools have the form of OpenAI's.
// https://docs.cohere.com/reference/chat
type cohere struct{}

const cohereModel = "command-a-reasoning-08-2025"

func (cohere) name() string { return "cohere" }

func (cohere) header(h http.Header, id string) { h.Set("X-Debug-Trace-Id", id) }

var cohereCalls = list(1, 0, object(map[string]rule{"id": text, "type": enum("function"),
	"function": object(map[string]rule{"name": text, "arguments": text}, "name", "arguments")}, "id", "type", "function"))

var cohereRequest = object(map[string]rule{
	"model": text, "stream": boolean, "strict_tools": boolean, "safety_mode": text,
	"messages": list(1, 0, tagged("role", map[string]rule{
		"system": object(map[string]rule{"role": text, "content": openAIContentTexts}, "content"),
		"user": object(map[string]rule{"role": text, "content": either(alternative{"string", text}, alternative{"array",
			list(1, 0, tagged("type", map[string]rule{
				"text": object(map[string]rule{"type": text, "text": sized(1, 0, nil)}, "text"),
				"image_url": object(map[string]rule{"type": text, "image_url": object(map[string]rule{
					"url": text, "detail": enum("auto", "low", "high")}, "url")}, "image_url"),
			}))})}, "content"),
		"assistant": object(map[string]rule{"role": text, "tool_plan": text, "tool_calls": cohereCalls,
			"content": either(alternative{"string", sized(1, 0, nil)}, alternative{"array", list(1, 0, tagged("type", map[string]rule{
				"text":     object(map[string]rule{"type": text, "text": text}, "text"),
				"thinking": object(map[string]rule{"type": text, "thinking": text}, "thinking"),
			}))})}),
		"tool": object(map[string]rule{"role": text, "tool_call_id": text, "content": openAIContentTexts}, "tool_call_id", "content"),
	})),
	"tools": list(1, 0, object(map[string]rule{"type": enum("function"), "function": object(map[string]rule{
		"name": text, "description": text, "parameters": anyObj}, "name", "parameters")}, "type", "function")),
	"tool_choice":     enum("REQUIRED", "NONE"),
	"response_format": object(map[string]rule{"type": enum("text", "json_object"), "json_schema": anyObj}, "type"),
	"thinking":        object(map[string]rule{"type": enum("enabled", "disabled"), "token_budget": integer(0, noLimit)}, "type"),
	"max_tokens":      integer(1, noLimit), "stop_sequences": list(0, 5, text), "temperature": number(0, 1), "p": number(0.01, 0.99),
	"k": number(0, 500), "seed": integer(0, noLimit), "frequency_penalty": number(0, 1), "presence_penalty": number(0, 1), "logprobs": boolean,
}, "model", "messages")

func (cohere) read(r *http.Request, body []byte) (*ask, *refusal) {
	if r.Header.Get("Authorization") != "Bearer "+OpenAIKey {
		return nil, &refusal{status: http.StatusUnauthorized, message: "invalid api token"}
	}
	req, err := decode(body)
	if err != nil || !isJSON(r) {
		return nil, cohereInvalid("the request body is not valid JSON")
	}
	if f := cohereRequest(root(), req); f != nil {
		return nil, cohereInvalid(fmt.Sprintf("unknown field: parameter '%s' is not a valid field (%v)", f.at.render("[", "]", false)+"."+f.key, f.got))
	}
	if str(req, "model") != cohereModel {
		return nil, &refusal{status: http.StatusNotFound, message: "model '" + str(req, "model") + "' not found"}
	}
	for i, msg := range each(items(req, "messages")) {
		_, said := msg["content"].(string)
		switch calls := has(msg, "tool_calls"); {
		case calls && (said || has(msg, "tool_plan") && has(msg, "content")):
			return nil, cohereInvalid(fmt.Sprintf("messages[%d]: an assistant's tool calls come with a tool_plan and no content", i))
		case !calls && !has(msg, "content"):
			return nil, cohereInvalid(fmt.Sprintf("messages[%d]: content is missing", i))
		}
	}
	if has(req, "response_format") && has(req, "tools") {
		return nil, cohereInvalid("response_format is not supported with tools")
	}
	if no := openAITurns(req, openAIModel{}); no != nil {
		return nil, cohereInvalid(no.message)
	}
	return cohere{}.ask(req), nil
}

func (cohere) ask(req map[string]any) *ask {
	a := &ask{model: cohereModel, stream: truth(req, "stream"), choice: "auto", limit: count(req, "max_tokens"),
		think: str(sub(req, "thinking"), "type") == "enabled"}
	switch str(req, "tool_choice") {
	case "REQUIRED":
		a.choice = "required"
	case "NONE":
		a.choice = "none"
	}
	for _, s := range items(req, "stop_sequences") {
		a.stops = append(a.stops, s.(string))
	}
	for _, t := range each(items(req, "tools")) {
		f := sub(t, "function")
		a.tools = append(a.tools, tool{str(f, "name"), sub(f, "parameters")})
	}
	format := sub(req, "response_format")
	a.schema = sub(format, "json_schema")
	a.json = str(format, "type") == "json_object" && a.schema == nil
	openAIItself.turns(a, req)
	return a
}

func cohereInvalid(message string) *refusal {
	return &refusal{status: http.StatusBadRequest, message: message}
}

func (cohere) ordered(o *orders) *refusal {
	no := &refusal{status: o.status, message: "internal server error, this has been reported to our developers."}
	if o.status < http.StatusInternalServerError {
		no.message = "The request was refused, as it asked."
	}
	return no
}

func (cohere) refuse(w http.ResponseWriter, no *refusal, id string) {
	if no.retryAfter != "" {
		w.Header().Set("Retry-After", no.retryAfter)
	}
	if no.html {
		refuseAsPage(w, no.status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(no.status)
	_, _ = w.Write(document(pair{"id", id}, pair{"message", no.message}))
}

func (x *exchange) cohereFinish() string {
	switch {
	case x.orders.finish != "":
		return x.orders.finish
	case x.answer.calls != nil:
		return "TOOL_CALL"
	case x.answer.cut:
		return "MAX_TOKENS"
	case x.answer.stop != "":
		return "STOP_SEQUENCE"
	}
	return "COMPLETE"
}

func cohereUsage(u Usage) jsontext.Value {
	read := []pair{{"input_tokens", u.Input}, {"output_tokens", u.Output}}
	return document(pair{"billed_units", document(read...)}, pair{"tokens", document(read...)}, pair{"cached_tokens", u.Cached})
}

func (x *exchange) cohereCall(i int, arguments string) jsontext.Value {
	c := x.answer.calls[i]
	return document(pair{"id", fmt.Sprintf("%s_%s_%d", c.name, x.id, i)}, pair{"type", "function"},
		pair{"function", document(pair{"name", c.name}, pair{"arguments", arguments})})
}

func (cohere) whole(x *exchange) jsontext.Value {
	message := []pair{{"role", "assistant"}}
	var content, calls []jsontext.Value
	if x.answer.thinking != "" {
		content = append(content, document(pair{"type", "thinking"}, pair{"thinking", x.answer.thinking}))
	}
	if x.answer.calls == nil {
		content = append(content, document(pair{"type", "text"}, pair{"text", x.answer.text}))
	}
	for i, c := range x.answer.calls {
		calls = append(calls, x.cohereCall(i, string(c.args)))
	}
	if content != nil {
		message = append(message, pair{"content", content})
	}
	if calls != nil {
		message = append(message, pair{"tool_plan", x.answer.preface}, pair{"tool_calls", calls})
	}
	return document(pair{"id", x.id}, pair{"message", document(message...)}, pair{"finish_reason", x.cohereFinish()},
		pair{"usage", cohereUsage(x.answer.usage)})
}

func (cohere) stream(x *exchange) error {
	if err := x.open("text/event-stream"); err != nil {
		return err
	}
	end := []pair{{"finish_reason", x.cohereFinish()}}
	err := x.cohereContent()
	if errors.Is(err, errOrdered) {
		end = []pair{{"error", "internal server error"}, {"finish_reason", "ERROR"}}
	} else if err != nil {
		return err
	}
	end = append(end, pair{"usage", cohereUsage(x.answer.usage)})
	return x.frame(event("message-end", document(pair{"type", "message-end"}, pair{"delta", document(end...)})))
}

// cohereEvent is an event whose delta adds to the message.
func cohereEvent(kind string, index int, member string, value any) []byte {
	return event(kind, document(pair{"type", kind}, pair{"index", index},
		pair{"delta", document(pair{"message", document(pair{member, value})})}))
}

func (x *exchange) cohereContent() error {
	x.hold(event("message-start", document(pair{"id", x.id}, pair{"type", "message-start"}, pair{"delta", document(
		pair{"message", document(pair{"role", "assistant"}, pair{"content", []any{}}, pair{"tool_plan", ""}, pair{"tool_calls", []any{}})})})))
	index := 0
	if err := x.cohereBlock(&index, "thinking", x.answer.thinking); err != nil {
		return err
	}
	for _, word := range pieces(x.answer.preface) {
		if err := x.chunk(cohereEvent("tool-plan-delta", 0, "tool_plan", word)); err != nil {
			return err
		}
	}
	for i, c := range x.answer.calls {
		x.hold(cohereEvent("tool-call-start", i, "tool_calls", x.cohereCall(i, "")))
		for _, part := range fragments(string(c.args)) {
			delta := document(pair{"function", document(pair{"arguments", part})})
			if err := x.chunk(cohereEvent("tool-call-delta", i, "tool_calls", delta)); err != nil {
				return err
			}
		}
		x.hold(event("tool-call-end", document(pair{"type", "tool-call-end"}, pair{"index", i})))
	}
	return x.cohereBlock(&index, "text", x.answer.text)
}

func (x *exchange) cohereBlock(index *int, kind, words string) error {
	if words == "" {
		return nil
	}
	x.hold(cohereEvent("content-start", *index, "content", document(pair{"type", kind}, pair{kind, ""})))
	for _, word := range pieces(words) {
		if err := x.chunk(cohereEvent("content-delta", *index, "content", document(pair{kind, word}))); err != nil {
			return err
		}
	}
	x.hold(event("content-end", document(pair{"type", "content-end"}, pair{"index", *index})))
	*index++
	return nil
}

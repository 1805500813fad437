package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/packages/param"
	"github.com/openai/openai-go/v3/shared"

	"github.com/layergateway/layergateway/internal/upstream"
)

const picture = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAAC0lEQVR4nGNgAAIAAAUAAXpeqz8AAAAASUVORK5CYII="

// bench is one scenario on one gate.
type bench struct {
	*testing.T
	gate string
	tag  string
	key  string
}

// runs tells apart the tags of the same scenario run twice.
var runs atomic.Int64

// TestOpenAIGo runs each scenario on each gate with the official Go client.
func TestOpenAIGo(t *testing.T) {
	both := map[string]func(b bench, stream bool){
		"text": text, "tools": tools, "vision": vision, "structured": structured, "reasoning": reasoning,
		"unauthorized": unauthorized, "no gate": noGate,
	}
	streams := map[string]func(b bench, stream bool){
		"usage asked": usageAsked, "usage not asked": usageNotAsked, "abort": abort, "broken": broken,
	}
	for _, g := range gates {
		for name, scenario := range both {
			if name == "reasoning" && g.name == "openai" {
				continue // gpt-4o does not reason
			}
			for _, stream := range []bool{false, true} {
				start(t, g.name, name, stream, scenario)
			}
		}
		for name, scenario := range streams {
			start(t, g.name, name, true, scenario)
		}
	}
}

// TestOpenAIGoRateLimit is apart, since a provider that limits one request is left alone for as long as it
// said, by all that would ask it for the same model.
func TestOpenAIGoRateLimit(t *testing.T) {
	for _, g := range gates {
		for _, stream := range []bool{false, true} {
			rateLimit(bench{t, g.name, fmt.Sprintf("%s-rate-limit-%v-%d", g.name, stream, runs.Add(1)), clientKey}, stream)
			time.Sleep(10 * time.Millisecond)
		}
	}
}

func start(t *testing.T, gate, name string, stream bool, scenario func(b bench, stream bool)) {
	how := "text"
	if stream {
		how = "stream"
	}
	t.Run(gate+"/"+name+"/"+how, func(t *testing.T) {
		t.Parallel()
		tag := fmt.Sprintf("%s-%s-%s-%d", gate, strings.ReplaceAll(name, " ", "-"), how, runs.Add(1))
		scenario(bench{t, gate, tag, clientKey}, stream)
	})
}

// request asks the gate with a prompt, to which the tag is added.
func (b bench) request(prompt string) openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{
		Model: b.gate, Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(prompt + " [[tag=" + b.tag + "]]")},
	}
}

// send returns the answer, at once or put together from a stream by the client's own accumulator, and the
// fields of the message that the client has no type for.
func (b bench) send(ctx context.Context, req openai.ChatCompletionNewParams, stream bool) (openai.ChatCompletion, map[string]string, error) {
	client := openai.NewClient(option.WithBaseURL(baseURL), option.WithAPIKey(b.key), option.WithMaxRetries(0))
	extra := map[string]string{}
	if !stream {
		answer, err := client.Chat.Completions.New(ctx, req)
		if err != nil {
			return openai.ChatCompletion{}, nil, err
		}
		for k, v := range answer.Choices[0].Message.JSON.ExtraFields {
			extra[k] = unquote(v.Raw())
		}
		return *answer, extra, nil
	}
	req.StreamOptions.IncludeUsage = openai.Bool(true)
	events := client.Chat.Completions.NewStreaming(ctx, req)
	var acc openai.ChatCompletionAccumulator
	for events.Next() {
		chunk := events.Current()
		if !acc.AddChunk(chunk) {
			b.Errorf("the accumulator refuses %s", chunk.RawJSON())
		}
		if len(chunk.Choices) > 0 {
			for k, v := range chunk.Choices[0].Delta.JSON.ExtraFields {
				extra[k] += unquote(v.Raw())
			}
		}
	}
	return acc.ChatCompletion, extra, errors.Join(events.Err(), events.Close())
}

func unquote(raw string) string {
	var s string
	if json.Unmarshal([]byte(raw), &s) == nil {
		return s
	}
	return raw
}

// must is send, of a request that has to succeed.
func (b bench) must(req openai.ChatCompletionNewParams, stream bool) (openai.ChatCompletion, map[string]string) {
	b.Helper()
	answer, extra, err := b.send(b.Context(), req, stream)
	if err != nil {
		b.Fatal(err)
	}
	if len(answer.Choices) != 1 {
		b.Fatalf("%d choices", len(answer.Choices))
	}
	return answer, extra
}

func (b bench) equal(what string, want, got any) {
	b.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		b.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func text(b bench, stream bool) {
	answer, _ := b.must(b.request("good day"), stream)
	b.equal("text", "You said: good day", answer.Choices[0].Message.Content)
	b.equal("finish", "stop", answer.Choices[0].FinishReason)
	b.billed(answer.Usage)
	if !stream { // the accumulator keeps only what it has a type for
		b.priced(answer.Usage)
	}
}

// billed holds the usage of an answer against what the provider counted.
func (b bench) billed(got openai.CompletionUsage) {
	b.Helper()
	want := asked(b.T, b.tag, upstream.Answered, 1)[0].Usage
	b.equal("usage", []int64{int64(want.Input), int64(want.Output), int64(want.Input + want.Output)},
		[]int64{got.PromptTokens, got.CompletionTokens, got.TotalTokens})
}

// priced checks that usage, as it came over the wire, has a cost.
func (b bench) priced(u openai.CompletionUsage) {
	b.Helper()
	if cost, err := strconv.ParseFloat(u.JSON.ExtraFields["cost"].Raw(), 64); err != nil || cost <= 0 {
		b.Errorf("no cost in %s: %v", u.RawJSON(), err)
	}
}

// tools runs two rounds of two calls. At once, the message goes back whole; from a stream, as the client's
// accumulator keeps it, without what it does not know.
func tools(b bench, stream bool) {
	req := b.request("weather [[calls=2,rounds=2]]")
	req.Tools = []openai.ChatCompletionToolUnionParam{openai.ChatCompletionFunctionTool(shared.FunctionDefinitionParam{
		Name: "get_weather", Parameters: shared.FunctionParameters{
			"type": "object", "properties": map[string]any{"city": map[string]any{"type": "string"}}, "required": []string{"city"},
		},
	})}
	var cities []string
	for range 2 {
		answer, _ := b.must(req, stream)
		message := answer.Choices[0].Message
		b.equal("finish", "tool_calls", answer.Choices[0].FinishReason)
		back := message.ToParam()
		if !stream {
			whole := param.Override[openai.ChatCompletionAssistantMessageParam](json.RawMessage(message.RawJSON()))
			back = openai.ChatCompletionMessageParamUnion{OfAssistant: &whole}
		}
		req.Messages = append(req.Messages, back)
		for _, call := range message.ToolCalls {
			var args struct{ City string }
			if err := json.Unmarshal([]byte(call.Function.Arguments), &args); err != nil || call.Function.Name != "get_weather" {
				b.Fatalf("%s(%s): %v", call.Function.Name, call.Function.Arguments, err)
			}
			cities = append(cities, args.City)
			req.Messages = append(req.Messages, openai.ToolMessage("sunny in "+args.City, call.ID))
		}
	}
	b.equal("cities", []string{"Paris", "Tokyo", "Paris", "Tokyo"}, cities)
	answer, _ := b.must(req, stream)
	b.equal("text", "Results: get_weather=sunny in Paris; get_weather=sunny in Tokyo; get_weather=sunny in Paris; get_weather=sunny in Tokyo",
		answer.Choices[0].Message.Content)
	if b.gate == "google" && !stream {
		body := string(asked(b.T, b.tag, upstream.Answered, 3)[2].Body)
		b.equal("signatures that came back", 2, strings.Count(body, `"thoughtSignature"`))
		b.equal("sentinels", 0, strings.Count(body, "skip_thought_signature_validator"))
	}
}

func vision(b bench, stream bool) {
	req := b.request("look")
	req.Messages = append(req.Messages, openai.UserMessage([]openai.ChatCompletionContentPartUnionParam{
		openai.TextContentPart("look [[tag=" + b.tag + "]]"),
		openai.ImageContentPart(openai.ChatCompletionContentPartImageImageURLParam{URL: picture}),
		openai.ImageContentPart(openai.ChatCompletionContentPartImageImageURLParam{URL: "https://example.org/a.png", Detail: "low"}),
	}))
	answer, _ := b.must(req, stream)
	if got := answer.Choices[0].Message.Content; !strings.HasSuffix(got, "I see an image of 68 bytes (image/png). I see an image at https://example.org/a.png.") {
		b.Error(got)
	}
}

func structured(b bench, stream bool) {
	req := b.request("a city")
	req.ResponseFormat.OfJSONSchema = &shared.ResponseFormatJSONSchemaParam{JSONSchema: shared.ResponseFormatJSONSchemaJSONSchemaParam{
		Name: "city", Strict: openai.Bool(true), Schema: map[string]any{
			"type": "object", "required": []string{"name", "people"}, "additionalProperties": false,
			"properties": map[string]any{"name": map[string]any{"type": "string"}, "people": map[string]any{"type": "integer"}},
		},
	}}
	answer, _ := b.must(req, stream)
	b.equal("answer", `{"name":"Paris","people":1}`, answer.Choices[0].Message.Content)
}

func reasoning(b bench, stream bool) {
	req := b.request("why")
	req.ReasoningEffort = shared.ReasoningEffortLow
	answer, extra := b.must(req, stream)
	b.equal("text", "You said: why", answer.Choices[0].Message.Content)
	b.equal("tokens", int64(3), answer.Usage.CompletionTokensDetails.ReasoningTokens)
	if b.gate != "openai-reasoning" { // whose chat completions count it and do not tell it
		b.equal("reasoning", "Thinking about why", extra["reasoning_content"])
	}
}

// refused is what a request is refused with.
func (b bench) refused(req openai.ChatCompletionNewParams, stream bool) *openai.Error {
	b.Helper()
	_, _, err := b.send(b.Context(), req, stream)
	var e *openai.Error
	if !errors.As(err, &e) {
		b.Fatalf("error %v", err)
	}
	return e
}

func unauthorized(b bench, stream bool) {
	b.key = "layer_no"
	e := b.refused(b.request("hi"), stream)
	b.equal("status", 401, e.StatusCode)
	b.equal("code", "invalid_api_key", e.Code)
	b.equal("requests upstream", 0, len(ofTag(b.tag)))
}

func noGate(b bench, stream bool) {
	req := b.request("hi")
	req.Model = "nobody"
	e := b.refused(req, stream)
	b.equal("status", 404, e.StatusCode)
	b.equal("code", "gate_not_found", e.Code)
	b.equal("param", "gateId", e.Param)
	b.equal("requests upstream", 0, len(ofTag(b.tag)))
}

func rateLimit(b bench, stream bool) {
	e := b.refused(b.request("[[status=429,retry-after=0.001]]"), stream)
	b.equal("status", 429, e.StatusCode)
	b.equal("code", "provider_rate_limited", e.Code)
	b.equal("retry-after", "1", e.Response.Header.Get("Retry-After"))
}

package google

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/internal/recorded"
	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/provider"
	"github.com/layergateway/layergateway/sse"
)

// play feeds events, one a line, to a chat; it gives the chat, the stream and
// the error.
func play(events string) (*chat, *openai.Stream, error) {
	c, s := newChat(), openai.NewStream(false)
	for line := range strings.Lines(events) {
		if err := c.Event(sse.Event{Data: []byte(strings.TrimSpace(line))}, s); err != nil {
			return c, s, err
		}
	}
	err := c.End(s)
	return c, s, err
}

func TestFinish(t *testing.T) {
	const text, call = `{"text":"a"}`, `{"functionCall":{"name":"f"}}`
	answer := func(part, finish string) string {
		return `{"candidates":[{"content":{"parts":[` + part + `]},"finishReason":"` + finish + `"}]}`
	}
	for name, c := range map[string]struct{ events, finish, native string }{
		"stop":             {answer(text, "STOP"), "stop", "STOP"},
		"stop with a call": {answer(call, "STOP"), "tool_calls", "STOP"},
		"call before":      {`{"candidates":[{"content":{"parts":[` + call + `]}}]}` + "\n" + answer(text, "STOP"), "tool_calls", "STOP"},
		"max tokens":       {answer(text, "MAX_TOKENS"), "length", "MAX_TOKENS"},
		"cut in a call":    {answer(call, "MAX_TOKENS"), "length", "MAX_TOKENS"},
		"safety":           {answer(text, "SAFETY"), "content_filter", "SAFETY"},
		"safety in a call": {answer(call, "SAFETY"), "content_filter", "SAFETY"},
		"recitation":       {answer(text, "RECITATION"), "content_filter", "RECITATION"},
		"language":         {answer(text, "LANGUAGE"), "content_filter", "LANGUAGE"},
		"blocklist":        {answer(text, "BLOCKLIST"), "content_filter", "BLOCKLIST"},
		"prohibited":       {answer(text, "PROHIBITED_CONTENT"), "content_filter", "PROHIBITED_CONTENT"},
		"personal data":    {answer(text, "SPII"), "content_filter", "SPII"},
		"image safety":     {answer(text, "IMAGE_SAFETY"), "content_filter", "IMAGE_SAFETY"},
		"unknown":          {answer(text, "SOMETHING_NEW"), "content_filter", "SOMETHING_NEW"},
		"the last counts":  {answer(text, "STOP") + "\n" + answer(text, "STOP") + "\n" + answer("", "RECITATION"), "content_filter", "RECITATION"},
		"text behind it":   {answer(text, "STOP") + "\n" + `{"candidates":[{"content":{"parts":[` + text + `]}}]}`, "stop", "STOP"},
		"prompt refused":   {`{"promptFeedback":{"blockReason":"SAFETY"}}`, "content_filter", "PROMPT:SAFETY"},
		"refused midway":   {`{"candidates":[{"content":{"parts":[` + text + `]}}]}` + "\n" + `{"promptFeedback":{"blockReason":"OTHER"}}`, "content_filter", "PROMPT:OTHER"},
	} {
		t.Run(name, func(t *testing.T) {
			_, s, err := play(c.events)
			if err != nil {
				t.Fatal(err)
			}
			s.End(openai.Trailer{Cost: []byte("null"), Layer: []byte("{}")})
			seen, err := recorded.Assemble(s.Ready())
			if err != nil || seen.Finish != c.finish || s.NativeFinish() != c.native {
				t.Errorf("finish %s (%s), want %s; error %v", seen.Finish, s.NativeFinish(), c.finish, err)
			}
		})
	}
}

// W27: an answer that stumbled is a failure that another attempt may mend, never
// an answer that looks whole.
func TestFinishFailures(t *testing.T) {
	for _, reason := range []string{"MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "OTHER", "MALFORMED_RESPONSE", "MISSING_THOUGHT_SIGNATURE", "NO_IMAGE", "FINISH_REASON_UNSPECIFIED"} {
		body := `{"candidates":[{"content":{},"finishReason":"` + reason + `","finishMessage":"the secret prompt"}],"usageMetadata":{"promptTokenCount":3,"totalTokenCount":3}}`
		_, s, err := play(body)
		whole := newChat()
		for _, err := range []error{err, whole.Whole([]byte(body), openai.NewWhole())} {
			var e *provider.Error
			if !errors.As(err, &e) || e.Kind != provider.Failed || e.Code != reason || strings.Contains(e.Message, "secret") {
				t.Errorf("%s: error %#v", reason, err)
			}
		}
		if s.Content() || s.Finished() {
			t.Errorf("%s: something of it reached the client", reason)
		}
		if u := whole.Usage(); u.Input.Or(-1) != 3 {
			t.Errorf("%s: usage %+v", reason, u)
		}
	}
}

func TestUnfinished(t *testing.T) {
	const begun = `{"candidates":[{"content":{"parts":[{"text":"a"}]}}]}`
	for name, events := range map[string]string{
		"nothing":           ``,
		"no candidates":     `{"candidates":[],"usageMetadata":{"promptTokenCount":1}}`,
		"ratings only":      `{"promptFeedback":{"safetyRatings":[]}}`,
		"no finish reason":  begun,
		"one of two":        begun + "\n" + `{"candidates":[{"index":1,"finishReason":"STOP"}]}`,
		"another's events":  `{"this":[{"is":"json"}]}`,
		"a call without it": `{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","willContinue":true}}]}}]}`,
	} {
		c, _, err := play(events)
		if !errors.Is(err, io.ErrUnexpectedEOF) || c.Done() {
			t.Errorf("%s: error %v", name, err)
		}
		body := "[" + strings.ReplaceAll(events, "\n", ",") + "]"
		if err := newChat().Whole([]byte(body), openai.NewWhole()); err == nil {
			t.Errorf("%s: no error of the whole answer", name)
		}
	}
}

func TestMalformed(t *testing.T) {
	parts := func(p string) string { return `{"candidates":[{"content":{"parts":[` + p + `]}}]}` }
	for name, event := range map[string]string{
		"no JSON":           `{"candidates":[`,
		"a string":          `"x"`,
		"wrong type":        `{"candidates":[{"content":"x"}]}`,
		"index too large":   `{"candidates":[{"index":1000000000}]}`,
		"negative index":    `{"candidates":[{"index":-1}]}`,
		"call of no name":   parts(`{"functionCall":{"args":{}}}`),
		"path not absolute": parts(`{"functionCall":{"name":"f","partialArgs":[{"jsonPath":"a","stringValue":"x"}]}}`),
		"path cut off":      parts(`{"functionCall":{"name":"f","partialArgs":[{"jsonPath":"$.a[","stringValue":"x"}]}}`),
		"index not there":   parts(`{"functionCall":{"name":"f","partialArgs":[{"jsonPath":"$.a[9999999]","stringValue":"x"}]}}`),
		"path too deep":     parts(`{"functionCall":{"name":"f","partialArgs":[{"jsonPath":"$` + strings.Repeat(".a", 300) + `","stringValue":"x"}]}}`),
	} {
		_, _, err := play(event)
		var known *provider.Error
		if err == nil || errors.As(err, &known) || errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestErrorInStream(t *testing.T) {
	const overloaded = `{"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}}`
	for name, event := range map[string]string{"object": overloaded, "in an array": "[" + overloaded + "]"} {
		c, s, err := play(`{"candidates":[{"content":{"parts":[{"text":"a"}]}}],"usageMetadata":{"promptTokenCount":7}}` + "\n" + event)
		var e *provider.Error
		if !errors.As(err, &e) || e.Kind != provider.Overloaded || e.Status != 503 || e.Message != "The model is overloaded." {
			t.Errorf("%s: error %#v", name, err)
		}
		if !s.Content() || c.Usage().Input != cost.Of(7) {
			t.Errorf("%s: what came before is lost", name)
		}
	}
}

// Signatures come once, at the end, since clients join what comes in pieces.
func TestTextSignature(t *testing.T) {
	_, s, err := play(`{"candidates":[{"content":{"parts":[{"text":"t","thought":true,"thoughtSignature":"b25l"}]}}]}
{"candidates":[{"content":{"parts":[{"text":"a","thoughtSignature":"dHdv"},{"executableCode":{},"thoughtSignature":"Y29kZQ=="}]}}]}
{"candidates":[{"content":{"parts":[{"text":"","thoughtSignature":"a+/_-=="}]},"finishReason":"STOP"}]}`)
	if err != nil {
		t.Fatal(err)
	}
	s.End(openai.Trailer{Cost: []byte("null"), Layer: []byte("{}")})
	out := bytes.Clone(s.Ready())
	if n := bytes.Count(out, []byte("thought_signature")); n != 1 || !bytes.Contains(out, []byte(`"extra_content":{"google":{"thought_signature":"a+/_-=="}}`)) {
		t.Errorf("%d signatures in %s", n, out)
	}
}

func TestRepeatedCallIDs(t *testing.T) {
	_, s, err := play(`{"candidates":[{"content":{"parts":[{"functionCall":{"id":"x","name":"f"}},{"functionCall":{"id":"x","name":"f"}}]},"finishReason":"STOP"}]}`)
	if err != nil {
		t.Fatal(err)
	}
	s.End(openai.Trailer{Cost: []byte("null"), Layer: []byte("{}")})
	seen, err := recorded.Assemble(s.Ready())
	if err != nil || len(seen.Calls) != 2 || seen.Calls[0].ID != "x" || seen.Calls[1].ID == "x" {
		t.Errorf("calls %+v, error %v", seen.Calls, err)
	}
}

func TestService(t *testing.T) {
	for meta, want := range map[string]string{
		`{}`:                                       "",
		`{"serviceTier":"standard"}`:               "default",
		`{"serviceTier":"flex"}`:                   "flex",
		`{"serviceTier":"priority"}`:               "priority",
		`{"serviceTier":"other"}`:                  "other",
		`{"trafficType":"ON_DEMAND"}`:              "",
		`{"trafficType":"ON_DEMAND_FLEX"}`:         "flex",
		`{"trafficType":"PROVISIONED_THROUGHPUT"}`: "PROVISIONED_THROUGHPUT",
	} {
		// A later event leaves it out.
		c, _, err := play(`{"usageMetadata":` + meta + "}\n" + `{"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":7}}`)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Usage().Service; got != want {
			t.Errorf("%s is %q, want %q", meta, got, want)
		}
	}
}

func TestSearches(t *testing.T) {
	event := func(queries string) string {
		return `{"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"STOP","groundingMetadata":{` + queries + `}}]}`
	}
	for queries, want := range map[string]cost.Tokens{
		``: {}, `"webSearchQueries":[]`: {}, `"webSearchQueries":["a","b"]`: cost.Of(2), `"webSearchQueries":"odd"`: {},
	} {
		c, _, err := play(event(queries))
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Usage().Searches; got != want {
			t.Errorf("%s: %+v, want %+v", queries, got, want)
		}
	}
}

func TestUsage(t *testing.T) {
	const none = -1
	for name, c := range map[string]struct {
		events                                         string
		input, cached, output, reasoning, image, sound int64
	}{
		"unknown":             {`{"usageMetadata":{"trafficType":"ON_DEMAND"}}`, none, none, none, none, none, none},
		"W28":                 {`{"usageMetadata":{"promptTokenCount":10,"candidatesTokenCount":150,"thoughtsTokenCount":8000,"totalTokenCount":8160}}`, 10, none, 8150, 8000, none, none},
		"tools' prompt":       {`{"usageMetadata":{"promptTokenCount":343,"toolUsePromptTokenCount":877,"candidatesTokenCount":82,"thoughtsTokenCount":159,"totalTokenCount":1461}}`, 1220, none, 241, 159, none, none},
		"cached":              {`{"usageMetadata":{"promptTokenCount":100,"cachedContentTokenCount":90,"candidatesTokenCount":1,"totalTokenCount":101}}`, 100, 90, 1, none, none, none},
		"no candidates":       {`{"usageMetadata":{"promptTokenCount":6,"thoughtsTokenCount":19,"totalTokenCount":25}}`, 6, none, 19, 19, none, none},
		"thoughts in total":   {`{"usageMetadata":{"promptTokenCount":6,"candidatesTokenCount":4,"totalTokenCount":30}}`, 6, none, 24, none, none, none},
		"no total":            {`{"usageMetadata":{"promptTokenCount":6,"candidatesTokenCount":4}}`, 6, none, 4, none, none, none},
		"total alone":         {`{"usageMetadata":{"promptTokenCount":6,"totalTokenCount":30}}`, 6, none, 24, none, none, none},
		"prompt so far":       {`{"usageMetadata":{"promptTokenCount":6,"totalTokenCount":6}}`, 6, none, none, none, none, none},
		"nothing in the end":  {`{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":6,"totalTokenCount":6}}`, 6, none, 0, none, none, none},
		"the newest counts":   {`{"usageMetadata":{"promptTokenCount":169,"totalTokenCount":169}}` + "\n" + `{"usageMetadata":{"promptTokenCount":79,"candidatesTokenCount":12,"totalTokenCount":91}}` + "\n" + `{"usageMetadata":{"trafficType":"ON_DEMAND"}}`, 79, none, 12, none, none, none},
		"kinds":               {`{"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":8,"totalTokenCount":17,"promptTokensDetails":[{"modality":"TEXT","tokenCount":2},{"modality":"IMAGE","tokenCount":3},{"modality":"AUDIO","tokenCount":4}]}}`, 9, none, 8, none, 3, 4},
		"negative is unknown": {`{"usageMetadata":{"promptTokenCount":-9,"candidatesTokenCount":-1}}`, none, none, none, none, none, none},
	} {
		t.Run(name, func(t *testing.T) {
			chat, _, _ := play(c.events)
			u := chat.Usage()
			for _, x := range []struct {
				what string
				got  cost.Tokens
				want int64
			}{
				{"input", u.Input, c.input}, {"cached input", u.CachedInput, c.cached}, {"output", u.Output, c.output},
				{"reasoning", u.Reasoning, c.reasoning}, {"image input", u.ImageInput, c.image}, {"audio input", u.AudioInput, c.sound},
			} {
				if x.got.Or(none) != x.want {
					t.Errorf("%s is %d, want %d", x.what, x.got.Or(none), x.want)
				}
			}
		})
	}
}

func TestServiceTier(t *testing.T) {
	for usage, want := range map[string]string{
		`{"serviceTier":"standard"}`: "default", `{"serviceTier":"flex"}`: "flex", `{"serviceTier":"priority"}`: "priority",
		`{"trafficType":"ON_DEMAND_FLEX"}`: "flex", `{"trafficType":"ON_DEMAND_PRIORITY"}`: "priority", `{"trafficType":"ON_DEMAND"}`: "", `{}`: "",
	} {
		_, s, err := play(`{"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"STOP"}],"usageMetadata":` + usage + `}`)
		if err != nil {
			t.Fatal(err)
		}
		if seen, err := recorded.Assemble(s.Ready()); err != nil || seen.ServiceTier != want {
			t.Errorf("%s gives %q, want %q (%v)", usage, seen.ServiceTier, want, err)
		}
	}
}

func TestOffsets(t *testing.T) {
	var o offsets
	for _, s := range []string{"Heiß", "", ": ", "日本", "語!😀"} {
		o.add(s)
	}
	// H e i ß(3) :(5) space 日(7) 本(10) 語(13) !(16) 😀(17)
	for offset, want := range map[int]int{-5: 0, 0: 0, 3: 3, 5: 4, 7: 6, 10: 7, 16: 9, 17: 10, 21: 11, 100: 11} {
		if got := o.characters(offset); got != want {
			t.Errorf("byte %d is character %d, want %d", offset, got, want)
		}
	}
}

func TestPartialArgs(t *testing.T) {
	for name, c := range map[string]struct{ pieces, want string }{
		"nothing":            {``, `{}`},
		"no value":           {`{"jsonPath":"$.a"}`, `{"a":null}`},
		"replaced":           {`{"jsonPath":"$.a","stringValue":"x"},{"jsonPath":"$.a","stringValue":"y"}`, `{"a":"y"}`},
		"joined":             {`{"jsonPath":"$.a","stringValue":"x","willContinue":true},{"jsonPath":"$.b","numberValue":1},{"jsonPath":"$.a","stringValue":"y"}`, `{"a":"xy","b":1}`},
		"empty string":       {`{"jsonPath":"$.a","stringValue":""}`, `{"a":""}`},
		"digits":             {`{"jsonPath":"$.a","numberValue":12345678901234567890},{"jsonPath":"$.b","numberValue":1.0}`, `{"a":12345678901234567890,"b":1.0}`},
		"null":               {`{"jsonPath":"$.a","nullValue":null}`, `{"a":null}`},
		"true":               {`{"jsonPath":"$.a","boolValue":true}`, `{"a":true}`},
		"quoted names":       {`{"jsonPath":"$['a.b']['c\\'d'][\"e\\\"f\"]","numberValue":1}`, `{"a.b":{"c'd":{"e\"f":1}}}`},
		"escaped names":      {`{"jsonPath":"$['\\u00fc\\n\"']","numberValue":1}`, `{"ü\n\"":1}`},
		"lists of lists":     {`{"jsonPath":"$.a[0][1]","numberValue":1},{"jsonPath":"$.a[0][0]","numberValue":2}`, `{"a":[[2,1]]}`},
		"the root is no one": {`{"jsonPath":"$","stringValue":"x"}`, `{}`},
		"nor is it a list":   {`{"jsonPath":"$[0]","stringValue":"x"}`, `{}`},
	} {
		t.Run(name, func(t *testing.T) {
			_, s, err := play(`{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","partialArgs":[` + c.pieces + `]}}]},"finishReason":"STOP"}]}`)
			if err != nil {
				t.Fatal(err)
			}
			s.End(openai.Trailer{Cost: []byte("null"), Layer: []byte("{}")})
			seen, err := recorded.Assemble(s.Ready())
			if err != nil || len(seen.Calls) != 1 || seen.Calls[0].Arguments != c.want {
				t.Errorf("calls %+v, want %s (%v)", seen.Calls, c.want, err)
			}
		})
	}
}

// Whatever comes, the client gets chunks that a strict client reads, and none of
// the tool calls has arguments that are no object.
func FuzzEvent(f *testing.F) {
	f.Add([]byte(`{"candidates":[{"content":{"parts":[{"text":"a","thought":true},{"text":"b","thoughtSignature":"c2ln"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":1,"totalTokenCount":2}}`), []byte(`{}`))
	f.Add([]byte(`{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","willContinue":true,"partialArgs":[{"jsonPath":"$.a[0]['b']","stringValue":"x","willContinue":true}]}}]}}]}`), []byte(`{"candidates":[{"content":{"parts":[{"functionCall":{}}]},"finishReason":"STOP"}]}`))
	f.Add([]byte(`[{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"m","details":[{"retryDelay":"1s"}]}}]`), []byte(`{"promptFeedback":{"blockReason":"SAFETY"}}`))
	f.Add([]byte(`{"candidates":[{"content":{"parts":[{"inlineData":{"mimeType":"image/png","data":"AA=="}},{"functionCall":{"name":"f","args":{"a":1}}}]},"logprobsResult":{"chosenCandidates":[{"token":"a","logProbability":-1}]},"groundingMetadata":{"groundingChunks":[{"web":{"uri":"u"}}],"groundingSupports":[{"segment":{"startIndex":-1,"endIndex":99},"groundingChunkIndices":[0,7]}]}}]}`), []byte(`{"candidates":[{"finishReason":"MAX_TOKENS"}]}`))
	f.Fuzz(func(t *testing.T, one, two []byte) {
		c, s := newChat(), openai.NewStream(false)
		err := c.Event(sse.Event{Data: one}, s)
		if err == nil {
			err = c.Event(sse.Event{Data: two}, s)
		}
		if err == nil {
			err = c.End(s)
		}
		if err == nil {
			s.End(openai.Trailer{Cost: []byte("null"), Layer: []byte("{}")})
		}
		c.Usage()
		if len(c.choices) > 1 {
			return // the strict client reads one choice
		}
		seen, broken := recorded.Assemble(s.Ready())
		if broken != nil {
			t.Fatal(broken)
		}
		for _, call := range seen.Calls {
			v := jsontext.Value(call.Arguments)
			if err == nil && (v.Kind() != '{' || !v.IsValid(jsontext.AllowDuplicateNames(true))) {
				t.Fatalf("arguments %s", v)
			}
		}
	})
}

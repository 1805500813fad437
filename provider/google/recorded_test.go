package google

import (
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/internal/recorded"
	"github.com/layergateway/layergateway/provider"
)

// unfinished are recordings of answers that are no answers: they must fail, or
// end in another way than what the index could read from them.
var unfinished = map[string]func(*testing.T, recorded.Played){
	// Not a response of the protocol at all.
	"vertexai-sdk-test-data/vertex/streaming-failure-invalid-json.stream": cutOff,
	// Text without a finishReason.
	"vertexai-sdk-test-data/vertex/streaming-success-quotes-escaped.stream": cutOff,
	// A refusal that has a message but no reason.
	"vertexai-sdk-test-data/gemini/unary-failure-only-prompt-feedback": func(t *testing.T, p recorded.Played) {
		if p.Err != nil || p.Finish != "content_filter" || p.Native != "PROMPT:BLOCK_REASON_UNSPECIFIED" || p.Text != "" {
			t.Errorf("finish %q (%q), text %q, error %v", p.Finish, p.Native, p.Text, p.Err)
		}
	},
}

func cutOff(t *testing.T, p recorded.Played) {
	if !errors.Is(p.Err, io.ErrUnexpectedEOF) {
		t.Errorf("error is %v, want an unexpected end", p.Err)
	}
}

func TestRecordings(t *testing.T) {
	cases := recorded.Load(t, "gemini", "vertex")
	for _, c := range cases {
		check := unfinished[c.ID]
		if check == nil {
			continue
		}
		t.Run(c.ID, func(t *testing.T) {
			if c.Stream {
				check(t, c.StreamToStream(t, New()))
				recorded.CheckSplits(t, c.Body)
			} else {
				check(t, c.WholeToWhole(t, New()))
				check(t, c.WholeToStream(t, New()))
			}
		})
	}
	good := slices.DeleteFunc(slices.Clone(cases), func(c recorded.Case) bool { return unfinished[c.ID] != nil })
	recorded.Play(t, good, func(recorded.Case) provider.Chat { return New() })
}

// The index has {} for arguments that were sent in pieces; these are the true
// ones.
func TestRecordedPartialArguments(t *testing.T) {
	want := map[string][]string{
		"js-genai/vertex/Chats_chats_function_calling_Vertex_AI_with_streaming_function_calling_arguments_stream.0.stream": {
			`{"denominator":2,"numerator":100}`},
		"js-genai/vertex/unctionCallingArguments_enabled_Vertex_AI_stream_arguments_when_afc_is_disabled_explicitly.0.stream": {
			`{"greeting":"Hello","name":"jone smith"}`},
		"vercel-ai/gemini/google-stream-no-args-tool-call.stream": {
			`{}`, `{"id":"A"}`, `{"id":"B"}`, `{"id":"C"}`},
		"vercel-ai/gemini/google-stream-tool-call-arguments.stream": {
			`{"location":"Boston"}`, `{"location":"San Francisco"}`},
	}
	for _, c := range recorded.Load(t, "gemini", "vertex") {
		if !c.Has("partial_args") {
			continue
		}
		p := c.StreamToStream(t, New())
		if list, ok := want[c.ID]; ok {
			var got []string
			for _, call := range p.Calls {
				got = append(got, call.Arguments)
			}
			if !slices.Equal(got, list) {
				t.Errorf("%s: arguments %q, want %q", c.ID, got, list)
			}
		}
		for _, call := range p.Calls {
			if v := jsontext.Value(call.Arguments); !v.IsValid() || v.Kind() != '{' {
				t.Errorf("%s: arguments of %s: %s", c.ID, call.Name, v)
			}
		}
	}
}

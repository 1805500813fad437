package google

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/provider"
)

// The same requests to the Gemini API and to Vertex AI: what is in the body, what
// is in the header, and what is left out.
func TestServices(t *testing.T) {
	const (
		function = `"tools":[{"type":"function","function":{"name":"f"}}]`
		long     = "a123456789b123456789c123456789d123456789e123456789f123456789g12"
		calls    = `{"role":"assistant","tool_calls":[{"id":"call_1","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"call_1","content":"r"}`
	)
	type result struct {
		has, hasNot string // in the body
		tier        string // in the header
		dropped     []string
	}
	tests := map[string]struct {
		model, messages, more string
		gemini, vertex        result
	}{
		"labels": {more: `"metadata":{"team":"search","c-1_x":"","` + long + `":"` + long + `"}`,
			gemini: result{hasNot: "labels", dropped: []string{"metadata"}},
			vertex: result{has: `"labels":{"` + long + `":"` + long + `","c-1_x":"","team":"search"}`}},
		"labels that fit": {more: `"metadata":{"a":"b","Team":"x","owner":"Ada Lovelace","1st":"x","":"x","n":"` + long + `h"}`,
			gemini: result{hasNot: "labels", dropped: []string{"metadata"}},
			vertex: result{has: `"labels":{"a":"b"}`, dropped: []string{"metadata"}}},
		"no label that fits": {more: `"metadata":{"` + long + `h":"x","number":1}`,
			gemini: result{hasNot: "labels", dropped: []string{"metadata"}},
			vertex: result{hasNot: "labels", dropped: []string{"metadata"}}},
		"no labels": {more: `"metadata":{}`, gemini: result{hasNot: "labels"}, vertex: result{hasNot: "labels"}},
		"flex": {more: `"service_tier":"flex"`,
			gemini: result{has: `"serviceTier":"flex"`}, vertex: result{hasNot: "serviceTier", tier: "flex"}},
		"priority": {more: `"service_tier":"priority"`,
			gemini: result{has: `"serviceTier":"priority"`}, vertex: result{hasNot: "serviceTier", tier: "priority"}},
		"the default tier": {more: `"service_tier":"default"`,
			gemini: result{has: `"serviceTier":"standard"`}, vertex: result{hasNot: "serviceTier"}},
		"no such tier": {more: `"service_tier":"scale"`,
			gemini: result{hasNot: "serviceTier", dropped: []string{"service_tier"}}, vertex: result{hasNot: "serviceTier", dropped: []string{"service_tier"}}},
		"call ids": {messages: calls, gemini: result{has: `"id":"call_1"`}, vertex: result{hasNot: "call_1"}},
		"a stream of Gemini 3 that may call": {model: "gemini-3-pro-preview", more: `"stream":true,` + function,
			gemini: result{hasNot: "toolConfig"},
			vertex: result{has: `"toolConfig":{"functionCallingConfig":{"mode":"AUTO","streamFunctionCallArguments":true}}`}},
		"a stream of Gemini 3 that must call": {model: "gemini-3-pro-preview", more: `"stream":true,"tool_choice":"required",` + function,
			gemini: result{has: `"functionCallingConfig":{"mode":"ANY"}`},
			vertex: result{has: `"functionCallingConfig":{"mode":"ANY","streamFunctionCallArguments":true}`}},
		"a stream of Gemini 2.5": {more: `"stream":true,` + function,
			gemini: result{hasNot: "toolConfig"}, vertex: result{hasNot: "toolConfig"}},
		"a stream without functions": {model: "gemini-3-pro-preview", more: `"stream":true`,
			gemini: result{hasNot: "toolConfig"}, vertex: result{hasNot: "toolConfig"}},
		"no stream": {model: "gemini-3-pro-preview", more: function,
			gemini: result{hasNot: "toolConfig"}, vertex: result{hasNot: "toolConfig"}},
		"search beside functions": {model: "gemini-3-pro-preview", more: `"web_search_options":{},` + function,
			gemini: result{has: `"toolConfig":{"includeServerSideToolInvocations":true}`},
			vertex: result{hasNot: "googleSearch", dropped: []string{"web_search_options"}}},
	}
	vertex := NewVertex(func(context.Context, *provider.Call, http.Header) (string, error) { return "https://vertex.test/", nil })
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			messages := `{"role":"user","content":"hi"}`
			if test.messages != "" {
				messages += "," + test.messages
			}
			model := test.model
			if model == "" {
				model = "gemini-2.5-flash"
			}
			body := `{"model":"` + model + `","messages":[` + messages + `]`
			if test.more != "" {
				body += "," + test.more
			}
			for _, service := range []struct {
				name string
				chat provider.Chat
				want result
			}{{"Gemini API", New(), test.gemini}, {"Vertex AI", vertex(), test.vertex}} {
				req, err := service.chat.Request(context.Background(), newCall(t, []byte(body+"}")))
				if err != nil {
					t.Fatal(err)
				}
				sent, want := string(readBody(t, req)), service.want
				if !strings.Contains(sent, want.has) || want.hasNot != "" && strings.Contains(sent, want.hasNot) {
					t.Errorf("%s: the body is\n%s\nwant it with %s and without %s", service.name, sent, want.has, want.hasNot)
				}
				if tier := req.Header.Get("X-Vertex-AI-LLM-Shared-Request-Type"); tier != want.tier {
					t.Errorf("%s: the header's tier is %q, want %q", service.name, tier, want.tier)
				}
				if dropped := service.chat.Dropped(); !slices.Equal(dropped, want.dropped) {
					t.Errorf("%s: dropped %q, want %q", service.name, dropped, want.dropped)
				}
			}
		})
	}
}

// Files of the Gemini API are not there.
func TestVertexFiles(t *testing.T) {
	vertex := NewVertex(func(context.Context, *provider.Call, http.Header) (string, error) {
		t.Error("the address is asked for a request that can't be sent")
		return "", nil
	})
	for _, id := range []string{"files/abc", filesAPI + "files/abc", "file-123"} {
		quoted, err := json.Marshal(id)
		if err != nil {
			t.Fatal(err)
		}
		body := `{"model":"gemini-2.5-flash","messages":[{"role":"user","content":[{"type":"file","file":{"file_id":` + string(quoted) + `}}]}]}`
		var refused *openai.Error
		_, err = vertex().Request(context.Background(), newCall(t, []byte(body)))
		if !errors.As(err, &refused) || refused.Param != "messages[0].content[0].file.file_id" {
			t.Errorf("%s: %v, want a refusal of file_id", id, err)
		}
	}
}

// What the address can't be told for is the request's failure.
func TestAddressFails(t *testing.T) {
	failure := &provider.Error{Kind: provider.Auth, Message: "no token"}
	vertex := NewVertex(func(context.Context, *provider.Call, http.Header) (string, error) { return "", failure })
	_, err := vertex().Request(context.Background(), newCall(t, []byte(`{"model":"m","messages":[{"role":"user","content":"hi"}]}`)))
	if !errors.Is(err, failure) {
		t.Errorf("error is %v", err)
	}
}

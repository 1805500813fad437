package cohere

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/layergateway/layergateway/internal/recorded"
	"github.com/layergateway/layergateway/openai"
)

func TestRequestHTTP(t *testing.T) {
	for _, stream := range []bool{false, true} {
		call := newCall(t, fmt.Appendf(nil, `{"model":"gate","messages":[{"role":"user","content":"hi"}],"stream":%v}`, stream))
		call.Model = "command-r7b-12-2024"
		c := newChat()
		req, err := c.Request(context.Background(), call)
		if err != nil {
			t.Fatal(err)
		}
		h := req.Header
		if got := h.Get("Authorization"); got != "Bearer secret-key" {
			t.Errorf("credential is %q", got)
		}
		if (h.Get("Accept") == "text/event-stream") != stream || h.Get("Content-Type") != "application/json" {
			t.Errorf("stream %v: %v", stream, h)
		}
		if req.Method != http.MethodPost || req.URL.String() != "https://cohere.test/v2/chat" {
			t.Errorf("%s %s", req.Method, req.URL)
		}
		want := fmt.Sprintf(`{"model":"command-r7b-12-2024","stream":%v,"messages":[{"role":"user","content":"hi"}]}`, stream)
		if got := string(readBody(t, req)); got != want {
			t.Errorf("body is %s, want %s", got, want)
		}
		answer := recorded.Case{Body: []byte(`{"id":"x","message":{"content":"yes"},"finish_reason":"COMPLETE"}`)}
		if p := answer.WholeToWhole(t, c); p.Model != "command-r7b-12-2024" || p.Text != "yes" {
			t.Errorf("the answer's model is %q, its text %q", p.Model, p.Text)
		}
		call.Key = ""
		if req, err = New().Request(context.Background(), call); err != nil || req.Header["Authorization"] != nil {
			t.Errorf("without a key: %v, error %v", req.Header, err)
		}
	}
}

// translated gives the body of a request with the given model, messages and
// further members, and what is dropped.
func translated(t *testing.T, model, messages, more string) (*request, []string, error) {
	t.Helper()
	if messages == "" {
		messages = `{"role":"user","content":"hi"}`
	}
	call := newCall(t, fmt.Appendf(nil, `{"model":%q,"messages":[%s]%s}`, model, messages, more))
	c := New()
	req, err := c.Request(context.Background(), call)
	if err != nil {
		return nil, nil, err
	}
	var body request
	if err := json.Unmarshal(readBody(t, req), &body); err != nil {
		t.Fatal(err)
	}
	return &body, c.Dropped(), nil
}

func TestRequestRefuses(t *testing.T) {
	const (
		hi     = `{"role":"user","content":"hi"}`
		tools  = `,"tools":[{"type":"function","function":{"name":"f"}}]`
		part   = `{"role":"user","content":[%s]}`
		called = hi + `,{"role":"assistant","tool_calls":[%s]}`
	)
	for name, c := range map[string]struct{ messages, more, param string }{
		"several choices":       {hi, `,"n":2`, "n"},
		"speech alone":          {hi, `,"modalities":["audio"]`, "modalities"},
		"an unknown effort":     {hi, `,"reasoning_effort":"huge"`, "reasoning_effort"},
		"six stops":             {hi, `,"stop":["1","2","3","4","5","6"]`, "stop"},
		"an unknown format":     {hi, `,"response_format":{"type":"xml"}`, "response_format.type"},
		"a format without JSON": {hi, `,"response_format":{"type":"json_schema"}`, "response_format.json_schema.schema"},
		"a custom tool":         {hi, `,"tools":[{"type":"custom","custom":{"name":"f"}}]`, "tools[0].type"},
		"another's tool":        {hi, `,"tools":[{"type":"web_search"}]`, "tools[0].type"},
		"an unknown function":   {hi, tools + `,"tool_choice":{"type":"function","function":{"name":"g"}}`, "tool_choice"},
		"no tool to require":    {hi, `,"tool_choice":"required"`, "tool_choice"},

		"speech":                     {fmt.Sprintf(part, `{"type":"input_audio","input_audio":{"data":"AA==","format":"wav"}}`), "", "messages[0].content[0].type"},
		"a file":                     {fmt.Sprintf(part, `{"type":"text","text":"x"},{"type":"file","file":{"file_data":"data:application/pdf;base64,AA=="}}`), "", "messages[0].content[1].type"},
		"no image":                   {fmt.Sprintf(part, `{"type":"image_url"}`), "", "messages[0].content[0].type"},
		"an image of this machine":   {fmt.Sprintf(part, `{"type":"image_url","image_url":{"url":"file:///etc/passwd"}}`), "", "messages[0].content[0].image_url.url"},
		"data that are no image":     {fmt.Sprintf(part, `{"type":"image_url","image_url":{"url":"data:text/plain;base64,AA=="}}`), "", "messages[0].content[0].image_url.url"},
		"an image not in base64":     {fmt.Sprintf(part, `{"type":"image_url","image_url":{"url":"data:image/svg+xml,<svg/>"}}`), "", "messages[0].content[0].image_url.url"},
		"an image for the system":    {`{"role":"system","content":[{"type":"image_url","image_url":{"url":"https://a.test/b"}}]},` + hi, "", "messages[0].content[0].type"},
		"an image of the assistant":  {hi + `,{"role":"assistant","content":[{"type":"image_url","image_url":{"url":"https://a.test/b"}}]}`, "", "messages[1].content[0].type"},
		"an image of a tool":         {fmt.Sprintf(called, `{"id":"a","function":{"name":"f"}}`) + `,{"role":"tool","tool_call_id":"a","content":[{"type":"image_url","image_url":{"url":"https://a.test/b"}}]}`, "", "messages[2].content[0].type"},
		"a result without a call":    {hi + `,{"role":"tool","tool_call_id":"a","content":"x"}`, "", "messages[1].tool_call_id"},
		"a call without an id":       {fmt.Sprintf(called, `{"function":{"name":"f"}}`), "", "messages[1].tool_calls[0].id"},
		"a call without a name":      {fmt.Sprintf(called, `{"id":"a","function":{"arguments":"{}"}}`), "", "messages[1].tool_calls[0].function.name"},
		"arguments that are no JSON": {fmt.Sprintf(called, `{"id":"a","function":{"name":"f","arguments":"{"}}`), "", "messages[1].tool_calls[0].function.arguments"},
		"arguments in an array":      {fmt.Sprintf(called, `{"id":"a","function":{"name":"f","arguments":"[]"}}`), "", "messages[1].tool_calls[0].function.arguments"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := translated(t, "command-a-03-2025", c.messages, c.more)
			var e *openai.Error
			if !errors.As(err, &e) {
				t.Fatalf("error is %v", err)
			}
			if e.Status != http.StatusBadRequest || e.Param != c.param || e.Code == "" || !strings.Contains(e.Message, "'"+c.param+"'") {
				t.Errorf("%d %s param %q: %s", e.Status, e.Code, e.Param, e.Message)
			}
		})
	}
}

func TestDropped(t *testing.T) {
	const tools = `,"tools":[{"type":"function","function":{"name":"f","strict":%v}},{"type":"function","function":{"name":"g","strict":true,"cache_control":{"type":"ephemeral"}}}]`
	for name, c := range map[string]struct {
		more string
		want []string
	}{
		"nothing asked": {`,"n":1,"logprobs":false,"store":false,"parallel_tool_calls":true,"modalities":["text"],"service_tier":"auto","presence_penalty":0,"frequency_penalty":0.0,"tools":[],"user":null,"temperature":null,"seed":null`, nil},
		"no equivalent": {`,"k":5,"metadata":{"a":"b"},"prediction":{"type":"content","content":"x"},"prompt_cache_key":"x","safety_identifier":"u","verbosity":"low","store":true,"top_logprobs":3,"documents":["x"]`,
			[]string{"k", "metadata", "prediction", "prompt_cache_key", "safety_identifier", "verbosity", "store", "top_logprobs", "documents"}},
		"in part":      {`,"service_tier":"flex","modalities":["text","audio"],"seed":-1,"frequency_penalty":-0.1`, []string{"modalities", "frequency_penalty", "seed", "service_tier"}},
		"all strict":   {fmt.Sprintf(tools, true), []string{"cache_control"}},
		"some strict":  {fmt.Sprintf(tools, false), []string{"cache_control", "tools.function.strict"}},
		"format alone": {`,"response_format":{"type":"json_object"},"tools":[]`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			_, got, err := translated(t, "command-a-03-2025", "", c.more)
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("dropped %q, want %q, error %v", got, c.want, err)
			}
		})
	}
}

func TestSampling(t *testing.T) {
	for name, c := range map[string]struct{ more, temperature, p, frequency, presence, seed string }{
		"in range":          {`,"temperature":0.30,"top_p":0.50,"frequency_penalty":0.5,"presence_penalty":1.0,"seed":7`, "0.30", "0.50", "0.5", "1.0", "7"},
		"above":             {`,"temperature":2,"top_p":1,"frequency_penalty":2,"presence_penalty":1.5,"seed":0`, "1", "0.99", "1", "1", "0"},
		"below":             {`,"temperature":0,"top_p":0,"frequency_penalty":-2,"presence_penalty":-0.1,"seed":-7`, "0", "0.01", "", "", ""},
		"beyond any number": {`,"temperature":1e999`, "1", "", "", "", ""},
		"absent":            {``, "", "", "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			b, _, err := translated(t, "command-a-03-2025", "", c.more)
			if err != nil {
				t.Fatal(err)
			}
			got := []string{string(b.Temperature), string(b.P), string(b.FrequencyPenalty), string(b.PresencePenalty), string(b.Seed)}
			if want := []string{c.temperature, c.p, c.frequency, c.presence, c.seed}; !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestToolChoice(t *testing.T) {
	const tools = `,"tools":[{"type":"function","function":{"name":"f"}},{"type":"function","function":{"name":"g"}}],"tool_choice":`
	for choice, want := range map[string]string{
		`"auto"`:     " f g",
		`"none"`:     "NONE f g",
		`"required"`: "REQUIRED f g",
		`{"type":"function","function":{"name":"g"}}`:                                                                                           "REQUIRED g",
		`{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[{"type":"function","function":{"name":"f"}}]}}`:                        " f",
		`{"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[{"type":"function","function":{"name":"g"}},{"name":"unknown"}]}}`: "REQUIRED g",
		`{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[]}}`:                                                                   "",
	} {
		b, _, err := translated(t, "command-a-03-2025", "", tools+choice)
		if err != nil {
			t.Fatalf("%s: %v", choice, err)
		}
		got := b.ToolChoice
		for _, x := range b.Tools {
			got += " " + x.Function.Name
		}
		if got != want {
			t.Errorf("%s gives %q, want %q", choice, got, want)
		}
	}
}

func TestThinking(t *testing.T) {
	const history = `{"role":"user","content":"x"},{"role":"assistant","content":"y","reasoning_content":"z"},{"role":"user","content":"w"}`
	for name, c := range map[string]struct {
		model, more, want string // the kind and budget, and whether thoughts go back
		dropped           bool
	}{
		"unasked":                   {"command-a-reasoning-08-2025", ``, "- 0 true", false},
		"unasked of one that can't": {"command-r-plus-08-2024", ``, "- 0 false", false},
		"unasked of an unknown one": {"my-own-ft", ``, "- 0 false", false},
		"none":                      {"command-a-plus-05-2026", `,"reasoning_effort":"none"`, "disabled 0 false", false},
		"none of one that can't":    {"command-a-03-2025", `,"reasoning_effort":"none"`, "- 0 false", false},
		"none of an unknown one":    {"my-own-ft", `,"reasoning_effort":"none"`, "disabled 0 false", false},
		"minimal":                   {"command-a-reasoning-08-2025", `,"reasoning_effort":"minimal"`, "enabled 1024 true", false},
		"low":                       {"command-a-reasoning-08-2025", `,"reasoning_effort":"low"`, "enabled 2048 true", false},
		"medium":                    {"command-a-reasoning-08-2025", `,"reasoning_effort":"medium"`, "enabled 8192 true", false},
		"high":                      {"command-a-reasoning-08-2025", `,"reasoning_effort":"high","max_tokens":100`, "enabled 0 true", false},
		"max of an unknown one":     {"my-own-ft", `,"reasoning_effort":"max"`, "enabled 0 true", false},
		"of one that can't":         {"c4ai-aya-expanse-32b", `,"reasoning_effort":"xhigh"`, "- 0 false", true},
		"in half of the limit":      {"command-a-reasoning-08-2025", `,"reasoning_effort":"low","max_completion_tokens":1001`, "enabled 500 true", false},
		"in a limit of one":         {"command-a-reasoning-08-2025", `,"reasoning_effort":"low","max_tokens":1`, "enabled 1 true", false},
	} {
		t.Run(name, func(t *testing.T) {
			b, dropped, err := translated(t, c.model, history, c.more)
			if err != nil {
				t.Fatal(err)
			}
			kind := "-"
			var budget int64
			if b.Thinking != nil {
				kind, budget = b.Thinking.Type, b.Thinking.TokenBudget
			}
			got := fmt.Sprintf("%s %d %v", kind, budget, strings.Contains(string(b.Messages[1].Content), "thinking"))
			if got != c.want || slices.Contains(dropped, "reasoning_effort") != c.dropped {
				t.Errorf("got %s, want %s, dropped %q", got, c.want, dropped)
			}
		})
	}
}

func TestMessages(t *testing.T) {
	const hi = `{"role":"user","content":"hi"}`
	for messages, want := range map[string]string{
		hi + `,{"role":"user","content":[{"type":"text","text":""},{"type":"text","text":""}]}`:                                                   `[{"role":"user","content":"hi"},{"role":"user","content":""}]`,
		hi + `,{"role":"assistant","content":"","images":[{"type":"image_url","image_url":{"url":"https://a.test/b"}}]}`:                          `[{"role":"user","content":"hi"}]`,
		hi + `,{"role":"assistant","content":null,"function_call":{"name":"f","arguments":""}},{"role":"function","name":"f","content":"result"}`: `[{"role":"user","content":"hi"},{"role":"assistant","tool_calls":[{"id":"call_1","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","content":"result","tool_call_id":"call_1"}]`,
	} {
		b, dropped, err := translated(t, "command-a-03-2025", messages, "")
		if err != nil {
			t.Fatalf("%s: %v", messages, err)
		}
		got, err := json.Marshal(b.Messages)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != want || slices.Contains(dropped, "messages.images") != strings.Contains(messages, "images") {
			t.Errorf("%s gives %s, want %s, dropped %q", messages, got, want, dropped)
		}
	}
}

// Beside tool calls, text is a plan, and a plan goes before thoughts.
func TestToolPlan(t *testing.T) {
	const calls = `"tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"null"}}]`
	for message, want := range map[string]string{
		`"content":null,` + calls:                                          `{"role":"assistant","tool_calls":[]}`,
		`"content":"text","reasoning_content":"z",` + calls:                `{"role":"assistant","tool_plan":"text","tool_calls":[]}`,
		`"content":"","tool_plan":"plan","reasoning_content":"z",` + calls: `{"role":"assistant","tool_plan":"plan","tool_calls":[]}`,
		`"content":" text","tool_plan":"plan","refusal":"!",` + calls:      `{"role":"assistant","tool_plan":"plan text!","tool_calls":[]}`,
		`"reasoning_content":"z",` + calls:                                 `{"role":"assistant","content":[{"type":"thinking","thinking":"z"}],"tool_calls":[]}`,
	} {
		b, _, err := translated(t, "command-a-reasoning-08-2025", `{"role":"user","content":"x"},{"role":"assistant",`+message+`}`, "")
		if err != nil {
			t.Fatalf("%s: %v", message, err)
		}
		got, err := json.Marshal(b.Messages[1])
		if err != nil {
			t.Fatal(err)
		}
		want = strings.Replace(want, "[]}", `[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]}`, 1)
		if string(got) != want {
			t.Errorf("%s gives %s, want %s", message, got, want)
		}
	}
}

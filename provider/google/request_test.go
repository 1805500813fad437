package google

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/layergateway/layergateway/openai"
)

func TestRequestHTTP(t *testing.T) {
	const body = `{"model":"gemini-2.5-flash","messages":[{"role":"user","content":"hi"}]%s}`
	for name, c := range map[string]struct{ more, model, url string }{
		"whole":           {``, "gemini-2.5-flash", "https://gemini.test/v1beta/models/gemini-2.5-flash:generateContent"},
		"stream":          {`,"stream":true`, "gemini-2.5-flash", "https://gemini.test/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse"},
		"one segment":     {``, "a/../b?key=x#y:z", "https://gemini.test/v1beta/models/a%2F..%2Fb%3Fkey=x%23y%3Az:generateContent"},
		"resource's name": {``, "models/gemini-2.5-flash", "https://gemini.test/v1beta/models/gemini-2.5-flash:generateContent"},
	} {
		t.Run(name, func(t *testing.T) {
			call := newCall(t, fmt.Appendf(nil, body, c.more))
			call.Model = c.model
			req, err := New().Request(context.Background(), call)
			if err != nil {
				t.Fatal(err)
			}
			if got := req.URL.String(); got != c.url {
				t.Errorf("URL is %s, want %s", got, c.url)
			}
			// D69: the key is in its header and nowhere else.
			if got := req.Header.Get("X-Goog-Api-Key"); got != "secret-key" {
				t.Errorf("key is %q", got)
			}
			if strings.Contains(req.URL.String()+string(readBody(t, req)), "secret") {
				t.Error("the key is in the URL or the body")
			}
			accept := ""
			if call.Stream {
				accept = "text/event-stream"
			}
			if req.Method != http.MethodPost || req.Header.Get("Content-Type") != "application/json" || req.Header.Get("Accept") != accept {
				t.Errorf("%s with %v", req.Method, req.Header)
			}
			call.Key = ""
			if req, err = New().Request(context.Background(), call); err != nil || req.Header["X-Goog-Api-Key"] != nil {
				t.Errorf("without a key: %v, error %v", req.Header, err)
			}
		})
	}
}

// translateBody translates a request whose messages and other members are
// given.
func translateBody(t *testing.T, model, messages, more string) (*request, []string, error) {
	t.Helper()
	if messages == "" {
		messages = `[{"role":"user","content":"hi"}]`
	}
	call := newCall(t, fmt.Appendf(nil, `{"model":%q,"messages":%s%s}`, model, messages, more))
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
	user := func(part string) string { return `[{"role":"user","content":[` + part + `]}]` }
	const called = `[{"role":"user","content":"x"},{"role":"assistant","content":null,"tool_calls":[%s]}%s]`
	for name, c := range map[string]struct{ messages, more, param string }{
		"tool without call":     {`[{"role":"tool","tool_call_id":"call_1","content":"x"}]`, ``, "messages[0].tool_call_id"},
		"tool of another call":  {fmt.Sprintf(called, `{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}`, `,{"role":"tool","tool_call_id":"a","content":"x"},{"role":"tool","tool_call_id":"b","content":"x"}`), ``, "messages[3].tool_call_id"},
		"arguments cut off":     {fmt.Sprintf(called, `{"id":"a","type":"function","function":{"name":"f","arguments":"{\"a\":"}}`, ``), ``, "messages[1].tool_calls[0].function.arguments"},
		"arguments no object":   {fmt.Sprintf(called, `{"id":"a","type":"function","function":{"name":"f","arguments":"[1]"}}`, ``), ``, "messages[1].tool_calls[0].function.arguments"},
		"call without name":     {fmt.Sprintf(called, `{"id":"a","type":"function","function":{"arguments":"{}"}}`, ``), ``, "messages[1].tool_calls[0].function.name"},
		"image in system":       {`[{"role":"system","content":[{"type":"image_url","image_url":{"url":"https://a.test/b.png"}}]}]`, ``, "messages[0].content[0].type"},
		"unknown part":          {user(`{"type":"hologram"}`), ``, "messages[0].content[0].type"},
		"part without member":   {user(`{"type":"text","text":"a"},{"type":"image_url"}`), ``, "messages[0].content[1].type"},
		"local file":            {user(`{"type":"image_url","image_url":{"url":"file:///etc/passwd"}}`), ``, "messages[0].content[0].image_url.url"},
		"data URL without type": {user(`{"type":"image_url","image_url":{"url":"data:;base64,AA=="}}`), ``, "messages[0].content[0].image_url.url"},
		"data URL without data": {user(`{"type":"image_url","image_url":{"url":"data:image/png;base64"}}`), ``, "messages[0].content[0].image_url.url"},
		"audio format":          {user(`{"type":"input_audio","input_audio":{"data":"AA==","format":"pdf"}}`), ``, "messages[0].content[0].input_audio.format"},
		"OpenAI's file id":      {user(`{"type":"file","file":{"file_id":"file-123"}}`), ``, "messages[0].content[0].file.file_id"},
		"file without type":     {user(`{"type":"file","file":{"file_data":"AA=="}}`), ``, "messages[0].content[0].file.file_data"},
		"file URL without type": {user(`{"type":"file","file":{"file_url":"https://a.test/b"}}`), ``, "messages[0].content[0].file.file_url"},
		"empty file":            {user(`{"type":"file","file":{}}`), ``, "messages[0].content[0].file"},
		"images of one's own":   {`[{"role":"user","content":"a"},{"role":"assistant","content":"b","images":["AA=="]}]`, ``, "messages[1].images"},
		"stops":                 {``, `,"stop":["1","2","3","4","5","6"]`, "stop"},
		"effort":                {``, `,"reasoning_effort":"huge"`, "reasoning_effort"},
		"response format":       {``, `,"response_format":{"type":"grammar"}`, "response_format.type"},
		"no schema":             {``, `,"response_format":{"type":"json_schema","json_schema":{"name":"a"}}`, "response_format.json_schema.schema"},
		"custom tool":           {``, `,"tools":[{"type":"custom","custom":{"name":"a"}}]`, "tools[0].type"},
		"another's tool":        {``, `,"tools":[{"type":"function","function":{"name":"f"}},{"type":"web_search","google_search":{}}]`, "tools[1].type"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := translateBody(t, "gemini-3-flash", c.messages, c.more)
			var e *openai.Error
			if !errors.As(err, &e) || e.Status != http.StatusBadRequest || e.Param != c.param {
				t.Errorf("error is %#v, want a 400 for %s", err, c.param)
			}
		})
	}
}

func TestDropped(t *testing.T) {
	const f = `,"tools":[{"type":"function","function":{"name":"f","strict":true}}]`
	for name, c := range map[string]struct{ model, messages, more, dropped string }{
		"nothing":           {"gemini-3-flash", ``, `,"user":null,"store":false,"logit_bias":{},"metadata":{ },"parallel_tool_calls":true,"n":1,"stream_options":{},"modalities":["text"],"service_tier":"auto","tools":[],"verbosity":"medium","response_format":{"type":"text"}`, ""},
		"no equivalent":     {"gemini-3-flash", ``, `,"store":true,"parallel_tool_calls":false,"verbosity":"low","prompt_cache_key":"k","audio":{"voice":"a"},"top_k":1`, "store parallel_tool_calls verbosity prompt_cache_key audio top_k"},
		"service tier":      {"gemini-3-flash", ``, `,"service_tier":"scale"`, "service_tier"},
		"top_logprobs":      {"gemini-3-flash", ``, `,"top_logprobs":3`, "top_logprobs"},
		"no thinking":       {"gemini-2.0-flash", ``, `,"reasoning_effort":"high"`, "reasoning_effort"},
		"nor asked for":     {"gemini-2.0-flash", ``, `,"reasoning_effort":"none"`, ""},
		"strict":            {"gemini-2.0-flash", ``, f, "tools.function.strict"},
		"strict carried":    {"gemini-2.5-flash", ``, f, ""},
		"JSON and tools":    {"gemini-2.5-flash", ``, f + `,"response_format":{"type":"json_object"}`, "response_format"},
		"both at Gemini 3":  {"gemini-3-flash", ``, f + `,"response_format":{"type":"json_object"}`, ""},
		"search and tools":  {"gemini-2.5-flash", ``, f + `,"web_search_options":{}`, "web_search_options"},
		"search":            {"gemini-2.5-flash", ``, `,"web_search_options":{"search_context_size":"medium"}`, ""},
		"where to cache":    {"gemini-3-flash", `[{"role":"user","content":[{"type":"text","text":"a","cache_control":{"type":"ephemeral"}}]}]`, ``, "cache_control"},
		"names and details": {"gemini-3-flash", `[{"role":"user","name":"a","content":[{"type":"image_url","image_url":{"url":"https://a.test/b","detail":"low"}}]}]`, ``, "messages.name messages.content.image_url.detail"},
	} {
		t.Run(name, func(t *testing.T) {
			_, dropped, err := translateBody(t, c.model, c.messages, c.more)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(dropped, " "); got != c.dropped {
				t.Errorf("dropped %q, want %q", got, c.dropped)
			}
		})
	}
}

func TestToolChoice(t *testing.T) {
	const loose, strict = `{"name":"f"}`, `{"name":"f","strict":true}`
	for name, c := range map[string]struct{ function, choice, mode, allowed string }{
		"none given":        {loose, ``, "", ""},
		"none given strict": {strict, ``, "VALIDATED", ""},
		"auto":              {loose, `"auto"`, "AUTO", ""},
		"auto strict":       {strict, `"auto"`, "VALIDATED", ""},
		"none":              {strict, `"none"`, "NONE", ""},
		"required":          {strict, `"required"`, "ANY", ""},
		"named":             {loose, `{"type":"function","function":{"name":"f"}}`, "ANY", "f"},
		"allowed":           {loose, `{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[{"type":"function","name":"f"}]}}`, "VALIDATED", "f"},
		"allowed required":  {loose, `{"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[{"type":"function","name":"f"}]}}`, "ANY", "f"},
	} {
		t.Run(name, func(t *testing.T) {
			more := `,"tools":[{"type":"function","function":` + c.function + `}]`
			if c.choice != "" {
				more += `,"tool_choice":` + c.choice
			}
			body, _, err := translateBody(t, "gemini-2.5-pro", ``, more)
			if err != nil {
				t.Fatal(err)
			}
			got := functionCallingConfig{}
			if body.ToolConfig != nil {
				got = *body.ToolConfig.FunctionCallingConfig
			}
			if got.Mode != c.mode || strings.Join(got.AllowedFunctionNames, ",") != c.allowed {
				t.Errorf("got %+v, want %s of %q", got, c.mode, c.allowed)
			}
		})
	}
}

func TestReasoningEffort(t *testing.T) {
	efforts := []string{"none", "minimal", "low", "medium", "high", "xhigh", "max"}
	for model, want := range map[string]string{
		"gemini-2.5-flash":               "0 1024 1024 8192 24576 24576 24576",
		"gemini-2.5-flash-lite":          "0 1024 1024 8192 24576 24576 24576",
		"gemini-2.5-pro":                 "128 1024 1024 8192 24576 32768 32768",
		"gemini-3-pro-preview":           "low low low high high high high",
		"gemini-3.1-pro-preview":         "low low low medium high high high",
		"gemini-3-flash-preview":         "minimal minimal low medium high high high",
		"models/gemini-3.1-flash-lite":   "minimal minimal low medium high high high",
		"gemini-flash-latest":            "minimal minimal low medium high high high",
		"gemini-pro-latest":              "low low low medium high high high",
		"gemini-4-ultra":                 "minimal minimal low medium high high high",
		"gemini-2.0-flash":               "- - - - - - -",
		"gemini-1.5-pro-002":             "- - - - - - -",
		"gemini-2.5-flash-image":         "- - - - - - -",
		"gemini-3-pro-image-preview":     "- - - - - - -",
		"gemini-2.5-flash-preview-tts":   "- - - - - - -",
		"gemma-3-27b-it":                 "- - - - - - -",
		"gemini-99999999999999999999-x":  "- - - - - - -",
		"learnlm-2.0-flash-experimental": "- - - - - - -",
	} {
		t.Run(model, func(t *testing.T) {
			var got []string
			for _, e := range efforts {
				body, _, err := translateBody(t, model, ``, `,"reasoning_effort":"`+e+`"`)
				if err != nil {
					t.Fatal(err)
				}
				if body.GenerationConfig == nil {
					got = append(got, "-")
					continue
				}
				c := body.GenerationConfig.ThinkingConfig
				if c.IncludeThoughts != (e != "none") {
					t.Errorf("%s: includeThoughts is %v", e, c.IncludeThoughts)
				}
				if (c.ThinkingBudget != nil) == (c.ThinkingLevel != "") {
					t.Errorf("%s: both or neither of budget and level", e)
				} else if c.ThinkingBudget != nil {
					got = append(got, fmt.Sprint(*c.ThinkingBudget))
				} else {
					got = append(got, c.ThinkingLevel)
				}
			}
			if s := strings.Join(got, " "); s != want {
				t.Errorf("got %s, want %s", s, want)
			}
		})
	}
	body, _, err := translateBody(t, "gemini-3-pro", ``, ``)
	if err != nil || body.GenerationConfig != nil {
		t.Errorf("without reasoning_effort: %+v, error %v", body.GenerationConfig, err)
	}
}

// Signatures that a client sends back are the ones that it got, byte by byte;
// where it kept none, the first call of each step says so.
func TestSignatures(t *testing.T) {
	const call = `{"id":"%s","type":"function","function":{"name":"f","arguments":"{}"}%s}`
	signed := `,"extra_content":{"google":{"thought_signature":"a+/_-\u003d="}}`
	turn := func(extra, content string, calls ...string) string {
		return fmt.Sprintf(`[{"role":"user","content":"x"},{"role":"assistant","content":%s,"tool_calls":[%s]%s}]`, content, strings.Join(calls, ","), extra)
	}
	for name, c := range map[string]struct{ model, messages, want string }{
		"kept":              {"gemini-3-pro", turn(``, `null`, fmt.Sprintf(call, "a", signed), fmt.Sprintf(call, "b", ``)), "call:a+/_-== call:"},
		"not kept":          {"gemini-3-pro", turn(``, `null`, fmt.Sprintf(call, "a", ``), fmt.Sprintf(call, "b", ``)), "call:" + skipSignature + " call:"},
		"not the first":     {"gemini-3-pro", turn(``, `null`, fmt.Sprintf(call, "a", ``), fmt.Sprintf(call, "b", signed)), "call:" + skipSignature + " call:a+/_-=="},
		"before Gemini 3":   {"gemini-2.5-pro", turn(``, `null`, fmt.Sprintf(call, "a", ``)), "call:"},
		"kept by 2.5":       {"gemini-2.5-pro", turn(``, `null`, fmt.Sprintf(call, "a", signed)), "call:a+/_-=="},
		"of the last text":  {"gemini-3-pro", turn(signed, `[{"type":"text","text":"a"},{"type":"text","text":"b"}]`, fmt.Sprintf(call, "a", signed)), "a: b:a+/_-== call:a+/_-=="},
		"of no text at all": {"gemini-3-pro", turn(signed, `""`, fmt.Sprintf(call, "a", signed)), ":a+/_-== call:a+/_-=="},
	} {
		t.Run(name, func(t *testing.T) {
			body, _, err := translateBody(t, c.model, c.messages, ``)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, p := range body.Contents[1].Parts {
				what := "call"
				if p.Text != nil {
					what = *p.Text
				}
				got = append(got, what+":"+p.ThoughtSignature)
			}
			if s := strings.Join(got, " "); s != c.want {
				t.Errorf("got %s, want %s", s, c.want)
			}
		})
	}
}

func TestToolResults(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"object":         {`{"a": 1.0, "b": 12345678901234567890}`, `{"a":1.0,"b":12345678901234567890}`},
		"array":          {`[1, 2]`, `{"result":[1,2]}`},
		"number":         {`1.50`, `{"result":1.50}`},
		"string":         {`"a"`, `{"result":"a"}`},
		"text":           {`it's {here}`, `{"result":"it's {here}"}`},
		"empty":          {``, `{"result":""}`},
		"blank":          {` `, `{"result":" "}`},
		"two objects":    {`{} {}`, `{"result":"{} {}"}`},
		"duplicate name": {`{"a":1,"a":2}`, `{"result":"{\"a\":1,\"a\":2}"}`},
	} {
		t.Run(name, func(t *testing.T) {
			got := resultObject(c.text)
			if err := got.Compact(); err != nil || string(got) != c.want {
				t.Errorf("got %s, want %s (%v)", got, c.want, err)
			}
		})
	}
}

// The deprecated forms: function_call, and a message of role function.
func TestFunctionMessages(t *testing.T) {
	body, _, err := translateBody(t, "gemini-2.5-pro", `[
		{"role":"user","content":"x"},
		{"role":"assistant","content":null,"function_call":{"name":"f","arguments":"{}"}},
		{"role":"function","name":"f","content":"ok"}]`, `,"functions":[{"name":"f"}],"function_call":{"name":"f"}`)
	if err != nil {
		t.Fatal(err)
	}
	response := body.Contents[2].Parts[0].FunctionResponse
	if response == nil || response.Name != "f" || body.Contents[1].Parts[0].FunctionCall.ID != response.ID {
		t.Errorf("the result is %+v", response)
	}
	if names := body.ToolConfig.FunctionCallingConfig.AllowedFunctionNames; !slices.Equal(names, []string{"f"}) {
		t.Errorf("allowed: %v", names)
	}
}

// A custom tool's call from elsewhere becomes a call with its input.
func TestCustomCall(t *testing.T) {
	body, _, err := translateBody(t, "gemini-2.5-pro", `[
		{"role":"user","content":"x"},
		{"role":"assistant","tool_calls":[{"id":"a","type":"custom","custom":{"name":"sh","input":"ls \"x\""}}]},
		{"role":"tool","tool_call_id":"a","content":"ok"}]`, ``)
	if err != nil {
		t.Fatal(err)
	}
	if got := body.Contents[1].Parts[0].FunctionCall; got.Name != "sh" || string(got.Args) != `{"input":"ls \"x\""}` {
		t.Errorf("the call is %+v", got)
	}
}

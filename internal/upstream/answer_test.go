package upstream

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// said is what an answer says, whatever the dialect.
type said struct {
	text, finish string
	calls        string // name and arguments of each
	input        float64
	output       float64
}

// TestAnswers asks each provider for the same, in a stream and not, and expects the same of it.
func TestAnswers(t *testing.T) {
	rows := []struct {
		name   string
		prompt string
		google string // members of the Gemini request
		other  string // members of both others, of OpenAI where anthropic is set too
		claude string
		text   string
		calls  string
		finish [3]string // OpenAI, Anthropic, Google
	}{
		{name: "text", prompt: "good day", text: "You said: good day", finish: [3]string{"stop", "end_turn", "STOP"}},
		{name: "long", prompt: "[[chunks=4]]", text: "w1 w2 w3 w4", finish: [3]string{"stop", "end_turn", "STOP"}},
		{name: "limit", prompt: "[[chunks=40]]", google: `"generationConfig":{"maxOutputTokens":3}`, other: `"max_tokens":3`, claude: `"max_tokens":3`,
			text: "w1 w2 w3", finish: [3]string{"length", "max_tokens", "MAX_TOKENS"}},
		{name: "stop", prompt: "[[chunks=9]]", google: `"generationConfig":{"stopSequences":[" w3"]}`, other: `"stop":" w3"`, claude: `"stop_sequences":[" w3"]`,
			text: "w1 w2", finish: [3]string{"stop", "stop_sequence", "STOP"}},
		{name: "call", prompt: "x", google: `"tools":[{"functionDeclarations":[{"name":"f"}]}]`,
			other: `"tools":[{"type":"function","function":{"name":"f"}}]`, claude: `"tools":[{"name":"f","input_schema":{"type":"object"}}]`,
			calls: "f{}", finish: [3]string{"tool_calls", "tool_use", "STOP"}},
		{name: "no call by order", prompt: "x [[calls=0]]", google: `"tools":[{"functionDeclarations":[{"name":"f"}]}]`,
			other: `"tools":[{"type":"function","function":{"name":"f"}}]`, claude: `"tools":[{"name":"f","input_schema":{"type":"object"}}]`,
			text: "You said: x", finish: [3]string{"stop", "end_turn", "STOP"}},
		{name: "no call by choice", prompt: "x", google: `"tools":[{"functionDeclarations":[{"name":"f"}]}],"toolConfig":{"functionCallingConfig":{"mode":"NONE"}}`,
			other: `"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"none"`, claude: `"tools":[{"name":"f","input_schema":{"type":"object"}}],"tool_choice":{"type":"none"}`,
			text: "You said: x", finish: [3]string{"stop", "end_turn", "STOP"}},
		{name: "named", prompt: "x", google: `"tools":[{"functionDeclarations":[{"name":"f"},{"name":"g"}]}],"toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["g"]}}`,
			other:  `"tools":[{"type":"function","function":{"name":"f"}},{"type":"function","function":{"name":"g"}}],"tool_choice":{"type":"function","function":{"name":"g"}}`,
			claude: `"tools":[{"name":"f","input_schema":{"type":"object"}},{"name":"g","input_schema":{"type":"object"}}],"tool_choice":{"type":"tool","name":"g"}`,
			calls:  "g{}", finish: [3]string{"tool_calls", "tool_use", "STOP"}},
		{name: "schema", prompt: "x", google: `"generationConfig":{"responseMimeType":"application/json","responseJsonSchema":{"type":"object","properties":{"n":{"type":"integer"},"s":{"enum":["a","b"]}}}}`,
			other:  `"response_format":{"type":"json_schema","json_schema":{"name":"r","schema":{"type":"object","properties":{"n":{"type":"integer"},"s":{"enum":["a","b"]}}}}}`,
			claude: `"output_config":{"format":{"type":"json_schema","schema":{"type":"object","additionalProperties":false,"properties":{"n":{"type":"integer"},"s":{"enum":["a","b"]}}}}}`,
			text:   `{"n":1,"s":"a"}`, finish: [3]string{"stop", "end_turn", "STOP"}},
		{name: "finish by order", prompt: "x [[finish=REASON]]", text: "You said: x", finish: [3]string{"REASON", "REASON", "REASON"}},
	}
	_, url := start(t)
	for _, row := range rows {
		for i, provider := range []string{"openai", "anthropic", "google"} {
			for _, stream := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s/%v", row.name, provider, stream), func(t *testing.T) {
					body := map[string]string{
						"openai":    `{"model":"gpt-4o","messages":[{"role":"user","content":"` + row.prompt + `"}]}`,
						"anthropic": `{"model":"claude-sonnet-4-5","max_tokens":2000,"messages":[{"role":"user","content":"` + row.prompt + `"}]}`,
						"google":    `{"contents":[{"parts":[{"text":"` + row.prompt + `"}]}]}`,
					}[provider]
					body = merge(t, body, []string{row.other, row.claude, row.google}[i])
					if stream && provider != "google" {
						body = merge(t, body, `"stream":true`)
					}
					if stream && provider == "openai" {
						body = merge(t, body, `"stream_options":{"include_usage":true}`)
					}
					w, raw := post(t, url, provider, "gemini-2.0-flash", stream, body, nil)
					if w.StatusCode != http.StatusOK {
						t.Fatalf("%d %s", w.StatusCode, raw)
					}
					got := hear(t, provider, stream, raw)
					if got.text != row.text || got.calls != row.calls || got.finish != row.finish[i] {
						t.Errorf("got %+v of %s", got, raw)
					}
					if got.input == 0 || got.output == 0 {
						t.Errorf("no usage in %s", raw)
					}
				})
			}
		}
	}
}

func hear(t *testing.T, provider string, stream bool, raw string) said {
	t.Helper()
	all := []map[string]any{}
	if stream {
		all = events(t, raw)
	} else {
		all = append(all, parse(t, raw))
	}
	var s said
	for _, e := range all {
		switch provider {
		case "openai":
			s.openAI(e)
		case "anthropic":
			s.anthropic(t, e)
		default:
			s.google(t, e)
		}
	}
	return s
}

func (s *said) openAI(e map[string]any) {
	m, _ := dig(e, "choices", 0, "message").(map[string]any)
	if m == nil {
		m, _ = dig(e, "choices", 0, "delta").(map[string]any)
	}
	s.text += str(m, "content")
	for _, c := range each(items(m, "tool_calls")) {
		f := sub(c, "function")
		s.calls += str(f, "name") + str(f, "arguments")
	}
	if f, ok := dig(e, "choices", 0, "finish_reason").(string); ok {
		s.finish = f
	}
	if u := sub(e, "usage"); u != nil {
		s.input, s.output = u["prompt_tokens"].(float64), u["completion_tokens"].(float64)
	}
}

func (s *said) anthropic(t *testing.T, e map[string]any) {
	blocks := items(e, "content")
	if b := sub(e, "content_block"); b != nil {
		delete(b, "input") // comes in deltas
		blocks = []any{b}
	}
	for _, b := range each(blocks) {
		s.text += str(b, "text")
		s.calls += str(b, "name")
		if in := sub(b, "input"); in != nil {
			s.calls += marshal(t, in)
		}
	}
	delta := sub(e, "delta")
	s.text += str(delta, "text")
	s.calls += str(delta, "partial_json")
	s.finish += str(delta, "stop_reason") + str(e, "stop_reason")
	if u := sub(e, "usage"); u != nil {
		s.input, s.output = u["input_tokens"].(float64), u["output_tokens"].(float64)
	}
	if e["type"] == "message_stop" && s.finish == "tool_use" && !strings.Contains(s.calls, "{") {
		s.calls += "{}" // no fragment at all stands for no arguments
	}
}

func (s *said) google(t *testing.T, e map[string]any) {
	for _, p := range each(items(dig(e, "candidates", 0, "content").(map[string]any), "parts")) {
		s.text += str(p, "text")
		if f := sub(p, "functionCall"); f != nil {
			s.calls += str(f, "name") + marshal(t, f["args"])
		}
	}
	if f, ok := dig(e, "candidates", 0, "finishReason").(string); ok {
		s.finish = f
	}
	s.input = dig(e, "usageMetadata", "promptTokenCount").(float64)
	s.output, _ = dig(e, "usageMetadata", "candidatesTokenCount").(float64)
}

// TestMedia shows what the fakes see of images and files.
func TestMedia(t *testing.T) {
	const data = "data:image/png;base64," + png
	_, url := start(t)
	rows := []struct{ provider, body, want string }{
		{"openai", `{"model":"gpt-4o","messages":[{"role":"user","content":[{"type":"text","text":"look"},{"type":"image_url","image_url":{"url":"` + data + `"}},{"type":"image_url","image_url":{"url":"https://example.org/a.png","detail":"low"}}]}]}`,
			"You said: look I see an image of 68 bytes (image/png). I see an image at https://example.org/a.png."},
		{"anthropic", `{"model":"claude-sonnet-4-5","max_tokens":50,"messages":[{"role":"user","content":[{"type":"text","text":"look"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"` + png + `"}},{"type":"image","source":{"type":"url","url":"https://example.org/a.png"}}]}]}`,
			"You said: look I see an image of 68 bytes (image/png). I see an image at https://example.org/a.png."},
		{"google", `{"contents":[{"parts":[{"text":"look"},{"inlineData":{"mimeType":"image/png","data":"` + png + `"}},{"fileData":{"mimeType":"image/png","fileUri":"https://example.org/a.png"}}]}]}`,
			"You said: look I see an image of 68 bytes (image/png). I see an image at https://example.org/a.png."},
		{"openai", `{"model":"gpt-4o","messages":[{"role":"user","content":[{"type":"text","text":"read"},{"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,JVBERg=="}}]}]}`,
			"You said: read I see a file of 4 bytes (application/pdf)."},
	}
	for _, row := range rows {
		_, raw := post(t, url, row.provider, "gemini-2.0-flash", false, row.body, nil)
		if got := hear(t, row.provider, false, raw); got.text != row.want {
			t.Errorf("%s: %q of %s", row.provider, got.text, raw)
		}
	}
}

// TestOdds asks for what only one provider has.
func TestOdds(t *testing.T) {
	const tool = `{"type":"function","function":{"name":"%s"}}`
	f, g := fmt.Sprintf(tool, "f"), fmt.Sprintf(tool, "g")
	rows := []struct {
		name, provider, model string
		stream                bool
		body, within          string
	}{
		{"allowed tools", "openai", "", false, `{"model":"gpt-4o","messages":[{"role":"user","content":"x"}],"tools":[` + f + `,` + g + `],"tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[` + g + `]}}}`, `"name":"g"`},
		{"one call at a time", "openai", "", false, `{"model":"gpt-4o","messages":[{"role":"user","content":"x [[calls=2]]"}],"tools":[` + f + `],"parallel_tool_calls":false}`, `"arguments":"{}"}}],"refusal"`},
		{"JSON of any form", "openai", "", false, `{"model":"gpt-4o","messages":[{"role":"user","content":"as JSON"}],"response_format":{"type":"json_object"}}`, `"content":"{\"answer\":\"You said: as JSON\"}"`},
		{"two choices", "openai", "", true, `{"model":"gpt-4o","stream":true,"n":2,"messages":[{"role":"user","content":"x"}]}`, `"choices":[{"index":1,"delta":{"content":" x"}`},
		{"no obfuscation", "openai", "", true, `{"model":"gpt-4o","stream":true,"stream_options":{"include_obfuscation":false},"messages":[{"role":"user","content":"x"}]}`, `"finish_reason":"stop"}]}` + "\n"},
		{"reasoning tokens", "openai", "", false, `{"model":"gpt-5","messages":[{"role":"user","content":"x"}]}`, `"reasoning_tokens":3`},
		{"effort none", "openai", "", false, `{"model":"gpt-5.1","messages":[{"role":"user","content":"x"}],"reasoning_effort":"none","temperature":0.2}`, `"reasoning_tokens":0`},
		{"thinking without its text", "anthropic", "", true, `{"model":"claude-opus-5","max_tokens":50,"stream":true,"messages":[{"role":"user","content":"x"}],"thinking":{"type":"adaptive","display":"omitted"}}`, `"delta":{"type":"signature_delta"`},
		{"disabled thinking", "anthropic", "", false, `{"model":"claude-opus-5","max_tokens":50,"messages":[{"role":"user","content":"x"}],"thinking":{"type":"disabled"}}`, `"content":[{"type":"text"`},
		{"one use at a time", "anthropic", "", false, `{"model":"claude-opus-5","max_tokens":50,"messages":[{"role":"user","content":"x [[calls=2]]"}],"tools":[{"name":"f","input_schema":{"type":"object"}}],"tool_choice":{"type":"any","disable_parallel_tool_use":true}}`, `"input":{}}],"stop_reason":"tool_use"`},
		{"stream as an array", "google", "gemini-2.0-flash:streamGenerateContent", false, `{"contents":[{"parts":[{"text":"x"}]}]}`, "\r\n,\r\n{"},
		{"sealed text", "google", "gemini-3-flash-preview", true, `{"contents":[{"parts":[{"text":"x"}]}]}`, `{"text":"","thoughtSignature":"`},
		{"thoughts counted, not told", "google", "gemini-2.5-flash", true, `{"contents":[{"parts":[{"text":"x"}]}]}`, `"thoughtsTokenCount":3`},
		{"two candidates", "google", "gemini-2.0-flash", false, `{"contents":[{"parts":[{"text":"x"}]}],"generationConfig":{"candidateCount":2}}`, `"index": 1`},
	}
	_, url := start(t)
	for _, row := range rows {
		model := strings.TrimSuffix(row.model, ":streamGenerateContent")
		w, got := post(t, url, row.provider, model, row.stream, row.body, func(r *http.Request) {
			if model != row.model {
				r.URL.Path = "/google/v1beta/models/" + row.model
			}
		})
		if w.StatusCode != http.StatusOK || !strings.Contains(got, row.within) {
			t.Errorf("%s: %d, no %s in %s", row.name, w.StatusCode, row.within, got)
		}
		if row.name == "thoughts counted, not told" && strings.Contains(got, "Thinking") {
			t.Errorf("%s: %s", row.name, got)
		}
	}
}

// TestNowhere asks for paths that the providers do not have.
func TestNowhere(t *testing.T) {
	_, url := start(t)
	for path, want := range map[string]string{
		"/openai/v1/v1/chat/completions": `"type": "invalid_request_error"`, "/anthropic/messages": `"type":"not_found_error"`,
		"/google/v1/models/gemini-2.0-flash:generateContent": `"status": "NOT_FOUND"`,
	} {
		w, got := post(t, url, "openai", "", false, `{}`, func(r *http.Request) { r.URL.Path = path })
		if w.StatusCode != http.StatusNotFound || !strings.Contains(got, want) {
			t.Errorf("%s: %d %s", path, w.StatusCode, got)
		}
	}
}

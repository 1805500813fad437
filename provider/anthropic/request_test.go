package anthropic

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/layergateway/layergateway/internal/golden"
	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/provider"
	"github.com/layergateway/layergateway/provider/claude"
)

// TestRefused are requests that no translation can save: the client is told
// which parameter to change.
func TestRefused(t *testing.T) {
	const user = `{"role":"user","content":"hi"}`
	messages := func(m string) string { return `"messages":[` + user + `,` + m + `]` }
	part := func(p string) string { return messages(`{"role":"user","content":[` + p + `]}`) }
	call := func(c string) string {
		return messages(`{"role":"assistant","content":null,"tool_calls":[` + c + `]}`)
	}
	tools := func(rest string) string { return `"messages":[` + user + `],"tools":[` + rest }
	for _, c := range []struct{ request, param, code string }{
		{part(`{"type":"input_audio","input_audio":{"data":"AAAA","format":"wav"}}`), "messages[1].content[0].type", "unsupported_value"},
		{part(`{"type":"video_url","video_url":{"url":"https://example.com/v"}}`), "messages[1].content[0].type", "unsupported_value"},
		{part(`{"type":"image_url"}`), "messages[1].content[0].image_url", "missing_field"},
		{part(`{"type":"image_url","image_url":{"url":"http://example.com/a.png"}}`), "messages[1].content[0].image_url.url", "invalid_image_url"},
		{part(`{"type":"image_url","image_url":{"url":"file:///etc/passwd"}}`), "messages[1].content[0].image_url.url", "invalid_image_url"},
		{part(`{"type":"image_url","image_url":{"url":"data:image/png,abc"}}`), "messages[1].content[0].image_url.url", "invalid_image_url"},
		{part(`{"type":"image_url","image_url":{"url":"data:image/tiff;base64,AA=="}}`), "messages[1].content[0].image_url.url", "invalid_image_format"},
		{part(`{"type":"file","file":{"file_data":"data:application/zip;base64,AA=="}}`), "messages[1].content[0].file.file_data", "unsupported_value"},
		{part(`{"type":"file","file":{"filename":"a.txt","file_data":"data:text/plain;base64,!"}}`), "messages[1].content[0].file.file_data", "invalid_value"},
		{part(`{"type":"file","file":{"file_url":"ftp://example.com/a.pdf"}}`), "messages[1].content[0].file.file_url", "invalid_value"},
		{part(`{"type":"file","file":{"filename":"a.pdf"}}`), "messages[1].content[0].file.file_data", "missing_field"},
		{part(`{"type":"text","text":"x","cache_control":"ephemeral"}`), "messages[1].content[0].cache_control", "invalid_type"},
		{messages(`{"role":"user","content":"x","cache_control":1}`), "messages[1].cache_control", "invalid_type"},
		{messages(`{"role":"system","content":[{"type":"image_url","image_url":{"url":"https://example.com"}}]}`), "messages[1].content[0].type", "unsupported_value"},
		{messages(`{"role":"tool","tool_call_id":"no","content":"x"}`), "messages[1].tool_call_id", "invalid_value"},
		{call(`{"id":"a","type":"function","function":{"name":"f","arguments":"{\"a\":"}}`), "messages[1].tool_calls[0].function.arguments", "invalid_value"},
		{call(`{"id":"a","type":"function","function":{"name":"f","arguments":"[1]"}}`), "messages[1].tool_calls[0].function.arguments", "invalid_value"},
		{call(`{"id":"a","type":"function","function":{"name":"f g","arguments":"{}"}}`), "messages[1].tool_calls[0].function.name", "invalid_value"},
		{call(`{"type":"function","function":{"name":"f","arguments":"{}"}}`), "messages[1].tool_calls[0].id", "missing_field"},
		{call(`{"id":"a","type":"custom","custom":{"name":"f","input":"x"}}`), "messages[1].tool_calls[0].type", "unsupported_value"},
		{tools(`{"type":"custom","custom":{"name":"f"}}]`), "tools[0].type", "unsupported_value"},
		{tools(`{"type":"function","function":{"name":"` + strings.Repeat("n", 129) + `"}}]`), "tools[0].function.name", "invalid_value"},
		{tools(`{"type":"function","function":{"name":"f","parameters":[]}}]`), "tools[0].function.parameters", "invalid_type"},
		{tools(`{"type":"function","function":{"name":"f"}}],"tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[{"type":"function","function":{"name":"g"}}]}}`), "tool_choice", "invalid_value"},
		{tools(`],"tool_choice":"required"`), "tool_choice", "invalid_value"},
		{`"messages":[` + user + `],"response_format":{"type":"yaml"}`, "response_format.type", "invalid_value"},
		{`"messages":[` + user + `],"response_format":{"type":"json_schema","json_schema":{"name":"x"}}`, "response_format.json_schema.schema", "missing_field"},
		{`"messages":[` + user + `],"reasoning_effort":"huge"`, "reasoning_effort", "invalid_value"},
		{`"messages":[` + user + `],"n":2`, "n", "unsupported_value"},
		{`"messages":[` + user + `],"modalities":["audio"]`, "modalities", "unsupported_value"},
		{`"messages":[{"role":"user","content":" "}]`, "messages", "missing_field"},
	} {
		_, _, err := translate(t, []byte(`{"model":"claude-sonnet-4-5",`+c.request+`}`))
		var refused *openai.Error
		if !errors.As(err, &refused) || refused.Status != 400 || refused.Param != c.param || refused.Code != c.code {
			t.Errorf("%s\ngives %#v\nwant %s of %s", c.request, err, c.code, c.param)
		}
	}
}

// TestEveryEffort checks for every model and limit that thinking has a form that
// the model takes: a budget is at least 1024 and below max_tokens.
func TestEveryEffort(t *testing.T) {
	for _, model := range []string{"claude-3-haiku-20240307", "claude-3-7-sonnet-20250219", "claude-opus-4-1", "claude-sonnet-4-5", "claude-opus-4-6", "claude-opus-4-7", "claude-opus-5-5", "claude-next"} {
		g := claude.Of(model)
		for _, effort := range []string{"none", "minimal", "low", "medium", "high", "xhigh", "max"} {
			for _, limit := range []int64{0, 1, 1024, 1025, 1500, 5000, 200000} {
				request := fmt.Sprintf(`{"model":%q,"messages":[{"role":"user","content":"hi"}],"reasoning_effort":%q`, model, effort)
				if limit > 0 {
					request += fmt.Sprintf(`,"max_completion_tokens":%d`, limit)
				}
				c, up, err := translate(t, []byte(request+"}"))
				if err != nil {
					t.Fatal(err)
				}
				var b struct {
					MaxTokens    int64           `json:"max_tokens"`
					Thinking     *claude.Thought `json:"thinking"`
					OutputConfig *outputConfig   `json:"output_config"`
				}
				if err := json.Unmarshal(up, &b); err != nil {
					t.Fatal(err)
				}
				where := fmt.Sprintf("%s, %s, %d: %s, dropped %v", model, effort, limit, up, c.Dropped())
				if limit > 0 && b.MaxTokens != limit || limit == 0 && b.MaxTokens != g.Limit {
					t.Errorf("max_tokens: %s", where)
				}
				kind := ""
				if b.Thinking != nil {
					kind = b.Thinking.Type
				}
				switch {
				case kind == "enabled":
					if g.Thinking != claude.BudgetThinking || b.Thinking.Budget < 1024 || b.Thinking.Budget >= b.MaxTokens {
						t.Errorf("budget: %s", where)
					}
				case kind == "adaptive":
					if g.Thinking != claude.AdaptiveThinking || b.OutputConfig == nil || effort == "xhigh" && !g.XHigh && b.OutputConfig.Effort != "max" {
						t.Errorf("effort: %s", where)
					}
				case effort == "none":
					if kind != g.Off {
						t.Errorf("off: %s", where)
					}
				case len(c.Dropped()) == 0:
					t.Errorf("lost in silence: %s", where)
				}
			}
		}
	}
}

// TestDeterministic checks that the same request gives the same bytes.
func TestDeterministic(t *testing.T) {
	requests, err := filepath.Glob("testdata/anthropic/*/request.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range requests {
		dir, name := filepath.Split(path)
		_, one, err1 := translate(t, golden.Read(t, dir, name))
		_, two, err2 := translate(t, golden.Read(t, dir, name))
		if !bytes.Equal(one, two) || (err1 == nil) != (err2 == nil) {
			t.Errorf("%s gives different bytes", path)
		}
	}
}

func TestHeader(t *testing.T) {
	r, err := openai.ParseChat([]byte(`{"messages":[{"role":"user","content":[{"type":"file","file":{"file_id":"file_1"}}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	call := &provider.Call{Provider: &provider.Provider{BaseURL: "https://example.com/v1"}, Key: "k", Model: "claude-sonnet-4-5", Request: r, Edits: new(openai.Edits), Stream: true}
	req, err := New(Options{Version: "2030-01-01", Beta: []string{"a", "b"}})().Request(context.Background(), call)
	if err != nil {
		t.Fatal(err)
	}
	if req.Method != http.MethodPost || req.URL.String() != "https://example.com/v1/messages" {
		t.Errorf("%s %s", req.Method, req.URL)
	}
	for name, want := range map[string]string{
		"x-api-key": "k", "anthropic-version": "2030-01-01", "anthropic-beta": "a,b,files-api-2025-04-14",
		"content-type": "application/json", "accept": "text/event-stream",
	} {
		if got := req.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	call.Key, call.Stream = "", false
	if req, err = New(Options{})().Request(context.Background(), call); err != nil {
		t.Fatal(err)
	}
	if v := req.Header["X-Api-Key"]; v != nil {
		t.Errorf("a key without being given one: %q", v)
	}
	if v := req.Header.Get("anthropic-version"); v != "2023-06-01" {
		t.Errorf("version is %q", v)
	}
}

// FuzzRequest checks what every upstream request must be, whatever the client
// sent: valid JSON, the sides taking turns, no turn empty, no blank text, every
// tool result in front of its turn and for a call of the turn before it or an
// earlier one.
func FuzzRequest(f *testing.F) {
	requests, err := filepath.Glob("testdata/anthropic/*/request.json")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range requests {
		dir, name := filepath.Split(path)
		f.Add(golden.Read(f, dir, name))
	}
	f.Fuzz(func(t *testing.T, request []byte) {
		if _, err := openai.ParseChat(request); err != nil {
			return // no request that a dialect ever sees
		}
		_, up, err := translate(t, request)
		var refused *openai.Error
		if err != nil {
			if !errors.As(err, &refused) {
				t.Error(err)
			}
			return
		}
		var b body
		if err := json.Unmarshal(up, &b); err != nil {
			t.Fatal(err)
		}
		calls, side := map[string]bool{}, ""
		for _, m := range b.Messages {
			if m.Role == side || len(m.Content) == 0 {
				t.Errorf("empty turn, or the same side twice: %s", up)
			}
			side = m.Role
			results := true
			for _, x := range m.Content {
				switch {
				case x.Type == "text" && strings.TrimSpace(x.Text) == "":
					t.Errorf("blank text: %s", up)
				case x.Type == "tool_use" && calls[x.ID]:
					t.Errorf("a call's id comes twice: %s", up)
				case x.Type == "tool_use":
					calls[x.ID] = true
				case x.Type == "tool_result" && (!results || !calls[x.ToolUseID]):
					t.Errorf("a result behind something else, or of no call: %s", up)
				}
				results = results && x.Type == "tool_result"
			}
		}
	})
}

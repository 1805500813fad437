package openai

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func decode(t testing.TB, body string) (*Chat, error) {
	t.Helper()
	return DecodeChat(parse(t, body), new(Edits))
}

func TestDecodeChatMessages(t *testing.T) {
	text := func(s string) Content { return Content{{Type: "text", Text: s}} }
	for in, want := range map[string]Message{
		`{"role":"system","content":"a"}`: {Role: "system", Content: text("a")},
		`{"role":"developer","name":"n","content":[{"type":"text","text":"a"},{"type":"text","text":"b","cache_control":{"type":"ephemeral"}}]}`: {Role: "developer", Name: "n",
			Content: Content{{Type: "text", Text: "a"}, {Type: "text", Text: "b", CacheControl: []byte(`{"type":"ephemeral"}`)}}},
		`{"role":"user","content":[{"type":"image_url","image_url":{"url":"u","detail":"low"}},{"type":"image_url","image_url":"v"},{"type":"input_audio","input_audio":{"data":"d","format":"wav"}},{"type":"file","file":{"file_data":"f","filename":"n","file_id":"i","file_url":"w"}},{"type":"video_url","video_url":{"url":"x"}},{"type":"refusal","refusal":"no"},{"type":"new","new":1}]}`: {Role: "user", Content: Content{
			{Type: "image_url", ImageURL: &ImageURL{URL: "u", Detail: "low"}}, {Type: "image_url", ImageURL: &ImageURL{URL: "v"}},
			{Type: "input_audio", InputAudio: &InputAudio{Data: "d", Format: "wav"}}, {Type: "file", File: &File{FileData: "f", Filename: "n", FileID: "i", FileURL: "w"}},
			{Type: "video_url", VideoURL: &ImageURL{URL: "x"}}, {Type: "refusal", Refusal: "no"}, {Type: "new"}}},
		`{"role":"assistant","content":null,"refusal":null,"annotations":[],"tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{}"}},{"id":"2","type":"custom","custom":{"name":"g","input":"x"}}]}`: {Role: "assistant",
			ToolCalls: []ToolCall{{ID: "1", Type: "function", Function: FunctionCall{"f", "{}"}}, {ID: "2", Type: "custom", Custom: &CustomCall{"g", "x"}}}},
		`{"role":"assistant","content":"a","tool_calls":null,"reasoning_content":"r","reasoning_details":[{"type":"reasoning.text","text":"t","signature":"s","format":"f","index":1,"id":null}]}`: {Role: "assistant", Content: text("a"),
			ReasoningContent: "r", ReasoningDetails: []ReasoningDetail{{Type: "reasoning.text", Text: "t", Signature: "s", Format: "f", Index: 1}}},
		`{"role":"tool","tool_call_id":"1","content":""}`: {Role: "tool", ToolCallID: "1", Content: text("")},
	} {
		c, err := decode(t, `{"messages":[`+in+`,{"role":"user","content":"hi"}]}`)
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		if diff := cmp.Diff(want, c.Messages[0]); diff != "" {
			t.Errorf("%s: %s", in, diff)
		}
	}
}

func TestDecodeChatDeprecated(t *testing.T) {
	c, err := decode(t, `{"functions":[{"name":"f","parameters":{"a":1.0}}],"function_call":{"name":"f"},"messages":[{"role":"user","content":"x"},{"role":"assistant","content":null,"function_call":{"name":"f","arguments":"{}"}},{"role":"function","name":"f","content":"r"}]}`)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Tools) != 1 || c.Tools[0].Type != "function" || c.Tools[0].Function.Name != "f" || string(c.Tools[0].Function.Parameters) != `{"a":1.0}` {
		t.Errorf("tools %+v", c.Tools)
	}
	if c.ToolChoice.Mode != "function" || c.ToolChoice.Name != "f" {
		t.Errorf("choice %+v", c.ToolChoice)
	}
	if call, answer := c.Messages[1].ToolCalls, c.Messages[2]; len(call) != 1 || answer.Role != "tool" || answer.ToolCallID != call[0].ID || call[0].ID == "" {
		t.Errorf("messages %+v", c.Messages)
	}
	if c, err = decode(t, `{"function_call":"none","tool_choice":"auto",`+hi+`}`); err != nil || c.ToolChoice.Mode != "auto" {
		t.Errorf("both: %+v, %v", c.ToolChoice, err)
	}
}

func TestDecodeChatToolChoice(t *testing.T) {
	for in, want := range map[string]*ToolChoice{
		`null`: nil, `"auto"`: {Mode: "auto"}, `"none"`: {Mode: "none"}, `"required"`: {Mode: "required"},
		`{"type":"function","function":{"name":"f"}}`: {Mode: "function", Name: "f"},
		`{"type":"custom","custom":{"name":"f"}}`:     {Mode: "function", Name: "f"},
		`{"type":"function","name":"f"}`:              {Mode: "function", Name: "f"},
		`{"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[{"type":"function","function":{"name":"f"}},{"type":"custom","custom":{"name":"g"}}]}}`: {Mode: "required", Allowed: []string{"f", "g"}},
		`{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[]}}`:                                                                                        {Mode: "auto", Allowed: []string{}},
	} {
		c, err := decode(t, `{"tool_choice":`+in+`,`+hi+`}`)
		if err != nil {
			t.Errorf("%s: %v", in, err)
		} else if diff := cmp.Diff(want, c.ToolChoice); diff != "" {
			t.Errorf("%s: %s", in, diff)
		}
	}
}

func TestDecodeChatFields(t *testing.T) {
	c, err := decode(t, `{"temperature":0.70,"top_p":1e-1,"seed":12345678901234567890,"stop":["a","b"],"max_tokens":3,"n":2,"user":"u","response_format":{"type":"json_schema","json_schema":{"name":"s","schema":{"a":1.0},"strict":true}},"tools":[{"type":"function","function":{"name":"f","strict":false}},{"type":"custom","custom":{"name":"g"}},{"type":"web_search","max_uses":2.0}],`+hi+`}`)
	if err != nil {
		t.Fatal(err)
	}
	if string(c.Temperature) != "0.70" || string(c.TopP) != "1e-1" || string(c.Seed) != "12345678901234567890" || len(c.Stop) != 2 || c.Limit() != 3 || *c.N != 2 || c.EndUser() != "u" {
		t.Errorf("%+v", c)
	}
	if f := c.ResponseFormat.JSONSchema; f.Name != "s" || string(f.Schema) != `{"a":1.0}` || !*f.Strict {
		t.Errorf("%+v", f)
	}
	if string(c.Tools[2].Own) != `{"max_uses":2.0}` || string(c.Tools[1].Custom) != `{"name":"g"}` {
		t.Errorf("%s, %s", c.Tools[2].Own, c.Tools[1].Custom)
	}
	c, err = decode(t, `{"stop":"a","max_completion_tokens":5,"max_tokens":3,"safety_identifier":"s","user":"u",`+hi+`}`)
	if err != nil || len(c.Stop) != 1 || c.Limit() != 5 || c.EndUser() != "s" {
		t.Errorf("%+v, %v", c, err)
	}
	if c, err = decode(t, `{"stop":null,"tools":null,"response_format":null,`+hi+`}`); err != nil || c.Stop != nil || c.Limit() != 0 {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestDecodeChatSeesEdits(t *testing.T) {
	e := new(Edits)
	e.Set("temperature", []byte("0.10"))
	e.Delete("seed")
	c, err := DecodeChat(parse(t, `{"temperature":1,"seed":1,`+hi+`}`), e)
	if err != nil || string(c.Temperature) != "0.10" || c.Seed != nil {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestDecodeChatRefuses(t *testing.T) {
	message := func(m string) string { return `{"messages":[{"role":"user","content":"x"},` + m + `]}` }
	for body, c := range map[string]struct{ code, param string }{
		message(`{"role":"user","content":[{"type":"text","text":7}]}`):                                                                {"invalid_type", "messages[1].content[0].text"},
		message(`{"role":"user","content":["secret"]}`):                                                                                {"invalid_type", "messages[1].content[0]"},
		message(`{"role":"user","content":[{"type":"image_url","image_url":7}]}`):                                                      {"invalid_type", "messages[1].content[0].image_url"},
		message(`{"role":"user","content":"x","name":{}}`):                                                                             {"invalid_type", "messages[1].name"},
		message(`{"role":"assistant","tool_calls":{}}`):                                                                                {"invalid_type", "messages[1].tool_calls"},
		message(`{"role":"assistant","tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":{"secret":"x"}}}]}`): {"invalid_type", "messages[1].tool_calls[0].function.arguments"},
		message(`{"role":"tool","tool_call_id":1,"content":"x"}`):                                                                      {"invalid_type", "messages[1].tool_call_id"},
		`{"tools":[7],` + hi + `}`:                                                                                                     {"invalid_type", "tools[0]"},
		`{"tools":[{"type":"function","function":"f"}],` + hi + `}`:                                                                    {"invalid_type", "tools[0].function"},
		`{"tools":[{"type":"function"}],` + hi + `}`:                                                                                   {"missing_field", "tools[0].function.name"},
		`{"tools":[{"type":"function","function":{}}],` + hi + `}`:                                                                     {"missing_field", "tools[0].function.name"},
		`{"functions":[{"parameters":{}}],` + hi + `}`:                                                                                 {"missing_field", "functions[0].name"},
		`{"function_call":"maybe",` + hi + `}`:                                                                                         {"invalid_type", "function_call"},
		`{"function_call":{},` + hi + `}`:                                                                                              {"invalid_type", "function_call"},
		`{"tool_choice":"any",` + hi + `}`:                                                                                             {"invalid_type", "tool_choice"},
		`{"tool_choice":{},` + hi + `}`:                                                                                                {"invalid_type", "tool_choice"},
		`{"tool_choice":{"type":"allowed_tools","allowed_tools":{}},` + hi + `}`:                                                       {"invalid_type", "tool_choice"},
		`{"stop":["a",7],` + hi + `}`:                                                                                                  {"invalid_type", "stop[1]"},
		`{"modalities":[7],` + hi + `}`:                                                                                                {"invalid_type", "modalities[0]"},
		`{"response_format":{"type":7},` + hi + `}`:                                                                                    {"invalid_type", "response_format.type"},
		`{"max_tokens":99999999999999999999,` + hi + `}`:                                                                               {"invalid_type", "max_tokens"},
		`{"n":99999999999999999999,` + hi + `}`:                                                                                        {"invalid_type", "n"},
	} {
		_, err := decode(t, body)
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%s: %v", body, err)
			continue
		}
		if e.Status != 400 || e.Code != c.code || e.Param != c.param {
			t.Errorf("%s: %d %s %s (%s), want %s %s", body, e.Status, e.Code, e.Param, e.Message, c.code, c.param)
		}
		if strings.Contains(e.Message, "secret") {
			t.Errorf("%s: it quotes the request: %s", body, e.Message)
		}
	}
}

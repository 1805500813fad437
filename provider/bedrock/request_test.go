package bedrock

import (
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/internal/golden"
	"github.com/layergateway/layergateway/openai"
)

// Where each maker has the effort, and what is dropped of it.
func TestEfforts(t *testing.T) {
	for _, c := range []struct{ model, effort, want, dropped string }{
		{"anthropic.claude-3-haiku-20240307-v1:0", "high", ``, "reasoning_effort"},
		{"anthropic.claude-3-haiku-20240307-v1:0", "none", ``, ""},
		{"us.anthropic.claude-opus-4-7", "xhigh", `{"thinking":{"type":"adaptive","display":"summarized"},"output_config":{"effort":"xhigh"}}`, ""},
		{"us.anthropic.claude-sonnet-4-6", "none", `{"thinking":{"type":"disabled"}}`, ""},
		{"us.anthropic.claude-fable-5", "none", `{"output_config":{"effort":"low"}}`, "reasoning_effort"},
		{"us.anthropic.claude-sonnet-4-5", "minimal", `{"thinking":{"type":"enabled","budget_tokens":1280}}`, ""},
		{"amazon.nova-2-lite-v1:0", "minimal", `{"reasoningConfig":{"type":"enabled","maxReasoningEffort":"low"}}`, ""},
		{"amazon.nova-2-lite-v1:0", "none", `{"reasoningConfig":{"type":"disabled"}}`, ""},
		{"amazon.nova-pro-v1:0", "low", ``, "reasoning_effort"},
		{"openai.gpt-oss-20b-1:0", "minimal", `{"reasoning_effort":"low"}`, ""},
		{"openai.gpt-oss-20b-1:0", "max", `{"reasoning_effort":"high"}`, ""},
		{"openai.gpt-oss-20b-1:0", "none", `{"reasoning_effort":"low"}`, "reasoning_effort"},
		{"openai.gpt-5.6", "xhigh", `{"reasoning":{"effort":"xhigh"}}`, ""},
		{"openai.gpt-5.6", "none", `{"reasoning":{"effort":"none"}}`, ""},
		{"qwen.qwen3-32b-v1:0", "medium", `{"reasoning_config":"high"}`, ""},
		{"qwen.qwen3-32b-v1:0", "low", `{"reasoning_config":"low"}`, ""},
		{"zai.glm-5", "low", `{"reasoning_config":"high"}`, ""},
		{"zai.glm-5", "none", ``, ""},
		{"meta.llama3-1-8b-instruct-v1:0", "none", ``, ""},
	} {
		ch, up, err := translate(t, fmt.Appendf(nil, `{"model":%q,"reasoning_effort":%q,"messages":[{"role":"user","content":"hi"}]}`, c.model, c.effort))
		if err != nil {
			t.Fatal(err)
		}
		var b struct {
			Additional jsontext.Value `json:"additionalModelRequestFields"`
		}
		if err := json.Unmarshal(up, &b); err != nil {
			t.Fatal(err)
		}
		if dropped := strings.Join(ch.Dropped(), " "); string(b.Additional) != c.want || dropped != c.dropped {
			t.Errorf("%s, %s: %s, dropped %s", c.model, c.effort, b.Additional, dropped)
		}
	}
}

// A budget for thinking gives way to a tool that is forced, and to a turn that
// goes on without the thinking that it began with.
func TestBudgetGivesWay(t *testing.T) {
	const tools = `"tools":[{"type":"function","function":{"name":"f"}}]`
	const call = `{"role":"user","content":"hi"},{"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]`
	for request, thinks := range map[string]bool{
		`"messages":[{"role":"user","content":"hi"}],` + tools:                                                               true,
		`"messages":[{"role":"user","content":"hi"}],"tool_choice":"required",` + tools:                                      false,
		`"messages":[{"role":"user","content":"hi"}],"max_tokens":1024`:                                                      false,
		`"messages":[` + call + `},{"role":"tool","tool_call_id":"c","content":"x"}],` + tools:                               false,
		`"messages":[` + call + `},{"role":"tool","tool_call_id":"c","content":"x"},{"role":"user","content":"y"}],` + tools: false,
		`"messages":[` + call + `,"reasoning_details":[{"type":"reasoning.text","text":"t","signature":"c2ln","format":"anthropic-claude-v1","index":0}]},{"role":"tool","tool_call_id":"c","content":"x"}],` + tools: true,
		`"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"It is"}]`:                                                                                                                          false,
	} {
		ch, up, err := translate(t, []byte(`{"model":"us.anthropic.claude-sonnet-4-5","reasoning_effort":"low",`+request+`}`))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(string(up), `"budget_tokens"`); got != thinks || got != (len(ch.Dropped()) == 0) {
			t.Errorf("%s\nthinks: %v, dropped %v", request, got, ch.Dropped())
		}
	}
}

func TestMetadata(t *testing.T) {
	many := ""
	for i := range maxTags + 1 {
		many += fmt.Sprintf(`,"k%d":"v"`, i)
	}
	for metadata, c := range map[string]struct {
		want    string
		dropped bool
	}{
		`{"b":"2","a":"1"}`:                           {`{"a":"1","b":"2"}`, false},
		`{"a":"1","n":1,"é":"x","empty":""}`:          {`{"a":"1"}`, true},
		`{"long":"` + strings.Repeat("x", 257) + `"}`: {``, true},
		`{` + many[1:] + `}`:                          {``, true},
		`{}`:                                          {``, false},
		`null`:                                        {``, false},
	} {
		ch, up, err := translate(t, []byte(`{"model":"m","messages":[{"role":"user","content":"hi"}],"metadata":`+metadata+`}`))
		if err != nil {
			t.Fatal(err)
		}
		var b body
		if err := json.Unmarshal(up, &b); err != nil {
			t.Fatal(err)
		}
		if string(b.Metadata) != c.want || (len(ch.Dropped()) > 0) != c.dropped {
			t.Errorf("%s: %s, dropped %v", metadata, b.Metadata, ch.Dropped())
		}
	}
}

func TestHeader(t *testing.T) {
	for stream, want := range map[bool]string{false: "", true: "application/vnd.amazon.eventstream"} {
		req, err := request(t, Options{}, "k", "amazon.nova-lite-v1:0", fmt.Sprintf(`{"stream":%v,"messages":[{"role":"user","content":"hi"}]}`, stream))
		if err != nil {
			t.Fatal(err)
		}
		path := "/model/amazon.nova-lite-v1%3A0/converse"
		if stream {
			path += "-stream"
		}
		if req.Method != http.MethodPost || req.URL.String() != "https://bedrock-runtime.eu-central-1.amazonaws.com"+path {
			t.Errorf("%s %s", req.Method, req.URL)
		}
		if req.Header.Get("Accept") != want || req.Header.Get("Content-Type") != "application/json" {
			t.Errorf("stream %v: %v", stream, req.Header)
		}
	}
}

// Document names are Bedrock's to refuse: each is clean, and none comes twice.
func TestDocumentName(t *testing.T) {
	c := conversation{documents: map[string]int{}}
	for _, x := range [][2]string{
		{"report", "report"}, {"report", "report (2)"}, {"re_port", "re port"}, {"  a \t b\n", "a b"}, {"Übersicht (neu) [1]", "bersicht (neu) [1]"},
		{"", "document"}, {"日本", "document (2)"}, {strings.Repeat("x", 100), strings.Repeat("x", maxDocumentName)}, {strings.Repeat("x", 100), strings.Repeat("x", maxDocumentName) + " (2)"},
	} {
		if got := c.documentName(x[0]); got != x[1] {
			t.Errorf("%q becomes %q, want %q", x[0], got, x[1])
		}
	}
}

// FuzzRequest checks what every upstream request must be, whatever the client
// sent: valid JSON, the user first, the sides taking turns, no turn empty, no
// blank text, every tool result in front of its turn and for a call of an earlier
// one, and tools wherever there are calls.
func FuzzRequest(f *testing.F) {
	requests, err := filepath.Glob("testdata/bedrock/*/request.json")
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
		if err != nil {
			var refused *openai.Error
			if !errors.As(err, &refused) {
				t.Error(err)
			}
			return
		}
		var b body
		if err := json.Unmarshal(up, &b); err != nil {
			t.Fatal(err)
		}
		calls, side := map[string]bool{}, "assistant"
		for _, m := range b.Messages {
			if m.Role == side {
				t.Errorf("the same side twice, or the assistant first: %s", up)
			}
			side = m.Role
			results := true
			for _, x := range m.Content {
				switch {
				case x == block{}:
					t.Errorf("blank text: %s", up)
				case x.ToolUse != nil && calls[x.ToolUse.ID]:
					t.Errorf("a call's id comes twice: %s", up)
				case x.ToolUse != nil:
					calls[x.ToolUse.ID] = true
				case x.ToolResult != nil && (!results || !calls[x.ToolResult.ID]):
					t.Errorf("a result behind something else, or of no call: %s", up)
				}
				results = results && (x.ToolResult != nil || x.CachePoint != nil)
			}
		}
		if len(calls) > 0 && len(b.ToolConfig.Tools) == 0 {
			t.Errorf("calls, but no tools: %s", up)
		}
	})
}

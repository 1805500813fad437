package upstream

import (
	"net/http"
	"strings"
	"testing"
)

// TestClouds holds the fakes of Cohere, Bedrock and Vertex AI to what they take and refuse.
func TestClouds(t *testing.T) {
	const (
		cohereAt  = "/cohere/v2/chat"
		bedrockAt = "/bedrock/model/eu.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse"
		cohereIn  = `{"model":"command-a-reasoning-08-2025","messages":[{"role":"user","content":"hi"}`
		bedrockIn = `{"messages":[{"role":"user","content":[{"text":"hi"}]}`
		use       = `,{"role":"assistant","content":[{"toolUse":{"toolUseId":"a","name":"f","input":{}}}]}`
	)
	rows := []struct {
		path, body string
		status     int
		say        string
	}{
		{cohereAt, cohereIn + `]}`, 200, `"text":"You said: hi"`},
		{cohereAt, cohereIn + `],"stream":true}`, 200, "event: message-end\n"},
		{cohereAt, cohereIn + `],"thinking":{"type":"enabled"}}`, 200, `"thinking":"Thinking about hi"`},
		{cohereAt, cohereIn + `],"top_p":0.5}`, 400, "top_p"},
		{cohereAt, cohereIn + `],"tool_choice":"auto"}`, 400, "tool_choice"},
		{cohereAt, cohereIn + `,{"role":"assistant","content":""}]}`, 400, "content"},
		{cohereAt, cohereIn + `,{"role":"assistant","content":"x","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]}]}`, 400, "tool_plan"},
		{bedrockAt, bedrockIn + `]}`, 200, `"text":"You said: hi"`},
		{bedrockAt + "-stream", bedrockIn + `]}`, 200, `"delta":{"text":"You"}`},
		{bedrockAt, bedrockIn + `],"max_tokens":5}`, 400, "max_tokens"},
		{bedrockAt, bedrockIn + `,{"role":"user","content":[{"text":"hi"}]}]}`, 400, "alternate"},
		{bedrockAt, bedrockIn + use + `,{"role":"user","content":[{"text":"hi"}]}],"toolConfig":{"tools":[{"toolSpec":{"name":"f","inputSchema":{"json":{}}}}]}}`, 400, "Expected toolResult"},
		{bedrockAt, bedrockIn + use + `,{"role":"user","content":[{"toolResult":{"toolUseId":"a","content":[{"text":"x"}]}}]}]}`, 400, "toolConfig"},
		{bedrockAt, bedrockIn + `,{"role":"assistant","content":[{"reasoningContent":{"reasoningText":{"text":"a","signature":"b"}}}]}]}`, 400, "signature"},
		{"/bedrock/model/nobody/converse", bedrockIn + `]}`, 400, "model identifier is invalid"},
		{"/vertex/v1/publishers/google/models/gemini-2.5-flash:generateContent", `{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}`, 200, "You said: hi"},
	}
	_, url := start(t)
	for _, row := range rows {
		w, got := post(t, url, "openai", "", false, row.body, func(r *http.Request) {
			r.URL.Path, r.URL.RawPath = strings.ReplaceAll(row.path, "%3A", ":"), row.path
			r.Header.Set("X-Goog-Api-Key", GoogleKey)
		})
		if w.StatusCode != row.status || !strings.Contains(got, row.say) {
			t.Errorf("%s %s: %d %s, want %d %s", row.path, row.body, w.StatusCode, got, row.status, row.say)
		}
	}
}

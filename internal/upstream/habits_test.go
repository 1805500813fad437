package upstream

import (
	"net/http"
	"strings"
	"testing"
)

// at sends a request to another server of the family.
func at(server string) func(*http.Request) {
	return func(r *http.Request) {
		r.URL.Path = "/" + server + "/v1/chat/completions"
		r.Header.Set("Api-Key", OpenAIKey)
	}
}

// TestFamily asks each server for a text, at once and in a stream.
func TestFamily(t *testing.T) {
	_, url := start(t)
	for _, s := range family {
		model := s.model
		if model == "" {
			model = "gpt-4o"
		}
		for _, more := range []string{"", `,"stream":true`} {
			body := `{"model":"` + model + `","messages":[{"role":"user","content":"hi"}]` + more + `}`
			w, got := post(t, url, "openai", "", false, body, at(s.name))
			if w.StatusCode != http.StatusOK || !strings.Contains(got, `"finish_reason":"stop"`) {
				t.Errorf("%s: %d %s", s.name, w.StatusCode, got)
			}
		}
	}
}

// TestHabits asks for what only some servers refuse, and looks at what only some answer.
func TestHabits(t *testing.T) {
	const (
		calls = `{"role":"assistant","tool_calls":[{"id":"call_1","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"call_1","content":"x"}`
		image = `{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://example.org/a.png"}}]}`
	)
	rows := []struct {
		server, more, turns string
		status              int
		say                 string
	}{
		{"mistral", `"seed":1`, "", 422, `"loc":["body","seed"]`},
		{"mistral", `"random_seed":1`, "", 200, `"num_cached_tokens":0`},
		{"mistral", "", calls, 400, "3280"},
		{"mistral", `"reasoning_effort":"low"`, "", 422, "extra_forbidden"},
		{"mistral", `"reasoning_effort":"high"`, "", 200, `"content":[{"type":"thinking","thinking":[{"type":"text","text":"Thinking about hi"}]},{"type":"text"`},
		{"groq", `"logit_bias":{}`, "", 400, "property 'logit_bias' is unsupported"},
		{"groq", "", `{"role":"assistant","content":"a","reasoning_content":"b"}`, 400, "messages.1.reasoning_content"},
		{"groq", "", `{"role":"assistant","content":"a","reasoning":"b"}`, 200, "You said"},
		{"groq", `"stream":true`, "", 200, `"x_groq":{"id":`},
		{"deepseek", `"reasoning_effort":"high"`, calls, 400, "Missing `reasoning_content`"},
		{"deepseek", `"response_format":{"type":"json_schema","json_schema":{"name":"a"}}`, "", 400, "unavailable now"},
		{"deepseek", "", "", 200, `"prompt_cache_hit_tokens":0`},
		{"xai", `"reasoning_effort":"low"`, "", 200, `"completion_tokens":3,"total_tokens":8`},
		{"xai", `"stop":"a"`, "", 400, `"error":"property`},
		{"moonshot", `"tool_choice":"required"`, "", 400, "tool_choice"},
		{"moonshot", `"stream":true`, "", 200, `"finish_reason":"stop","usage":{`},
		{"perplexity", "", `{"role":"user","content":"again"}`, 400, "alternate"},
		{"together", "", `{"role":"developer","content":"again"}`, 400, "messages.1.role"},
		{"ollama", "", image, 400, "invalid image input"},
		{"cerebras", `"service_tier":"auto"`, "", 400, `{"message":"property`},
		{"azure", `"stream":true`, "", 200, `"prompt_filter_results":[]`},
		{"openrouter", `"stream":true`, "", 200, ": OPENROUTER PROCESSING\n\n"},
	}
	_, url := start(t)
	models := map[string]string{"azure": "gpt-4o"}
	for _, s := range family {
		if s.model != "" {
			models[s.name] = s.model
		}
	}
	for _, row := range rows {
		body := `{"model":"` + models[row.server] + `","messages":[{"role":"user","content":"hi"}`
		if row.turns != "" {
			body += "," + row.turns
		}
		body += "]"
		if row.more != "" {
			body += "," + row.more
		}
		w, got := post(t, url, "openai", "", false, body+"}", at(row.server))
		if w.StatusCode != row.status || !strings.Contains(got, row.say) {
			t.Errorf("%s %s%s: %d %s, want %d %s", row.server, row.more, row.turns, w.StatusCode, got, row.status, row.say)
		}
	}
}

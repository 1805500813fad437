package compat

import (
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
)

// everything is a request with every parameter of OpenAI's, each asking for
// something.
const everything = `{
	"model": "m", "audio": {"voice": "alloy", "format": "wav"}, "frequency_penalty": 0.5, "function_call": "auto",
	"functions": [{"name": "g"}], "logit_bias": {"1": 2}, "logprobs": true, "max_completion_tokens": 9, "metadata": {"a": "b"},
	"modalities": ["text", "audio"], "moderation": {"a": 1}, "n": 2, "parallel_tool_calls": false,
	"prediction": {"type": "content", "content": "a"}, "presence_penalty": 0.5, "prompt_cache_key": "k",
	"prompt_cache_options": {"a": 1}, "prompt_cache_retention": "24h", "reasoning_effort": "high",
	"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {}}}, "safety_identifier": "s", "seed": 1,
	"service_tier": "flex", "stop": ["x"], "store": true, "stream": true, "stream_options": {"include_usage": true},
	"temperature": 0.5, "tool_choice": {"type": "function", "function": {"name": "f"}},
	"tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}], "top_logprobs": 2, "top_p": 0.5, "user": "u",
	"verbosity": "low", "web_search_options": {"search_context_size": "low"},
	"messages": [
		{"role": "developer", "content": "be", "name": "d"},
		{"role": "user", "content": "hi", "name": "u"},
		{"role": "assistant", "content": null, "refusal": null, "audio": null, "annotations": [], "name": "a", "reasoning_content": "r",
			"reasoning_details": [{"type": "reasoning.text", "text": "r"}], "extra_content": {"google": {}}, "tool_plan": "p",
			"tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}, "extra_content": {}}]},
		{"role": "tool", "tool_call_id": "call_1", "name": "f", "content": "1"}
	]
}`

func keys(t *testing.T, v jsontext.Value) []string {
	t.Helper()
	o, err := takeApart(v)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range o.members {
		names = append(names, string(m.key))
	}
	return names
}

// Nothing is lost in silence: what a server isn't sent is reported, and what is
// reported isn't sent.
func TestNothingLost(t *testing.T) {
	asked := keys(t, jsontext.Value(everything))
	for i := range servers {
		s := &servers[i]
		t.Run(s.Name, func(t *testing.T) {
			_, body, dropped, err := ask{server: s.Name, model: "m", body: everything}.send(t)
			if err != nil {
				t.Fatal(err)
			}
			sent := keys(t, jsontext.Value(body))
			for _, name := range asked {
				as := name
				if rule := s.Rule(name, "m"); rule != nil && rule.As != "" {
					as = rule.As
				}
				if name == "max_completion_tokens" && s.Limit != "" {
					as = s.Limit
				}
				switch lost := slices.Contains(dropped, name); {
				case name == "stream_options" && s.NoStreamOptions:
				case lost == slices.Contains(sent, as):
					t.Errorf("%s is sent %v, and reported %v", name, !lost, lost)
				}
			}
			for _, name := range dropped {
				if name, _, _ := strings.Cut(name, "."); !slices.Contains(asked, name) {
					t.Errorf("%s is reported, but nobody asked for it", name)
				}
			}
		})
	}
}

// Mistral's specification allows these and no others, anywhere.
func TestMistralSpecification(t *testing.T) {
	allowed := map[string]string{
		"": "model messages temperature top_p max_tokens stream stop random_seed metadata response_format tools tool_choice " +
			"presence_penalty frequency_penalty n prediction parallel_tool_calls prompt_mode reasoning_effort guardrails prompt_cache_key safe_prompt",
		"system":    "role content",
		"user":      "role content",
		"assistant": "role content tool_calls prefix",
		"tool":      "role content tool_call_id name",
	}
	_, body, _, err := ask{server: "mistral", model: "m", body: everything}.send(t)
	if err != nil {
		t.Fatal(err)
	}
	check := func(what string, v jsontext.Value) {
		list, known := allowed[what]
		if !known {
			t.Errorf("there is no role %s", what)
		}
		for _, name := range keys(t, v) {
			if !slices.Contains(strings.Fields(list), name) {
				t.Errorf("%s would be refused in %q", name, what)
			}
		}
	}
	check("", jsontext.Value(body))
	var v struct {
		Messages []jsontext.Value `json:"messages"`
	}
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		t.Fatal(err)
	}
	for _, m := range v.Messages {
		o, err := takeApart(m)
		if err != nil {
			t.Fatal(err)
		}
		check(o.text("role"), m)
	}
}

// What a server has been seen to accept is sent as it was recorded.
func TestRecordedRequests(t *testing.T) {
	for i := range servers {
		s := &servers[i]
		if slices.Contains(unrecorded, s.Name) {
			continue
		}
		for _, c := range load(t, s.Name) {
			if c.Request == nil {
				continue
			}
			t.Run(c.ID, func(t *testing.T) {
				// OpenAI, and so the gateway, refuses this one way to say nothing.
				request := strings.ReplaceAll(string(c.Request), `"content": []`, `"content": ""`)
				_, body, dropped, err := ask{server: s.Name, model: "m", body: request}.send(t)
				if err != nil {
					t.Fatal(err)
				}
				if len(dropped) > 0 {
					t.Errorf("dropped %q", dropped)
				}
				if diff := cmp.Diff(meaning(t, request), meaning(t, body)); diff != "" {
					t.Errorf("(-recorded +sent):\n%s", diff)
				}
			})
		}
	}
}

// meaning is a request without what the gateway itself settles, and without
// what asks for nothing.
func meaning(t *testing.T, body string) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		t.Fatal(err)
	}
	delete(v, "model")
	delete(v, "stream_options")
	if v["tool_choice"] == "auto" {
		delete(v, "tool_choice")
	}
	return v
}

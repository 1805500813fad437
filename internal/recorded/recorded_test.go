package recorded

import (
	"strings"
	"testing"
)

const chunk = `data: {"id":"a","object":"chat.completion.chunk","created":1,"model":"m","choices":[`

// The strict client is what other tests rest on: it must refuse every broken
// promise.
func TestAssembleRefuses(t *testing.T) {
	role := chunk + `{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}` + "\n\n"
	delta := func(members string) string {
		return chunk + `{"index":0,"delta":{` + members + `},"finish_reason":null}]}` + "\n\n"
	}
	finish := chunk + `{"index":0,"delta":{},"finish_reason":"stop"}]}` + "\n\n"
	tool := `"tool_calls":[{"index":0,"id":"c","type":"function","function":{"name":"f","arguments":""}}]`
	for name, c := range map[string]struct{ stream, err string }{
		"good":              {role + delta(`"content":"hi"`) + delta(tool) + finish + "data: [DONE]\n\n", ""},
		"no role":           {delta(`"content":"hi"`), "no role"},
		"role twice":        {role + role, "role comes once"},
		"model changes":     {role + strings.Replace(finish, `"m"`, `"n"`, 1), "changed"},
		"finish twice":      {role + finish + finish, "behind its finish_reason"},
		"call without id":   {role + delta(`"tool_calls":[{"index":0,"type":"function","function":{"name":"f"}}]`), "without id"},
		"call 1 before 0":   {role + delta(strings.Replace(tool, `"index":0`, `"index":1`, 1)), "leave one out"},
		"arguments of none": {role + delta(`"tool_calls":[{"index":3,"function":{"arguments":"{}"}}]`), "leave one out"},
		"call begun twice":  {role + delta(tool) + delta(tool), "twice"},
		"behind [DONE]":     {role + "data: [DONE]\n\n" + finish, "behind [DONE]"},
		"behind an error":   {role + `data: {"error":{"message":"x"}}` + "\n\ndata: [DONE]\n\n", "behind an error"},
		"cut off":           {strings.TrimRight(role, "\n"), "no blank line"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Assemble([]byte(c.stream))
			if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
				t.Errorf("error is %v, want %q", err, c.err)
			}
		})
	}
}

func TestLoad(t *testing.T) {
	cases := Load(t, "anthropic")
	for _, c := range cases {
		if c.Provider != "anthropic" || len(c.Body) == 0 || c.Status == 0 {
			t.Errorf("%s is not read", c.ID)
		}
	}
}

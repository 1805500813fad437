package upstream

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// talk is a conversation that goes on with what the fake answered.
type talk struct {
	t        *testing.T
	url      string
	provider string
	model    string
	head     string // the request's members but for the turns
	turns    []any
}

// say sends the turns so far, and appends the answer. It returns the error's message instead, if there is one.
func (c *talk) say(turn string) (answer map[string]any, refusal string) {
	c.t.Helper()
	c.turns = append(c.turns, parse(c.t, turn))
	key := "messages"
	if c.provider == "google" {
		key = "contents"
	}
	w, got := post(c.t, c.url, c.provider, c.model, false, `{`+c.head+`,"`+key+`":`+marshal(c.t, c.turns)+`}`, nil)
	m := parse(c.t, got)
	if w.StatusCode != http.StatusOK {
		return nil, dig(m, "error", "message").(string)
	}
	if c.provider == "google" {
		answer = dig(m, "candidates", 0, "content").(map[string]any)
	} else {
		answer = map[string]any{"role": "assistant", "content": m["content"]}
	}
	c.turns = append(c.turns, answer)
	return answer, ""
}

// TestAnthropicSignatures loops over two rounds of two calls, then does each thing to the blocks that must
// not be done.
func TestAnthropicSignatures(t *testing.T) {
	result := func(answer map[string]any) string {
		var all []any
		for _, b := range each(answer["content"].([]any)) {
			if b["type"] == "tool_use" {
				all = append(all, map[string]any{"type": "tool_result", "tool_use_id": b["id"], "content": "sunny"})
			}
		}
		return `{"role":"user","content":` + marshal(t, all) + `}`
	}
	blocks := func(c *talk, turn int) *[]any {
		m := c.turns[turn].(map[string]any)
		l := m["content"].([]any)
		return &l
	}
	put := func(c *talk, turn int, l []any) { c.turns[turn].(map[string]any)["content"] = l }
	rows := []struct {
		name   string
		tamper func(c *talk)
		want   string
	}{
		{"left alone", func(*talk) {}, ""},
		{"older thinking left out", func(c *talk) { put(c, 1, (*blocks(c, 1))[2:]) }, ""},
		{"text altered", func(c *talk) { (*blocks(c, 3))[0].(map[string]any)["thinking"] = "else" }, "messages.3.content.0: Invalid `signature` in `thinking` block"},
		{"older text altered", func(c *talk) { (*blocks(c, 1))[0].(map[string]any)["thinking"] = "" }, "messages.1.content.0: Invalid `signature`"},
		{"signature altered", func(c *talk) {
			b := (*blocks(c, 3))[0].(map[string]any)
			b["signature"] = "A" + b["signature"].(string)[1:]
		}, "messages.3.content.0: Invalid `signature`"},
		{"redacted data altered", func(c *talk) { (*blocks(c, 3))[1].(map[string]any)["data"] = "AAAA" }, "messages.3.content.1: Invalid `data` in `redacted_thinking` block"},
		{"order turned", func(c *talk) { l := *blocks(c, 3); l[0], l[1] = l[1], l[0] }, "messages.3.content.0: `thinking` or `redacted_thinking` blocks in the latest assistant message cannot be modified"},
		{"redacted left out", func(c *talk) { put(c, 3, slices.Delete(*blocks(c, 3), 1, 2)) }, "cannot be modified"},
		{"thinking left out", func(c *talk) { put(c, 3, (*blocks(c, 3))[1:]) }, "cannot be modified"},
		{"both left out", func(c *talk) { put(c, 3, (*blocks(c, 3))[2:]) }, "messages.3.content.0.type: Expected `thinking` or `redacted_thinking`, but found `text`"},
		{"behind the text", func(c *talk) { l := *blocks(c, 3); put(c, 3, append(l[2:3:3], append(l[:2:2], l[3:]...)...)) }, "Expected `thinking` or `redacted_thinking`, but found `text`"},
		{"of another step", func(c *talk) {
			put(c, 3, append(slices.Clone((*blocks(c, 1))[:2]), (*blocks(c, 3))[2:]...))
		}, "cannot be modified"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			_, url := start(t)
			c := &talk{t: t, url: url, provider: "anthropic", head: `"model":"claude-sonnet-4-5","max_tokens":2000,` +
				`"thinking":{"type":"enabled","budget_tokens":1024},"tools":[{"name":"f","input_schema":{"type":"object","properties":{"a":{"type":"string"}}}}]`}
			first, no := c.say(`{"role":"user","content":"go [[calls=2,rounds=2,redacted,preface]]"}`)
			if no != "" {
				t.Fatal(no)
			}
			second, no := c.say(result(first))
			if no != "" {
				t.Fatal(no)
			}
			row.tamper(c)
			last, no := c.say(result(second))
			if row.want == "" && (no != "" || !strings.Contains(marshal(t, last), "Results: f=sunny; f=sunny; f=sunny; f=sunny")) {
				t.Errorf("refused: %q, answer %v", no, last)
			}
			if row.want != "" && !strings.Contains(no, row.want) {
				t.Errorf("got %q, want %q", no, row.want)
			}
		})
	}
}

func TestGoogleSignatures(t *testing.T) {
	result := func(answer map[string]any) string {
		var all []any
		for _, p := range each(answer["parts"].([]any)) {
			if f := sub(p, "functionCall"); f != nil {
				all = append(all, map[string]any{"functionResponse": map[string]any{"name": f["name"], "id": f["id"], "response": map[string]any{"result": "sunny"}}})
			}
		}
		return `{"role":"user","parts":` + marshal(t, all) + `}`
	}
	part := func(c *talk, turn, i int) map[string]any { return dig(c.turns[turn], "parts", i).(map[string]any) }
	rows := []struct {
		name   string
		tamper func(c *talk)
		want   string
	}{
		{"left alone", func(*talk) {}, ""},
		{"sentinel", func(c *talk) { part(c, 3, 0)["thoughtSignature"] = "skip_thought_signature_validator" }, ""},
		{"arguments written anew", func(c *talk) {
			part(c, 3, 0)["functionCall"].(map[string]any)["args"] = map[string]any{"b": 1.0, "a": "Paris"}
		}, ""},
		{"left out", func(c *talk) { delete(part(c, 3, 0), "thoughtSignature") }, "function call `default_api:f` , position 4"},
		{"left out of the first step", func(c *talk) { delete(part(c, 1, 0), "thoughtSignature") }, "function call `default_api:f` , position 2"},
		{"altered", func(c *talk) { part(c, 3, 0)["thoughtSignature"] = "AAAA" }, "Corrupted thought signature."},
		{"arguments altered", func(c *talk) {
			part(c, 3, 0)["functionCall"].(map[string]any)["args"] = map[string]any{"b": 2.0, "a": "Paris"}
		}, "Corrupted thought signature."},
		{"on the second call", func(c *talk) {
			part(c, 3, 1)["thoughtSignature"] = part(c, 3, 0)["thoughtSignature"]
			delete(part(c, 3, 0), "thoughtSignature")
		}, "missing a thought_signature"},
		{"steps changed over", func(c *talk) {
			a, b := part(c, 1, 0), part(c, 3, 0)
			a["thoughtSignature"], b["thoughtSignature"] = b["thoughtSignature"], a["thoughtSignature"]
		}, "Corrupted thought signature."},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			_, url := start(t)
			c := &talk{t: t, url: url, provider: "google", model: "gemini-3-flash-preview", head: `"tools":[{"functionDeclarations":[{"name":"f",` +
				`"parametersJsonSchema":{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"integer"}}}}]}]`}
			first, no := c.say(`{"role":"user","parts":[{"text":"go [[calls=2,rounds=2]]"}]}`)
			if no != "" {
				t.Fatal(no)
			}
			second, no := c.say(result(first))
			if no != "" {
				t.Fatal(no)
			}
			row.tamper(c)
			last, no := c.say(result(second))
			if row.want == "" && (no != "" || !strings.Contains(marshal(t, last), "Results: f=sunny; f=sunny; f=sunny; f=sunny")) {
				t.Errorf("refused: %q, answer %v", no, last)
			}
			if row.want != "" && !strings.Contains(no, row.want) {
				t.Errorf("got %q, want %q", no, row.want)
			}
		})
	}
}

package conformance

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
)

// strict stands in for the providers that internal/upstream has not. It refuses
// what these refuse of a conversation, and answers as that does: with two calls
// as long as rounds of results are wanted, then with text.
type strict struct {
	d       *dialect
	answers int
	signed  map[string]string // text by signature
}

// turn is a message of a request, whatever the format.
type turn struct {
	role    string
	calls   []string
	results []string
}

var forms = map[string]*regexp.Regexp{
	"mistral": regexp.MustCompile(`^[a-zA-Z0-9]{9}$`),
	"bedrock": regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`),
}

// members are what a message may have.
var members = map[string][]string{
	"mistral":  {"role", "content", "tool_calls", "tool_call_id", "prefix"},
	"deepseek": {"role", "content", "name", "tool_calls", "tool_call_id", "prefix", "reasoning_content", "refusal"},
	"cohere":   {"role", "content", "tool_calls", "tool_call_id", "tool_plan", "citations"},
	"bedrock":  {"role", "content"},
}

// answer reads a request, and says what comes back.
func (s *strict) answer(body []byte) (said, error) {
	var req struct {
		Messages []map[string]any `json:"messages"`
	}
	if err := json.Unmarshal(body, &req); err != nil {
		return said{}, err
	}
	var turns []turn
	for i, m := range req.Messages {
		for name := range m {
			if !slices.Contains(members[s.d.name], name) {
				return said{}, fmt.Errorf("messages[%d].%s: extra inputs are not permitted", i, name)
			}
		}
		t, err := s.read(m)
		if err != nil {
			return said{}, fmt.Errorf("messages[%d]: %w", i, err)
		}
		if n := len(turns); t.role == "tool" && n > 0 && turns[n-1].role == "tool" {
			turns[n-1].results = append(turns[n-1].results, t.results...)
		} else {
			turns = append(turns, t)
		}
	}
	rounds, err := s.check(turns)
	if err != nil {
		return said{}, err
	}
	wanted := 1
	if !strings.Contains(string(body), "again") {
		wanted = 3
	}
	return s.say(rounds < wanted), nil
}

func (s *strict) say(calls bool) said {
	s.answers++
	a := said{thinking: fmt.Sprintf("thought %d of %s", s.answers, s.d.name), finish: "stop", input: 10, output: 10, reasoning: 2}
	a.signature = base64.StdEncoding.EncodeToString([]byte(a.thinking))
	s.signed[a.signature] = a.thinking
	if !calls {
		a.text = "done"
		return a
	}
	a.finish, a.text = "tool_calls", "Let me look that up."
	for i, city := range []string{"Paris", "Tokyo"} {
		a.calls = append(a.calls, call{fmt.Sprintf("%.2sid%03d%02d", s.d.name, s.answers, i), "weather", `{"city":"` + city + `"}`})
	}
	return a
}

// read reads a message.
func (s *strict) read(m map[string]any) (turn, error) {
	t := turn{role: m["role"].(string)}
	if s.d.name == "bedrock" {
		err := s.readBlocks(&t, m)
		return t, err
	}
	if id, ok := m["tool_call_id"].(string); ok {
		t.results = append(t.results, id)
	}
	own := false
	calls, _ := m["tool_calls"].([]any)
	for _, c := range calls {
		id := c.(object)["id"].(string)
		if _, foreign := c.(object)["extra_content"]; foreign {
			return t, fmt.Errorf("tool_calls: extra_content: extra inputs are not permitted")
		}
		t.calls = append(t.calls, id)
		own = own || strings.HasPrefix(id, s.d.name[:2]+"id")
	}
	switch thought, _ := m["reasoning_content"].(string); {
	case s.d.name == "deepseek" && own && s.signed[base64.StdEncoding.EncodeToString([]byte(thought))] != thought:
		return t, fmt.Errorf("the reasoning_content must be passed back, is %q", thought)
	case s.d.name == "cohere" && len(calls) > 0:
		parts, array := m["content"].([]any)
		if m["content"] != nil && !array {
			return t, fmt.Errorf("content must not be beside tool_calls")
		}
		for _, p := range parts {
			if p.(object)["type"] != "thinking" {
				return t, fmt.Errorf("content must not be beside tool_calls")
			}
		}
	}
	return t, nil
}

// readBlocks reads a message of Bedrock's.
func (s *strict) readBlocks(t *turn, m map[string]any) error {
	for i, b := range m["content"].([]any) {
		block := b.(object)
		if use, ok := block["toolUse"].(object); ok {
			t.calls = append(t.calls, use["toolUseId"].(string))
		}
		if result, ok := block["toolResult"].(object); ok {
			t.results = append(t.results, result["toolUseId"].(string))
		}
		if r, ok := block["reasoningContent"].(object); ok {
			text := r["reasoningText"].(object)
			if signature, _ := text["signature"].(string); s.signed[signature] != text["text"] {
				return fmt.Errorf("content[%d]: invalid signature %q", i, signature)
			}
		}
	}
	if len(t.results) > 0 {
		t.role = "tool"
	}
	return nil
}

// check checks that each call is answered at once, and counts the rounds since
// the user last spoke.
func (s *strict) check(turns []turn) (rounds int, err error) {
	seen := map[string]bool{}
	for i, t := range turns {
		for _, id := range t.calls {
			form := forms[s.d.name]
			if seen[id] || form != nil && !form.MatchString(id) {
				return 0, fmt.Errorf("turn %d: the call id %q is not unique or malformed", i, id)
			}
			seen[id] = true
		}
		var open []string
		if i > 0 {
			open = turns[i-1].calls
		}
		if !slices.Equal(slices.Sorted(slices.Values(open)), slices.Sorted(slices.Values(t.results))) {
			return 0, fmt.Errorf("turn %d: calls %v have the results %v", i, open, t.results)
		}
		switch t.role {
		case "user":
			rounds = 0
		case "tool":
			rounds++
		}
		if i > 0 && s.d.name == "bedrock" && (t.role == "assistant") == (turns[i-1].role == "assistant") {
			return 0, fmt.Errorf("turn %d: roles must alternate", i)
		}
	}
	if last := turns[len(turns)-1]; last.role == "assistant" {
		return 0, fmt.Errorf("expected last role user or tool")
	}
	return rounds, nil
}

package anthropic

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/openai"
)

// conversation turns messages into system blocks and turns.
//
// System and developer messages in front become system. Later ones stay where
// they are, as <system> tags in the user's turn: their place says what they are
// about, only some models take a system role there, and in front they would
// leave conversations that end with them to end with the assistant.
type conversation struct {
	*translation
	ids  map[string]string // the client's tool call ids, and what they became
	used map[string]int    // what they became, so far; and the last number that was put behind each
}

func (t *translation) converse() error {
	c := conversation{translation: t, ids: map[string]string{}, used: map[string]int{}}
	for i := range t.in.Messages {
		m := &t.in.Messages[i]
		param := fmt.Sprintf("messages[%d]", i)
		if m.Name != "" && m.Role != "tool" { // a tool is known by its call
			t.drop(param + ".name")
		}
		var err error
		switch m.Role {
		case "system", "developer":
			err = c.system(m, param)
		case "assistant":
			err = c.assistant(m, param)
		case "tool":
			err = c.tool(m, param)
		default:
			err = c.user(m, param)
		}
		if err != nil {
			return err
		}
	}
	return c.end()
}

// end gives the conversation an end that Anthropic takes.
func (c *conversation) end() error {
	b := &c.body
	if len(b.Messages) == 0 {
		if len(b.System) == 0 {
			return openai.Invalid("missing_field", "messages", "'messages' have nothing but blank text: there is nothing to answer")
		}
		// There must be a message: instructions alone are what the user says.
		b.Messages, b.System = []turn{{Role: "user", Content: b.System}}, nil
	}
	for i := range b.Messages {
		t := &b.Messages[i]
		t.Content = append(t.results, t.Content...)
	}
	last := &b.Messages[len(b.Messages)-1]
	if x := &last.Content[len(last.Content)-1]; last.Role == "assistant" && x.Type == "text" {
		// The model goes on with the assistant's words, which must not end in
		// whitespace.
		x.Text = strings.TrimRight(x.Text, " \t\r\n")
	}
	return nil
}

// say adds to a side's turn, or begins one.
func (c *conversation) say(role string, blocks ...block) {
	if len(blocks) == 0 {
		return
	}
	turns := c.body.Messages
	if n := len(turns); n > 0 && turns[n-1].Role == role {
		turns[n-1].Content = append(turns[n-1].Content, blocks...)
		return
	}
	c.body.Messages = append(turns, turn{Role: role, Content: blocks})
}

func (c *conversation) system(m *openai.Message, param string) error {
	blocks, err := c.texts(m, param)
	if err != nil {
		return err
	}
	if err := markLast(blocks, m.CacheControl, param); err != nil {
		return err
	}
	if len(c.body.Messages) == 0 {
		c.body.System = append(c.body.System, blocks...)
		return nil
	}
	for i := range blocks {
		blocks[i].Text = "<system>\n" + blocks[i].Text + "\n</system>"
	}
	c.say("user", blocks...)
	return nil
}

// texts are the blocks of a message that can have nothing but text.
func (c *conversation) texts(m *openai.Message, param string) ([]block, error) {
	var blocks []block
	for i, p := range m.Content {
		where := fmt.Sprintf("%s.content[%d]", param, i)
		var text string
		switch p.Type {
		case "text":
			text = p.Text
		case "refusal":
			text = p.Refusal
		default:
			return nil, openai.Invalid("unsupported_value", where+".type", "'%s' can't be %q in a message of the %s", where+".type", p.Type, m.Role)
		}
		mark, err := cacheMark(p.CacheControl, where)
		if err != nil {
			return nil, err
		}
		// Anthropic refuses blank text.
		if strings.TrimSpace(text) != "" {
			blocks = append(blocks, block{Type: "text", Text: text, CacheControl: mark})
		}
	}
	return blocks, nil
}

func (c *conversation) user(m *openai.Message, param string) error {
	blocks, err := c.parts(m.Content, param)
	if err != nil {
		return err
	}
	if err := markLast(blocks, m.CacheControl, param); err != nil {
		return err
	}
	c.say("user", blocks...)
	return nil
}

// tool adds a tool's result: all results of a turn stand in front of whatever
// else the user says in it.
func (c *conversation) tool(m *openai.Message, param string) error {
	id, ok := c.ids[m.ToolCallID]
	if !ok {
		where := param + ".tool_call_id"
		return openai.Invalid("invalid_value", where, "'%s' names no tool call of a message before it", where)
	}
	parts, err := c.parts(m.Content, param)
	if err != nil {
		return err
	}
	mark, err := cacheMark(m.CacheControl, param)
	if err != nil {
		return err
	}
	result := block{Type: "tool_result", ToolUseID: id, Content: parts, CacheControl: mark}
	for i := range parts {
		// A mark inside a result is one on the result.
		if parts[i].CacheControl != nil {
			result.CacheControl, parts[i].CacheControl = parts[i].CacheControl, nil
		}
	}
	turns := c.body.Messages
	if n := len(turns); n == 0 || turns[n-1].Role != "user" {
		turns = append(turns, turn{Role: "user"})
	}
	last := &turns[len(turns)-1]
	last.results = append(last.results, result)
	c.body.Messages = turns
	return nil
}

func (c *conversation) assistant(m *openai.Message, param string) error {
	said, err := c.texts(m, param)
	if err != nil {
		return err
	}
	if strings.TrimSpace(m.Refusal) != "" {
		said = append(said, block{Type: "text", Text: m.Refusal})
	}
	for i := range m.ToolCalls {
		call, err := c.call(&m.ToolCalls[i], fmt.Sprintf("%s.tool_calls[%d]", param, i))
		if err != nil {
			return err
		}
		said = append(said, call)
	}
	if err := markLast(said, m.CacheControl, param); err != nil {
		return err
	}
	c.say("assistant", withThinking(said, m.ReasoningDetails)...)
	return nil
}

func (c *conversation) call(t *openai.ToolCall, param string) (block, error) {
	if t.Custom != nil {
		return block{}, openai.Invalid("unsupported_value", param+".type", "'%s' can't be custom: this gate's provider, Anthropic, has functions alone", param+".type")
	}
	if t.ID == "" {
		return block{}, openai.Invalid("missing_field", param+".id", "'%s' is missing", param+".id")
	}
	if err := checkName(t.Function.Name, param+".function.name"); err != nil {
		return block{}, err
	}
	input := jsontext.Value(t.Function.Arguments)
	if strings.TrimSpace(t.Function.Arguments) == "" {
		input = jsontext.Value("{}")
	}
	if !input.IsValid() || input.Kind() != '{' {
		where := param + ".function.arguments"
		return block{}, openai.Invalid("invalid_value", where, "'%s' is not a JSON object: Anthropic takes nothing else", where)
	}
	return block{Type: "tool_use", ID: c.newID(t.ID), Name: t.Function.Name, Input: input}, nil
}

const maxID = 64

// newID gives a tool call an id that Anthropic takes, and that no other call
// has: clients may use an id again in a later turn, and ids that other providers
// made may have any form. The same conversation always gives the same ids.
func (c *conversation) newID(id string) string {
	clean := id
	if len(id) > maxID || strings.IndexFunc(id, notNameRune) >= 0 {
		sum := sha256.Sum256([]byte(id))
		clean = "toolu_" + hex.EncodeToString(sum[:12])
	}
	unique := clean
	// From the last number on, or a conversation of one id alone would take the
	// square of its length.
	for n := c.used[clean] + 1; c.used[unique] > 0; n++ {
		unique = fmt.Sprintf("%s_%d", clean, n)
		c.used[clean] = n
	}
	c.used[unique] = 1
	c.ids[id] = unique
	return unique
}

const maxName = 128

func checkName(name, param string) error {
	if name == "" || len(name) > maxName || strings.IndexFunc(name, notNameRune) >= 0 {
		return openai.Invalid("invalid_value", param, "'%s' must be 1 to %d letters, digits, _ or -: Anthropic takes no other names", param, maxName)
	}
	return nil
}

func notNameRune(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-'
}

// markLast sets a message's own cache mark on its last block.
func markLast(blocks []block, mark jsontext.Value, param string) error {
	mark, err := cacheMark(mark, param)
	if err == nil && mark != nil && len(blocks) > 0 {
		blocks[len(blocks)-1].CacheControl = mark
	}
	return err
}

// cacheMark is a cache_control as it goes up, nil if there is none.
func cacheMark(v jsontext.Value, param string) (jsontext.Value, error) {
	switch {
	case v == nil || v.Kind() == 'n':
		return nil, nil
	case v.Kind() != '{':
		return nil, openai.Invalid("invalid_type", param+".cache_control", "'%s.cache_control' must be an object", param)
	}
	return v, nil
}

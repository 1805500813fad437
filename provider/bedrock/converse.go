package bedrock

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
// about, and in front they would leave conversations that end with them to end
// with the assistant.
type conversation struct {
	*translation
	ids       map[string]string // the client's tool call ids, and what they became
	used      map[string]bool   // what they became, so far
	tries     map[string]int    // how often another one had to be made of each
	documents map[string]int    // their names, and how many begin with each
}

func (t *translation) converse() error {
	c := conversation{translation: t, ids: map[string]string{}, used: map[string]bool{}, tries: map[string]int{}, documents: map[string]int{}}
	for i := range t.in.Messages {
		m := &t.in.Messages[i]
		param := fmt.Sprintf("messages[%d]", i)
		if m.Name != "" {
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
	for i := range t.body.Messages {
		if x := &t.body.Messages[i]; len(x.front) > 0 {
			x.Content, x.front = append(x.front, x.Content...), nil
		}
	}
	t.settle()
	return nil
}

// say adds to a side's turn, or begins one: turns must alternate.
func (c *conversation) say(role string, blocks []block) {
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
	if blocks, err = c.mark(blocks, m.CacheControl, param); err != nil {
		return err
	}
	if len(c.body.Messages) == 0 {
		c.body.System = append(c.body.System, blocks...)
		return nil
	}
	for i := range blocks {
		if blocks[i].Text != "" {
			blocks[i].Text = "<system>\n" + blocks[i].Text + "\n</system>"
		}
	}
	c.say("user", blocks)
	return nil
}

// texts are the blocks of a message that can have nothing but text.
func (c *conversation) texts(m *openai.Message, param string) (blocks []block, err error) {
	for i, p := range m.Content {
		where := fmt.Sprintf("%s.content[%d]", param, i)
		text := p.Text
		switch p.Type {
		case "text":
		case "refusal":
			text = p.Refusal
		default:
			return nil, openai.Invalid("unsupported_value", where+".type", "'%s.type' can't be %q in a message of the %s", where, p.Type, m.Role)
		}
		if strings.TrimSpace(text) != "" { // Bedrock refuses blank text
			blocks = append(blocks, block{Text: text})
		}
		if blocks, err = c.mark(blocks, p.CacheControl, where); err != nil {
			return nil, err
		}
	}
	return blocks, nil
}

func (c *conversation) user(m *openai.Message, param string) error {
	blocks, err := c.parts(m.Content, param)
	if err != nil {
		return err
	}
	if blocks, err = c.mark(blocks, m.CacheControl, param); err != nil {
		return err
	}
	c.say("user", blocks)
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
	content, err := c.parts(m.Content, param)
	if err != nil {
		return err
	}
	// A mark inside a result is one on the result.
	var marked *cachePoint
	result := toolResult{ID: id}
	for _, b := range content {
		if b.CachePoint != nil {
			marked = b.CachePoint
			continue
		}
		result.Content = append(result.Content, b)
	}
	if point, err := c.cachePoint(m.CacheControl, param); err != nil {
		return err
	} else if point != nil {
		marked = point
	}
	blocks := []block{{ToolResult: &result}}
	if marked != nil {
		blocks = append(blocks, block{CachePoint: marked})
	}
	c.answer(blocks)
	return nil
}

// answer puts tool results to the front of the user's turn.
func (c *conversation) answer(blocks []block) {
	turns := c.body.Messages
	n := len(turns) - 1
	if turns[n].Role != "user" { // there is one: a call has been found in it
		turns = append(turns, turn{Role: "user"})
		c.body.Messages, n = turns, n+1
	}
	last := &turns[n]
	last.front = append(last.front, blocks...)
	last.results = len(last.front)
}

func (c *conversation) assistant(m *openai.Message, param string) error {
	said, err := c.texts(m, param)
	if err != nil {
		return err
	}
	if strings.TrimSpace(m.Refusal) != "" {
		said = append(said, block{Text: m.Refusal})
	}
	for i := range m.ToolCalls {
		call, err := c.call(&m.ToolCalls[i], fmt.Sprintf("%s.tool_calls[%d]", param, i))
		if err != nil {
			return err
		}
		said = append(said, block{ToolUse: call})
	}
	said = c.withReasoning(said, m.ReasoningDetails)
	if said, err = c.mark(said, m.CacheControl, param); err != nil {
		return err
	}
	c.say("assistant", said)
	return nil
}

func (c *conversation) call(t *openai.ToolCall, param string) (*toolUse, error) {
	if t.Custom != nil {
		return nil, openai.Invalid("unsupported_value", param+".type", "'%s.type' can't be custom: this gate's provider, Bedrock, has functions alone", param)
	}
	if t.ID == "" {
		return nil, openai.Invalid("missing_field", param+".id", "'%s.id' is missing", param)
	}
	if err := checkName(t.Function.Name, param+".function.name"); err != nil {
		return nil, err
	}
	input := jsontext.Value(t.Function.Arguments)
	if strings.TrimSpace(t.Function.Arguments) == "" {
		input = jsontext.Value("{}")
	}
	if !input.IsValid() || input.Kind() != '{' {
		where := param + ".function.arguments"
		return nil, openai.Invalid("invalid_value", where, "'%s' is not a JSON object: Bedrock takes nothing else", where)
	}
	return &toolUse{ID: c.newID(t.ID), Name: t.Function.Name, Input: input}, nil
}

const (
	maxID   = 64
	shortID = 9
)

// newID gives a tool call an id that the model takes, and that no other call
// has: clients may use an id again in a later turn, and ids that other models
// made may have any form. The same conversation always gives the same ids.
func (c *conversation) newID(id string) string {
	given := id
	// From the last try on, or a conversation of one id alone would take the
	// square of its length.
	for n := c.tries[given]; !c.fits(id) || c.used[id]; n++ {
		c.tries[given] = n + 1
		sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", given, n))
		if id = "tooluse_" + hex.EncodeToString(sum[:12]); c.model.shortIDs {
			id = hex.EncodeToString(sum[:])[:shortID]
		}
	}
	c.used[id] = true
	c.ids[given] = id
	return id
}

func (c *conversation) fits(id string) bool {
	if c.model.shortIDs {
		return len(id) == shortID && strings.IndexFunc(id, notNameRune) < 0 && !strings.ContainsAny(id, "_-")
	}
	return len(id) <= maxID && strings.IndexFunc(id, notNameRune) < 0
}

const maxName = 64

func checkName(name, param string) error {
	if name == "" || len(name) > maxName || strings.IndexFunc(name, notNameRune) >= 0 {
		return openai.Invalid("invalid_value", param, "'%s' must be 1 to %d letters, digits, _ or -: Bedrock takes no other names", param, maxName)
	}
	return nil
}

func notNameRune(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-'
}

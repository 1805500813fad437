package cohere

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/provider"
	"github.com/layergateway/layergateway/sse"
)

// lenient takes what Cohere sends as it is: what a name said twice means is for
// Cohere to mend.
var lenient = jsontext.AllowDuplicateNames(true)

// answer is what is known of an answer so far.
type answer struct {
	named bool
	done  bool
	plan  []byte // the tool plan, until it is said
	calls int
	open  *openCall
	text  blocks
	usage usage
}

// openCall is a tool call whose arguments may go on.
type openCall struct {
	index int
	held  string // arguments that may turn out to be null
	begun bool
}

// Whole implements provider.Chat.
func (c *chat) Whole(body []byte, a openai.Answer) error {
	var r response
	if err := json.Unmarshal(body, &r, lenient); err != nil {
		return fmt.Errorf("read cohere answer: %w", err)
	}
	if r.Message.Kind() == '"' {
		return errorIn(r.Message)
	}
	var m said
	if r.Message.Kind() != '{' {
		return errors.New("read cohere answer: it has no message")
	}
	if err := json.Unmarshal(r.Message, &m, lenient); err != nil {
		return fmt.Errorf("read cohere answer: %w", err)
	}
	c.usage = r.Usage
	c.head(r.ID, a)
	for i, block := range m.Content {
		c.content(i, &block, a)
	}
	c.plan = append(c.plan, m.ToolPlan...)
	if err := c.begin(m.ToolCalls, a); err != nil {
		return err
	}
	c.close(a)
	c.cite(m.Citations, a)
	sayLogprobs(r.Logprobs, a)
	return c.finish(r.FinishReason, "", a)
}

// Event implements provider.Chat.
func (c *chat) Event(ev sse.Event, a openai.Answer) error {
	data := bytes.TrimSpace(ev.Data)
	if c.done || len(data) == 0 || string(data) == "[DONE]" {
		return nil
	}
	var e event
	if err := json.Unmarshal(data, &e, lenient); err != nil {
		if ev.Cut {
			return io.ErrUnexpectedEOF
		}
		return fmt.Errorf("read cohere event: %w", err)
	}
	if e.Type == "" {
		e.Type = string(ev.Name)
	}
	if e.Message.Kind() == '"' {
		return errorIn(e.Message)
	}
	return c.event(&e, a)
}

func (c *chat) event(e *event, a openai.Answer) error {
	m := &e.Delta.Message
	switch e.Type {
	case "message-start":
		c.head(e.ID, a)
		return nil
	case "content-start", "content-delta":
		c.head("", a)
		for i := range m.Content {
			c.content(e.Index, &m.Content[i], a)
		}
		sayLogprobs(e.Logprobs, a)
	case "tool-plan-delta":
		c.plan = append(c.plan, m.ToolPlan...)
	case "tool-call-start":
		c.head("", a)
		return c.begin(m.ToolCalls, a)
	case "tool-call-delta":
		if c.open == nil {
			return errors.New("read cohere event: arguments of a tool call that has not begun")
		}
		for i := range m.ToolCalls {
			c.arguments(m.ToolCalls[i].Function.Arguments, a)
		}
	case "tool-call-end":
		c.close(a)
	case "citation-start":
		c.head("", a)
		c.cite(m.Citations, a)
	case "message-end":
		c.head("", a)
		c.usage = e.Delta.Usage
		c.close(a)
		return c.finish(e.Delta.FinishReason, e.Delta.Error, a)
	}
	return nil
}

// head names the answer, if nothing has done so before.
func (c *chat) head(id string, a openai.Answer) {
	if c.named {
		return
	}
	c.named = true
	if id == "" {
		id = openai.NewCompletionID()
	}
	a.Head(openai.Head{ID: id, Model: c.model, Created: c.now().Unix()})
}

// content says a content block, or what an event adds to it.
func (c *chat) content(index int, x *content, a openai.Answer) {
	if x.Thinking != "" {
		a.Reasoning(0, x.Thinking)
	}
	if x.Text != "" {
		c.text.add(index, x.Text)
		a.Text(0, x.Text)
	}
}

// sayPlan says the tool plan, which is neither the answer's text nor what the
// model thought, as a member of its own: it goes back the same way.
func (c *chat) sayPlan(a openai.Answer) {
	if len(c.plan) > 0 {
		a.Member(0, "tool_plan", openai.AppendString(nil, c.plan))
		c.plan = nil
	}
}

// begin begins tool calls: each ends the one before it.
func (c *chat) begin(list []calledTool, a openai.Answer) error {
	for i := range list {
		x := &list[i]
		if x.Function.Name == "" {
			return errors.New("read cohere answer: a tool call has no name")
		}
		c.close(a)
		c.sayPlan(a)
		c.calls++
		c.open = &openCall{index: a.ToolCall(0, x.ID, x.Function.Name, nil)}
		c.arguments(x.Function.Arguments, a)
	}
	return nil
}

// arguments adds to the arguments of the call that is open. Calls of tools
// without parameters may have null for arguments, which are held back.
func (c *chat) arguments(s string, a openai.Answer) {
	x := c.open
	if !x.begun {
		x.held += s
		held := strings.TrimSpace(x.held)
		if held == "null"[:min(len(held), len("null"))] {
			return
		}
		s, x.begun = x.held, true
	}
	a.Arguments(0, x.index, s)
}

// close ends the call that is open.
func (c *chat) close(a openai.Answer) {
	x := c.open
	if x == nil {
		return
	}
	c.open = nil
	if x.begun {
		return
	}
	if held := strings.TrimSpace(x.held); held != "" && held != "null" {
		a.Arguments(0, x.index, x.held) // cut off
		return
	}
	a.Arguments(0, x.index, "{}")
}

// finish ends the answer for the reason that Cohere names; message is its word
// on what went wrong.
func (c *chat) finish(native, message string, a openai.Answer) error {
	c.done = true
	c.sayPlan(a)
	if native == "" && message == "" {
		return errors.New("read cohere answer: it has no finish_reason")
	}
	if kind, failed := failures[native]; failed || message != "" {
		return &provider.Error{Kind: kind, Status: http.StatusBadGateway, Code: native, Message: failure(native, message)}
	}
	a.Finish(0, reason(native, c.calls > 0), native)
	return nil
}

// End implements provider.Chat.
func (c *chat) End(openai.Answer) error {
	if !c.done {
		return io.ErrUnexpectedEOF
	}
	return nil
}

// Done implements provider.Chat.
func (c *chat) Done() bool { return c.done }

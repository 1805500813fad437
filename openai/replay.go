package openai

import (
	"cmp"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// An OpenAI-shaped upstream that answers in the other form than it was asked
// for: a completion becomes a stream, chunks become a completion.

type rawAnswer struct {
	ID          string      `json:"id"`
	Model       string      `json:"model"`
	Created     int64       `json:"created"`
	ServiceTier string      `json:"service_tier"`
	Choices     []rawChoice `json:"choices"`
}

type rawChoice struct {
	Index    int            `json:"index"`
	Message  rawMessage     `json:"message"`
	Delta    rawMessage     `json:"delta"`
	Logprobs jsontext.Value `json:"logprobs"`
	Finish   string         `json:"finish_reason"`
}

type rawMessage struct {
	Role      string         `json:"role"`
	Content   string         `json:"content"`
	Reasoning string         `json:"reasoning_content"`
	Refusal   string         `json:"refusal"`
	ToolCalls []rawCall      `json:"tool_calls"`
	Rest      jsontext.Value `json:",embed"`
}

type rawCall struct {
	Index    *int           `json:"index"`
	ID       string         `json:"id"`
	Function FunctionCall   `json:"function"`
	Extra    jsontext.Value `json:"extra_content"`
}

// Duplicate names in an answer hurt nobody.
var allowDuplicates = jsontext.AllowDuplicateNames(true)

func decodeRaw(raw []byte) (*rawAnswer, error) {
	var v rawAnswer
	if err := json.Unmarshal(raw, &v, allowDuplicates); err != nil {
		return nil, err
	}
	for _, x := range v.Choices {
		if x.Index < 0 || x.Index >= maxChoices {
			return nil, fmt.Errorf("choice index %d is out of range", x.Index)
		}
	}
	return &v, nil
}

func (v *rawAnswer) head() Head {
	if v.Created == 0 {
		v.Created = time.Now().Unix()
	}
	return Head{ID: v.ID, Model: v.Model, Created: v.Created, ServiceTier: v.ServiceTier}
}

// RawCompletion implements Answer: chunks made from a whole answer.
func (s *Stream) RawCompletion(c *Completion) error {
	if c.count > maxChoices {
		return errChoices
	}
	v, err := decodeRaw(c.Raw)
	if err != nil {
		return err
	}
	s.Head(v.head())
	if c.Usage != nil {
		s.usage = append(s.usage[:0], c.Usage...)
	}
	for _, x := range v.Choices {
		replayMessage(s, x.Index, &x.Message)
		for _, call := range x.Message.ToolCalls {
			s.Arguments(x.Index, s.ToolCall(x.Index, call.ID, call.Function.Name, call.Extra), call.Function.Arguments)
		}
		if x.Logprobs.Kind() == '{' {
			s.Logprobs(x.Index, x.Logprobs)
		}
		if x.Finish != "" {
			s.Finish(x.Index, x.Finish, cmp.Or(c.Native, x.Finish))
		}
	}
	return nil
}

// replayMessage says everything of a message but its tool calls.
func replayMessage(a Answer, choice int, m *rawMessage) {
	if m.Reasoning != "" {
		a.Reasoning(choice, m.Reasoning)
	}
	if m.Content != "" {
		a.Text(choice, m.Content)
	}
	if m.Refusal != "" {
		a.Refusal(choice, m.Refusal)
	}
	if len(m.Rest) == 0 {
		return
	}
	fields, err := objectFields(m.Rest)
	if err != nil {
		return
	}
	for _, f := range fields {
		v := m.Rest[f.start:f.end]
		if emptyValue(v) {
			continue
		}
		a.Member(choice, f.key, v)
	}
}

// RawChunk implements Answer: a whole answer gathered from chunks.
func (w *Whole) RawChunk(c *Chunk) error {
	v, err := decodeRaw(c.Raw)
	if err != nil {
		return err
	}
	if len(v.Choices) > 0 { // Azure's first chunk has none, and no head either
		w.Head(v.head())
	}
	if c.Usage.Kind() == '{' {
		w.usage = c.Usage.Clone()
	}
	for _, x := range v.Choices {
		replayMessage(w, x.Index, &x.Delta)
		m := w.choice(x.Index)
		for _, call := range x.Delta.ToolCalls {
			if err := w.rawCall(x.Index, m, &call); err != nil {
				return err
			}
		}
		if x.Logprobs.Kind() == '{' {
			w.Logprobs(x.Index, x.Logprobs)
		}
		if x.Finish != "" {
			w.Finish(x.Index, x.Finish, cmp.Or(c.Native, x.Finish))
		}
	}
	return nil
}

// rawCall adds a tool call's delta.
func (w *Whole) rawCall(choice int, m *message, d *rawCall) error {
	index := -1
	if d.Index != nil {
		index = *d.Index
	}
	at, begins, err := place(&m.placed, index, d.ID, d.Function.Name)
	if err != nil {
		return err
	}
	if call := &m.placed[at]; begins {
		w.ToolCall(choice, call.id, d.Function.Name, d.Extra)
	} else if !call.named {
		m.calls[at].name = d.Function.Name
	}
	m.placed[at].named = m.placed[at].named || d.Function.Name != ""
	w.Arguments(choice, at, d.Function.Arguments)
	return nil
}

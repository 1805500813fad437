package recorded

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/sse"
)

// Seen is what a client has once an answer is complete: of a stream, what it
// put together from the chunks; of a whole answer, what the object says. Only
// the first choice is looked at.
type Seen struct {
	ID, Model   string
	ServiceTier string
	Text        string
	Reasoning   string
	Refusal     string
	Calls       []Call
	Finish      string
	// Members are the message's further members, such as annotations. Of a
	// stream, arrays that came in several deltas are joined.
	Members map[string]string
	Done    bool // a stream's [DONE]
	Failure jsontext.Value
}

// Call is one tool call.
type Call struct {
	ID, Name, Arguments string
	Extra               string // extra_content as JSON, empty if there is none
}

type envelope struct {
	ID          string         `json:"id"`
	Object      string         `json:"object"`
	Created     int64          `json:"created"`
	Model       string         `json:"model"`
	ServiceTier string         `json:"service_tier"`
	Choices     []choice       `json:"choices"`
	Error       jsontext.Value `json:"error"`
	Rest        jsontext.Value `json:",embed"`
}

type choice struct {
	Index    int            `json:"index"`
	Delta    *message       `json:"delta"`
	Message  *message       `json:"message"`
	Logprobs jsontext.Value `json:"logprobs"`
	Finish   *string        `json:"finish_reason"`
}

type message struct {
	Role      string                    `json:"role"`
	Content   *string                   `json:"content"`
	Reasoning *string                   `json:"reasoning_content"`
	Refusal   *string                   `json:"refusal"`
	ToolCalls []call                    `json:"tool_calls"`
	Rest      map[string]jsontext.Value `json:",embed"`
}

type call struct {
	Index    *int   `json:"index"`
	ID       string `json:"id"`
	Type     string `json:"type"`
	Function struct {
		Name      string `json:"name"`
		Arguments string `json:"arguments"`
	} `json:"function"`
	Extra jsontext.Value `json:"extra_content"`
}

// Assemble reads a stream as a strict client does. It fails where the stream
// breaks a promise of OpenAI's: the role comes once and first, id, model and
// created stay the same, tool calls are numbered 0, 1, 2 and begin with id,
// type and name, a choice finishes once and nothing of it follows, nothing
// follows [DONE].
func Assemble(stream []byte) (Seen, error) {
	a := assembler{seen: Seen{Members: map[string]string{}}}
	r := sse.NewReader(bytes.NewReader(stream), 0)
	for n := 0; ; n++ {
		ev, err := r.Next()
		if errors.Is(err, io.EOF) {
			return a.seen, nil
		}
		if err != nil {
			return a.seen, err
		}
		if err := a.event(ev); err != nil {
			return a.seen, fmt.Errorf("event %d: %w: %s", n, err, ev.Data)
		}
	}
}

type assembler struct {
	seen    Seen
	created int64
	role    bool
}

func (a *assembler) event(ev sse.Event) error {
	switch {
	case ev.Cut:
		return errors.New("no blank line behind the last event")
	case len(ev.Name) > 0:
		return errors.New("OpenAI's events have no name")
	case a.seen.Done:
		return errors.New("an event behind [DONE]")
	case a.seen.Failure != nil:
		return errors.New("an event behind an error")
	}
	if string(ev.Data) == "[DONE]" {
		a.seen.Done = true
		return nil
	}
	var chunk envelope
	if err := json.Unmarshal(ev.Data, &chunk); err != nil {
		return err
	}
	if chunk.Error != nil {
		a.seen.Failure = chunk.Error.Clone()
		return nil
	}
	if err := a.head(&chunk); err != nil {
		return err
	}
	for i := range chunk.Choices {
		if err := a.choice(&chunk.Choices[i]); err != nil {
			return err
		}
	}
	return nil
}

func (a *assembler) head(chunk *envelope) error {
	if chunk.Object != "chat.completion.chunk" {
		return fmt.Errorf("object is %q", chunk.Object)
	}
	if a.created == 0 {
		a.seen.ID, a.seen.Model, a.created, a.seen.ServiceTier = chunk.ID, chunk.Model, chunk.Created, chunk.ServiceTier
	}
	if chunk.Created == 0 || chunk.Created != a.created || chunk.ID != a.seen.ID || chunk.Model != a.seen.Model {
		return errors.New("id, model or created are missing or have changed")
	}
	return nil
}

func (a *assembler) choice(c *choice) error {
	if c.Index != 0 || c.Delta == nil {
		return errors.New("a choice other than 0, or one without delta")
	}
	if a.seen.Finish != "" {
		return errors.New("a choice goes on behind its finish_reason")
	}
	d := c.Delta
	if d.Role != "" {
		if a.role || d.Role != "assistant" {
			return errors.New("the role comes once, as assistant")
		}
		a.role = true
	}
	if !a.role {
		return errors.New("the first delta has no role")
	}
	a.seen.Text += deref(d.Content)
	a.seen.Reasoning += deref(d.Reasoning)
	a.seen.Refusal += deref(d.Refusal)
	for i := range d.ToolCalls {
		if err := a.call(&d.ToolCalls[i]); err != nil {
			return err
		}
	}
	for name, v := range d.Rest {
		a.seen.Members[name] = join(a.seen.Members[name], v)
	}
	a.seen.Finish = deref(c.Finish)
	return nil
}

func (a *assembler) call(d *call) error {
	if d.Index == nil {
		return errors.New("a tool call without index")
	}
	i := *d.Index
	if i < 0 || i > len(a.seen.Calls) {
		return errors.New("tool call indices leave one out")
	}
	if i == len(a.seen.Calls) {
		if d.ID == "" || d.Type != "function" || d.Function.Name == "" {
			return errors.New("a tool call begins without id, type or name")
		}
		a.seen.Calls = append(a.seen.Calls, Call{ID: d.ID, Name: d.Function.Name, Extra: string(d.Extra)})
	} else if d.ID != "" || d.Function.Name != "" {
		return errors.New("a tool call has its id or name twice")
	}
	a.seen.Calls[i].Arguments += d.Function.Arguments
	return nil
}

// Read reads a whole answer as a strict client does.
func Read(completion []byte) (Seen, error) {
	var v envelope
	s := Seen{Members: map[string]string{}}
	if err := json.Unmarshal(completion, &v); err != nil {
		return s, err
	}
	if v.Object != "chat.completion" || v.Created == 0 {
		return s, fmt.Errorf("object is %q, created %d", v.Object, v.Created)
	}
	s.ID, s.Model, s.ServiceTier = v.ID, v.Model, v.ServiceTier
	if len(v.Choices) == 0 {
		return s, nil
	}
	m := v.Choices[0].Message
	if m == nil || m.Role != "assistant" {
		return s, errors.New("the choice has no message of the assistant")
	}
	s.Text, s.Reasoning, s.Refusal = deref(m.Content), deref(m.Reasoning), deref(m.Refusal)
	s.Finish = deref(v.Choices[0].Finish)
	for _, c := range m.ToolCalls {
		if c.ID == "" || c.Type != "function" || c.Function.Name == "" {
			return s, errors.New("a tool call without id, type or name")
		}
		s.Calls = append(s.Calls, Call{ID: c.ID, Name: c.Function.Name, Arguments: c.Function.Arguments, Extra: string(c.Extra)})
	}
	for name, x := range m.Rest {
		s.Members[name] = join("", x)
	}
	return s, nil
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// join appends an array to an array; anything else replaces what was there.
func join(old string, v jsontext.Value) string {
	v = v.Clone()
	if v.Compact() != nil || v.Kind() != '[' || len(old) < 3 || old[0] != '[' || len(v) < 3 {
		return string(v)
	}
	return old[:len(old)-1] + "," + string(v[1:])
}

package google

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/openai"
)

// skipSignature is the value that Gemini documents for function calls that it
// did not make itself, and that therefore carry no signature of its own:
// https://ai.google.dev/gemini-api/docs/thought-signatures.
const skipSignature = "skip_thought_signature_validator"

// messages turns the conversation into turns. System and developer messages all
// become the system instruction, wherever they stand; turns of the same role
// become one.
func (t *translation) messages() error {
	var system []part
	calls := calls{}
	list := t.asked.Messages
	for i := 0; i < len(list); i++ {
		m := &list[i]
		t.cacheControl(m.CacheControl)
		if m.Name != "" && m.Role != "tool" {
			t.drop("messages.name")
		}
		parts, role, err := []part(nil), "user", error(nil)
		switch m.Role {
		case "system", "developer":
			parts, err = t.system(m, i)
			system = append(system, parts...)
			parts = nil
		case "user":
			parts, err = t.parts(m.Content, fmt.Sprintf("messages[%d].content", i))
		case "assistant":
			role = "model"
			parts, err = t.assistant(m, i, calls)
		case "tool":
			end := i + 1
			for end < len(list) && list[end].Role == "tool" {
				end++
			}
			parts, err = t.results(list[i:end], i, calls)
			i = end - 1
		}
		if err != nil {
			return err
		}
		t.turn(role, parts)
	}
	t.setSystem(system)
	return nil
}

// turn adds parts to the conversation.
func (t *translation) turn(role string, parts []part) {
	if len(parts) == 0 {
		return
	}
	if n := len(t.body.Contents); n > 0 && t.body.Contents[n-1].Role == role {
		last := &t.body.Contents[n-1]
		last.Parts = append(last.Parts, parts...)
		return
	}
	t.body.Contents = append(t.body.Contents, content{Role: role, Parts: parts})
}

// setSystem puts the system instruction where the model takes it. A conversation
// of nothing else is put to the model as a question.
func (t *translation) setSystem(system []part) {
	switch {
	case len(system) == 0:
	case len(t.body.Contents) == 0:
		t.turn("user", system)
	case systemless(t.model):
		first := &t.body.Contents[0]
		if first.Role == "user" {
			first.Parts = append(system, first.Parts...)
		} else {
			t.body.Contents = append([]content{{Role: "user", Parts: system}}, t.body.Contents...)
		}
	default:
		t.body.SystemInstruction = &content{Parts: system}
	}
}

func (t *translation) system(m *openai.Message, i int) ([]part, error) {
	for j, p := range m.Content {
		if p.Type != "text" {
			param := fmt.Sprintf("messages[%d].content[%d].type", i, j)
			return nil, openai.Invalid("invalid_value", param, "'%s' must be text: a system message has no other parts", param)
		}
	}
	return t.parts(m.Content, fmt.Sprintf("messages[%d].content", i))
}

// parts translates a message's content; param is where it stands. Empty text is
// left out, which Gemini refuses.
func (t *translation) parts(c openai.Content, param string) ([]part, error) {
	var parts []part
	for j := range c {
		p := &c[j]
		t.cacheControl(p.CacheControl)
		at := fmt.Sprintf("%s[%d]", param, j)
		switch p.Type {
		case "text", "refusal":
			text := p.Text + p.Refusal
			if text != "" {
				parts = append(parts, part{Text: &text})
			}
		default:
			x, err := t.media(p, at)
			if err != nil {
				return nil, err
			}
			x.ThoughtSignature = p.ExtraContent.ThoughtSignature()
			parts = append(parts, x)
		}
	}
	return parts, nil
}

// assistant translates an earlier answer: text, images, function calls.
func (t *translation) assistant(m *openai.Message, i int, calls calls) ([]part, error) {
	parts, err := t.parts(m.Content, fmt.Sprintf("messages[%d].content", i))
	if err != nil {
		return nil, err
	}
	if m.Refusal != "" {
		parts = append(parts, part{Text: &m.Refusal})
	}
	parts = sign(parts, m.ExtraContent.ThoughtSignature())
	if m.Images.Kind() == '[' {
		var images openai.Content
		param := fmt.Sprintf("messages[%d].images", i)
		if json.Unmarshal(m.Images, &images) != nil {
			return nil, openai.Invalid("invalid_type", param, "'%s' must be an array of image_url parts", param)
		}
		more, err := t.parts(images, param)
		if err != nil {
			return nil, err
		}
		parts = append(parts, more...)
	}
	for j := range m.ToolCalls {
		p, err := functionCallPart(&m.ToolCalls[j], fmt.Sprintf("messages[%d].tool_calls[%d]", i, j))
		if err != nil {
			return nil, err
		}
		if !t.service.callIDs {
			p.FunctionCall.ID = ""
		}
		// The first call of a step must be signed; those beside it need not.
		if j == 0 && p.ThoughtSignature == "" && t.generation >= gemini3 {
			p.ThoughtSignature = skipSignature
		}
		calls[m.ToolCalls[j].ID] = call{name: p.FunctionCall.Name, order: i<<16 + j}
		parts = append(parts, p)
	}
	return parts, nil
}

// sign puts an answer's signature back on its last text; one that came without
// text goes back on an empty one, as Gemini sent it.
func sign(parts []part, signature string) []part {
	if signature == "" {
		return parts
	}
	for k := len(parts) - 1; k >= 0; k-- {
		if parts[k].Text != nil {
			parts[k].ThoughtSignature = signature
			return parts
		}
	}
	return append(parts, part{Text: new(string), ThoughtSignature: signature})
}

func functionCallPart(c *openai.ToolCall, param string) (part, error) {
	f := &functionCall{ID: c.ID, Name: c.Function.Name, Args: jsontext.Value(c.Function.Arguments)}
	if c.Custom != nil {
		args, err := json.Marshal(map[string]string{"input": c.Custom.Input})
		if err != nil {
			return part{}, fmt.Errorf("write %s.custom.input: %w", param, err)
		}
		f.Name, f.Args = c.Custom.Name, args
	}
	if f.Name == "" {
		return part{}, openai.Invalid("missing_field", param+".function.name", "'%s.function.name' is missing", param)
	}
	if c.Function.Arguments == "" && c.Custom == nil || f.Args.Kind() == 'n' {
		f.Args = jsontext.Value("{}")
	}
	if f.Args.Kind() != '{' || !f.Args.IsValid() {
		return part{}, openai.Invalid("invalid_value", param+".function.arguments", "'%s.function.arguments' must be a JSON object in a string", param)
	}
	return part{FunctionCall: f, ThoughtSignature: c.ExtraContent.ThoughtSignature()}, nil
}

// calls are the function calls so far by id, the newest for an id that comes
// again.
type calls map[string]call

type call struct {
	name  string
	order int // rises from call to call
}

// results translates the tool messages from messages[first] on, which together
// answer one turn: in the order of its calls.
func (t *translation) results(list []openai.Message, first int, calls calls) ([]part, error) {
	type result struct {
		part  part
		order int
	}
	var results []result
	var rest []part // media that a response can't hold
	for i := range list {
		m := &list[i]
		at := fmt.Sprintf("messages[%d]", first+i)
		asked, ok := calls[m.ToolCallID]
		if !ok || m.ToolCallID == "" {
			return nil, openai.Invalid("invalid_value", at+".tool_call_id", "'%s.tool_call_id' is not the id of any tool call before it", at)
		}
		t.cacheControl(m.CacheControl)
		parts, err := t.parts(m.Content, at+".content")
		if err != nil {
			return nil, err
		}
		r := &functionResponse{Name: asked.name, Response: resultObject(m.Content.Text())}
		if t.service.callIDs {
			r.ID = m.ToolCallID
		}
		for _, p := range parts {
			switch {
			case p.Text != nil:
			case p.InlineData != nil && t.generation >= gemini3:
				r.Parts = append(r.Parts, p)
			default:
				rest = append(rest, p)
			}
		}
		results = append(results, result{part{FunctionResponse: r}, asked.order})
	}
	slices.SortStableFunc(results, func(a, b result) int { return cmp.Compare(a.order, b.order) })
	parts := make([]part, 0, len(results)+len(rest))
	for _, r := range results {
		parts = append(parts, r.part)
	}
	return append(parts, rest...), nil
}

// resultObject makes the object that a function response must be: a result that is
// one already as it is, any other JSON as the member result, and so any text.
func resultObject(text string) jsontext.Value {
	v := jsontext.Value(text)
	switch {
	case !v.IsValid():
		v = openai.AppendString(nil, text)
	case v.Kind() == '{':
		return v
	}
	b := append([]byte(`{"result":`), v...)
	return append(b, '}')
}

package cohere

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/openai"
)

// messages turns the conversation into Cohere's, message by message: it takes
// system messages anywhere, and several of one role in a row.
func (t *translation) messages() error {
	called := map[string]bool{} // the ids of the calls so far
	for i := range t.in.Messages {
		m := &t.in.Messages[i]
		at := fmt.Sprintf("messages[%d]", i)
		t.cacheControl(m.CacheControl)
		if m.Name != "" && m.Role != "tool" {
			t.drop("messages.name")
		}
		var x message
		var err error
		switch m.Role {
		case "system", "developer":
			x.Role = "system"
			x.Content, err = t.text(m.Content, at)
		case "user":
			x.Role = "user"
			x.Content, err = t.user(m.Content, at)
		case "assistant":
			x, err = t.assistant(m, at)
			for _, c := range x.ToolCalls {
				called[c.ID] = true
			}
		case "tool":
			if !called[m.ToolCallID] {
				return openai.Invalid("invalid_value", at+".tool_call_id", "'%s.tool_call_id' is not the id of any tool call before it", at)
			}
			x.Role, x.ToolCallID = "tool", m.ToolCallID
			x.Content, err = t.text(m.Content, at)
		}
		if err != nil {
			return err
		}
		if x.Content == nil && x.ToolCalls == nil {
			continue // an answer without a word: Cohere refuses it
		}
		t.body.Messages = append(t.body.Messages, x)
	}
	return nil
}

// text is the content of a message that can only have text.
func (t *translation) text(c openai.Content, at string) (jsontext.Value, error) {
	for j, p := range c {
		t.cacheControl(p.CacheControl)
		if p.Type != "text" {
			param := fmt.Sprintf("%s.content[%d].type", at, j)
			return nil, openai.Invalid("invalid_value", param, "'%s' must be text: this gate's provider, Cohere, takes other parts from users alone", param)
		}
	}
	return openai.AppendString(nil, c.Text()), nil
}

// user is a user's content: a string, or parts where it has more than text.
func (t *translation) user(c openai.Content, at string) (jsontext.Value, error) {
	if len(c) == 1 && c[0].Type == "text" {
		return t.text(c, at)
	}
	var parts []part
	for j := range c {
		p := &c[j]
		t.cacheControl(p.CacheControl)
		param := fmt.Sprintf("%s.content[%d]", at, j)
		switch {
		case p.Type == "text":
			if p.Text != "" {
				parts = append(parts, part{Type: "text", Text: p.Text})
			}
		case p.Type == "image_url" && p.ImageURL != nil:
			image, err := t.image(p.ImageURL, param+".image_url.url")
			if err != nil {
				return nil, err
			}
			parts = append(parts, part{Type: "image_url", ImageURL: image})
		case p.Type == "file":
			// Cohere's documents belong to a request, not to a message, and
			// are text.
			return nil, openai.Invalid("invalid_value", param+".type", "'%s.type' can't be file: this gate's provider, Cohere, reads no files; send what is in it as text or as images", param)
		default:
			return nil, openai.Invalid("invalid_value", param+".type", "'%s.type' must be text or image_url, with a member of that name: this gate's provider, Cohere, takes nothing else", param)
		}
	}
	if parts == nil {
		return jsontext.Value(`""`), nil
	}
	return json.Marshal(parts)
}

// details are how closely Cohere can look at an image.
var details = map[string]bool{"": true, "auto": true, "low": true, "high": true}

func (t *translation) image(u *openai.ImageURL, param string) (*imageURL, error) {
	head, data, _ := strings.Cut(u.URL, ",")
	if strings.HasPrefix(head, "data:") {
		if !strings.HasPrefix(head, "data:image/") || !strings.HasSuffix(head, ";base64") || data == "" {
			return nil, openai.Invalid("invalid_image_url", param, "'%s' is not a data URL of an image in base64, such as data:image/png;base64,…", param)
		}
	} else if x, err := url.Parse(u.URL); err != nil || x.Host == "" || x.Scheme != "https" && x.Scheme != "http" {
		return nil, openai.Invalid("invalid_image_url", param, "'%s' must be a data or https URL", param)
	}
	image := &imageURL{URL: u.URL, Detail: u.Detail}
	if !details[u.Detail] {
		t.drop("messages.content.image_url.detail")
		image.Detail = ""
	}
	return image, nil
}

// assistant translates an earlier answer. Text beside tool calls is their plan;
// beside a plan Cohere takes no thoughts.
func (t *translation) assistant(m *openai.Message, at string) (message, error) {
	x := message{Role: "assistant"}
	var text strings.Builder
	for j := range m.Content {
		p := &m.Content[j]
		t.cacheControl(p.CacheControl)
		if p.Type != "text" && p.Type != "refusal" {
			param := fmt.Sprintf("%s.content[%d].type", at, j)
			return x, openai.Invalid("invalid_value", param, "'%s' must be text or refusal", param)
		}
		text.WriteString(p.Text + p.Refusal)
	}
	said := text.String() + m.Refusal
	if m.Images.Kind() == '[' {
		t.drop("messages.images")
	}
	var parts []part
	if m.ReasoningContent != "" && t.takesThoughts() {
		parts = append(parts, part{Type: "thinking", Thinking: m.ReasoningContent})
	}
	var err error
	if len(m.ToolCalls) > 0 {
		x.ToolPlan = m.ToolPlan + said
		if x.ToolPlan == "" && parts != nil {
			if x.Content, err = json.Marshal(parts); err != nil {
				return x, fmt.Errorf("write %s: %w", at, err)
			}
		}
		x.ToolCalls, err = toolCalls(m.ToolCalls, at)
		return x, err
	}
	switch {
	case strings.TrimSpace(said) == "":
		return x, nil
	case parts == nil:
		x.Content = openai.AppendString(nil, said)
	default:
		if x.Content, err = json.Marshal(append(parts, part{Type: "text", Text: said})); err != nil {
			return x, fmt.Errorf("write %s: %w", at, err)
		}
	}
	return x, nil
}

func toolCalls(list []openai.ToolCall, at string) ([]toolCall, error) {
	var calls []toolCall
	for j := range list {
		c := &list[j]
		param := fmt.Sprintf("%s.tool_calls[%d]", at, j)
		x := toolCall{ID: c.ID, Type: "function", Function: functionCall{Name: c.Function.Name, Arguments: c.Function.Arguments}}
		if c.Custom != nil {
			// As a function of one argument: Cohere has no other tools.
			args, err := json.Marshal(map[string]string{"input": c.Custom.Input})
			if err != nil {
				return nil, fmt.Errorf("write %s.custom.input: %w", param, err)
			}
			x.Function = functionCall{Name: c.Custom.Name, Arguments: string(args)}
		}
		if x.ID == "" {
			return nil, openai.Invalid("missing_field", param+".id", "'%s.id' is missing", param)
		}
		if x.Function.Name == "" {
			return nil, openai.Invalid("missing_field", param+".function.name", "'%s.function.name' is missing", param)
		}
		switch args := jsontext.Value(x.Function.Arguments); {
		case strings.TrimSpace(x.Function.Arguments) == "", args.Kind() == 'n' && args.IsValid():
			x.Function.Arguments = "{}"
		case args.Kind() != '{' || !args.IsValid():
			return nil, openai.Invalid("invalid_value", param+".function.arguments", "'%s.function.arguments' must be a JSON object in a string", param)
		}
		calls = append(calls, x)
	}
	return calls, nil
}

// cacheControl reports a mark that the gateway's clients may set for other
// providers: Cohere's cache works by itself.
func (t *translation) cacheControl(v jsontext.Value) {
	if v.Kind() == '{' {
		t.drop("cache_control")
	}
}

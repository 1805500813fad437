package bedrock

import (
	"fmt"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/provider/schema"
)

// tools carries the tools, and which of them the model may or must use.
func (t *translation) tools() error {
	choice := t.in.ToolChoice
	if choice == nil {
		choice = &openai.ToolChoice{Mode: "auto"}
	}
	// Bedrock can't be told not to call tools but by having none.
	if choice.Mode != "none" {
		if err := t.offer(choice); err != nil {
			return err
		}
	}
	if len(t.body.ToolConfig.Tools) == 0 {
		if choice.Mode == "required" || choice.Mode == "function" || choice.Allowed != nil {
			return openai.Invalid("invalid_value", "tool_choice", "'tool_choice' leaves the model no tool to call: 'tools' has none of those it names")
		}
		return t.remember()
	}
	switch choice.Mode {
	case "required":
		t.force("")
	case "function":
		t.force(choice.Name)
	}
	return nil
}

// offer gives the model the client's tools. Bedrock has no list of allowed tools:
// the others are left out.
func (t *translation) offer(choice *openai.ToolChoice) error {
	named := choice.Mode == "function"
	found := !named
	for i := range t.in.Tools {
		x, err := t.tool(&t.in.Tools[i], fmt.Sprintf("tools[%d]", i))
		if err != nil {
			return err
		}
		name := x[0].Spec.Name
		found = found || name == choice.Name
		if choice.Allowed != nil && !slices.Contains(choice.Allowed, name) {
			continue
		}
		if named && t.model.choice == someChoice && name != choice.Name {
			continue // any tool that is left is the one
		}
		t.body.ToolConfig.Tools = append(t.body.ToolConfig.Tools, x...)
	}
	if !found {
		return openai.Invalid("invalid_value", "tool_choice", "'tool_choice' names a function that 'tools' does not have: %q", choice.Name)
	}
	return nil
}

// force makes the model call a tool, the one of the name if there is one, if the
// model can be made to.
func (t *translation) force(name string) {
	switch c := &t.body.ToolConfig; {
	case t.model.choice == autoChoice:
		t.drop("tool_choice")
	case name == "" || t.model.choice == someChoice:
		c.ToolChoice = &toolChoice{Any: new(struct{})}
	default:
		c.ToolChoice = &toolChoice{Tool: &named{name}}
	}
}

// forced reports whether the model must call a tool.
func (t *translation) forced() bool { return t.body.ToolConfig.ToolChoice != nil }

// remember gives the model the tools of earlier turns, without which Bedrock
// refuses their calls and results. The client wants none of them called; that
// the model can't be told.
func (t *translation) remember() error {
	var names []string
	seen := make(map[string]bool)
	for _, x := range t.body.Messages {
		for _, b := range x.Content {
			if b.ToolUse != nil && !seen[b.ToolUse.Name] {
				seen[b.ToolUse.Name] = true
				names = append(names, b.ToolUse.Name)
			}
		}
	}
	described := make(map[string]int, len(t.in.Tools))
	for i, x := range slices.Backward(t.in.Tools) {
		if x.Function != nil {
			described[x.Function.Name] = i
		}
	}
	for _, name := range names {
		// As the client describes it, if it does.
		x := []tool{{Spec: &toolSpec{Name: name, InputSchema: inputSchema{jsontext.Value(`{"type":"object"}`)}}}}
		if i, ok := described[name]; ok {
			var err error
			if x, err = t.tool(&t.in.Tools[i], fmt.Sprintf("tools[%d]", i)); err != nil {
				return err
			}
		}
		t.body.ToolConfig.Tools = append(t.body.ToolConfig.Tools, x...)
	}
	return nil
}

// tool is a function, and a cache point behind it if it is marked.
func (t *translation) tool(x *openai.Tool, param string) ([]tool, error) {
	f := x.Function
	if f == nil {
		return nil, openai.Invalid("unsupported_value", param+".type", "'%s.type' can't be %q: this gate's provider, Bedrock, has functions alone", param, x.Type)
	}
	mark := x.CacheControl
	if mark == nil {
		mark = f.CacheControl
	}
	point, err := t.cachePoint(mark, param)
	if err != nil {
		return nil, err
	}
	param += ".function"
	if err := checkName(f.Name, param+".name"); err != nil {
		return nil, err
	}
	parameters, ok := schema.Object(f.Parameters)
	if !ok {
		return nil, openai.Invalid("invalid_type", param+".parameters", "'%s.parameters' must be a JSON schema: an object", param)
	}
	strict := f.Strict != nil && *f.Strict
	switch {
	case strict && !t.model.schemas:
		strict = false
		t.drop(param + ".strict")
	case strict:
		if parameters, err = t.adapt(parameters, param+".parameters"); err != nil {
			return nil, err
		}
	}
	spec := toolSpec{Name: f.Name, Description: f.Description, InputSchema: inputSchema{parameters}, Strict: strict}
	tools := []tool{{Spec: &spec}}
	if point != nil && t.model.cache == textCache {
		t.drop("cache_control")
	} else if point != nil {
		tools = append(tools, tool{CachePoint: point})
	}
	return tools, nil
}

// adapt gives a schema the form that Bedrock requires where it holds the model to
// it, and reports what it can't hold it to.
func (t *translation) adapt(v jsontext.Value, param string) (jsontext.Value, error) {
	out, err := schema.Strict(v, func(keyword string) { t.drop(param + "." + keyword) })
	if err != nil {
		return nil, openai.Invalid("invalid_value", param, "'%s' is not a JSON schema that Bedrock can follow", param)
	}
	return out, nil
}

// choose settles what is left of tool_choice once it is known which tools there
// are, and carries parallel_tool_calls.
func (t *translation) choose() {
	c := &t.body.ToolConfig
	if len(c.Tools) == 0 {
		return
	}
	if given := t.in.ToolChoice; given != nil && given.Mode == "none" && !t.forced() {
		t.drop("tool_choice")
	}
	if p := t.in.ParallelToolCalls; p == nil || *p {
		return
	}
	if t.model.thinking != claudeThinking {
		t.drop("parallel_tool_calls")
		return
	}
	x := claudeToolChoice{Type: "auto", DisableParallel: true}
	switch {
	case c.ToolChoice == nil:
	case c.ToolChoice.Tool != nil:
		x.Type, x.Name = "tool", c.ToolChoice.Tool.Name
	default:
		x.Type = "any"
	}
	t.body.Additional.ToolChoice, c.ToolChoice = &x, nil
}

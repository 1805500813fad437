package anthropic

import (
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"

	"github.com/layergateway/layergateway/openai"
)

// tools carries the tools, and which of them the model may or must use.
func (t *translation) tools() error {
	choice := t.in.ToolChoice
	for i := range t.in.Tools {
		given := &t.in.Tools[i]
		x, err := t.tool(given, fmt.Sprintf("tools[%d]", i))
		if err != nil {
			return err
		}
		// Anthropic has no list of allowed tools: the others are left out.
		if choice == nil || choice.Allowed == nil || slices.Contains(choice.Allowed, nameOf(x)) {
			t.body.Tools = append(t.body.Tools, x)
		}
	}
	return t.choose()
}

func (t *translation) tool(x *openai.Tool, param string) (tool, error) {
	mark, err := cacheMark(x.CacheControl, param)
	if err != nil {
		return tool{}, err
	}
	if x.Custom != nil {
		// Its calls would have to come back as calls of a custom tool, with the
		// grammar that only OpenAI holds a model to.
		return tool{}, openai.Invalid("unsupported_value", param+".type", "'%s.type' can't be custom: this gate's provider, Anthropic, has functions alone", param)
	}
	if x.Function == nil {
		// A tool of Anthropic's own, such as web search.
		return tool{Type: x.Type, Own: x.Own, CacheControl: mark}, nil
	}
	f := x.Function
	param += ".function"
	if mark == nil {
		if mark, err = cacheMark(f.CacheControl, param); err != nil {
			return tool{}, err
		}
	}
	if err := checkName(f.Name, param+".name"); err != nil {
		return tool{}, err
	}
	schema, err := inputSchema(f.Parameters, param+".parameters")
	if err != nil {
		return tool{}, err
	}
	strict := f.Strict != nil && *f.Strict
	switch {
	case strict && !t.generation.Schemas:
		strict = false
		t.drop(param + ".strict")
	case strict:
		if schema, err = t.adapt(schema, param+".parameters"); err != nil {
			return tool{}, err
		}
	}
	return tool{Name: f.Name, Description: f.Description, InputSchema: schema, Strict: strict, CacheControl: mark}, nil
}

func nameOf(x tool) string {
	if x.Name != "" {
		return x.Name
	}
	var own struct {
		Name string `json:"name"`
	}
	// Own is an object; a name that is no string is none.
	_ = json.Unmarshal(x.Own, &own)
	return own.Name
}

// choose carries tool_choice and parallel_tool_calls.
func (t *translation) choose() error {
	choice := toolChoice{Type: "auto"}
	if given := t.in.ToolChoice; given != nil {
		switch given.Mode {
		case "none":
			choice.Type = "none"
		case "required":
			choice.Type = "any"
		case "function":
			choice = toolChoice{Type: "tool", Name: given.Name}
		}
		if len(t.body.Tools) == 0 && (choice.forces() || given.Allowed != nil) {
			return openai.Invalid("invalid_value", "tool_choice", "'tool_choice' leaves the model no tool to call: 'tools' has none of those it names")
		}
	}
	if len(t.body.Tools) == 0 {
		return nil
	}
	if choice.forces() && t.generation.Unforced {
		choice = toolChoice{Type: "auto"}
		t.drop("tool_choice")
	}
	if p := t.in.ParallelToolCalls; p != nil && !*p && choice.Type != "none" {
		choice.DisableParallel = true
	}
	if choice != (toolChoice{Type: "auto"}) {
		t.body.ToolChoice = &choice
	}
	return nil
}

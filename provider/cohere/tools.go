package cohere

import (
	"fmt"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/openai"
)

// noParameters is the schema of a function that takes none: Cohere requires one.
const noParameters = `{"type":"object","properties":{}}`

// tools translates the tools and which of them the model may or must call.
// Cohere can require a call, but not of what: tools that may not be called are
// left out.
func (t *translation) tools() error {
	choice := t.in.ToolChoice
	if choice == nil {
		choice = &openai.ToolChoice{Mode: "auto"}
	}
	allowed := choice.Allowed
	if choice.Mode == "function" {
		allowed = []string{choice.Name}
	}
	strict := 0
	for i := range t.in.Tools {
		x := &t.in.Tools[i]
		f := x.Function
		if f == nil || x.Type != "function" && x.Type != "" {
			param := fmt.Sprintf("tools[%d].type", i)
			return openai.Invalid("invalid_value", param, "'%s' must be function: this gate's provider, Cohere, has no other tools", param)
		}
		t.cacheControl(x.CacheControl)
		t.cacheControl(f.CacheControl)
		if allowed != nil && !slices.Contains(allowed, f.Name) {
			continue
		}
		parameters := f.Parameters
		if parameters.Kind() != '{' {
			parameters = jsontext.Value(noParameters)
		}
		t.body.Tools = append(t.body.Tools, tool{"function", function{f.Name, f.Description, parameters}})
		if f.Strict != nil && *f.Strict {
			strict++
		}
	}
	// It holds for all tools, and refuses schemas that it can't keep to.
	t.body.StrictTools = strict > 0 && strict == len(t.body.Tools)
	if strict > 0 && !t.body.StrictTools {
		t.drop("tools.function.strict")
	}
	return t.toolChoice(choice)
}

func (t *translation) toolChoice(choice *openai.ToolChoice) error {
	must := choice.Mode == "required" || choice.Mode == "function"
	if len(t.body.Tools) == 0 {
		if must {
			return openai.Invalid("invalid_value", "tool_choice", "'tool_choice' asks for a tool that 'tools' doesn't have")
		}
		return nil
	}
	switch {
	case must:
		t.body.ToolChoice = "REQUIRED"
	case choice.Mode == "none":
		t.body.ToolChoice = "NONE"
	}
	return nil
}

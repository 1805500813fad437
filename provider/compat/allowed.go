package compat

import (
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/openai"
)

// allowed says in other words, for servers that don't know it, that only some
// of the tools may be called: the others are left out.
func (s *Server) allowed(r *openai.Request, e *openai.Edits) error {
	v, there := r.Value(e, "tool_choice")
	if s.AllowedTools || !there || wordOf(v) != "allowed_tools" {
		return nil
	}
	var choice openai.ToolChoice
	if err := json.Unmarshal(v, &choice); err != nil {
		return openai.Invalid("invalid_type", "tool_choice", "'tool_choice' is not one: %s", err)
	}
	var tools []jsontext.Value
	if v, there := r.Value(e, "tools"); there && v.Kind() == '[' {
		if err := json.Unmarshal(v, &tools, duplicates); err != nil {
			return openai.Invalid("invalid_type", "tools", "'tools' is not a list of tools")
		}
	}
	tools = slices.DeleteFunc(tools, func(tool jsontext.Value) bool {
		o, err := takeApart(tool)
		if err != nil {
			return true
		}
		f, err := takeApart(o.get("function"))
		return err != nil || !slices.Contains(choice.Allowed, f.text("name"))
	})
	if len(tools) == 0 {
		e.Delete("tools")
		e.Delete("tool_choice")
		return nil
	}
	e.Set("tools", list(tools))
	e.Set("tool_choice", quoted(choice.Mode))
	return nil
}

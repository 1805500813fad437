package anthropic

import (
	"slices"

	"github.com/layergateway/layergateway/openai"
)

// jsonInstruction stands for response_format json_object, of which Anthropic has
// no equivalent. It goes last, behind what may be cached.
const jsonInstruction = "Answer with one JSON object and nothing else: no words around it and no code fence."

// format carries response_format.
func (t *translation) format() error {
	given := t.in.ResponseFormat
	if given == nil {
		return nil
	}
	switch given.Type {
	case "text":
		return nil
	case "json_object":
		t.body.System = append(t.body.System, block{Type: "text", Text: jsonInstruction})
		return nil
	case "json_schema":
	default:
		return openai.Invalid("invalid_value", "response_format.type", "'response_format.type' must be text, json_object or json_schema")
	}
	const param = "response_format.json_schema.schema"
	if given.JSONSchema == nil || given.JSONSchema.Schema.Kind() != '{' {
		return openai.Invalid("missing_field", param, "'%s' must be a JSON schema: an object", param)
	}
	if !t.generation.Schemas {
		return t.schemaAsTool(param)
	}
	schema, err := t.adapt(given.JSONSchema.Schema, param)
	if err != nil {
		return err
	}
	t.body.OutputConfig.Format = &format{Type: "json_schema", Schema: schema}
	return nil
}

// schemaAsTool makes the model call a tool whose input is the answer. Beside the
// client's own tools, it may call one of those instead.
func (t *translation) schemaAsTool(param string) error {
	choice := t.body.ToolChoice
	if choice != nil && choice.Type == "tool" {
		return nil // the answer will be the call that the client wants
	}
	given := t.in.ResponseFormat.JSONSchema
	schema, err := inputSchema(given.Schema, param)
	if err != nil {
		return err
	}
	x := tool{Name: "answer", Description: "Give the final answer to the user.", InputSchema: schema}
	if given.Description != "" {
		x.Description += " " + given.Description
	}
	for slices.ContainsFunc(t.body.Tools, func(other tool) bool { return nameOf(other) == x.Name }) {
		x.Name += "_"
	}
	switch {
	case len(t.body.Tools) == 0 || choice != nil && choice.Type == "none":
		t.body.ToolChoice = &toolChoice{Type: "tool", Name: x.Name, DisableParallel: true}
	case choice == nil:
		t.body.ToolChoice = &toolChoice{Type: "any"}
	default:
		choice.Type = "any"
	}
	t.body.Tools = append(t.body.Tools, x)
	t.schemaTool = x.Name
	return nil
}

package bedrock

import (
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/provider/schema"
)

// jsonInstruction stands for response_format json_object, of which Bedrock has no
// equivalent. It goes last, behind what may be cached.
const jsonInstruction = "Answer with one JSON object and nothing else: no words around it and no code fence."

// format carries response_format: a JSON schema to the models that can be held
// to one, as a tool to those that can be made to call it, and as an instruction
// to the others.
func (t *translation) format() error {
	given := t.in.ResponseFormat
	if given == nil {
		return nil
	}
	switch given.Type {
	case "text":
		return nil
	case "json_object":
		t.instruct(jsonInstruction)
		return nil
	case "json_schema":
	default:
		return openai.Invalid("invalid_value", "response_format.type", "'response_format.type' must be text, json_object or json_schema")
	}
	const param = "response_format.json_schema.schema"
	if given.JSONSchema == nil || given.JSONSchema.Schema.Kind() != '{' {
		return openai.Invalid("missing_field", param, "'%s' must be a JSON schema: an object", param)
	}
	x := given.JSONSchema
	switch {
	case t.model.schemas:
		adapted, err := t.adapt(x.Schema, param)
		if err != nil {
			return err
		}
		t.body.OutputConfig = &outputConfig{textFormat{Type: "json_schema", Structure: structure{
			jsonSchema{Name: x.Name, Description: x.Description, Schema: string(adapted)}}}}
	case t.model.choice != autoChoice:
		return t.schemaAsTool(x.Description, x.Schema, param)
	default:
		compact := x.Schema.Clone()
		_ = compact.Compact() // it is valid
		t.drop("response_format.json_schema")
		t.instruct(jsonInstruction + " It must match this JSON schema:\n" + string(compact))
	}
	return nil
}

func (t *translation) instruct(text string) {
	t.body.System = append(t.body.System, block{Text: text})
}

// schemaAsTool makes the model call a tool whose input is the answer. Beside the
// client's own tools, it may call one of those instead.
func (t *translation) schemaAsTool(description string, given jsontext.Value, param string) error {
	choice := t.in.ToolChoice
	if choice != nil && choice.Mode == "function" {
		return nil // the answer will be the call that the client wants
	}
	parameters, ok := schema.Object(given)
	if !ok {
		return openai.Invalid("invalid_type", param, "'%s' must be a JSON schema: an object", param)
	}
	c := &t.body.ToolConfig
	x := toolSpec{Name: "answer", Description: "Give the final answer to the user.", InputSchema: inputSchema{parameters}}
	if description != "" {
		x.Description += " " + description
	}
	for slices.ContainsFunc(c.Tools, func(other tool) bool { return other.Spec != nil && other.Spec.Name == x.Name }) {
		x.Name += "_"
	}
	callable := len(t.in.Tools) > 0 && (choice == nil || choice.Mode != "none")
	c.Tools = append(c.Tools, tool{Spec: &x})
	if t.schemaTool = x.Name; callable {
		t.force("")
	} else {
		t.force(x.Name)
	}
	return nil
}

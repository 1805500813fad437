package anthropic

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/provider/schema"
)

// adapt gives a schema the form that Anthropic requires where it holds the model
// to it, and reports what it can't hold it to as param.keyword.
func (t *translation) adapt(v jsontext.Value, param string) (jsontext.Value, error) {
	out, err := schema.Strict(v, func(keyword string) { t.drop(param + "." + keyword) })
	if err != nil {
		return nil, openai.Invalid("invalid_value", param, "'%s' is not a JSON schema that Anthropic can follow", param)
	}
	return out, nil
}

// inputSchema is a function's parameters as Anthropic requires them.
func inputSchema(v jsontext.Value, param string) (jsontext.Value, error) {
	out, ok := schema.Object(v)
	if !ok {
		return nil, openai.Invalid("invalid_type", param, "'%s' must be a JSON schema: an object", param)
	}
	return out, nil
}

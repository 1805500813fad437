package openai

import (
	"errors"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// ToolCall is a model's call of a tool.
type ToolCall struct {
	ID           string        `json:"id"`
	Type         string        `json:"type"`
	Function     FunctionCall  `json:"function"`
	Custom       *CustomCall   `json:"custom"`
	ExtraContent *ExtraContent `json:"extra_content"`
}

// FunctionCall names a function and carries its arguments, JSON in a string.
type FunctionCall struct {
	Name      string `json:"name"`
	Arguments string `json:"arguments"`
}

// CustomCall is a call of a custom tool, whose input is free text.
type CustomCall struct {
	Name  string `json:"name"`
	Input string `json:"input"`
}

// Tool is a function that the model may call, or a provider's own tool.
type Tool struct {
	Type         string         `json:"type"`
	Function     *Function      `json:"function"`
	Custom       jsontext.Value `json:"custom"`
	CacheControl jsontext.Value `json:"cache_control"`
	// Own holds the other members, an object or nil: a provider's own tool has
	// its settings there.
	Own jsontext.Value `json:",embed"`
}

// Function is a function's name and its parameters as JSON schema.
type Function struct {
	Name        string         `json:"name"`
	Description string         `json:"description"`
	Parameters  jsontext.Value `json:"parameters"`
	Strict      *bool          `json:"strict"`
	// CacheControl is where some clients put the tool's.
	CacheControl jsontext.Value `json:"cache_control"`
}

// ToolChoice says which tools the model may or must use.
type ToolChoice struct {
	Mode    string   // auto, none, required; function: the one in Name
	Name    string   // with Mode function
	Allowed []string // allowed_tools: only these, nil is all
}

// UnmarshalJSONFrom takes OpenAI's string, named and allowed_tools forms.
func (t *ToolChoice) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if dec.PeekKind() == '"' {
		if err := json.UnmarshalDecode(dec, &t.Mode); err != nil {
			return err
		}
		switch t.Mode {
		case "auto", "none", "required":
			return nil
		}
		return errors.New("must be auto, none, required or an object")
	}
	type named struct {
		Type     string `json:"type"`
		Name     string `json:"name"`
		Function struct {
			Name string `json:"name"`
		} `json:"function"`
		Custom struct {
			Name string `json:"name"`
		} `json:"custom"`
	}
	var v struct {
		named   `json:",embed"`
		Allowed *struct {
			Mode  string  `json:"mode"`
			Tools []named `json:"tools"`
		} `json:"allowed_tools"`
	}
	if err := json.UnmarshalDecode(dec, &v); err != nil {
		return err
	}
	nameOf := func(n named) string {
		for _, s := range []string{n.Function.Name, n.Custom.Name, n.Name} {
			if s != "" {
				return s
			}
		}
		return ""
	}
	if v.Type == "allowed_tools" && v.Allowed != nil {
		t.Mode, t.Allowed = v.Allowed.Mode, []string{}
		for _, tool := range v.Allowed.Tools {
			t.Allowed = append(t.Allowed, nameOf(tool))
		}
		if t.Mode != "auto" && t.Mode != "required" {
			return errors.New("mode must be auto or required")
		}
		return nil
	}
	if t.Mode, t.Name = "function", nameOf(v.named); t.Name == "" {
		return errors.New("names no function")
	}
	return nil
}

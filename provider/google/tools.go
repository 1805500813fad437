package google

import (
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/openai"
)

// ownTools are the tools that run at Google, by the names that a request may
// give them: as type, or as the only member of the tool.
var ownTools = map[string]string{
	"google_search":           "googleSearch",
	"googleSearch":            "googleSearch",
	"google_search_retrieval": "googleSearchRetrieval",
	"googleSearchRetrieval":   "googleSearchRetrieval",
	"google_maps":             "googleMaps",
	"googleMaps":              "googleMaps",
	"url_context":             "urlContext",
	"urlContext":              "urlContext",
	"code_execution":          "codeExecution",
	"codeExecution":           "codeExecution",
	"file_search":             "fileSearch",
	"fileSearch":              "fileSearch",
	"computer_use":            "computerUse",
	"computerUse":             "computerUse",
}

func (t *translation) tools() error {
	var functions []declaration
	var own []tool
	strict := false
	for i, asked := range t.asked.Tools {
		if asked.Function != nil && (asked.Type == "function" || asked.Type == "") {
			f := asked.Function
			d := declaration{Name: f.Name, Description: f.Description}
			if f.Parameters.Kind() == '{' {
				d.ParametersJSONSchema = f.Parameters
			}
			functions = append(functions, d)
			strict = strict || f.Strict != nil && *f.Strict
			t.cacheControl(asked.CacheControl)
			continue
		}
		x, err := ownTool(&asked, i)
		if err != nil {
			return err
		}
		own = append(own, x)
	}
	own = t.webSearch(own, len(functions) > 0)
	if len(functions) > 0 {
		t.body.Tools = append(t.body.Tools, tool{FunctionDeclarations: functions})
	}
	t.body.Tools = append(t.body.Tools, own...)
	t.toolChoice(len(functions) > 0, strict)
	// Both kinds of tools go together if this is said.
	if len(functions) > 0 && len(own) > 0 && t.mixesTools() {
		t.toolConfig().IncludeServerSideToolInvocations = true
	}
	return nil
}

// mixesTools tells whether the model takes functions beside Google's own tools.
func (t *translation) mixesTools() bool { return t.service.mixedTools && t.generation >= gemini3 }

// functions tells whether the model has functions of the client's to call.
func (t *translation) functions() bool {
	return len(t.body.Tools) > 0 && t.body.Tools[0].FunctionDeclarations != nil
}

// ownTool reads {"google_search": {…}}, {"type": "google_search"} and both in
// one.
func ownTool(asked *openai.Tool, i int) (tool, error) {
	own := map[string]jsontext.Value{}
	if name := ownTools[asked.Type]; name != "" {
		own[name] = jsontext.Value("{}")
	}
	if len(asked.Own) > 0 && (asked.Type == "" || len(own) > 0) {
		var members map[string]jsontext.Value
		if err := json.Unmarshal(asked.Own, &members); err != nil {
			return tool{}, fmt.Errorf("read tools[%d]: %w", i, err)
		}
		for member, v := range members {
			if name := ownTools[member]; name != "" && v.Kind() == '{' {
				own[name] = v
			}
		}
	}
	if len(own) == 0 {
		param := fmt.Sprintf("tools[%d].type", i)
		return tool{}, openai.Invalid("invalid_value", param, "'%s' must be function, or one of the provider's own tools such as google_search: the model has no other", param)
	}
	b, err := json.Marshal(own, json.Deterministic(true))
	if err != nil {
		return tool{}, fmt.Errorf("write tools[%d]: %w", i, err)
	}
	return tool{Own: b}, nil
}

// webSearch adds the search tool that web_search_options ask for, which can't
// stand beside functions everywhere.
func (t *translation) webSearch(own []tool, functions bool) []tool {
	var asked struct {
		Size     string         `json:"search_context_size"`
		Location jsontext.Value `json:"user_location"`
	}
	v := t.asked.WebSearchOptions
	if v.Kind() != '{' || json.Unmarshal(v, &asked) != nil {
		return own
	}
	if functions && !t.mixesTools() {
		t.drop("web_search_options")
		return own
	}
	if asked.Size != "" && asked.Size != "medium" {
		t.drop("web_search_options.search_context_size")
	}
	if asked.Location.Kind() == '{' {
		t.drop("web_search_options.user_location")
	}
	if slices.ContainsFunc(own, func(x tool) bool { return strings.Contains(string(x.Own), `"googleSearch":`) }) {
		return own
	}
	return append(own, tool{Own: jsontext.Value(`{"googleSearch":{}}`)})
}

func (t *translation) toolConfig() *toolConfig {
	if t.body.ToolConfig == nil {
		t.body.ToolConfig = new(toolConfig)
	}
	return t.body.ToolConfig
}

// toolChoice says which functions may or must be called. Mode VALIDATED is AUTO
// with calls that keep to their schema, which is what strict asks for and what
// the mode ANY does by itself; only they take a list of allowed functions.
func (t *translation) toolChoice(functions, strict bool) {
	if !functions {
		return
	}
	if strict && t.generation < gemini25 {
		t.drop("tools.function.strict")
		strict = false
	}
	// Refused where there is no stream.
	inPieces := t.service.streamArguments && t.stream && t.generation >= gemini3
	choice := t.asked.ToolChoice
	if choice == nil {
		if !strict && !inPieces {
			return
		}
		choice = new(openai.ToolChoice)
	}
	c := &functionCallingConfig{Mode: "AUTO", AllowedFunctionNames: choice.Allowed, StreamArguments: inPieces}
	switch {
	case choice.Mode == "none":
		c.Mode = "NONE"
	case choice.Mode == "required":
		c.Mode = "ANY"
	case choice.Mode == "function":
		c.Mode, c.AllowedFunctionNames = "ANY", []string{choice.Name}
	case strict || choice.Allowed != nil:
		c.Mode = "VALIDATED"
	}
	t.toolConfig().FunctionCallingConfig = c
}

// cacheControl notes the hint where to cache, which Gemini decides by itself.
func (t *translation) cacheControl(v jsontext.Value) {
	if v.Kind() == '{' {
		t.drop("cache_control")
	}
}

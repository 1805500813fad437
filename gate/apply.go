package gate

import (
	"strconv"

	"github.com/layergateway/layergateway/openai"
)

// Effective is what a gate makes of one request: the edits that turn the client's bytes into what any target gets, and
// what was refused on the way.
type Effective struct {
	Edits *openai.Edits
	// Model is the model that the request asks for and may have, in place of the gate's own; "" is the gate's.
	Model string
	// Overridden names the fields of the request that the gate refused.
	Overridden []string
}

// Apply puts the gate's defaults, system prompt and response format around the request. model is the request's own wish
// for a model; "" where its field named the gate.
func (g *Gate) Apply(r *openai.Request, model string) Effective {
	e := Effective{Edits: new(openai.Edits)}
	if model != "" && !g.is(model) {
		if g.Overrides.Model {
			e.Model = model
		} else {
			e.Overridden = append(e.Overridden, "model")
		}
	}
	e.field(r, g.Overrides.Temperature, g.Temperature, "temperature")
	var limit []byte
	if g.MaxTokens > 0 {
		limit = strconv.AppendInt(nil, g.MaxTokens, 10)
	}
	e.field(r, g.Overrides.MaxTokens, limit, "max_completion_tokens", "max_tokens")
	e.field(r, g.Overrides.TopP, g.TopP, "top_p")
	e.extra(r, g.Overrides)
	if g.ResponseFormat != nil {
		e.Edits.Set("response_format", g.ResponseFormat)
	}
	g.applySystem(r, e.Edits)
	return e
}

// is reports whether model is just the gate's own model, however it is written.
func (g *Gate) is(model string) bool {
	t := g.Targets[0]
	return model == t.Model || model == t.Provider+"/"+t.Model
}

// field settles one setting, which may have several names: the request's value where it has one and the gate lets it,
// else the gate's, else none.
func (e *Effective) field(r *openai.Request, allowed bool, own []byte, names ...string) {
	given := ""
	for _, name := range names {
		if !r.Has(e.Edits, name) {
			continue
		}
		if allowed {
			return
		}
		e.Overridden = append(e.Overridden, name)
		e.Edits.Delete(name)
		if given == "" {
			given = name
		}
	}
	if own == nil {
		return
	}
	// The client's own name for it is one that it knows its models to take.
	if given == "" {
		given = names[0]
	}
	e.Edits.Set(given, own)
}

// extra refuses a provider's own fields if they could say what the request itself may not: by whatever name one of the
// providers has for it.
func (e *Effective) extra(r *openai.Request, allowed Overrides) {
	names := []string{"stream"}
	for _, setting := range []struct {
		allowed bool
		names   []string
	}{
		{allowed.Model, []string{"model", "models", "modelId"}},
		{allowed.Temperature, []string{"temperature"}},
		{allowed.MaxTokens, []string{"max_tokens", "maxTokens", "maxOutputTokens", "max_completion_tokens"}},
		{allowed.TopP, []string{"top_p", "topP", "p"}},
	} {
		if !setting.allowed {
			names = append(names, setting.names...)
		}
	}
	if v, ok := r.Field("extra_body"); ok && openai.Names(v, names...) {
		e.Overridden = append(e.Overridden, "extra_body")
		e.Edits.Delete("extra_body")
	}
}

func (g *Gate) applySystem(r *openai.Request, e *openai.Edits) {
	if g.SystemPrompt == "" {
		return
	}
	m := openai.AppendString([]byte(`{"role":"system","content":`), g.SystemPrompt)
	m = append(m, '}')
	switch {
	case g.SystemPromptMode == Replace:
		e.Set("messages", r.ReplaceSystem(m)...)
	case g.SystemPromptMode == Prepend || !r.HasSystem():
		e.Set("messages", r.PrependMessage(m)...)
	}
}

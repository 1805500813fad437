package compat

import (
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/openai"
)

// params edits a request's parameters as the server wants them, and gives the
// names of those that asked for something and are not sent.
func (s *Server) params(r *openai.Request, e *openai.Edits, model string) (lost []string, err error) {
	asked := r.Asked(e)
	if err := s.allowed(r, e); err != nil {
		return nil, err
	}
	for i := range s.Params {
		p := &s.Params[i]
		if s.Rule(p.Name, model) != p {
			continue
		}
		v, there := r.Value(e, p.Name)
		if !there {
			continue
		}
		if name := p.apply(e, v); name != "" && slices.Contains(asked, p.Name) {
			lost = append(lost, name)
		}
	}
	s.limit(r, e)
	return lost, nil
}

// apply makes one parameter's edits; name is what is lost by it.
func (p *Param) apply(e *openai.Edits, v jsontext.Value) (name string) {
	word := wordOf(v)
	to, known := p.Values[word]
	switch {
	case p.Drop && p.Name == "tool_choice" && word == "none":
		e.Delete("tools") // the same
		e.Delete(p.Name)
		return ""
	case p.Drop, known && to == "":
		e.Delete(p.Name)
		return p.Name
	case p.As != "":
		e.Delete(p.Name)
		if v.Kind() != 'n' {
			e.Set(p.As, v)
		}
	case known && v.Kind() == '{':
		e.Set(p.Name, openai.SetMember(nil, "type", quoted(to)))
		return p.Name + "." + word
	case known:
		e.Set(p.Name, quoted(to))
	}
	return ""
}

// wordOf is a value that is a word, or the type of one that is an object.
func wordOf(v jsontext.Value) string {
	switch v.Kind() {
	case '"':
		return text(v)
	case '{':
		if o, err := takeApart(v); err == nil {
			return o.text("type")
		}
	}
	return ""
}

// limit gives the output limit the name that the server knows.
func (s *Server) limit(r *openai.Request, e *openai.Edits) {
	if s.Limit == "" {
		if _, given := r.Field("max_completion_tokens"); !given && s.OwnLimit != "" {
			// The gate's own limit; the client's goes up by the name it has.
			e.Rename("max_completion_tokens", s.OwnLimit)
		}
		return
	}
	for _, name := range []string{"max_tokens", "max_completion_tokens"} {
		v, there := r.Value(e, name)
		if !there || name == s.Limit {
			continue
		}
		e.Delete(name)
		// Of two the newer name counts, which OpenAI itself would refuse.
		if v.Kind() != 'n' && (name == "max_completion_tokens" || !r.Has(e, s.Limit)) {
			e.Set(s.Limit, v)
		}
	}
}

package fidelity

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/layergateway/layergateway/provider/compat"
)

// served reads a parameter's fate from the habits of an OpenAI-shaped server.
func served(s *compat.Server, param string) Cell {
	switch param {
	case "model":
		return Cell{Same, ""}
	case "messages":
		if how := messages(s); len(how) > 0 {
			return Cell{Mapped, strings.Join(how, "; ")}
		}
	case "max_tokens", "max_completion_tokens":
		if s.Limit != "" && s.Limit != param {
			return Cell{Mapped, s.Limit}
		}
	}
	return ruled(s, param)
}

// ruled reads a parameter's fate from the rules that a server has for it: a
// general one, and those of some models.
func ruled(s *compat.Server, param string) Cell {
	cell := Cell{Fate: Same}
	if general := s.Rule(param, ""); general != nil {
		cell = rule(general)
	}
	switch {
	case param != "tool_choice" || s.AllowedTools:
	case cell.Fate != Dropped:
		cell.Fate = max(cell.Fate, Mapped)
		cell.How = join(cell.How, "allowed_tools by leaving the others out")
	case ruled(s, "tools").Fate != Dropped:
		cell = Cell{Partly, join(cell.How, "dropped, but none leaves all tools out, and allowed_tools the others")}
	}
	for i := range s.Params {
		p := &s.Params[i]
		if p.Name != param || p.Models == "" {
			continue
		}
		special := rule(p)
		if special.Fate == Dropped && cell.Fate != Dropped {
			cell.Fate = Partly
		}
		if special.How != "" {
			what := special.How
			if special.Fate == Dropped {
				what = "dropped, " + what
			}
			cell.How = join(cell.How, "for `"+strings.Join(strings.Fields(p.Models), "`, `")+"`: "+what)
			cell.Fate = max(cell.Fate, Mapped)
		}
	}
	return cell
}

// rule is what one rule does to a parameter.
func rule(p *compat.Param) Cell {
	switch {
	case p.Drop:
		return Cell{Dropped, p.Note}
	case p.As != "":
		return Cell{Mapped, p.As}
	case len(p.Values) == 0:
		return Cell{Same, ""}
	}
	cell := Cell{Fate: Mapped}
	byWord := map[string][]string{}
	for from, to := range p.Values {
		// A format that gives way to a looser one loses something.
		if to == "" || p.Name == "response_format" {
			cell.Fate = Partly
		}
		byWord[to] = append(byWord[to], from)
	}
	var how []string
	for _, to := range slices.SortedFunc(maps.Keys(byWord), cmp.Compare) {
		from := strings.Join(slices.Sorted(slices.Values(byWord[to])), ", ")
		if to == "" {
			how = append(how, from+" dropped")
		} else {
			how = append(how, from+" as "+to)
		}
	}
	cell.How = strings.Join(how, "; ")
	if p.Note != "" {
		cell.How += " (" + p.Note + ")"
	}
	return cell
}

// messages is what a server wants otherwise in the messages.
func messages(s *compat.Server) []string {
	var how, out []string
	for _, from := range slices.Sorted(maps.Keys(s.Members)) {
		if to := s.Members[from]; to != "" {
			how = append(how, from+" as "+to)
		} else {
			out = append(out, from)
		}
	}
	if len(out) > 0 {
		how = append(how, "left out: "+strings.Join(out, ", "))
	}
	for _, from := range slices.Sorted(maps.Keys(s.Roles)) {
		how = append(how, "role "+from+" as "+s.Roles[from])
	}
	if s.CallID != nil {
		how = append(how, "ids of tool calls as the server takes them")
	}
	if s.Prefix {
		how = append(how, "a last message of the assistant's marked as the prefix of the answer")
	}
	if s.InlineImages {
		how = append(how, "images by URL as bytes")
	}
	return how
}

func join(list ...string) string {
	return strings.Join(slices.DeleteFunc(list, func(s string) bool { return s == "" }), "; ")
}

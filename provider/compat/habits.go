package compat

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/provider"
)

// Server is one OpenAI-compatible server: where it is, and in what it differs
// from OpenAI. What is not said here goes up and comes down as it is, so that a
// further server is a few lines in the table.
type Server struct {
	Name    string // the provider type
	BaseURL string // the default; empty where there is none
	Keyless bool   // works without a key where it is by default
	// KeyHeader is the header of the key, by default Authorization: Bearer.
	KeyHeader string

	// Limit is what the output limit must be called; empty: as the client calls
	// it. OwnLimit is then what the gate's own is called.
	Limit, OwnLimit string
	// NoStreamOptions servers report usage in every stream and refuse to be asked.
	NoStreamOptions bool
	// AllowedTools servers know the tool_choice of that type.
	AllowedTools bool
	// Params are the parameters with a rule of their own: the first that fits the
	// name and the model counts, all others are carried as they are.
	Params []Param

	// Members of messages, and of their tool calls, that have another name; an
	// empty one leaves the member out.
	Members map[string]string
	// Roles that have another name.
	Roles map[string]string
	// CallID turns an id of a tool call into one that the server takes.
	CallID func(id string) string
	// Prefix servers want the mark on a last message of the assistant, which the
	// answer continues.
	Prefix bool
	// InlineImages servers take images as bytes alone.
	InlineImages bool

	// Answers are the habits of its answers.
	Answers Answers
	// Finish are its own finish reasons, in OpenAI's words.
	Finish map[string]string
	// Failures are finish reasons of answers that have failed.
	Failures map[string]provider.Kind
	// Faults are refusals that mean something else than their status says.
	Faults []Fault
}

// Param says what becomes of a request's parameter.
type Param struct {
	Name string
	// Models are path.Match patterns of the models that it is about, separated by
	// spaces; empty is all.
	Models string
	// Drop leaves it out, which is reported.
	Drop bool
	// As is what it is called there.
	As string
	// Values have another word there; an empty one leaves the parameter out,
	// which is reported. Values that are not here stay.
	Values map[string]string
	// Note says why, for those who wonder what became of it.
	Note string
}

// Answers are habits of answers.
type Answers uint16

// The habits.
const (
	// ReasoningMember: reasoning is in message.reasoning, not reasoning_content.
	ReasoningMember Answers = 1 << iota
	// PartContent: content may be an array of parts, thinking among them.
	PartContent
	// BareCalls: tool calls come without type or id, or with an object for
	// arguments.
	BareCalls
	// GroqUsage: a stream's usage is in x_groq.usage.
	GroqUsage
	// ChoiceUsage: a stream's usage is in the choice.
	ChoiceUsage
	// FlatCached: the cached tokens are not in prompt_tokens_details.
	FlatCached
	// ReasoningBeside: completion_tokens leaves the reasoning out, total_tokens
	// doesn't.
	ReasoningBeside
	// OwnCost: the usage has the server's own price in "cost".
	OwnCost
	// Unsteady: object, id, model or created are missing, or change during a
	// stream.
	Unsteady
	// FinishTwice: a stream's choice goes on, silently, behind its finish_reason.
	FinishTwice
)

// Fault is a refusal by its status and what its body says.
type Fault struct {
	Status int
	Says   string // part of the message, type or code, in lower case
	Kind   provider.Kind
}

// Lookup gives a server of the table, nil if there is none of that name.
func Lookup(name string) *Server {
	for i := range servers {
		if servers[i].Name == name {
			return &servers[i]
		}
	}
	return nil
}

// At gives the server of the table that is at an address, nil if none is.
func At(baseURL string) *Server {
	for i := range servers {
		if s := &servers[i]; s.BaseURL == baseURL && !s.Keyless {
			return s
		}
	}
	return nil
}

// Servers lists the table.
func Servers() []Server { return servers }

// Rule gives the rule for a parameter, nil where it is carried as it is.
func (s *Server) Rule(name, model string) *Param {
	for i := range s.Params {
		p := &s.Params[i]
		if p.Name == name && p.about(model) {
			return p
		}
	}
	return nil
}

func (p *Param) about(model string) bool {
	if p.Models == "" {
		return true
	}
	for _, pattern := range strings.Fields(p.Models) {
		if ok, _ := path.Match(pattern, strings.ToLower(model)); ok {
			return true
		}
	}
	return false
}

func (s *Server) has(a Answers) bool { return s.Answers&a != 0 }

// habits is a server made ready for use.
type habits struct {
	*Server
	refused []string      // members of messages
	traits  openai.Traits // of answers that may need mending
}

func (s *Server) habits() *habits {
	h := &habits{Server: s, traits: openai.Unclear | openai.MessageInChunk}
	for _, name := range slices.Sorted(maps.Keys(s.Members)) {
		if s.Members[name] == "" {
			h.refused = append(h.refused, name)
		}
	}
	for _, x := range signs {
		if s.has(x.habit) {
			h.traits |= x.traits
		}
	}
	return h
}

// judge gives a refusal the kind that it has at this server.
func (s *Server) judge(e *provider.Error, body []byte) *provider.Error {
	for _, f := range s.Faults {
		if f.Status == e.Status && strings.Contains(strings.ToLower(string(body)), f.Says) {
			e.Kind = f.Kind
			break
		}
	}
	return e
}

// drop makes rules that leave parameters out.
func drop(note string, names ...string) []Param {
	var list []Param
	for _, name := range names {
		list = append(list, Param{Name: name, Drop: true, Note: note})
	}
	return list
}

// rules joins lists of rules.
func rules(lists ...[]Param) []Param {
	var all []Param
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

// Package fidelity says what becomes of every parameter of OpenAI's chat
// completion request at every provider type, in one table. What the table says
// comes from where the dialects declare it, and docs/fidelity.md is made of it:
//
//	go generate ./provider/fidelity
package fidelity

//go:generate go test -run TestDocument -update

import (
	"strings"

	"github.com/layergateway/layergateway/provider/anthropic"
	"github.com/layergateway/layergateway/provider/bedrock"
	"github.com/layergateway/layergateway/provider/cohere"
	"github.com/layergateway/layergateway/provider/compat"
	"github.com/layergateway/layergateway/provider/google"
)

// Fate is what becomes of a parameter.
type Fate int

// The fates.
const (
	Same    Fate = iota // sent under its own name and with its own value
	Mapped              // sent by another name, in another form or with another value
	Partly              // sent or dropped, as the model or the value has it; what is dropped is reported
	Dropped             // not sent, and reported where it asks for something
	Refused             // a 400 where it asks for something: an answer without it would be of another kind
	Gateway             // the gateway's own business, whatever the provider
)

// Cell is the fate of one parameter at one provider.
type Cell struct {
	Fate Fate
	// How says what it becomes, or why it is not sent; empty where Fate says it
	// all.
	How string
}

// Column is one provider type, or one of the protocols of a type that has two.
type Column struct {
	Type string // the provider type
	Name string // the type, and the protocol if it has several
	// Server has the habits of an OpenAI-shaped server; nil where requests are
	// translated.
	Server *compat.Server
	// Carried says of translated requests what becomes of the parameters that
	// reach the provider. The first table that has a parameter counts.
	Carried []map[string]string
}

// Columns lists the provider types, those with a protocol of their own first.
func Columns() []Column {
	list := []Column{
		{Type: "anthropic", Name: "anthropic", Carried: tables(anthropic.Carried)},
		{Type: "bedrock", Name: "bedrock", Carried: tables(bedrock.Carried)},
		{Type: "cohere", Name: "cohere", Carried: tables(cohere.Carried)},
		{Type: "google", Name: "google", Carried: tables(google.Carried)},
		{Type: "vertex", Name: "vertex (Gemini)", Carried: tables(google.CarriedByVertex, google.Carried)},
		{Type: "vertex", Name: "vertex (Claude)", Carried: tables(anthropic.CarriedByPlatforms, anthropic.Carried)},
		// Azure's is OpenAI's format.
		{Type: "openai", Name: "openai", Server: compat.Lookup("azure")},
		// Nothing is known of the server behind such a provider, and nothing is
		// changed. echo takes the same.
		{Type: "openai", Name: "openai (any server)", Server: &compat.Server{AllowedTools: true}},
		{Type: "echo", Name: "echo", Server: &compat.Server{AllowedTools: true}},
	}
	servers := compat.Servers()
	for i := range servers {
		list = append(list, Column{Type: servers[i].Name, Name: servers[i].Name, Server: &servers[i]})
	}
	return list
}

func tables(list ...map[string]string) []map[string]string { return list }

// Cell gives the fate of a parameter.
func (c *Column) Cell(param string) Cell {
	switch {
	case param == "stream_options":
		return Cell{Gateway, "usage is always asked for; the client sees it if it asks"}
	case c.Server != nil:
		return served(c.Server, param)
	}
	for _, table := range c.Carried {
		if how, ok := table[param]; ok {
			return declared(param, how)
		}
	}
	return Cell{Fate: Dropped}
}

// declared reads what a dialect's table says of a parameter: "x alone" is the
// one value that asks for nothing else than what happens anyway, and who
// carries a part says what is dropped.
func declared(param, how string) Cell {
	switch {
	case how == param:
		return Cell{Fate: Same}
	case how == "1 alone":
		return Cell{Refused, how}
	case strings.HasSuffix(how, " alone"):
		return Cell{Dropped, how}
	case strings.Contains(how, "dropped"):
		return Cell{Partly, how}
	}
	return Cell{Mapped, how}
}

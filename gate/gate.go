// Package gate knows gates: named configurations of one or more models, which a request refers to instead of a model.
// It reads them from the configuration and from files, finds them for a request, and says in which order a request tries
// their targets.
package gate

import (
	"cmp"
	"errors"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Strategy is how a request chooses among a gate's targets.
type Strategy string

// The strategies.
const (
	// Single asks the first target and no other.
	Single Strategy = "single"
	// Fallback asks the targets in the order in which they are written, until one answers.
	Fallback Strategy = "fallback"
	// RoundRobin lets the targets take turns by their weights, then goes on to those that are left.
	RoundRobin Strategy = "round-robin"
	// Weighted draws a target by weight for each request, then goes on to those that are left.
	Weighted Strategy = "weighted"
	// LowestLatency asks the target first whose answers have begun soonest of late.
	LowestLatency Strategy = "lowest-latency"
	// LowestCost asks the target first where the request costs least.
	LowestCost Strategy = "lowest-cost"
)

// Mode is what becomes of a request's own system prompt.
type Mode string

// The modes.
const (
	// Prepend puts the gate's system prompt before the request's.
	Prepend Mode = "prepend"
	// Default uses the gate's system prompt if the request has none.
	Default Mode = "default"
	// Replace uses the gate's system prompt alone.
	Replace Mode = "replace"
)

// Overrides says which fields of a request win over the gate's.
type Overrides struct {
	Model, Temperature, MaxTokens, TopP bool
}

// Timeouts says how long to wait for a model.
type Timeouts struct {
	FirstToken time.Duration // until the first content of a stream
	Idle       time.Duration // between two events of a stream
	Total      time.Duration // for a whole request
}

// Target is a model at a provider.
type Target struct {
	Provider, Model string
	Weight          int // turns in a round-robin, or chances of weighted, at least 1
}

// Gate is a compiled gate. It is immutable and shared by all requests.
type Gate struct {
	ID               string // canonical: lower case
	Name             string // "" if it has none
	Description      string
	Tags             []string
	TaskType         string   // "chat"
	Targets          []Target // the model first, then the fallbacks, none twice
	Strategy         Strategy
	SystemPrompt     string // "" is none
	SystemPromptMode Mode
	Temperature      jsontext.Value // nil is unset; the digits as written
	TopP             jsontext.Value // nil is unset; the digits as written
	MaxTokens        int64          // 0 is unset
	Overrides        Overrides
	ResponseFormat   jsontext.Value // OpenAI's response_format that is forced; nil is none
	Timeouts         Timeouts
	Hedge            time.Duration // a second target starts when the first is silent for so long; 0 is never
	Limits
	MaxRetries     int // per target
	Strict, Paused bool
	Source         string // where it is declared: "Caddyfile", "config", or the file's path

	Kept any // what Options.Keep made

	turns *turns // of a round-robin
	id    uuid
}

// Resolver turns a gate's text for a model into a provider's name and the model's name there. The error says what to
// change. It is called while a table loads and again by look-ups, from several goroutines, and must answer the same.
type Resolver func(model string) (provider, name string, err error)

// compile makes the gate that a valid Config describes. The error is a FieldError, or several joined, of models that
// can't be resolved.
func compile(c *Config, source string, resolve Resolver) (*Gate, error) {
	targets, err := c.targets(resolve)
	if err != nil {
		return nil, err
	}
	id, _ := parseUUID(c.ID)
	tokens, _ := c.MaxTokens.whole(1, maxTokens, 0)
	retries, _ := c.MaxRetries.whole(0, maxRetries, 1)
	format, _, _ := c.responseFormat()
	limits, _ := c.Limits()
	wait := func(d Duration, unset time.Duration) time.Duration { return cmp.Or(time.Duration(d), unset) }
	return &Gate{
		ID: id.String(), id: id,
		Name: c.Name, Description: c.Description, Tags: c.Tags, Source: source,
		TaskType:         cmp.Or(c.TaskType, "chat"),
		Targets:          targets,
		Strategy:         cmp.Or(Strategy(c.RoutingStrategy), Single),
		SystemPrompt:     c.SystemPrompt,
		SystemPromptMode: cmp.Or(Mode(c.SystemPromptMode), Prepend),
		Temperature:      c.Temperature.value(),
		TopP:             c.TopP.value(),
		MaxTokens:        tokens,
		Overrides:        c.AllowOverrides.resolve(),
		ResponseFormat:   format,
		Timeouts: Timeouts{
			FirstToken: wait(c.Timeouts.FirstToken, 2*time.Minute),
			Idle:       wait(c.Timeouts.Idle, 2*time.Minute),
			Total:      wait(c.Timeouts.Total, 10*time.Minute),
		},
		Hedge:      time.Duration(c.Hedge),
		Limits:     limits,
		MaxRetries: int(retries),
		Strict:     c.Strict, Paused: c.Paused,
	}, nil
}

// Check is Validate, and then reports the models that can't be resolved and what follows from the rest: FieldErrors,
// joined.
func (c *Config) Check(resolve Resolver) error {
	if err := c.Validate(); err != nil {
		return err
	}
	_, err := c.targets(resolve)
	return err
}

// targets resolves the models. A model that is listed more than once is one target with the sum of the weights: it has
// that many turns, and no request fails over from it to itself.
func (c *Config) targets(resolve Resolver) ([]Target, error) {
	var errs []error
	targets := make([]Target, 0, 1+len(c.FallbackModels))
	add := func(model string, weight int, path ...string) {
		provider, name, err := resolve(model)
		if err != nil {
			errs = append(errs, mistake(err, path...))
			return
		}
		for i, t := range targets {
			if t.Provider == provider && t.Model == name {
				targets[i].Weight += weight
				return
			}
		}
		targets = append(targets, Target{Provider: provider, Model: name, Weight: weight})
	}
	add(c.Model, 1, "model")
	for i, f := range c.FallbackModels {
		weight, _ := f.Weight.whole(1, maxWeight, 1)
		add(f.Model, int(weight), "fallbackModels", strconv.Itoa(i))
	}
	if len(errs) == 0 && len(targets) == 1 && c.Hedge > 0 {
		errs = append(errs, mistake(errNoSecond, "hedge"))
	}
	return targets, errors.Join(errs...)
}

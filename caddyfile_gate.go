package layergateway

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/layergateway/layergateway/gate"
)

// gateParser reads the block of one gate. It remembers where each field came from, so that mistakes which show
// later have a line.
type gateParser struct {
	config *gate.Config
	places map[string]place // by the field's way from the gate, such as "fallbackModels.0"
}

type place struct {
	word  string // the subdirective
	token caddyfile.Token
}

// gate reads one gate.
//
//	gate <id> {
//		name               <name>
//		description        <text>
//		tags               <word>...
//		task_type          <type>
//		model              <provider>/<model>
//		fallback           <model> [<weight>] ...
//		strategy           single|fallback|round-robin|weighted|lowest-latency|lowest-cost
//		system_prompt      <text>
//		system_prompt_mode prepend|default|replace
//		temperature        <number>
//		max_tokens         <number>
//		top_p              <number>
//		allow_overrides    all|none|<name>...
//		response_format    text|json_object|json_schema <file>|json_schema <json>
//		timeout            first_token|idle|total <duration> ...
//		hedge              <duration>
//		max_retries        <number>
//		strict
//		paused
//		...                as in limitWords
//	}
func (p *gatewayParser) gate(d *caddyfile.Dispenser) error {
	c := new(gate.Config)
	g := &gateParser{config: c, places: make(map[string]place)}
	if err := oneArg(&c.ID)(d); err != nil {
		return err
	}
	g.note("id", "id", d)
	p.gates = append(p.gates, g)
	p.gateway.Gates = append(p.gateway.Gates, c)
	simple := func(field, word string, parse func(*caddyfile.Dispenser) error) func(*caddyfile.Dispenser) error {
		return func(d *caddyfile.Dispenser) error {
			g.note(field, word, d)
			return parse(d)
		}
	}
	known := words{
		"name":               simple("name", "name", oneArg(&c.Name)),
		"description":        simple("description", "description", textArg(&c.Description)),
		"tags":               simple("tags", "tags", someArgs(&c.Tags)),
		"task_type":          simple("taskType", "task_type", oneArg(&c.TaskType)),
		"model":              simple("model", "model", oneArg(&c.Model)),
		"fallback":           g.fallback,
		"strategy":           simple("routingStrategy", "strategy", oneArg(&c.RoutingStrategy)),
		"system_prompt":      simple("systemPrompt", "system_prompt", textArg(&c.SystemPrompt)),
		"system_prompt_mode": simple("systemPromptMode", "system_prompt_mode", oneArg(&c.SystemPromptMode)),
		"temperature":        simple("temperature", "temperature", oneArg(&c.Temperature)),
		"max_tokens":         simple("maxTokens", "max_tokens", oneArg(&c.MaxTokens)),
		"top_p":              simple("topP", "top_p", oneArg(&c.TopP)),
		"allow_overrides":    g.allowOverrides,
		"response_format":    g.responseFormat,
		"timeout":            g.timeout,
		"hedge":              simple("hedge", "hedge", durationArg((*caddy.Duration)(&c.Hedge))),
		"max_retries":        simple("maxRetries", "max_retries", oneArg(&c.MaxRetries)),
		"strict":             noArgs(&c.Strict),
		"paused":             noArgs(&c.Paused),
	}
	maps.Copy(known, limitWords(&c.LimitsConfig))
	return known.block(d, "gate", "tags", "fallback", "timeout", "rate_limit", "token_limit")
}

// note remembers the current token as the place of a field.
func (g *gateParser) note(field, word string, d *caddyfile.Dispenser) {
	g.places[field] = place{word, d.Token()}
}

// place finds a field, or what it is part of, or else the gate.
func (g *gateParser) place(field string) place {
	for {
		if p, ok := g.places[field]; ok {
			return p
		}
		dot := strings.LastIndexByte(field, '.')
		if dot < 0 {
			return place{field, g.places["id"].token}
		}
		field = field[:dot]
	}
}

// fallback reads models; a number behind one is its weight.
func (g *gateParser) fallback(d *caddyfile.Dispenser) error {
	before := len(g.config.FallbackModels)
	for d.NextArg() {
		last := len(g.config.FallbackModels) - 1
		if _, err := strconv.Atoi(d.Val()); err == nil {
			if last < before || g.config.FallbackModels[last].Weight != "" {
				return d.Errf("fallback: the weight %s has no model in front of it", d.Val())
			}
			g.config.FallbackModels[last].Weight = gate.Number(d.Val())
			continue
		}
		g.note("fallbackModels."+strconv.Itoa(last+1), "fallback", d)
		g.config.FallbackModels = append(g.config.FallbackModels, gate.FallbackModel{Model: d.Val()})
	}
	if len(g.config.FallbackModels) == before {
		return d.ArgErr()
	}
	return nil
}

// overrides are the fields of allow_overrides as gates have them.
var overrides = map[string]string{"model": "model", "temperature": "temperature", "max_tokens": "maxTokens", "top_p": "topP"}

func (g *gateParser) allowOverrides(d *caddyfile.Dispenser) error {
	var names []string
	if err := someArgs(&names)(d); err != nil {
		return err
	}
	if len(names) == 1 && (names[0] == "all" || names[0] == "none") {
		g.config.AllowOverrides = gate.AllowAll(names[0] == "all")
		return nil
	}
	for i, name := range names {
		field, ok := overrides[name]
		if !ok {
			return d.Errf("allow_overrides: unknown name %q: give all, none, or some of model, temperature, max_tokens, top_p", name)
		}
		names[i] = field
	}
	var err error
	g.config.AllowOverrides, err = gate.AllowOnly(names...)
	return err
}

func (g *gateParser) responseFormat(d *caddyfile.Dispenser) error {
	g.note("responseFormatType", "response_format", d)
	g.note("responseFormatSchema", "response_format", d)
	args := d.RemainingArgs()
	if len(args) == 0 || len(args) > 2 {
		return d.ArgErr()
	}
	g.config.ResponseFormatType = args[0]
	switch {
	case args[0] == "json_schema" && len(args) == 1:
		return d.Errf("response_format: json_schema needs a schema behind it: a file, or the JSON itself")
	case args[0] != "json_schema" && len(args) == 2:
		return d.Errf("response_format: only json_schema takes a schema")
	case len(args) == 1:
		return nil
	}
	schema := []byte(verbatim(args[1]))
	if !strings.HasPrefix(strings.TrimSpace(args[1]), "{") {
		var err error
		if schema, err = os.ReadFile(args[1]); err != nil {
			return d.Errf("response_format: %w", err)
		}
	}
	g.config.ResponseFormatSchema = schema
	// Later it would be an error of the whole configuration's JSON, which nobody wrote.
	if !g.config.ResponseFormatSchema.IsValid() {
		return d.Errf("response_format: the schema is not valid JSON")
	}
	return nil
}

func (g *gateParser) timeout(d *caddyfile.Dispenser) error {
	args := d.CountRemainingArgs()
	if args == 0 || args%2 != 0 {
		return d.ArgErr()
	}
	for d.NextArg() {
		var to *gate.Duration
		switch d.Val() {
		case "first_token":
			to = &g.config.Timeouts.FirstToken
		case "idle":
			to = &g.config.Timeouts.Idle
		case "total":
			to = &g.config.Timeouts.Total
		default:
			return d.Errf("timeout: unknown time %q: there are first_token, idle, total", d.Val())
		}
		d.NextArg()
		span, err := caddy.ParseDuration(d.Val())
		if err != nil || span < time.Millisecond {
			return d.Errf("timeout: %q is not a positive duration such as 20s", d.Val())
		}
		*to = gate.Duration(span)
	}
	return nil
}

// check finds the mistakes in one gate, and gives the first of them its line.
func (g *gateParser) check(known models) error {
	if err := g.config.Check(known.resolve); err != nil {
		return g.locate(err)
	}
	return nil
}

// locate words a gate's mistake as the Caddyfile has it.
func (g *gateParser) locate(err error) error {
	title := cmp.Or(g.config.Name, g.config.ID)
	var field *gate.FieldError // the first, of several
	if !errors.As(err, &field) {
		return at(g.places["id"].token, fmt.Errorf("gate %s: %w", title, err))
	}
	where := g.place(field.Field)
	return at(where.token, fmt.Errorf("gate %s: %s: %w", title, where.word, field.Err))
}

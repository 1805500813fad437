package fidelity

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/provider"
	"github.com/layergateway/layergateway/provider/anthropic"
	"github.com/layergateway/layergateway/provider/bedrock"
	"github.com/layergateway/layergateway/provider/cohere"
	"github.com/layergateway/layergateway/provider/compat"
	"github.com/layergateway/layergateway/provider/google"
	"github.com/layergateway/layergateway/provider/vertex"
)

// dialects are the constructors of the columns that are no server of the table,
// by the column's name, and the models that differ in what they take.
var dialects = map[string]struct {
	chat   func() provider.Chat
	models string
}{
	"anthropic": {anthropic.New(anthropic.Options{}), "claude-sonnet-4-5 claude-3-5-haiku-20241022 claude-opus-4-8 claude-opus-5-5"},
	"bedrock": {bedrock.New(bedrock.Options{}), "anthropic.claude-sonnet-4-5-20250929-v1:0 anthropic.claude-3-haiku-20240307-v1:0 " +
		"anthropic.claude-opus-5-5-v1 amazon.nova-pro-v1:0 amazon.nova-2-lite-v1:0 meta.llama3-70b-instruct-v1:0"},
	"cohere":              {cohere.New, "command-a-reasoning-08-2025 command-a-03-2025"},
	"google":              {google.New, "gemini-2.5-flash gemini-2.0-flash gemini-3-flash"},
	"vertex (Gemini)":     {vertex.New(vertex.Options{}), "gemini-2.5-flash gemini-2.0-flash gemini-3-flash"},
	"vertex (Claude)":     {vertex.New(vertex.Options{Project: "p"}), "claude-sonnet-4-5@20250929 claude-3-5-haiku@20241022 claude-opus-4-8 claude-opus-5-5"},
	"openai":              {compat.New(compat.Options{Strict: true}), "gpt-4o gpt-5"},
	"openai (any server)": {compat.New(compat.Options{}), "m"},
	"echo":                {compat.New(compat.Options{}), "m"},
	"xai":                 {compat.New(compat.Options{Server: compat.Lookup("xai")}), "grok-5 grok-3-mini grok-4 grok-4-fast-non-reasoning"},
	"groq":                {compat.New(compat.Options{Server: compat.Lookup("groq")}), "openai/gpt-oss-120b qwen/qwen3-32b"},
}

// run is one request at one provider.
type run struct {
	column *Column
	model  string
	body   string
}

// send gives what goes up, as one text, and what is reported as dropped.
func (r run) send(t *testing.T) (sent string, dropped []string, err error) {
	t.Helper()
	chat, req, err := r.request(t)
	if err != nil {
		return "", nil, err
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		t.Fatal(err)
	}
	var head bytes.Buffer
	if err := req.Header.Write(&head); err != nil {
		t.Fatal(err)
	}
	return req.URL.String() + "\n" + head.String() + string(body), chat.Dropped(), nil
}

func (r run) request(t *testing.T) (provider.Chat, *http.Request, error) {
	t.Helper()
	in, err := openai.ParseChat([]byte(r.body))
	if err != nil {
		t.Fatalf("%s: %v", r.body, err)
	}
	chat := compat.New(compat.Options{Server: r.column.Server})()
	if d, ok := dialects[r.column.Name]; ok {
		chat = d.chat()
	}
	call := &provider.Call{
		Provider: &provider.Provider{Name: "p", Type: r.column.Type, BaseURL: "https://provider.test"},
		Key:      "key", Model: r.model, Request: in, Edits: new(openai.Edits), Stream: in.Stream,
	}
	req, err := chat.Request(t.Context(), call)
	return chat, req, err
}

func (c *Column) models() []string {
	if d, ok := dialects[c.Name]; ok {
		return strings.Fields(d.models)
	}
	return []string{"m"}
}

// names reports whether what is dropped has the parameter, or a part of it. What
// stands for it since it is deprecated is the same.
func names(dropped []string, param string) bool {
	if param == "function_call" && slices.Contains(dropped, "tool_choice") {
		return true
	}
	return slices.ContainsFunc(dropped, func(d string) bool {
		return d == param || strings.HasPrefix(d, param+".") || strings.HasPrefix(d, param+"[")
	})
}

// outcome is what was seen of a parameter over all samples and models.
type outcome struct {
	changed, dropped, refused, altered int
}

// The table says of each parameter what the dialect does to it, and nothing is
// lost in silence: what is asked for changes the upstream request, is reported
// or is refused.
func TestTable(t *testing.T) {
	params := openai.Parameters()
	for name := range samples {
		if !slices.Contains(params, name) {
			t.Errorf("%s is no parameter of OpenAI's", name)
		}
	}
	columns := Columns()
	for i := range columns {
		c := &columns[i]
		for _, param := range params {
			t.Run(c.Name+"/"+param, func(t *testing.T) {
				if len(samples[param].values) == 0 {
					t.Fatal("no sample asks for it")
				}
				var seen outcome
				for _, model := range c.models() {
					for _, v := range samples[param].values {
						for _, beside := range samples[param].contexts() {
							seen.try(t, c, model, param, v, beside)
						}
					}
				}
				if cell := c.Cell(param); !seen.fits(cell.Fate) {
					t.Errorf("the table says %v %q, but in all samples it was %+v", cell.Fate, cell.How, seen)
				}
			})
		}
	}
}

func (o *outcome) try(t *testing.T, c *Column, model, param, value, beside string) {
	t.Helper()
	without, _, err := run{c, model, request("", "", beside)}.send(t)
	if err != nil {
		t.Fatalf("%s without %s: %v", model, param, err)
	}
	if param == "model" {
		model = value
	}
	with, dropped, err := run{c, model, request(param, value, beside)}.send(t)
	var refusal *openai.Error
	switch {
	case errors.As(err, &refusal) && refusal.Param == param:
		o.refused++
		return
	case err != nil:
		t.Fatalf("%s with %s: %v", model, value, err)
	}
	reported := names(dropped, param)
	changed := with != without
	switch {
	case reported && changed:
		o.altered++ // a part is lost, or something is put in its place
	case reported:
		o.dropped++
	case changed:
		o.changed++
		if same := fmt.Sprintf("%q:%s", param, value); c.Server != nil && c.Cell(param).Fate == Same && param != "model" && !strings.Contains(with, same) {
			t.Errorf("%s is not sent as it is: %s", same, with)
		}
	case c.Cell(param).Fate != Gateway && !quiet(t, c, model, param, value):
		t.Errorf("%s with %s is lost in silence: %s", model, value, with)
	}
}

// fits reports whether the outcome is what the fate means.
func (o *outcome) fits(f Fate) bool {
	lost := o.dropped + o.altered
	switch f {
	case Same, Mapped:
		return o.changed > 0 && lost == 0 && o.refused == 0
	case Partly:
		return o.changed > 0 && lost > 0 && o.refused == 0
	case Dropped:
		return o.dropped > 0 && o.changed == 0 && o.altered == 0 && o.refused == 0
	case Refused:
		return o.refused > 0 && o.changed == 0 && lost == 0
	default:
		return o.refused == 0 && lost == 0
	}
}

// A new table of a dialect can't name what OpenAI doesn't have.
func TestParametersExist(t *testing.T) {
	params := openai.Parameters()
	columns := Columns()
	for i := range columns {
		c := &columns[i]
		for _, table := range c.Carried {
			for name := range table {
				if !slices.Contains(params, name) {
					t.Errorf("%s carries %s", c.Name, name)
				}
			}
		}
		if c.Server == nil {
			continue
		}
		for _, p := range c.Server.Params {
			if !slices.Contains(params, p.Name) {
				t.Errorf("%s has a rule for %s", c.Name, p.Name)
			}
		}
	}
}

package openai

import (
	"bytes"
	"maps"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// Kinds of JSON values, as sets, that a request's field may have. null is
// always allowed: OpenAI reads it as absent.
type kinds uint8

const (
	str kinds = 1 << iota
	number
	integer
	boolean
	object
	array
	anything kinds = 0xff
)

func (k kinds) String() string {
	names := []struct {
		k kinds
		s string
	}{{str, "a string"}, {number, "a number"}, {integer, "an integer"}, {boolean, "a boolean"}, {object, "an object"}, {array, "an array"}}
	s := ""
	for _, n := range names {
		if k&n.k == 0 {
			continue
		}
		if s != "" {
			s += " or "
		}
		s += n.s
	}
	return s
}

// allows reports whether v, a valid JSON value, is of one of the kinds.
func (k kinds) allows(v jsontext.Value) bool {
	switch v.Kind() {
	case 'n':
		return true
	case '"':
		return k&str != 0
	case '0':
		if k&number != 0 {
			return true
		}
		return k&integer != 0 && isInteger(v)
	case 't', 'f':
		return k&boolean != 0
	case '{':
		return k&object != 0
	case '[':
		return k&array != 0
	}
	return false
}

// isInteger takes 10 and -1; like OpenAI itself it refuses 10.0 and 1e1.
func isInteger(v jsontext.Value) bool { return !bytes.ContainsAny(v, ".eE") }

// params is every field of OpenAI's chat completion request and the kinds it
// takes (openai-openapi, August 2026), and the gateway's own fields. Fields that
// are not here pass through unread.
var params = map[string]kinds{
	"audio":                  object,
	"frequency_penalty":      number,
	"function_call":          str | object,
	"functions":              array,
	"logit_bias":             object,
	"logprobs":               boolean,
	"max_completion_tokens":  integer,
	"max_tokens":             integer,
	"messages":               array,
	"metadata":               object,
	"modalities":             array,
	"model":                  str,
	"moderation":             anything,
	"n":                      integer,
	"parallel_tool_calls":    boolean,
	"prediction":             object,
	"presence_penalty":       number,
	"prompt_cache_key":       str,
	"prompt_cache_options":   object,
	"prompt_cache_retention": str,
	"reasoning_effort":       str,
	"response_format":        object,
	"safety_identifier":      str,
	"seed":                   integer,
	"service_tier":           str,
	"stop":                   str | array,
	"store":                  boolean,
	"stream":                 boolean,
	"stream_options":         object,
	"temperature":            number,
	"tool_choice":            str | object,
	"tools":                  array,
	"top_logprobs":           integer,
	"top_p":                  number,
	"user":                   str,
	"verbosity":              str,
	"web_search_options":     object,

	"gateId":  str,
	"gate_id": str,
	"layer":   anything,

	extraField: object,
}

// Parameters lists the fields of OpenAI's chat completion request by name, in
// alphabetical order, without the gateway's own.
func Parameters() []string {
	list := slices.Sorted(maps.Keys(params))
	return slices.DeleteFunc(list, isGatewayField)
}

// names interns the names of a request's fields, and what is usual in answers,
// so that reading them allocates none.
var names = func() map[string]string {
	m := make(map[string]string, 2*len(params))
	for name := range params {
		m[name] = name
	}
	for _, name := range []string{
		"id", "object", "created", "model", "choices", "usage", "service_tier", "system_fingerprint", "error",
		FinishStop, FinishLength, FinishToolCalls, FinishContentFilter,
	} {
		m[name] = name
	}
	return m
}()

// gatewayFields are the gateway's own: no provider sees them.
var gatewayFields = []string{"gateId", "gate_id", "layer", extraField}

// Package schema gives JSON schemas the forms that providers take.
package schema

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/openai"
)

// Object is a function's parameters as an object's schema that says it is one;
// no parameters are an object without properties. False if v is no object.
func Object(v jsontext.Value) (jsontext.Value, bool) {
	if v == nil || v.Kind() == 'n' {
		return jsontext.Value(`{"type":"object","properties":{}}`), true
	}
	var head struct {
		Type jsontext.Value `json:"type"`
	}
	if err := json.Unmarshal(v, &head); err != nil || v.Kind() != '{' {
		return nil, false
	}
	if head.Type == nil {
		return openai.SetMember(v, "type", []byte(`"object"`)), true
	}
	return v, true
}

// keyword says what becomes of a schema's keyword where a provider holds the
// model to the schema.
type keyword int

const (
	refused   keyword = iota // left out and reported: the model is not held to it
	kept                     // as it is
	noted                    // left out without a word: it only describes
	oneSchema                // kept; its value is a schema
	schemas                  // kept; its value is an array of schemas
	named                    // kept; its value is an object of schemas
)

// keywords that structured outputs know; all others are refused.
// https://platform.claude.com/docs/en/build-with-claude/structured-outputs and
// https://docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html
var keywords = map[string]keyword{
	"type": kept, "enum": kept, "const": kept, "required": kept, "$ref": kept, "default": kept,
	"title": kept, "description": kept,
	"properties": named, "$defs": named, "definitions": named,
	"items": oneSchema,
	"anyOf": schemas, "allOf": schemas,
	"$schema": noted, "$id": noted, "$comment": noted, "examples": noted, "deprecated": noted,
	"readOnly": noted, "writeOnly": noted,
}

// formats of strings that are known.
var formats = map[string]bool{
	"date-time": true, "time": true, "date": true, "duration": true, "email": true,
	"hostname": true, "uri": true, "ipv4": true, "ipv6": true, "uuid": true,
}

// Strict gives a schema the form that Anthropic and Bedrock require where they
// hold a model to it: no object has properties that are not named, and keywords
// that they refuse are left out, and reported to refuse. The order of the
// properties stays, since the model answers in it.
func Strict(schema jsontext.Value, refuse func(keyword string)) (jsontext.Value, error) {
	var out bytes.Buffer
	a := adapter{refuse: refuse, dec: jsontext.NewDecoder(bytes.NewReader(schema)), enc: jsontext.NewEncoder(&out)}
	if err := a.schema(); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(out.Bytes()), nil
}

// adapter copies a schema from dec to enc in one pass.
type adapter struct {
	refuse func(keyword string)
	dec    *jsontext.Decoder
	enc    *jsontext.Encoder
}

// copyToken passes the next token on.
func (a *adapter) copyToken() error {
	tok, err := a.dec.ReadToken()
	if err != nil {
		return err
	}
	return a.enc.WriteToken(tok)
}

// copyValue passes the next value on as it is.
func (a *adapter) copyValue() error {
	v, err := a.dec.ReadValue()
	if err != nil {
		return err
	}
	return a.enc.WriteValue(v)
}

func (a *adapter) schema() error {
	if a.dec.PeekKind() != '{' {
		return a.copyValue() // true or false
	}
	if err := a.copyToken(); err != nil {
		return err
	}
	object, hasAnyOf := false, false
	for a.dec.PeekKind() != '}' {
		tok, err := a.dec.ReadToken()
		if err != nil {
			return err
		}
		name := tok.String()
		if name == "oneOf" && !hasAnyOf {
			name = "anyOf" // nearly the same, and known
		} else if name == "anyOf" && hasAnyOf {
			name = "oneOf"
		}
		hasAnyOf = hasAnyOf || name == "anyOf"
		is, err := a.member(name)
		if err != nil {
			return err
		}
		object = object || is
	}
	if object {
		if err := a.enc.WriteToken(jsontext.String("additionalProperties")); err != nil {
			return err
		}
		if err := a.enc.WriteToken(jsontext.False); err != nil {
			return err
		}
	}
	return a.copyToken()
}

// member passes a keyword and its value on, the name of which has been read. It
// reports whether it shows that the schema is an object's.
func (a *adapter) member(name string) (object bool, err error) {
	kind := keywords[name]
	switch kind {
	case refused:
		return a.limited(name)
	case noted:
		return false, a.dec.SkipValue()
	case kept:
		v, err := a.dec.ReadValue()
		if err != nil {
			return false, err
		}
		return name == "type" && strings.Contains(string(v), `"object"`), a.write(name, v)
	}
	if err := a.enc.WriteToken(jsontext.String(name)); err != nil {
		return false, err
	}
	switch {
	case kind == schemas && a.dec.PeekKind() == '[':
		err = a.each(']', func() error { return nil })
	case kind == named && a.dec.PeekKind() == '{':
		err = a.each('}', a.copyToken)
	default:
		err = a.schema()
	}
	return name == "properties", err
}

// each passes an array or object of schemas on; before reads what stands in
// front of each.
func (a *adapter) each(end jsontext.Kind, before func() error) error {
	if err := a.copyToken(); err != nil {
		return err
	}
	for a.dec.PeekKind() != end {
		if err := before(); err != nil {
			return err
		}
		if err := a.schema(); err != nil {
			return err
		}
	}
	return a.copyToken()
}

// limited passes on what is known only with some values, and reports the rest.
func (a *adapter) limited(name string) (object bool, err error) {
	v, err := a.dec.ReadValue()
	if err != nil {
		return false, err
	}
	switch name {
	case "additionalProperties":
		if string(v) != "false" {
			a.refuse(name)
		}
		return true, nil // every object gets its own
	case "minItems":
		if n, err := strconv.ParseFloat(string(v), 64); err == nil && n <= 1 {
			return false, a.write(name, v)
		}
	case "format":
		if len(v) > 2 && formats[string(v[1:len(v)-1])] {
			return false, a.write(name, v)
		}
	}
	a.refuse(name)
	return false, nil
}

func (a *adapter) write(name string, v jsontext.Value) error {
	// The value is valid only until the decoder's next call: it goes at once.
	if err := a.enc.WriteToken(jsontext.String(name)); err != nil {
		return err
	}
	return a.enc.WriteValue(v)
}

// Package openai holds OpenAI's wire formats: chat completion requests, answers,
// chunks and errors. Requests and OpenAI-shaped answers are edited as raw JSON,
// so that fields and digits that nobody here knows survive both ways.
package openai

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/internal/rawjson"
)

// maxTools bounds a request's tools: OpenAI itself takes 128, no provider takes
// more than this.
const maxTools = 1024

// maxFields bounds a request's, or an answer's, top-level fields: OpenAI knows some
// forty, and each costs memory beside the body.
const maxFields = 4096

// maxParam bounds a name that the client made up and an error repeats.
const maxParam = 200

// Request is a chat completion request: the client's own bytes, and where its
// top-level fields lie in them. What it says is never changed; see Edits.
type Request struct {
	raw      []byte
	fields   []field
	messages []span
	more     bool // some message has members beside role and content
	inner    int  // offset behind the messages' opening bracket

	Stream       bool
	IncludeUsage bool // stream_options.include_usage

	open atomic.Int32 // bodies of it that may be read yet
}

// field is a member of the request's object: raw[name:start] is the name up to
// its value, raw[start:end] the value.
type field struct {
	key              string
	name, start, end int
}

type span struct {
	start, end int
	system     bool // role system or developer
}

// ParseChat reads a chat completion request in one pass over body, which it
// keeps. It refuses what no provider could read, and what two readers could read
// differently: duplicate names, invalid UTF-8, wrong types. The error is an
// *Error.
func ParseChat(body []byte) (*Request, error) {
	r := &Request{raw: body, fields: make([]field, 0, 16)}
	if err := r.scan(); err != nil {
		return nil, err
	}
	if err := r.check(); err != nil {
		return nil, err
	}
	return r, nil
}

// decoders keep what decoders have learned to hold: to find names that are there
// twice takes memory that would be made anew for each request.
var decoders = sync.Pool{New: func() any { return new(jsontext.Decoder) }}

// maxDecoded bounds the requests whose decoder serves another one. At each depth
// it holds the names of the newest object, however many, until the next that is
// as deep.
const maxDecoded = 256 << 10

func (r *Request) scan() error {
	dec := decoders.Get().(*jsontext.Decoder)
	dec.Reset(bytes.NewBuffer(r.raw))
	defer func() {
		if len(r.raw) <= maxDecoded {
			dec.Reset(new(bytes.Buffer)) // it keeps no more of the request than names
			decoders.Put(dec)
		}
	}()
	if len(bytes.TrimSpace(r.raw)) == 0 {
		return Invalid("invalid_json", "messages", "the request's body is empty: send a JSON object with messages")
	}
	if k := dec.PeekKind(); k != '{' {
		if _, err := dec.ReadValue(); err != nil {
			return jsonError(err)
		}
		return Invalid("invalid_type", "messages", "the request's body is JSON but not an object: send an object with messages")
	}
	if _, err := dec.ReadToken(); err != nil {
		return jsonError(err)
	}
	for dec.PeekKind() != '}' {
		name, err := dec.ReadValue()
		if err != nil {
			return jsonError(err)
		}
		f := field{name: int(dec.InputOffset()) - len(name), key: unquote(name)}
		if f.key == "messages" && dec.PeekKind() == '[' {
			err = r.scanMessages(dec, &f)
		} else {
			var v jsontext.Value
			if v, err = dec.ReadValue(); err == nil {
				f.start = int(dec.InputOffset()) - len(v)
			}
		}
		if err != nil {
			return jsonError(err)
		}
		f.end = int(dec.InputOffset())
		if r.fields = append(r.fields, f); len(r.fields) > maxFields {
			return Invalid("invalid_json", "", "the request has more than %d fields", maxFields)
		}
	}
	if _, err := dec.ReadToken(); err != nil {
		return jsonError(err)
	}
	// Nothing may follow: a second value could mean a second request.
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return Invalid("invalid_json", "", "the request's body has more than one JSON value")
	}
	return nil
}

// unquote gives what a string says, which is valid, without allocating for the
// names that we know.
func unquote(quoted jsontext.Value) string {
	if known, ok := names[string(quoted[1:len(quoted)-1])]; ok {
		return known
	}
	return string(rawjson.Key(quoted))
}

// check judges the fields that the gateway itself reads.
func (r *Request) check() error {
	for _, f := range r.fields {
		want, known := params[f.key]
		if v := r.value(f); known && !want.allows(v) {
			return Invalid("invalid_type", f.key, "'%s' must be %s", f.key, want)
		}
	}
	if v, ok := r.Field("messages"); !ok || v.Kind() == 'n' {
		return Invalid("missing_field", "messages", "the request has no 'messages'")
	}
	if len(r.messages) == 0 {
		return Invalid("missing_field", "messages", "'messages' is empty: send at least one message")
	}
	if v, ok := r.Field("stream"); ok {
		r.Stream = v.Kind() == 't'
	}
	if v, ok := r.Field("stream_options"); ok && v.Kind() == '{' {
		opt, found := member(v, "include_usage")
		if found && opt.Kind() != 't' && opt.Kind() != 'f' && opt.Kind() != 'n' {
			return Invalid("invalid_type", "stream_options.include_usage", "'stream_options.include_usage' must be a boolean")
		}
		r.IncludeUsage = found && opt.Kind() == 't'
	}
	if v, ok := r.Field("tools"); ok {
		if n := arrayLen(v, maxTools); n > maxTools {
			return Invalid("array_above_max_length", "tools", "'tools' has more than %d entries", maxTools)
		}
	}
	for _, name := range []string{"model", "gateId", "gate_id"} {
		if s, ok := r.String(name); ok && strings.IndexFunc(s, isControl) >= 0 {
			return Invalid("invalid_type", name, "'%s' has control characters", name)
		}
	}
	return nil
}

func isControl(c rune) bool { return c < ' ' || c == 0x7f }

func (r *Request) value(f field) jsontext.Value { return jsontext.Value(r.raw[f.start:f.end]) }

// Size is the request's length in bytes.
func (r *Request) Size() int { return len(r.raw) }

// Field gives a top-level field's value as it was written.
func (r *Request) Field(name string) (jsontext.Value, bool) {
	for _, f := range r.fields {
		if f.key == name {
			return r.value(f), true
		}
	}
	return nil, false
}

// String gives a top-level field that is a string.
func (r *Request) String(name string) (string, bool) {
	v, ok := r.Field(name)
	if !ok || v.Kind() != '"' {
		return "", false
	}
	b, err := jsontext.AppendUnquote(nil, v)
	return string(b), err == nil
}

// Raw is the body as the client sent it.
func (r *Request) Raw() []byte { return r.raw }

// jsonError says in OpenAI's shape why a body can't be read.
func jsonError(err error) error {
	var own *Error
	if errors.As(err, &own) {
		return own
	}
	var syn *jsontext.SyntacticError
	if !errors.As(err, &syn) {
		return Invalid("invalid_json", "", "the request's body is not valid JSON: it ends too early")
	}
	if errors.Is(err, jsontext.ErrDuplicateName) {
		param := ParamOf(syn.JSONPointer)
		if len(param) > maxParam {
			param = strings.ToValidUTF8(param[:maxParam], "")
		}
		return Invalid("invalid_json", param, "the request's body has '%s' twice: which one counts would be a guess", param)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return Invalid("invalid_json", "", "the request's body is not valid JSON: it ends too early, after %d bytes", syn.ByteOffset)
	}
	// The cause alone: the full text would quote the body.
	return Invalid("invalid_json", "", "the request's body is not valid JSON: %s", describe(syn))
}

func describe(e *jsontext.SyntacticError) string {
	s := "syntax error"
	switch {
	case e.Err == nil:
	case strings.Contains(e.Err.Error(), "UTF-8"):
		s = "invalid UTF-8"
	case strings.Contains(e.Err.Error(), "surrogate"):
		s = "a lone surrogate escape"
	case strings.Contains(e.Err.Error(), "depth"):
		s = "nested too deep"
	}
	return s + " at byte " + strconv.FormatInt(e.ByteOffset, 10)
}

// ParamOf writes a JSON pointer as OpenAI names parameters:
// /messages/0/content becomes messages[0].content.
func ParamOf(p jsontext.Pointer) string {
	var b strings.Builder
	for tok := range p.Tokens() {
		if _, err := strconv.Atoi(tok); err == nil && b.Len() > 0 {
			b.WriteString("[" + tok + "]")
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(tok)
	}
	return b.String()
}

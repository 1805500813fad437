package openai

import (
	"bytes"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
)

// scanMessages walks the messages in the same pass as the rest of the body,
// checks what every provider needs of them and notes where each one lies. The
// decoder stands before the opening bracket.
func (r *Request) scanMessages(dec *jsontext.Decoder, f *field) error {
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	r.inner = int(dec.InputOffset())
	f.start = r.inner - 1
	empty := true // no message so far has any content
	for dec.PeekKind() != ']' {
		m, err := scanMessage(dec, len(r.messages))
		if err != nil {
			return err
		}
		empty = empty && m.empty
		r.more = r.more || m.more
		r.messages = append(r.messages, m.span)
	}
	if len(r.messages) > 0 && empty {
		param := fmt.Sprintf("messages[%d].content", len(r.messages)-1)
		return Invalid("missing_field", param, "'messages' have no content at all: there is nothing to answer")
	}
	_, err := dec.ReadToken()
	return err
}

type messageScan struct {
	span
	empty bool
	more  bool // it has members beside role and content
}

func scanMessage(dec *jsontext.Decoder, i int) (m messageScan, err error) {
	if dec.PeekKind() != '{' {
		if _, err := dec.ReadValue(); err != nil {
			return m, err
		}
		param := fmt.Sprintf("messages[%d]", i)
		return m, Invalid("invalid_type", param, "'%s' must be an object", param)
	}
	if _, err := dec.ReadToken(); err != nil {
		return m, err
	}
	m.start = int(dec.InputOffset()) - 1
	m.empty = true
	var role, content jsontext.Value
	calls := false
	for dec.PeekKind() != '}' {
		name, err := dec.ReadValue()
		if err != nil {
			return m, err
		}
		// The names that matter are ASCII; an escaped spelling of them is
		// caught below as missing.
		isRole, isContent := string(name) == `"role"`, string(name) == `"content"`
		m.more = m.more || !isRole && !isContent
		isCalls := string(name) == `"tool_calls"` || string(name) == `"function_call"` || string(name) == `"audio"` || string(name) == `"refusal"`
		v, err := dec.ReadValue()
		if err != nil {
			return m, err
		}
		switch {
		case isRole:
			role = v
		case isContent:
			content = v
		case isCalls && v.Kind() != 'n':
			calls = true
		}
		m.empty = m.empty && (isRole || isContent || emptyValue(v))
	}
	if _, err := dec.ReadToken(); err != nil {
		return m, err
	}
	m.end = int(dec.InputOffset())
	err = m.check(i, role, content, calls)
	return m, err
}

// check judges one message; calls says that it has something else than content.
func (m *messageScan) check(i int, role, content jsontext.Value, calls bool) error {
	param := func(name string) string { return fmt.Sprintf("messages[%d].%s", i, name) }
	if role == nil {
		return Invalid("missing_field", param("role"), "'%s' is missing", param("role"))
	}
	if role.Kind() != '"' {
		return Invalid("invalid_type", param("role"), "'%s' must be a string", param("role"))
	}
	who := string(role[1 : len(role)-1])
	switch who {
	case "system", "developer":
		m.system = true
	case "user", "assistant", "tool", "function":
	default:
		return Invalid("invalid_type", param("role"), "'%s' must be one of system, developer, user, assistant, tool, function", param("role"))
	}
	switch {
	case content == nil || content.Kind() == 'n':
		if who != "assistant" && who != "function" {
			return Invalid("missing_field", param("content"), "'%s' is missing", param("content"))
		}
		m.empty = m.empty && !calls
	case content.Kind() == '"':
		m.empty = m.empty && len(content) == 2
	case content.Kind() == '[':
		if bytes.IndexFunc(content[1:len(content)-1], notSpace) < 0 {
			return Invalid("missing_field", param("content"), "'%s' is an empty array: send at least one part", param("content"))
		}
		m.empty = false
	default:
		return Invalid("invalid_type", param("content"), "'%s' must be a string or an array of parts", param("content"))
	}
	return nil
}

func notSpace(c rune) bool { return c != ' ' && c != '\t' && c != '\r' && c != '\n' }

package ledger

import (
	"bytes"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	redactedValue = `"[redacted]"`
	// unreadable stands for what may hold a field to redact and can't be read.
	unreadable = `"[not JSON: not stored, since fields are redacted]"`
)

// redact replaces the values of the named fields, whatever the case of the name,
// wherever they are in a JSON document, or in those of an event stream's data.
// What is neither is not kept.
func redact(text []byte, fields []string) []byte {
	if len(bytes.TrimSpace(text)) == 0 {
		return nil
	}
	if doc, ok := redactJSON(text, fields); ok {
		return doc
	}
	if !isStream(text) {
		return []byte(unreadable)
	}
	var out []byte
	for line := range bytes.SplitSeq(text, []byte("\n")) {
		line = bytes.TrimRight(line, "\r")
		data, ok := bytes.CutPrefix(line, []byte("data:"))
		switch {
		case len(line) == 0 || bytes.HasPrefix(line, []byte("event:")):
			out = append(out, line...)
		case !ok:
			continue // comments, ids: nothing that is worth the risk
		case string(bytes.TrimSpace(data)) == "[DONE]":
			out = append(out, line...)
		default:
			doc, ok := redactJSON(data, fields)
			if !ok {
				doc = []byte(unreadable)
			}
			out = append(append(out, "data: "...), doc...)
		}
		out = append(out, '\n')
	}
	return out
}

// isStream tells whether a text begins as an event stream does.
func isStream(text []byte) bool {
	text = bytes.TrimLeft(text, "\r\n")
	for _, field := range []string{"data:", "event:", "id:", "retry:", ":"} {
		if bytes.HasPrefix(text, []byte(field)) {
			return true
		}
	}
	return false
}

// redactJSON copies a document. It is not ok if the text is not one.
func redactJSON(text []byte, fields []string) ([]byte, bool) {
	loose := []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}
	var out bytes.Buffer
	d := jsontext.NewDecoder(bytes.NewReader(text), loose...)
	e := jsontext.NewEncoder(&out, loose...)
	for {
		kind := d.PeekKind()
		if kind == '{' || kind == '[' || kind == '}' || kind == ']' {
			t, err := d.ReadToken()
			if err != nil || e.WriteToken(t) != nil {
				return nil, false
			}
		} else {
			inObject, n := d.StackIndex(d.StackDepth())
			isName := inObject == '{' && n%2 == 0
			v, err := d.ReadValue()
			if err != nil || e.WriteValue(v) != nil {
				return nil, false
			}
			if isName && named(v, fields) {
				if d.SkipValue() != nil || e.WriteValue(jsontext.Value(redactedValue)) != nil {
					return nil, false
				}
			}
		}
		if d.StackDepth() == 0 {
			break
		}
	}
	rest := text[d.InputOffset():]
	return bytes.TrimRight(out.Bytes(), "\n"), len(bytes.TrimSpace(rest)) == 0
}

func named(quoted jsontext.Value, fields []string) bool {
	name, err := jsontext.AppendUnquote(nil, quoted)
	if err != nil {
		return true
	}
	return slices.ContainsFunc(fields, func(f string) bool { return strings.EqualFold(f, string(name)) })
}

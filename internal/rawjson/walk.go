// Package rawjson walks JSON as it is written: it gives members and elements as
// parts of the bytes, decodes nothing, and finds on its way whether they are
// valid. That makes it several times as fast as a decoder that must also serve
// readers, give back tokens and say what is wrong.
package rawjson

import (
	"bytes"
	"errors"

	"github.com/go-json-experiment/json/jsontext"
)

// maxDepth is how deep values may be nested: as deep as jsontext allows.
const maxDepth = 10000

// Walk is a place in a JSON value, at first in front of all of it. Valid is what
// jsontext takes with AllowDuplicateNames. Where it meets what is not, the walk
// has failed and is at its end.
//
//	for name := w.Enter().Member(); name != nil; name = w.Member() {
//		value := w.Value()
//	}
type Walk struct {
	// At is the offset behind what was read last; in front of a value, of the
	// value.
	At int
	// NameAt is the offset of the newest name.
	NameAt int

	raw    []byte
	depth  int
	first  bool // an object, or an array, has just been entered
	failed bool
}

// Of is a walk of the value that comes first in data.
func Of(data []byte) Walk {
	return Walk{raw: data, At: space(data, 0)}
}

// Failed reports whether what has been read is not valid.
func (w *Walk) Failed() bool { return w.failed }

// Kind is the first byte of the value that comes next, 0 if none does.
func (w *Walk) Kind() byte {
	if w.At < len(w.raw) {
		return w.raw[w.At]
	}
	return 0
}

// Enter steps into the object, or the array, that comes next.
func (w *Walk) Enter() *Walk {
	if w.depth++; w.depth > maxDepth {
		w.fail()
		return w
	}
	w.At++
	w.first = true
	return w
}

// Member steps up to the value of the object's next member, and gives its name
// with the quotes. Without one it steps out and gives nil.
func (w *Walk) Member() (name []byte) {
	if !w.next('}') {
		return nil
	}
	raw, start, end := w.raw, w.At, -1
	if w.Kind() == '"' {
		end = stringEnd(raw, start)
	}
	if end < 0 {
		w.fail()
		return nil
	}
	colon := space(raw, end)
	if colon == len(raw) || raw[colon] != ':' {
		w.fail()
		return nil
	}
	w.NameAt, w.At = start, space(raw, colon+1)
	return raw[start:end:end]
}

// Element steps up to the array's next element. Without one it steps out.
func (w *Walk) Element() bool { return w.next(']') }

// next steps up to what comes next in the object, or array, that end closes.
func (w *Walk) next(end byte) bool {
	raw, at, first := w.raw, space(w.raw, w.At), w.first
	w.first = false
	if at < len(raw) {
		switch c := raw[at]; {
		case c == end:
			w.At = at + 1
			w.depth--
			return false
		case first:
			w.At = at
			return true
		case c == ',':
			w.At = space(raw, at+1)
			return true
		}
	}
	w.fail()
	return false
}

// Value steps over the value that comes next; nil is what is none.
func (w *Walk) Value() jsontext.Value {
	start := w.At
	switch w.Kind() {
	case '"':
		w.At = stringEnd(w.raw, start)
	case '{':
		for name := w.Enter().Member(); name != nil; name = w.Member() {
			w.Value()
		}
	case '[':
		for more := w.Enter().Element(); more; more = w.Element() {
			w.Value()
		}
	case 't':
		w.At = wordEnd(w.raw, start, "true")
	case 'f':
		w.At = wordEnd(w.raw, start, "false")
	case 'n':
		w.At = wordEnd(w.raw, start, "null")
	default:
		w.At = numberEnd(w.raw, start)
	}
	if w.At < 0 || w.failed {
		w.fail()
		return nil
	}
	return w.raw[start:w.At:w.At]
}

// fail ends the walk: nothing comes next any more.
func (w *Walk) fail() { w.failed, w.first, w.At = true, false, len(w.raw) }

// space is where the spaces end that may be at start.
func space(b []byte, start int) int {
	at := start
	for at < len(b) && b[at] <= ' ' && (b[at] == ' ' || b[at] == '\n' || b[at] == '\r' || b[at] == '\t') {
		at++
	}
	return at
}

// Key is what a name says: a part of it, unless it is written with an escape.
func Key(name []byte) []byte {
	if bytes.IndexByte(name, '\\') >= 0 {
		key, _ := jsontext.AppendUnquote(nil, name)
		return key
	}
	return bytes.Trim(name, `"`)
}

var errWalk = errors.New("not valid JSON")

// Error says why data, of which a walk has failed, does not begin with a value.
func Error(data []byte) error {
	dec := jsontext.NewDecoder(bytes.NewBuffer(data), jsontext.AllowDuplicateNames(true))
	if err := dec.SkipValue(); err != nil {
		return err
	}
	return errWalk // never: both agree on what is valid
}

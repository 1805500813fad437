package gate

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxName is the longest name of a gate, in bytes. Whatever is longer cannot be a reference.
const maxName = 128

// uuid is an id in its binary form: the form in which ids are compared.
type uuid [16]byte

// ParseModelRef reads the "model" of a request as a reference to a gate. It strips the prefixes "layer/" and
// "layer:", and reports whether there was one: then the text can't mean anything but a gate.
func ParseModelRef(model string) (ref string, prefixed bool) {
	if rest, ok := strings.CutPrefix(model, "layer/"); ok {
		return rest, true
	}
	if rest, ok := strings.CutPrefix(model, "layer:"); ok {
		return rest, true
	}
	return model, false
}

// IsUUID reports whether the text is a UUID in one of the forms that are taken for a gate's id: 8-4-4-4-12 hexadecimal
// digits in either case, bare, in braces, or behind "urn:uuid:".
func IsUUID(s string) bool {
	_, ok := parseUUID(s)
	return ok
}

// NormalizeRef returns a reference in the form in which gates are found: without surrounding white space, and an id in
// lower case without braces or "urn:uuid:". It returns false for what can be neither an id nor a name.
func NormalizeRef(ref string) (string, bool) {
	ref = strings.TrimSpace(ref)
	if id, ok := parseUUID(ref); ok {
		return id.String(), true
	}
	return ref, checkName(ref) == nil
}

// checkName says why a text can't be a gate's name. Looking a gate up obeys the same rules, so a reference that breaks
// them is known to be nobody's without asking any source.
func checkName(name string) error {
	switch {
	case name == "":
		return errors.New("is empty")
	case len(name) > maxName:
		return fmt.Errorf("is %d bytes long: %d are the most", len(name), maxName)
	case !utf8.ValidString(name):
		return errors.New("is not valid UTF-8")
	case strings.ContainsFunc(name, isControl):
		return errors.New("contains a control character")
	case name != strings.TrimSpace(name):
		return errors.New("begins or ends with white space")
	case IsUUID(name):
		return errors.New("looks like a UUID: it could be taken for another gate's id")
	case strings.HasPrefix(name, "layer/") || strings.HasPrefix(name, "layer:"):
		return errors.New(`begins with "layer/" or "layer:", which is how a request's model names a gate`)
	case hasDotSegment(name):
		return errors.New(`contains "." or ".." as a path segment`)
	}
	return nil
}

// isControl reports what would break a line or a terminal where a name is shown.
func isControl(r rune) bool {
	return unicode.IsControl(r) || r == '\u2028' || r == '\u2029'
}

// hasDotSegment reports whether a part of the name between slashes is "." or "..": such a name could not be the last
// part of a URL such as /v1/models/{id}, since clients resolve it away.
func hasDotSegment(name string) bool {
	for part := range strings.FieldsFuncSeq(name, func(r rune) bool { return r == '/' || r == '\\' }) {
		if part == "." || part == ".." {
			return true
		}
	}
	return false
}

// parseUUID reads the forms of IsUUID. It doesn't allocate: each request's reference passes here.
func parseUUID(s string) (id uuid, ok bool) {
	switch len(s) {
	case 36:
	case 36 + 2:
		if s[0] != '{' || s[37] != '}' {
			return id, false
		}
		s = s[1:37]
	case 36 + len("urn:uuid:"):
		if !strings.EqualFold(s[:9], "urn:uuid:") {
			return id, false
		}
		s = s[9:]
	default:
		return id, false
	}
	n := 0
	for i := 0; i < 36; {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if s[i] != '-' {
				return uuid{}, false
			}
			i++
			continue
		}
		high, low := hexDigit(s[i]), hexDigit(s[i+1])
		if high > 15 || low > 15 {
			return uuid{}, false
		}
		id[n] = high<<4 | low
		n++
		i += 2
	}
	return id, true
}

// hexDigit returns the value of a hexadecimal digit, or 255.
func hexDigit(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	return 255
}

// String returns the canonical form: lower case, 8-4-4-4-12.
func (id uuid) String() string {
	const digits = "0123456789abcdef"
	text := make([]byte, 0, 36)
	for i, b := range id {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			text = append(text, '-')
		}
		text = append(text, digits[b>>4], digits[b&15])
	}
	return string(text)
}

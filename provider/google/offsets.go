package google

import "unicode/utf8"

// offsets turns places in a text from bytes, as Gemini counts, to characters,
// as OpenAI does. It keeps runs of characters of the same width instead of the
// text, most of which is one run.
type offsets struct {
	runs []run
}

type run struct {
	characters, width int
}

// add takes the next piece of the text.
func (o *offsets) add(text string) {
	for i := 0; i < len(text); {
		_, width := utf8.DecodeRuneInString(text[i:])
		i += width
		if n := len(o.runs); n > 0 && o.runs[n-1].width == width {
			o.runs[n-1].characters++
			continue
		}
		o.runs = append(o.runs, run{1, width})
	}
}

// characters gives the number of characters in front of a byte; the text's
// length for a byte behind its end.
func (o *offsets) characters(bytes int) int {
	n := 0
	for _, r := range o.runs {
		if size := r.characters * r.width; bytes > size {
			bytes -= size
			n += r.characters
			continue
		}
		return n + max(0, bytes)/r.width
	}
	return n
}

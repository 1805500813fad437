package estimate

import (
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/tiktoken-go/tokenizer"
)

// Bounds of what is tokenized: texts up to maxText bytes whole, of longer ones
// that much in even samples. The tokenizer takes time with the square of a run
// that it can't split, so it gets pieces. At a millisecond a piece at worst,
// and a tenth of that in general, no text takes longer than that of maxText.
const (
	maxText  = 64 << 10
	maxPiece = 1 << 10
)

// The vocabularies take some 40 ms and 6 MB on first use. A process that never
// estimates never has them.
var (
	o200k  = sync.OnceValue(func() *encoding { return newEncoding(tokenizer.O200kBase) })
	cl100k = sync.OnceValue(func() *encoding { return newEncoding(tokenizer.Cl100kBase) })
)

// family is how models of a kind count: tokens of an encoding, times percent.
type family struct {
	encoding func() *encoding
	percent  int64
}

// familyOf knows OpenAI's models, whose encodings are public. The vocabularies
// of others are of about the size of o200k's and give about as many tokens,
// but for Claude's, which give about a quarter more.
func familyOf(model string) family {
	m := baseName(model)
	switch {
	case strings.Contains(m, "claude"):
		return family{o200k, 125}
	case strings.HasPrefix(m, "gpt-3.5"), strings.HasPrefix(m, "gpt-35"), m == "gpt-4", strings.HasPrefix(m, "gpt-4-"),
		strings.HasPrefix(m, "text-embedding-"), strings.HasPrefix(m, "davinci-002"), strings.HasPrefix(m, "babbage-002"):
		return family{cl100k, 100}
	}
	return family{o200k, 100}
}

// baseName is a model's name in lower case, without a maker in front of it and
// without the mark of a fine-tuned one.
func baseName(model string) string {
	m := strings.ToLower(model)
	m = m[strings.LastIndexByte(m, '/')+1:]
	return strings.TrimPrefix(m, "ft:")
}

// Text estimates the tokens that a model has for a text. For OpenAI's models it
// is their own count, give or take a token a kilobyte.
func Text(model, text string) int64 {
	f := familyOf(model)
	return up(f.count(text)*f.percent, 100)
}

func (f family) count(text string) int64 {
	if len(text) == 0 {
		return 0
	}
	if len(text) <= maxText {
		n, _ := f.pieces(text, len(text))
		return n
	}
	const samples = 16
	var tokens, seen int64
	for i := range samples {
		// Piece by piece over the whole length, the last one at its end.
		from := (len(text) - maxText/samples) / (samples - 1) * i
		n, size := f.pieces(text[from:], maxText/samples)
		tokens += n
		seen += int64(size)
	}
	return up(tokens*int64(len(text)), seen)
}

// pieces counts the tokens of the first size bytes of a text, or of a few less
// to end between two words, and says of how many.
func (f family) pieces(text string, size int) (tokens int64, seen int) {
	e := f.encoding()
	for seen < size {
		piece := text[seen:size]
		if len(piece) > maxPiece {
			piece = piece[:cut(piece[:maxPiece+1])]
		}
		tokens += int64(e.count(piece))
		seen += len(piece)
	}
	return tokens, seen
}

// cut is where to end a piece before its last byte: in front of the last word,
// since a token begins with the space before a word, or else between two
// characters.
func cut(s string) int {
	const near = 64
	end := len(s) - 1
	if i := strings.LastIndexByte(s[end-near:end], ' '); i >= 0 {
		return end - near + i
	}
	for i := end; i > end-utf8.UTFMax; i-- {
		if utf8.RuneStart(s[i]) {
			return i
		}
	}
	return end
}

// up is n/d, rounded up.
func up(n, d int64) int64 { return (n + d - 1) / d }

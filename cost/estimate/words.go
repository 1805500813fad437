package estimate

import (
	"hash/maphash"
	"sync/atomic"
	"unicode"
	"unicode/utf8"

	"github.com/tiktoken-go/tokenizer"
)

// encoding counts by a vocabulary. The tokenizer takes about a microsecond for
// two bytes, so it remembers how many tokens short words had. Of the words it
// keeps hashes alone: they are what somebody has written.
type encoding struct {
	codec tokenizer.Codec
	seed  maphash.Seed
	// words hold a hash's upper bits, and below them the tokens; what comes later
	// takes the place of what was there.
	words [1 << 15]atomic.Uint64
}

const (
	maxWord = 64   // bytes of a word that is remembered
	counts  = 0xff // the bits of a count
)

func newEncoding(e tokenizer.Encoding) *encoding {
	c, err := tokenizer.Get(e)
	if err != nil {
		panic("estimate: " + err.Error()) // both are compiled in
	}
	return &encoding{codec: c, seed: maphash.MakeSeed()}
}

// count counts the tokens of a text, word by word.
func (e *encoding) count(text string) (tokens int) {
	for len(text) > 0 {
		if n := digits(text); n > 0 {
			tokens += (n + 2) / 3 // all numbers of up to three digits are tokens
			text = text[n:]
			continue
		}
		end := word(text)
		tokens += e.countWord(text[:end])
		text = text[end:]
	}
	return tokens
}

func (e *encoding) countWord(word string) int {
	if len(word) > maxWord {
		return e.ask(word)
	}
	hash := maphash.String(e.seed, word)
	slot := &e.words[hash%uint64(len(e.words))]
	if v := slot.Load(); v != 0 && v&^counts == hash&^counts {
		return int(v & counts)
	}
	n := e.ask(word)
	if n > 0 { // and no more than three for each byte
		slot.Store(hash&^counts | uint64(n))
	}
	return n
}

func (e *encoding) ask(text string) int {
	n, err := e.codec.Count(text)
	if err != nil {
		return (len(text) + 3) / 4
	}
	return n
}

// word is where a text's first word ends: in front of a space that another word
// follows, or of digits. In all vocabularies a token ends there, whatever stands
// before.
func word(text string) int {
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == ' ' && i+1 < len(text) && begins(text[i+1:]):
			return i
		case isDigit(c) && text[i-1] >= ' ' && text[i-1] < utf8.RuneSelf && !isDigit(text[i-1]):
			return i
		}
	}
	return len(text)
}

// begins reports whether a text begins with what is no space.
func begins(text string) bool {
	if c := text[0]; c < utf8.RuneSelf {
		return c > ' ' && c != 0x7f
	}
	r, _ := utf8.DecodeRuneInString(text)
	return unicode.IsLetter(r)
}

// digits is how many digits a text begins with, if no other number follows, of
// which there are many kinds.
func digits(text string) (n int) {
	for n < len(text) && isDigit(text[n]) {
		n++
	}
	if n < len(text) && text[n] >= utf8.RuneSelf {
		if r, _ := utf8.DecodeRuneInString(text[n:]); unicode.IsNumber(r) {
			return 0
		}
	}
	return n
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

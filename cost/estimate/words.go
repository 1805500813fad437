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
// follows. In all vocabularies a token ends there, whatever stands before.
func word(text string) int {
	for i := 1; i < len(text)-1; i++ {
		if text[i] != ' ' {
			continue
		}
		switch next := text[i+1]; {
		case next >= utf8.RuneSelf:
			if r, _ := utf8.DecodeRuneInString(text[i+1:]); unicode.IsLetter(r) {
				return i
			}
		case next > ' ' && next != 0x7f:
			return i
		}
	}
	return len(text)
}

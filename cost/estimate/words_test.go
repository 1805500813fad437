package estimate

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestWords: counted word by word, a text has the tokens that the tokenizer finds in the whole of it, also when the
// words are known already.
func TestWords(t *testing.T) {
	pieces := rapid.SampledFrom([]string{
		" ", "  ", "   ", "\n", "\r\n", "\t", "\u00a0", "\u2003", "the", "The", "HTTP", "don't", "I'LL", "1", "22", "1234567", "7.5", "²", "٣", "½", "\t\t", "$5", "a1", "!", "...", "//", "{", "\"key\":",
		"ünïcode", "Привет", "漢字", "e\u0301", "\u0301", "🙂", "\x00", "\x7f", "\xff", "_", "-", "@", "日", "ǅ", "ʼ", "\v", "/\n", "\ufeff", "\u200b",
	})
	for name, e := range map[string]*encoding{"o200k": o200k(), "cl100k": cl100k()} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				text := strings.Join(rapid.SliceOfN(pieces, 1, 30).Draw(t, "pieces"), "")
				want := e.ask(text)
				for range 2 {
					if got := e.count(text); got != want {
						t.Fatalf("%q has %d tokens, want %d", text, got, want)
					}
				}
			})
		})
	}
}

func BenchmarkNewWords(b *testing.B) {
	var text strings.Builder
	for i := range 200 {
		text.WriteString(" word" + strings.Repeat("x", i%7) + string(rune('a'+i%26)))
	}
	e := o200k()
	b.SetBytes(int64(text.Len()))
	for b.Loop() {
		for i := range e.words {
			e.words[i].Store(0)
		}
		e.count(text.String())
	}
}

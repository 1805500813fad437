package estimate

import (
	"strings"
	"sync"
	"testing"
	"unicode/utf8"
)

func TestText(t *testing.T) {
	tests := []struct {
		model, text string
		want        int64
	}{
		{"gpt-4o", "", 0},
		// The counts of OpenAI's own tokenizer.
		{"gpt-4o", "hello world", 2},
		{"gpt-4", "hello world", 2},
		{"gpt-4o", "漢字かな交じり文", 7},
		{"gpt-4-turbo", "漢字かな交じり文", 9},
		{"openai/gpt-3.5-turbo", "漢字かな交じり文", 9},
		{"ft:gpt-4o-mini:acme", "漢字かな交じり文", 7},
		{"text-embedding-3-small", "漢字かな交じり文", 9},
		{"a model of one's own", "hello world", 2},
		// 2 * 1.25, rounded up
		{"us.anthropic.claude-sonnet-4-5-20250929-v1:0", "hello world", 3},
		{"gpt-4o", "\xff\xfe", 2},
	}
	for _, tt := range tests {
		if got := Text(tt.model, tt.text); got != tt.want {
			t.Errorf("%s has %d tokens for %q, want %d", tt.model, got, tt.text, tt.want)
		}
	}
}

// Cutting a text in pieces and samples changes little.
func TestTextOfAnyLength(t *testing.T) {
	const sentence = "The quick brown fox jumps over the lazy dog, and then it rests. " // 15 tokens
	for _, n := range []int{1, 15, 16, 17, 100, 1000, 1024, 5000, 100_000} {
		got, want := float64(Text("gpt-4o", strings.Repeat(sentence, n))), float64(15*n)
		if got < want*0.99 || got > want*1.01+1 {
			t.Errorf("%d sentences have %v tokens, want about %v", n, got, want)
		}
	}
	// What is different in the middle and at the end counts too.
	mixed := strings.Repeat("a ", 50_000) + strings.Repeat("漢", 100_000)
	whole := float64(Text("gpt-4o", mixed))
	parts := float64(Text("gpt-4o", mixed[:100_000]) + Text("gpt-4o", mixed[100_000:]))
	if whole < parts*0.9 || whole > parts*1.1 {
		t.Errorf("%v tokens as a whole, %v as parts", whole, parts)
	}
}

// Each of these takes the tokenizer time with the square of its length, or has
// no place to cut. That is bounded by what it gets to see.
func TestHostileText(t *testing.T) {
	for _, unit := range []string{" \n", "a", "A", " ", "\n", "'", "!?", "漢", "e\u0301", "\xff", "\xe6\xbc", "\U0001F600", "1"} {
		text := strings.Repeat(unit, 4<<20/len(unit))
		n := Text("gpt-4o", text)
		if n < int64(len(text)/512) || n > int64(len(text)) {
			t.Errorf("%q, repeated, has %d tokens in %d bytes", unit, n, len(text))
		}
	}
}

func TestCutKeepsCharacters(t *testing.T) {
	for shift := range 4 {
		s := strings.Repeat("x", shift) + strings.Repeat("漢", maxPiece)
		i := cut(s[:maxPiece+1])
		if !utf8.ValidString(s[:i]) || i < maxPiece-3 || i > maxPiece {
			t.Errorf("cut at %d", i)
		}
	}
	word := strings.Repeat("x", maxPiece-10) + " " + strings.Repeat("y", 20)
	if i := cut(word[:maxPiece+1]); i != maxPiece-10 {
		t.Errorf("cut at %d, not in front of the word", i)
	}
}

func TestTextConcurrently(t *testing.T) {
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for _, model := range []string{"gpt-4o", "gpt-4", "claude-opus-4-5"} {
				if got := Text(model, strings.Repeat("hello world ", 400)); got < 800 || got > 1100 {
					t.Errorf("%s: %d tokens", model, got)
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkText(b *testing.B) {
	text := strings.Repeat("The quick brown fox jumps over the lazy dog, and then it rests. ", 64)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		Text("gpt-4o", text)
	}
}

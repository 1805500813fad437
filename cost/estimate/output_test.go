package estimate

import (
	"strings"
	"testing"

	"github.com/layergateway/layergateway/cost"
)

func TestOutput(t *testing.T) {
	english := "The quick brown fox jumps over the lazy dog, and then it rests. "
	for _, text := range []string{"", "hi", strings.Repeat(english, 20), strings.Repeat(english, 2000), strings.Repeat("网关把每个请求的费用都记下来。", 100)} {
		o := NewOutput("gpt-4o")
		for rest := text; rest != ""; {
			n := min(len(rest), 7) // also within characters
			_, _ = o.WriteString(rest[:n])
			rest = rest[n:]
		}
		want := Text("gpt-4o", text)
		if got := o.Tokens(); got < want*98/100 || got > want*102/100 {
			t.Errorf("%d bytes: %d tokens, want %d", len(text), got, want)
		}
		if got := o.SoFar(); got < want*8/10 || got > want*3/2+1 {
			t.Errorf("%d bytes: about %d tokens, want %d", len(text), got, want)
		}
	}
}

func TestPlenty(t *testing.T) {
	for _, text := range []string{
		"", "a", "Prose has about four letters a token, and so half of what is taken for plenty. ",
		"8 15 16 23 42 4815162342 3.14159 2026-11-30 ", "for (let i=0;i<n;i++){a[i]^=b[i]>>>3;}\n\t\t", "!@#$%^&*()_+{}|:<>?~",
		"Zm9vYmFyMTIzNDU2Nzg5MGFiY2RlZg==", "Ünïcödé ", "网关把每个请求的费用都记下来。", "🚀👩‍👩‍👧‍👦🏳️‍🌈",
	} {
		text = strings.Repeat(text, 50)
		for _, model := range []string{"gpt-4o", "claude-opus-4-5"} {
			o := NewOutput(model)
			_, _ = o.WriteString(text)
			if plenty, n := o.Plenty(), o.Tokens(); plenty < n || plenty > int64(len(text))*o.percent/100+1 {
				t.Errorf("%s: %.20q has %d tokens in %d bytes, and %d are plenty", model, text, n, len(text), plenty)
			}
		}
	}
}

func TestOutputKeepsLittle(t *testing.T) {
	o := NewOutput("claude-opus-4-5")
	for range 1000 {
		if n, err := o.Write([]byte(strings.Repeat("word ", 200))); n != 1000 || err != nil {
			t.Fatal(n, err)
		}
	}
	if len(o.text) != kept {
		t.Errorf("%d bytes are kept", len(o.text))
	}
	// 200,000 words and a quarter
	if got := o.Tokens(); got < 245_000 || got > 255_000 {
		t.Errorf("%d tokens", got)
	}
}

func TestComplete(t *testing.T) {
	n := cost.Of
	tests := []struct {
		name    string
		told    cost.Usage
		cut     bool
		want    cost.Usage
		counted string // what had to be estimated
	}{
		{"all is told", cost.Usage{Input: n(5), Output: n(6)}, false, cost.Usage{Input: n(5), Output: n(6)}, ""},
		{"nothing", cost.Usage{}, false, cost.Usage{Input: n(100), Output: n(10), Estimated: true}, "io"},
		{"no output", cost.Usage{Input: n(5), CachedInput: n(3)}, false, cost.Usage{Input: n(5), CachedInput: n(3), Output: n(10), Estimated: true}, "o"},
		// Anthropic counts one token of output when it begins.
		{"cut, at the beginning's count", cost.Usage{Input: n(5), Output: n(1)}, true, cost.Usage{Input: n(5), Output: n(10), Estimated: true}, "o"},
		// Gemini counts in each event, thoughts included that nobody saw.
		{"cut, with more told than seen", cost.Usage{Input: n(5), Output: n(400)}, true, cost.Usage{Input: n(5), Output: n(400), Estimated: true}, "o"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var counted string
			got := Complete(tt.told, tt.cut,
				func() int64 { counted += "i"; return 100 }, func() int64 { counted += "o"; return 10 })
			if got != tt.want || counted != tt.counted {
				t.Errorf("%+v after counting %q", got, counted)
			}
		})
	}
}

func BenchmarkOutput(b *testing.B) {
	for b.Loop() {
		o := NewOutput("gpt-4o")
		for range 100 {
			_, _ = o.WriteString(" token")
			_ = o.SoFar()
		}
	}
}

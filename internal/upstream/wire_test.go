package upstream

import (
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/layergateway/layergateway/internal/golden"
)

// What differs from run to run: the time, and OpenAI's obfuscation.
var (
	created     = regexp.MustCompile(`"created": ?\d+`)
	obfuscation = regexp.MustCompile(`"obfuscation":"[a-p]+"`)
)

// TestWire holds each provider's bytes against a golden file: thinking, text in front of two tool calls,
// and usage, in a stream and not.
func TestWire(t *testing.T) {
	const prompt = "Both. [[calls=2,preface,cached=2]]"
	requests := map[string]struct{ model, body string }{
		"openai": {"gpt-4o", `{"model":"gpt-4o","messages":[{"role":"user","content":"` + prompt + `"}],
			"tools":[{"type":"function","function":{"name":"weather","parameters":{"type":"object","properties":{"city":{"type":"string"}}}}}]`},
		"anthropic": {"claude-sonnet-4-5", `{"model":"claude-sonnet-4-5","max_tokens":2000,"thinking":{"type":"enabled","budget_tokens":1024},
			"messages":[{"role":"user","content":"` + prompt + `[[redacted,cache-write=1]]"}],
			"tools":[{"name":"weather","input_schema":{"type":"object","properties":{"city":{"type":"string"}}}},{"name":"now","input_schema":{"type":"object"}}]`},
		"google": {"gemini-3-flash-preview", `{"contents":[{"role":"user","parts":[{"text":"` + prompt + `"}]}],
			"generationConfig":{"thinkingConfig":{"includeThoughts":true}},
			"tools":[{"functionDeclarations":[{"name":"weather","parameters":{"type":"object","properties":{"city":{"type":"string"}}}}]}]`},
	}
	for provider, req := range requests {
		for _, stream := range []bool{false, true} {
			file, more := provider+".json", "}"
			if stream {
				file = provider + ".sse"
			}
			if stream && provider != "google" {
				more = `,"stream":true}`
			}
			if stream && provider == "openai" {
				more = `,"stream":true,"stream_options":{"include_usage":true}}`
			}
			t.Run(file, func(t *testing.T) {
				_, url := start(t)
				w, got := post(t, url, provider, req.model, stream, req.body+more, nil)
				if w.StatusCode != http.StatusOK {
					t.Fatalf("%d %s", w.StatusCode, got)
				}
				got = created.ReplaceAllString(got, `"created":1`)
				got = obfuscation.ReplaceAllString(got, `"obfuscation":"x"`)
				// The CR of line ends is made visible.
				golden.Compare(t, filepath.Join("testdata", file), []byte(strings.ReplaceAll(got, "\r", "<CR>")))
			})
		}
	}
}

package upstream

import (
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

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
				golden(t, file, got)
			})
		}
	}
}

// golden compares, with the CR of line ends made visible.
func golden(t *testing.T, file, got string) {
	t.Helper()
	path := filepath.Join("testdata", file)
	got = strings.ReplaceAll(got, "\r", "<CR>")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

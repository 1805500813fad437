// Package recorded plays recorded answers of real providers to a dialect and
// checks that a client sees of them what it should. It is for tests alone.
//
// The recordings lie in shared/recordings beside the checkout, or beside a
// directory above it; index.json there lists them. Tests skip where they are
// missing.
package recorded

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Case is one recorded answer.
type Case struct {
	ID       string
	Provider string // as the index names it, such as "gemini"
	Kind     string // how raw the recording is
	Tags     []string
	Stream   bool
	Status   int
	Header   http.Header
	URL      string // the path and query it was asked with, empty if unknown
	Request  []byte // the provider's own request, nil if unknown
	Body     []byte
	Expect   Expect
}

// Expect is what an OpenAI client must see of the answer. A nil pointer and an
// empty string say nothing.
type Expect struct {
	Text      string         `json:"text"`
	Reasoning string         `json:"reasoning"`
	ToolCalls []ExpectCall   `json:"tool_calls"`
	Finish    string         `json:"finish"`
	RawFinish string         `json:"raw_finish"`
	Usage     *ExpectUsage   `json:"usage"`
	Error     jsontext.Value `json:"error"`
	Model     string         `json:"model"`
	ID        string         `json:"id"`
}

// ExpectCall is an expected tool call. Arguments that the provider left
// unfinished are {"_raw": "the text so far"}.
type ExpectCall struct {
	ID        string         `json:"id"`
	Name      string         `json:"name"`
	Arguments jsontext.Value `json:"arguments"`
}

// ExpectUsage is the expected usage, in OpenAI's terms.
type ExpectUsage struct {
	Prompt     int64  `json:"prompt_tokens"`
	Completion int64  `json:"completion_tokens"`
	Total      int64  `json:"total_tokens"`
	Cached     *int64 `json:"cached_tokens"`
	CacheWrite *int64 `json:"cache_write_tokens"`
	Reasoning  *int64 `json:"reasoning_tokens"`
}

// Failed reports whether the answer holds an error: its status, or an event of
// its stream.
func (c *Case) Failed() bool {
	return c.Status >= 400 || c.Expect.Error.Kind() == '{'
}

// Has reports whether the recording shows what the tag names.
func (c *Case) Has(tag string) bool { return slices.Contains(c.Tags, tag) }

// Load gives the recordings of the named providers, all of them if none is
// named. It skips the test where there are no recordings.
func Load(t testing.TB, providers ...string) []Case {
	t.Helper()
	dir := find()
	if dir == "" {
		t.Skip("no recordings: there is no shared/recordings beside the checkout")
	}
	var index []struct {
		ID       string            `json:"id"`
		Provider string            `json:"provider"`
		Kind     string            `json:"kind"`
		Tags     []string          `json:"tags"`
		Stream   bool              `json:"stream"`
		Status   int               `json:"status"`
		Headers  map[string]string `json:"headers"`
		URL      string            `json:"url"`
		Request  string            `json:"request"`
		File     string            `json:"file"`
		Expect   Expect            `json:"expect"`
	}
	if err := json.Unmarshal(read(t, filepath.Join(dir, "index.json")), &index); err != nil {
		t.Fatalf("index.json: %v", err)
	}
	var cases []Case
	for _, x := range index {
		if len(providers) > 0 && !slices.Contains(providers, x.Provider) {
			continue
		}
		c := Case{ID: x.ID, Provider: x.Provider, Kind: x.Kind, Tags: x.Tags, Stream: x.Stream,
			Status: x.Status, URL: x.URL, Expect: x.Expect, Header: http.Header{}}
		for name, value := range x.Headers {
			c.Header.Set(name, value)
		}
		c.Body = read(t, filepath.Join(dir, filepath.FromSlash(x.File)))
		if x.Request != "" {
			c.Request = read(t, filepath.Join(dir, filepath.FromSlash(x.Request)))
		}
		cases = append(cases, c)
	}
	if len(cases) == 0 {
		t.Fatalf("no recordings of %v", providers)
	}
	return cases
}

// find walks up from the package's directory to one that has shared/recordings
// beside or in it.
func find() string {
	dir, err := os.Getwd()
	if err != nil {
		return ""
	}
	for {
		candidate := filepath.Join(dir, "shared", "recordings")
		if _, err := os.Stat(filepath.Join(candidate, "index.json")); err == nil {
			return candidate
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return ""
		}
		dir = parent
	}
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("read recording: %v", err)
	}
	return b
}

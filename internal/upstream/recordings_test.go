package upstream

import (
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
)

// recordings is where real traffic lies, beside the checkout; the test skips without it.
const recordings = "../../../shared/recordings"

// TestRecorded sends what real clients sent to the real providers: what was taken must be taken here, and
// what was refused must be refused with the same words.
func TestRecorded(t *testing.T) {
	index, err := os.ReadFile(filepath.Join(recordings, "index.json"))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("no recorded provider traffic at " + recordings)
	} else if err != nil {
		t.Fatal(err)
	}
	var all []struct {
		ID       string `json:"id"`
		Provider string `json:"provider"`
		Status   int    `json:"status"`
		File     string `json:"file"`
		Request  string `json:"request"`
		URL      string `json:"url"`
	}
	if err := json.Unmarshal(index, &all); err != nil {
		t.Fatal(err)
	}
	_, server := start(t)
	ran := 0
	for _, rec := range all {
		provider := strings.Replace(rec.Provider, "gemini", "google", 1)
		if rec.Request == "" || provider != "openai" && provider != "anthropic" && provider != "google" {
			continue
		}
		ran++
		t.Run(rec.ID, func(t *testing.T) {
			body := read(t, rec.Request)
			req := parse(t, string(body))
			model := str(req, "model")
			if u, err := url.Parse(rec.URL); provider == "google" && err == nil {
				model, _, _ = strings.Cut(filepath.Base(u.Path), ":")
			}
			w, got := post(t, server, provider, model, false, marshal(t, unseal(req)), nil)
			if w.StatusCode != rec.Status {
				t.Fatalf("status %d, recorded %d: %s", w.StatusCode, rec.Status, got)
			}
			if rec.Status != http.StatusOK {
				want, got := parse(t, string(read(t, rec.File))), parse(t, got)
				if w, g := marshal(t, want["error"]), marshal(t, got["error"]); w != g {
					t.Errorf("error\n%s, recorded\n%s", g, w)
				}
			}
		})
	}
	if ran < 30 {
		t.Errorf("only %d recorded requests found", ran)
	}
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(recordings, file))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// unseal puts the documented sentinel in the place of real thought signatures, which only Google can check.
func unseal(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			if k == "thoughtSignature" || k == "thought_signature" {
				v[k] = googleSentinels[0]
			}
			v[k] = unseal(v[k])
		}
	case []any:
		for i := range v {
			v[i] = unseal(v[i])
		}
	}
	return v
}

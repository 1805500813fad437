package openai

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/layergateway/layergateway/internal/golden"
	"github.com/layergateway/layergateway/sse"
)

// ours is what the gateway adds in these tests.
func ours(usage []byte) Trailer {
	return Trailer{Usage: usage, Cost: []byte("0.001"), Layer: []byte(`{"gate":"g"}`)}
}

// feed plays an upstream's stream to an answer, as a dialect does.
func feed(upstream string, a Answer) error {
	var chunks ChunkReader
	events := sse.NewReader(strings.NewReader(upstream), 0)
	for {
		ev, err := events.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if string(ev.Data) == "[DONE]" {
			continue
		}
		c, err := chunks.Read(ev.Data)
		if err != nil {
			return err
		}
		if err := a.RawChunk(c); err != nil {
			return err
		}
		// What is kept must not lie in the event.
		for i := range ev.Data {
			ev.Data[i] = '#'
		}
	}
}

func relayed(upstream string, includeUsage bool) (string, error) {
	s := NewStream(includeUsage)
	if err := feed(upstream, s); err != nil {
		return "", err
	}
	s.End(ours(s.Usage()))
	return string(s.Ready()), nil
}

func gathered(upstream string) (string, error) {
	w := NewWhole()
	if err := feed(upstream, w); err != nil {
		return "", err
	}
	return string(w.Append(nil, ours(w.Usage()))) + "\n", nil
}

var minted = regexp.MustCompile(`call_[0-9a-f]{24}`)

// numbered gives minted ids names that are the same in every run.
func numbered(s string) string {
	names := map[string]string{}
	return minted.ReplaceAllStringFunc(s, func(id string) string {
		if names[id] == "" {
			names[id] = fmt.Sprintf("call_minted_%d", len(names))
		}
		return names[id]
	})
}

// compare checks against a file, with minted ids by number.
func compare(t *testing.T, path, got string) {
	t.Helper()
	golden.Compare(t, path, []byte(numbered(got)))
}

// TestRelay plays each upstream.sse to a client that asked for usage, to one
// that did not, and to one that wants no stream.
func TestRelay(t *testing.T) {
	created := regexp.MustCompile(`"created":\d+`)
	dirs, err := filepath.Glob("testdata/relay/*")
	if err != nil || len(dirs) == 0 {
		t.Fatal(dirs, err)
	}
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			b, err := os.ReadFile(filepath.Join(dir, "upstream.sse"))
			if err != nil {
				t.Fatal(err)
			}
			for file, includeUsage := range map[string]bool{"client.sse": false, "client_usage.sse": true} {
				got, err := relayed(string(b), includeUsage)
				if err != nil {
					t.Fatal(err)
				}
				compare(t, filepath.Join(dir, file), got)
				// But for spaces: a trailer of another's is cut out for ours.
				again, err := relayed(got, includeUsage)
				if err != nil || strings.ReplaceAll(again, " ", "") != strings.ReplaceAll(got, " ", "") {
					t.Errorf("%s: a second gateway makes %s (%v) of %s", file, again, err, got)
				}
			}
			got, err := gathered(string(b))
			if err != nil {
				t.Fatal(err)
			}
			compare(t, filepath.Join(dir, "client.json"), created.ReplaceAllString(got, `"created":1700000000`))
		})
	}
}

package anthropic

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/layergateway/layergateway/internal/golden"
	"github.com/layergateway/layergateway/internal/recorded"
	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/provider"
)

func fixed() time.Time { return time.Unix(1700000000, 0) }

// TestGolden translates testdata/anthropic/<case>/request.json, the client's
// request, and compares upstream_request.json, or error.json where the gateway
// refuses it, and dropped.txt. If there is an upstream.json or upstream.sse, what
// the client gets of it is client.json or client.sse.
func TestGolden(t *testing.T) {
	dirs, err := filepath.Glob("testdata/anthropic/*")
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			c, up, err := translate(t, golden.Read(t, dir, "request.json"))
			var refused *openai.Error
			if errors.As(err, &refused) {
				golden.Compare(t, filepath.Join(dir, "error.json"), golden.Indent(t, refused.AppendJSON(nil)))
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			golden.Compare(t, filepath.Join(dir, "upstream_request.json"), golden.Indent(t, up))
			golden.Compare(t, filepath.Join(dir, "dropped.txt"), []byte(strings.Join(append(c.Dropped(), ""), "\n")))
			play(t, dir, c)
		})
	}
}

// translate gives the chat of a request, whose model is the provider's, and the
// upstream request's body.
func translate(t testing.TB, body []byte) (*chat, []byte, error) {
	t.Helper()
	r, err := openai.ParseChat(body)
	if err != nil {
		t.Fatal(err)
	}
	c := New(Options{Now: fixed})().(*chat)
	model, _ := r.String("model")
	req, err := c.Request(context.Background(), &provider.Call{
		Provider: &provider.Provider{Name: "anthropic", BaseURL: "https://api.anthropic.com/v1"},
		Key:      "secret", Model: model, Request: r, Edits: new(openai.Edits), Stream: r.Stream,
	})
	if err != nil {
		return c, nil, err
	}
	up, err := io.ReadAll(req.Body)
	if err != nil {
		t.Fatal(err)
	}
	return c, up, nil
}

// play plays the upstream's answer in the form that the client asked for, and
// checks that in the other form it says the same.
func play(t *testing.T, dir string, c *chat) {
	again := func() *chat {
		c, _, err := translate(t, golden.Read(t, dir, "request.json"))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	whole, _ := os.ReadFile(filepath.Join(dir, "upstream.json"))
	stream, _ := os.ReadFile(filepath.Join(dir, "upstream.sse"))
	var one, other recorded.Played
	switch {
	case whole != nil:
		played := recorded.Case{Status: http.StatusOK, Body: whole}
		one, other = played.WholeToWhole(t, c), played.WholeToStream(t, again())
		golden.Compare(t, filepath.Join(dir, "client.json"), golden.Indent(t, one.Bytes))
	case stream != nil:
		played := recorded.Case{Status: http.StatusOK, Stream: true, Body: stream}
		one, other = played.StreamToStream(t, c), played.StreamToWhole(t, again())
		golden.Compare(t, filepath.Join(dir, "client.sse"), one.Bytes)
		recorded.CheckSplits(t, stream)
	default:
		return
	}
	if (one.Err == nil) != (other.Err == nil) {
		t.Fatalf("errors differ: %v, %v", one.Err, other.Err)
	}
	if one.Err != nil {
		return
	}
	one.Done, other.Done = false, false
	if !reflect.DeepEqual(one.Seen, other.Seen) || one.Native != other.Native || one.Usage != other.Usage {
		t.Errorf("as a stream and as a whole the answer differs:\n%+v\n%+v", one, other)
	}
}

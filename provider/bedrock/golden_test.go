package bedrock

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/layergateway/layergateway/internal/golden"
	"github.com/layergateway/layergateway/internal/recorded"
	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/provider"
)

// TestGolden translates testdata/bedrock/<case>/request.json, the client's
// request, and compares upstream_request.json, or error.json where the gateway
// refuses it, and dropped.txt. If there is an upstream.json, or an
// upstream.events with the frames of a stream as lines of name and payload, what
// the client gets of it is client.json or client.sse.
func TestGolden(t *testing.T) {
	dirs, err := filepath.Glob("testdata/bedrock/*")
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			body := golden.Read(t, dir, "request.json")
			c, up, err := translate(t, body)
			var refused *openai.Error
			if errors.As(err, &refused) {
				golden.Compare(t, filepath.Join(dir, "error.json"), golden.Indent(t, refused.AppendJSON(nil)))
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, again, err := translate(t, body); err != nil || !bytes.Equal(up, again) {
				t.Errorf("the second time: %v\n%s", err, again)
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
	req, err := c.Request(t.Context(), &provider.Call{
		Provider: &provider.Provider{Name: "bedrock", BaseURL: "https://bedrock-runtime.eu-central-1.amazonaws.com"},
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
	events, _ := os.ReadFile(filepath.Join(dir, "upstream.events"))
	var one, other recorded.Played
	switch {
	case whole != nil:
		played := recorded.Case{Status: 200, Body: whole}
		one, other = played.WholeToWhole(t, c), played.WholeToStream(t, again())
		golden.Compare(t, filepath.Join(dir, "client.json"), golden.Indent(t, sameID(one.Bytes)))
	case events != nil:
		played := recorded.Case{Status: 200, Stream: true, Body: stream(t, string(events))}
		one, other = played.StreamToStream(t, c), played.StreamToWhole(t, again())
		golden.Compare(t, filepath.Join(dir, "client.sse"), sameID(one.Bytes))
		recorded.CheckFrames(t, c, played.Body)
	default:
		return
	}
	if one.Err != nil || other.Err != nil {
		t.Fatalf("errors: %v, %v", one.Err, other.Err)
	}
	one.Done, other.Done, one.ID, other.ID = false, false, "", ""
	if !reflect.DeepEqual(one.Seen, other.Seen) || one.Native != other.Native || one.Usage != other.Usage {
		t.Errorf("as a stream and as a whole the answer differs:\n%+v\n%+v", one, other)
	}
}

// stream frames lines of name and payload.
func stream(t testing.TB, lines string) []byte {
	t.Helper()
	var b []byte
	for line := range strings.Lines(lines) {
		name, payload, _ := strings.Cut(strings.TrimSpace(line), " ")
		if exception, ok := strings.CutPrefix(name, exceptionPrefix); ok {
			b = append(b, exceptionFrame(t, exception, payload)...)
		} else {
			b = append(b, eventFrame(t, name, payload)...)
		}
	}
	return b
}

var mintedID = regexp.MustCompile(`chatcmpl-[0-9a-f-]{36}`)

// sameID gives the answer an id that stays.
func sameID(b []byte) []byte { return mintedID.ReplaceAll(b, []byte("chatcmpl-1")) }

package cohere

import (
	"bytes"
	"context"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/layergateway/layergateway/internal/golden"
	"github.com/layergateway/layergateway/internal/recorded"
	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/provider"
)

const goldens = "testdata/cohere"

func newChat() *chat {
	c := New().(*chat)
	c.now = func() time.Time { return time.Unix(1700000000, 0) }
	c.model = "command-a-03-2025"
	return c
}

// newCall makes a call of a client's body as the relay does.
func newCall(t testing.TB, body []byte) *provider.Call {
	t.Helper()
	r, err := openai.ParseChat(body)
	if err != nil {
		t.Fatalf("the client's request: %v", err)
	}
	model, _ := r.String("model")
	return &provider.Call{
		Provider: &provider.Provider{Name: "cohere", BaseURL: "https://cohere.test/v2"},
		Key:      "secret-key", Model: model, Request: r, Edits: new(openai.Edits), Stream: r.Stream,
	}
}

func readBody(t testing.TB, req *http.Request) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := b.ReadFrom(req.Body); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Each case is a request as a client sends it, what goes to Cohere, what comes
// back and what the client gets. upstream_request.json holds the URL, the
// parameters reported as dropped, and the body.
func TestGolden(t *testing.T) {
	dirs, err := filepath.Glob(goldens + "/*")
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			call := newCall(t, golden.Read(t, dir, "request.json"))
			golden.Compare(t, filepath.Join(dir, "upstream_request.json"), upstream(t, call))
			if call.Stream {
				c := recorded.Case{Body: golden.Read(t, dir, "upstream.sse")}
				stream := c.StreamToStream(t, newChat())
				agree(t, c.StreamToWhole(t, newChat()), stream)
				golden.Compare(t, filepath.Join(dir, "client.sse"), stream.Bytes)
				return
			}
			c := recorded.Case{Body: golden.Read(t, dir, "upstream.json")}
			whole := c.WholeToWhole(t, newChat())
			agree(t, whole, c.WholeToStream(t, newChat()))
			out := jsontext.Value(whole.Bytes)
			if err := out.Indent(jsontext.WithIndent("  ")); err != nil {
				t.Fatal(err)
			}
			golden.Compare(t, filepath.Join(dir, "client.json"), append(out, '\n'))
		})
	}
}

// Cohere's own stream and its own whole answer of the same words come out the
// same.
func TestWholeAndStreamAgree(t *testing.T) {
	for _, name := range []string{"tools", "thinking"} {
		stream := recorded.Case{Body: golden.Read(t, goldens, name+"_stream", "upstream.sse")}
		whole := recorded.Case{Body: golden.Read(t, goldens, name, "upstream.json")}
		agree(t, whole.WholeToWhole(t, newChat()), stream.StreamToStream(t, newChat()))
	}
}

// agree checks that a client that streams and one that does not get the same
// answer.
func agree(t *testing.T, whole, stream recorded.Played) {
	t.Helper()
	if whole.Err != nil || stream.Err != nil {
		t.Fatalf("errors: %v, %v", whole.Err, stream.Err)
	}
	stream.Done = false
	if diff := cmp.Diff(whole.Seen, stream.Seen); diff != "" {
		t.Errorf("whole and stream differ:\n%s", diff)
	}
	if whole.Usage != stream.Usage || whole.Native != stream.Native {
		t.Errorf("whole: %s %+v, stream: %s %+v", whole.Native, whole.Usage, stream.Native, stream.Usage)
	}
}

// upstream is a readable form of the upstream request, which must come out the
// same each time.
func upstream(t *testing.T, call *provider.Call) []byte {
	t.Helper()
	var bodies [2][]byte
	var doc struct {
		URL     string         `json:"url"`
		Dropped []string       `json:"dropped"`
		Body    jsontext.Value `json:"body"`
	}
	for i := range bodies {
		chat := newChat()
		req, err := chat.Request(context.Background(), call)
		if err != nil {
			t.Fatalf("Request: %v", err)
		}
		bodies[i] = readBody(t, req)
		doc.URL, doc.Dropped, doc.Body = req.Method+" "+req.URL.String(), chat.Dropped(), bodies[i]
	}
	if !bytes.Equal(bodies[0], bodies[1]) {
		t.Error("the same request gives other bytes the second time")
	}
	b, err := json.Marshal(doc, jsontext.Multiline(true), jsontext.WithIndent("  "))
	if err != nil {
		t.Fatal(err)
	}
	return append(b, '\n')
}

package google

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
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

const goldens = "testdata/google"

func newChat() *chat {
	c := New().(*chat)
	c.now = func() time.Time { return time.Unix(1700000000, 0) }
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
		Provider: &provider.Provider{Name: "google", BaseURL: "https://gemini.test/v1beta"},
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

// Each case is a request as a client sends it, what goes to Gemini, what comes
// back and what the client gets. upstream_request.json holds the URL, the
// parameters reported as dropped, and the body.
func TestGolden(t *testing.T) {
	dirs, err := filepath.Glob(goldens + "/*")
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			request, err := os.ReadFile(filepath.Join(dir, "request.json"))
			if err != nil {
				t.Fatal(err)
			}
			call, chat := newCall(t, request), newChat()
			golden.Compare(t, filepath.Join(dir, "upstream_request.json"), upstream(t, chat, call))
			if call.Stream {
				golden.Compare(t, filepath.Join(dir, "client.sse"), clientStream(t, chat, dir))
			} else {
				golden.Compare(t, filepath.Join(dir, "client.json"), clientWhole(t, chat, dir))
			}
		})
	}
}

// upstream is a readable form of the upstream request, which must come out the
// same each time.
func upstream(t *testing.T, chat *chat, call *provider.Call) []byte {
	t.Helper()
	var bodies [2][]byte
	var url string
	for i, c := range []provider.Chat{newChat(), chat} {
		req, err := c.Request(context.Background(), call)
		if err != nil {
			t.Fatalf("Request: %v", err)
		}
		bodies[i], url = readBody(t, req), req.Method+" "+req.URL.String()
	}
	if !bytes.Equal(bodies[0], bodies[1]) {
		t.Error("the same request gives other bytes the second time")
	}
	doc := struct {
		URL     string         `json:"url"`
		Dropped []string       `json:"dropped"`
		Body    jsontext.Value `json:"body"`
	}{url, chat.Dropped(), bodies[1]}
	b, err := json.Marshal(doc, jsontext.Multiline(true), jsontext.WithIndent("  "))
	if err != nil {
		t.Fatal(err)
	}
	return append(b, '\n')
}

func clientStream(t *testing.T, chat *chat, dir string) []byte {
	t.Helper()
	body, err := os.ReadFile(filepath.Join(dir, "upstream.sse"))
	if err != nil {
		t.Fatal(err)
	}
	events, err := recorded.Events(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	s, w, other := openai.NewStream(false), openai.NewWhole(), newChat()
	other.model = chat.model
	for _, e := range events {
		if err := chat.Event(e.SSE(), s); err != nil {
			t.Fatalf("Event: %v", err)
		}
		if err := other.Event(e.SSE(), w); err != nil {
			t.Fatalf("Event: %v", err)
		}
	}
	if err := chat.End(s); err != nil {
		t.Fatalf("End: %v", err)
	}
	if err := other.End(w); err != nil {
		t.Fatalf("End: %v", err)
	}
	return agree(t, s, w, chat)
}

func clientWhole(t *testing.T, chat *chat, dir string) []byte {
	t.Helper()
	body, err := os.ReadFile(filepath.Join(dir, "upstream.json"))
	if err != nil {
		t.Fatal(err)
	}
	s, w, other := openai.NewStream(false), openai.NewWhole(), newChat()
	other.model = chat.model
	if err := other.Whole(body, s); err != nil {
		t.Fatalf("Whole: %v", err)
	}
	if err := chat.Whole(body, w); err != nil {
		t.Fatalf("Whole: %v", err)
	}
	agree(t, s, w, chat)
	b := jsontext.Value(w.Append(nil, trailer(t, chat)))
	if err := b.Indent(jsontext.WithIndent("  ")); err != nil {
		t.Fatalf("the completion: %v", err)
	}
	return append(stable(b), '\n')
}

// agree checks that a client that streams and one that does not get the same
// answer, and gives the stream.
func agree(t *testing.T, s *openai.Stream, w *openai.Whole, chat *chat) []byte {
	t.Helper()
	s.End(trailer(t, chat))
	stream := bytes.Clone(s.Ready())
	if bytes.Contains(stream, []byte(`"index":1,"delta"`)) {
		return stable(stream) // the strict client reads one choice
	}
	streamed, err := recorded.Assemble(stable(stream))
	if err != nil {
		t.Fatalf("the stream: %v", err)
	}
	whole, err := recorded.Read(stable(w.Append(nil, trailer(t, chat))))
	if err != nil {
		t.Fatalf("the completion: %v", err)
	}
	streamed.Done = false
	if diff := cmp.Diff(whole, streamed); diff != "" {
		t.Errorf("whole and stream differ:\n%s", diff)
	}
	return stable(stream)
}

// trailer has the usage in place of the relay's own.
func trailer(t *testing.T, chat *chat) openai.Trailer {
	t.Helper()
	u := chat.Usage()
	layer := fmt.Sprintf(`{"input":%d,"cached":%d,"output":%d,"reasoning":%d}`,
		u.Input.Or(-1), u.CachedInput.Or(-1), u.Output.Or(-1), u.Reasoning.Or(-1))
	return openai.Trailer{Cost: []byte("null"), Layer: []byte(layer)}
}

var madeID = regexp.MustCompile(`(call_|chatcmpl-)[0-9a-f]{24}`)

// stable numbers the ids that are made by chance.
func stable(b []byte) []byte {
	var seen []string
	return madeID.ReplaceAllFunc(b, func(id []byte) []byte {
		i := slices.Index(seen, string(id))
		if i < 0 {
			i, seen = len(seen), append(seen, string(id))
		}
		return fmt.Appendf(nil, "made-%d", i)
	})
}

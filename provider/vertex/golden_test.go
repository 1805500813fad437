package vertex

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/internal/golden"
	"github.com/layergateway/layergateway/internal/recorded"
	"github.com/layergateway/layergateway/provider"
)

// Each case is a request as a client sends it, what goes to Vertex AI, what comes
// back and what the client gets. upstream_request.json holds the URL, the header,
// the parameters reported as dropped, and the body.
func TestGolden(t *testing.T) {
	dirs, err := filepath.Glob("testdata/vertex/*")
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			chat, up := translate(t, dir)
			if other, again := translate(t, dir); !bytes.Equal(up, again) || !reflect.DeepEqual(chat.Dropped(), other.Dropped()) {
				t.Error("the same request gives other bytes the second time")
			}
			golden.Compare(t, filepath.Join(dir, "upstream_request.json"), up)
			play(t, dir, chat)
		})
	}
}

func translate(t *testing.T, dir string) (provider.Chat, []byte) {
	t.Helper()
	call := newCall(t, BaseURL("eu"), "k", "", string(golden.Read(t, dir, "request.json")))
	call.Model, _ = call.Request.String("model")
	chat := New(Options{Project: "p", Location: "eu", Now: func() time.Time { return time.Unix(1700000000, 0) }})()
	req, err := chat.Request(context.Background(), call)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		t.Fatal(err)
	}
	doc := struct {
		URL     string         `json:"url"`
		Header  http.Header    `json:"header"`
		Dropped []string       `json:"dropped"`
		Body    jsontext.Value `json:"body"`
	}{req.Method + " " + req.URL.String(), req.Header, chat.Dropped(), body}
	b, err := json.Marshal(doc, json.Deterministic(true), jsontext.Multiline(true), jsontext.WithIndent("  "))
	if err != nil {
		t.Fatal(err)
	}
	return chat, append(b, '\n')
}

// play plays the upstream's answer in the form that the client asked for, and
// checks that in the other form it says the same.
func play(t *testing.T, dir string, chat provider.Chat) {
	t.Helper()
	again, _ := translate(t, dir)
	var one, other recorded.Played
	if stream, err := os.ReadFile(filepath.Join(dir, "upstream.sse")); err == nil {
		played := recorded.Case{Status: http.StatusOK, Stream: true, Body: stream}
		one, other = played.StreamToStream(t, chat), played.StreamToWhole(t, again)
		golden.Compare(t, filepath.Join(dir, "client.sse"), one.Bytes)
		recorded.CheckSplits(t, stream)
	} else {
		played := recorded.Case{Status: http.StatusOK, Body: golden.Read(t, dir, "upstream.json")}
		one, other = played.WholeToWhole(t, chat), played.WholeToStream(t, again)
		v := jsontext.Value(one.Bytes)
		if err := v.Indent(jsontext.WithIndent("  ")); err != nil {
			t.Fatalf("%v: %s", err, one.Bytes)
		}
		golden.Compare(t, filepath.Join(dir, "client.json"), append(v, '\n'))
	}
	if one.Err != nil || other.Err != nil {
		t.Fatalf("errors: %v, %v", one.Err, other.Err)
	}
	one.Done, other.Done = false, false
	if !reflect.DeepEqual(one.Seen, other.Seen) || one.Native != other.Native || one.Usage != other.Usage {
		t.Errorf("as a stream and as a whole the answer differs:\n%+v\n%+v", one, other)
	}
}

package relay

import (
	"bytes"
	"io"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/provider/bedrock"
)

// framed is a stream of Bedrock's: lines of name and payload, of which one that
// begins with ! is an exception.
func framed(t *testing.T, lines ...string) string {
	t.Helper()
	var b bytes.Buffer
	for _, line := range lines {
		name, payload, _ := strings.Cut(line, " ")
		kind, header := "event", ":event-type"
		if exception, ok := strings.CutPrefix(name, "!"); ok {
			name, kind, header = exception, "exception", ":exception-type"
		}
		m := eventstream.Message{Payload: []byte(payload)}
		m.Headers.Set(header, eventstream.StringValue(name))
		m.Headers.Set(":message-type", eventstream.StringValue(kind))
		if err := eventstream.NewEncoder().Encode(&b, m); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

// Streams that are not server-sent events are relayed like those.
func TestFrames(t *testing.T) {
	const (
		hel      = `contentBlockDelta {"contentBlockIndex":0,"delta":{"text":"hel"}}`
		lo       = `contentBlockDelta {"contentBlockIndex":0,"delta":{"text":"lo"}}`
		stop     = `messageStop {"stopReason":"end_turn"}`
		metadata = `metadata {"usage":{"inputTokens":10,"outputTokens":2}}`
		slow     = `!throttlingException {"message":"slow down"}`
	)
	whole := framed(t, hel, lo, stop, metadata)
	for _, c := range []struct {
		name    string
		body    string
		status  int
		outcome Outcome
		text    string // of the stream, as far as it comes
		usage   int64
	}{
		{"whole", whole, 200, OK, "hello", 10},
		{"no usage", framed(t, hel, lo, stop), 200, OK, "hello", 0},
		{"usage is cut", whole[:len(whole)-3], 200, OK, "hello", 0},
		{"cut between frames", framed(t, hel), 200, Truncated, "hel", 0},
		{"cut in a frame", framed(t, hel) + whole[:20], 200, Truncated, "hel", 0},
		{"no frames", framed(t, hel) + "<html>so long</html>", 200, Truncated, "hel", 0},
		{"exception behind content", framed(t, hel, slow), 200, ProviderError, "hel", 0},
		{"exception first", framed(t, slow), 429, ProviderError, "", 0},
		{"web page", "<html>no frames at all</html>", 502, ProviderError, "", 0},
		{"frame too large", framed(t, hel) + "\x01\x00\x00\x11\x00\x00\x00\x00\xf4\x08\x61\xc5", 200, ProviderError, "hel", 0},
	} {
		for how, body := range map[string]string{"stream": hiStream, "whole": hi} {
			t.Run(c.name+", "+how, func(t *testing.T) {
				r := setup(t, &upstream{answers: []answer{{typ: "application/vnd.amazon.eventstream", read: io.MultiReader(strings.NewReader(c.body))}}}, nil, gateJSON(""))
				r.Providers["a"].NewChat = bedrock.New(bedrock.Options{})
				w, rec := ask(r, body, nil)
				if how == "whole" {
					checkGathered(t, w, rec, c.status, c.outcome, c.usage)
					return
				}
				if w.Code != c.status || rec.Outcome != c.outcome {
					t.Fatalf("%d %s, want %d %s: %s", w.Code, rec.Outcome, c.status, c.outcome, w.Body)
				}
				if exact := rec.Usage.Input == cost.Of(c.usage) && !rec.Usage.Estimated; exact != (c.usage > 0) || rec.Usage.Input.Known() != (w.Code == 200) {
					t.Errorf("usage %+v", rec.Usage)
				}
				if w.Code != 200 {
					return
				}
				text := ""
				for _, piece := range []string{"hel", "lo"} {
					if strings.Contains(w.Body.String(), `"content":"`+piece+`"`) {
						text += piece
					}
				}
				done, failed := strings.Contains(w.Body.String(), "[DONE]"), strings.Contains(w.Body.String(), `data: {"error"`)
				if text != c.text || done != (c.outcome == OK) || failed == done {
					t.Errorf("%s", w.Body)
				}
			})
		}
	}
}

// checkGathered checks the answer to a client that asked for no stream: all of
// it, or an error.
func checkGathered(t *testing.T, w *httptest.ResponseRecorder, rec *Record, status int, outcome Outcome, usage int64) {
	t.Helper()
	if outcome == OK {
		if w.Code != 200 || rec.Outcome != OK || !strings.Contains(w.Body.String(), `"content":"hello"`) || rec.Usage.Estimated != (usage == 0) {
			t.Errorf("%d %+v: %s", w.Code, rec, w.Body)
		}
		return
	}
	if w.Code < 400 || rec.Outcome != ProviderError || status != 200 && w.Code != status {
		t.Errorf("%d %+v: %s", w.Code, rec, w.Body)
	}
	errorOf(t, w.Body.Bytes())
}

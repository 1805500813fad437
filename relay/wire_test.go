package relay

import (
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"

	"github.com/layergateway/layergateway/access"
	"github.com/layergateway/layergateway/internal/recorded"
	"github.com/layergateway/layergateway/provider/anthropic"
)

// TestOddWires: answers that are written in another way than usual, but right,
// are the client's all the same: whole or as a stream, as it asked.
func TestOddWires(t *testing.T) {
	gzipped := http.Header{"Content-Encoding": {"gzip"}, "Content-Length": {"1"}}
	lines := func(end string) io.Reader { return strings.NewReader(strings.ReplaceAll(goodStream, "\n", end)) }
	first := goodStream[:strings.Index(goodStream, "\n\n")+2]
	noise := "\ufeff: hello\n\nevent: ping\ndata:\n\nid: 7\nretry: 10\nunknown: x\n" + strings.ReplaceAll(goodStream, "data: ", ": x\ndata: ")
	const sse = "text/event-stream"
	tests := []struct {
		id     string
		a      answer
		stream bool
		text   string
	}{
		{id: "D22", a: answer{body: `{"id":"c1","object":"chat.completion","created":1,"model":"m-1","choices":[],"usage":{"prompt_tokens":10,"completion_tokens":2,"total_tokens":12}}`}},
		{id: "D23", a: answer{header: gzipped, body: zipped(good)}, text: "hello"},
		{id: "D24", a: answer{body: good}, stream: true, text: "hello"},
		{id: "D25", a: answer{typ: sse, body: goodStream}, text: "hello"},
		{id: "D31 LF", a: answer{typ: sse, read: lines("\n")}, stream: true, text: "hello"},
		{id: "D31 CRLF", a: answer{typ: sse, read: lines("\r\n")}, stream: true, text: "hello"},
		{id: "D31 CR", a: answer{typ: sse, read: lines("\r")}, stream: true, text: "hello"},
		{id: "D31 split", a: answer{typ: sse, read: iotest.OneByteReader(lines("\r\n"))}, stream: true, text: "hello"},
		{id: "D33", a: answer{typ: sse, body: noise}, stream: true, text: "hello"},
		{id: "D35 no space", a: answer{typ: sse, body: strings.ReplaceAll(goodStream, "data: ", "data:")}, stream: true, text: "hello"},
		{id: "D35 lines", a: answer{typ: sse, body: strings.ReplaceAll(goodStream, `,"choices"`, ",\ndata: \"choices\"")}, stream: true, text: "hello"},
		{id: "D38", a: answer{typ: sse, header: gzipped, body: zipped(goodStream)}, stream: true, text: "hello"},
		{id: "W3 no role", a: answer{typ: sse, body: strings.TrimPrefix(goodStream, first)}, stream: true, text: "hello"},
	}
	for _, test := range tests {
		t.Run(test.id, func(t *testing.T) {
			body := hi
			if test.stream {
				body = hiStream
			}
			w, rec := ask(setup(t, &upstream{answers: []answer{test.a}}, nil, gateJSON(``)), body, nil)
			if w.Code != http.StatusOK || rec.Outcome != OK || rec.Bill.Total.String() != "0.000014" {
				t.Fatalf("%d, %s, %s: %s", w.Code, rec.Outcome, rec.Bill.Total, w.Body)
			}
			if w.Header().Get("Content-Encoding") != "" || w.Header().Get("Content-Length") == "1" {
				t.Errorf("headers %v", w.Header())
			}
			read := recorded.Read
			if test.stream {
				read = recorded.Assemble
			}
			seen, err := read(w.Body.Bytes())
			if err != nil || seen.Text != test.text || seen.Done != test.stream || seen.Failure != nil {
				t.Errorf("%v, %+v: %s", err, seen, w.Body)
			}
		})
	}
}

// TestZippedEventsArrive (D38): an event that the upstream has flushed reaches
// the client before more of a compressed stream comes.
func TestZippedEventsArrive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		list := strings.SplitAfter(goodStream, "\n\n")
		pipe, feed := io.Pipe()
		w := &attentive{ResponseRecorder: httptest.NewRecorder(), wants: `"hel"`, seen: make(chan struct{})}
		a := answer{typ: "text/event-stream", header: http.Header{"Content-Encoding": {"gzip"}}, read: pipe}
		r := setup(t, &upstream{answers: []answer{a}}, nil, gateJSON(``))
		go func() {
			z := gzip.NewWriter(feed)
			_, err := io.WriteString(z, list[0]+list[1])
			err = errors.Join(err, z.Flush())
			<-w.seen // a stream that is held back ends the test here
			_, more := io.WriteString(z, strings.Join(list[2:], ""))
			feed.CloseWithError(errors.Join(err, more, z.Close()))
		}()
		req := httptest.NewRequest(http.MethodPost, "/v1/chat/completions", strings.NewReader(hiStream))
		rec := NewRecord(r.Now())
		r.Chat(w, req, &access.Key{Name: "k", Gates: []string{"assistant"}}, rec)
		if rec.Outcome != OK || !strings.HasSuffix(w.Body.String(), "data: [DONE]\n\n") {
			t.Errorf("%s: %s", rec.Outcome, w.Body)
		}
		r.Gates.Close()
	})
}

// attentive is a client that tells when some text has been flushed to it.
type attentive struct {
	*httptest.ResponseRecorder
	wants string
	seen  chan struct{}
	once  sync.Once
}

func (w *attentive) Flush() {
	w.ResponseRecorder.Flush()
	if strings.Contains(w.Body.String(), w.wants) {
		w.once.Do(func() { close(w.seen) })
	}
}

// TestFromAnotherDialect (W23, W34): a provider that is overloaded at the first
// event of its stream is never seen, and the next one gets what the client sent,
// in its own dialect.
func TestFromAnotherDialect(t *testing.T) {
	overloaded := answer{typ: "text/event-stream", body: "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n"}
	a, b := &upstream{answers: []answer{overloaded}}, &upstream{answers: []answer{{typ: "text/event-stream", body: goodStream}}}
	r := setup(t, a, b, gateJSON(`"routingStrategy":"fallback","fallbackModels":["b/other"]`))
	r.Providers["a"].NewChat = anthropic.New(anthropic.Options{})
	w, rec := ask(r, `{"model":"assistant","stream":true,"messages":[{"role":"user","content":"hi"}],"x":1.0}`, nil)
	seen, err := recorded.Assemble(w.Body.Bytes())
	if err != nil || w.Code != http.StatusOK || seen.Text != "hello" || !seen.Done || rec.Outcome != OK || rec.Provider != "b" || len(rec.Tries) != 2 {
		t.Errorf("%v, %d, %+v: %s", err, w.Code, rec, w.Body)
	}
	const want = `{"model":"other","stream":true,"messages":[{"role":"user","content":"hi"}],"x":1.0,"stream_options":{"include_usage":true}}`
	if b.got[0] != want || !strings.Contains(a.got[0], `"max_tokens"`) {
		t.Errorf("the first got %s\nthe second %s\nwant       %s", a.got[0], b.got[0], want)
	}
}

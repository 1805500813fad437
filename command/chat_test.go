package command

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// chunks is a stream as the gateway sends it.
const chunks = `data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":null}

data: {"choices":[{"index":0,"delta":{"content":"Hel"},"finish_reason":null}],"usage":null}

: keepalive

data: {"choices":[{"index":0,"delta":{"content":"lo\u001b[2J"},"finish_reason":"stop"}],"usage":null}

data: {"choices":[],"usage":{"prompt_tokens":12,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":2},"cost":0.00012,"cost_details":{"status":"estimated"}},"cost":0.00012,"layer":{"provider":"openai","model":"gpt-4o","attempts":2,"overridden":["temperature"],"dropped":["n"],"budget_exceeded":true}}

`

// server is a gateway that answers with one text, and keeps what it was asked.
type server struct {
	*httptest.Server
	header http.Header
	bodies []string
}

func newServer(t *testing.T, status int, kind, body string) *server {
	t.Helper()
	s := new(server)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, _ := io.ReadAll(r.Body)
		s.bodies, s.header = append(s.bodies, string(got)), r.Header
		if r.URL.Path != "/v1/chat/completions" {
			t.Errorf("path %s", r.URL.Path)
		}
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	return s
}

// clock goes on by a quarter of a second whenever it is looked at.
func clock() func() time.Time {
	now := time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC)
	return func() time.Time { now = now.Add(250 * time.Millisecond); return now }
}

// talk runs Chat on buffers.
func talk(ctx context.Context, t *testing.T, s *server, o ChatOptions, streams Streams) (out, told string, code int) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if streams.In == nil {
		streams.In = strings.NewReader("")
	}
	streams.Out, streams.Err = &stdout, &stderr
	o.URL, o.Client, o.Now = s.URL, s.Client(), clock()
	if o.Gate == "" {
		o.Gate = "assistant"
	}
	err := Chat(ctx, streams, o)
	code, tell := ExitCode(err)
	if tell {
		stderr.WriteString("Error: " + err.Error() + "\n")
	}
	return stdout.String(), stderr.String(), code
}

func TestChat(t *testing.T) {
	const stream, plain = "text/event-stream", "application/json"
	const whole = `{"choices":[{"message":{"content":"Hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":1},"cost":null,"layer":{"provider":"groq","model":"m","attempts":1}}`
	const facts = "openai/gpt-4o (2 attempts) · 12 tokens in (4 cached), 5 out (2 reasoning) · about 0.00012 USD · first token 0.25 s · total 0.50 s · overridden: temperature · dropped: n · cut where the budget ends\n"
	for _, c := range []struct {
		name       string
		status     int
		kind, body string
		options    ChatOptions
		streams    Streams
		out, told  string
		code       int
		request    string
	}{
		{name: "a stream", body: chunks + "data: [DONE]\n\n", options: ChatOptions{Words: []string{"Hi", "there"}},
			out: "Hello\x1b[2J\n", told: facts,
			request: `{"model":"assistant","messages":[{"role":"user","content":"Hi there"}],"stream":true,"stream_options":{"include_usage":true}}`},
		{name: "in a terminal", body: chunks + "data: [DONE]\n\n", options: ChatOptions{Words: []string{"Hi"}},
			streams: Streams{OutTerminal: true, ErrTerminal: true}, out: "Hello[2J\n", told: "\x1b[2m" + strings.TrimSuffix(facts, "\n") + "\x1b[0m\n"},
		{name: "raw chunks", body: "data: {\"choices\":[]}\n\ndata: [DONE]\n\n", options: ChatOptions{Words: []string{"Hi"}, JSON: true},
			out: "{\"choices\":[]}\n[DONE]\n"},
		{name: "cut off", body: chunks, options: ChatOptions{Words: []string{"Hi"}},
			out: "Hello\x1b[2J\n", told: facts + "Error: the answer ended before it was whole\n", code: CodeNo},
		{name: "an error in the stream", body: "data: {\"error\":{\"message\":\"it\\u001b broke\",\"code\":\"provider_error\"}}\n\n", options: ChatOptions{Words: []string{"Hi"}},
			told: "Error: provider_error: it  broke\n", code: CodeNo},
		{name: "a whole answer, and options", kind: plain, body: whole,
			options: ChatOptions{Words: []string{"Hi"}, NoStream: true, Model: "groq/m", System: "Be brief.", Image: "https://example.com/a.png"},
			out:     "Hi\n", told: "groq/m · 3 tokens in, 1 out · cost unknown · first token 0.25 s · total 0.50 s\n",
			request: `{"gateId":"assistant","model":"groq/m","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":[{"type":"text","text":"Hi"},{"type":"image_url","image_url":{"url":"https://example.com/a.png"}}]}]}`},
		{name: "from the standard input", kind: plain, body: whole, options: ChatOptions{Words: []string{"Sum up:", "-"}},
			streams: Streams{In: strings.NewReader("a\nb\n")}, out: "Hi\n", told: "groq/m · 3 tokens in, 1 out · cost unknown · first token 0.25 s · total 0.50 s\n",
			request: `{"model":"assistant","messages":[{"role":"user","content":"Sum up: a\nb"}],"stream":true,"stream_options":{"include_usage":true}}`},
		{name: "nothing to say", code: CodeFailed, told: "Error: there is nothing to say: give a message behind the gate, or on the standard input\n"},
		{name: "refused", status: 401, kind: plain, body: `{"error":{"message":"the API key is not valid","code":"invalid_api_key"}}`, options: ChatOptions{Words: []string{"Hi"}},
			code: CodeNo, told: "Error: the gateway answered 401: invalid_api_key: the API key is not valid: give a key with --key, or in LAYER_API_KEY\n"},
		{name: "not a gateway", status: 404, kind: "text/html", body: `<html>`, options: ChatOptions{Words: []string{"Hi"}},
			code: CodeNo, told: "Error: {URL} answered 404 Not Found, and not as the API of a gateway: is --url right?\n"},
		{name: "no such image", options: ChatOptions{Words: []string{"Hi"}, Image: "/none.png"}, code: CodeFailed,
			told: "Error: --image: open /none.png: no such file or directory\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.kind == "" {
				c.kind = stream
			}
			if c.status == 0 {
				c.status = http.StatusOK
			}
			s := newServer(t, c.status, c.kind, c.body)
			c.options.Key = "layer_secret"
			out, told, code := talk(t.Context(), t, s, c.options, c.streams)
			if want := strings.ReplaceAll(c.told, "{URL}", s.URL+"/v1/chat/completions"); out != c.out || told != want || code != c.code {
				t.Errorf("code %d, want %d\nout:  %q\nwant: %q\ntold: %q\nwant: %q", code, c.code, out, c.out, told, want)
			}
			if c.request != "" && (len(s.bodies) != 1 || s.bodies[0] != c.request) {
				t.Errorf("asked %q\nwant  %q", s.bodies, c.request)
			}
			if len(s.bodies) > 0 && s.header.Get("Authorization") != "Bearer layer_secret" {
				t.Errorf("header %v", s.header)
			}
		})
	}
}

func TestChatWithAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.gif")
	if err := os.WriteFile(path, []byte("GIF89a"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newServer(t, 200, "text/event-stream", "data: [DONE]\n\n")
	_, told, code := talk(t.Context(), t, s, ChatOptions{Words: []string{"What?"}, Image: path}, Streams{})
	if code != 0 || !strings.Contains(s.bodies[0], `"url":"data:image/gif;base64,R0lGODlh"`) {
		t.Errorf("code %d, told %q, asked %q", code, told, s.bodies)
	}
	if err := os.WriteFile(path, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, told, code = talk(t.Context(), t, s, ChatOptions{Words: []string{"What?"}, Image: path}, Streams{}); code != CodeFailed || !strings.Contains(told, "is not an image") {
		t.Errorf("of a text: code %d, told %q", code, told)
	}
}

func TestConversation(t *testing.T) {
	s := newServer(t, 200, "application/json", `{"choices":[{"message":{"content":"Yes"}}]}`)
	out, told, code := talk(t.Context(), t, s, ChatOptions{}, Streams{InTerminal: true, In: strings.NewReader("one\n\ntwo\n")})
	if out != "Yes\nYes\n" || code != 0 || strings.Count(told, "> ") != 4 {
		t.Errorf("code %d, out %q, told %q", code, out, told)
	}
	const want = `{"model":"assistant","messages":[{"role":"user","content":"one"},{"role":"assistant","content":"Yes"},{"role":"user","content":"two"}],"stream":true,"stream_options":{"include_usage":true}}`
	if len(s.bodies) != 2 || s.bodies[1] != want {
		t.Errorf("asked %q\nwant %q", s.bodies, want)
	}
}

// An answer that the user doesn't want to the end ends the request too.
func TestChatInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan struct{})
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: {\"choices\":[{\"delta\":{\"content\":\"Hel\"}}]}\n\n")
		w.(http.Flusher).Flush()
		cancel()
		<-r.Context().Done()
		close(gone)
	}))
	defer h.Close()
	_, told, code := talk(ctx, t, &server{Server: h}, ChatOptions{Words: []string{"Hi"}}, Streams{})
	if code != CodeInterrupted || strings.Contains(told, "Error") {
		t.Errorf("code %d, told %q", code, told)
	}
	<-gone
}

// watcher is a stream whose nth write that has a text in it does something.
type watcher struct {
	bytes.Buffer
	text string
	n    int
	then func()
}

func (w *watcher) Write(p []byte) (int, error) {
	n, err := w.Buffer.Write(p)
	if bytes.Contains(p, []byte(w.text)) {
		if w.n--; w.n == 0 {
			w.then()
		}
	}
	return n, err
}

// In a conversation Ctrl-C ends the answer that is coming, of which what came is kept, and at the prompt the conversation.
func TestConversationInterrupted(t *testing.T) {
	interrupts := make(chan os.Signal, 1)
	interrupt := func() { interrupts <- os.Interrupt }
	asked := make(chan string, 3)
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		switch asked <- string(body); len(asked) {
		case 1:
			interrupt()
		case 2:
			_, _ = io.WriteString(w, "data: {\"choices\":[{\"delta\":{\"content\":\"Hel\"}}]}\n\n")
			w.(http.Flusher).Flush()
		case 3:
			_, _ = io.WriteString(w, "data: {\"choices\":[{\"delta\":{\"content\":\"Bye\"}}]}\n\ndata: [DONE]\n\n")
			return
		}
		<-r.Context().Done()
	}))
	defer h.Close()
	in, lines := io.Pipe()
	defer lines.Close()
	go func() { _, _ = io.WriteString(lines, "one\ntwo\nthree\n") }()
	out, told := &watcher{text: "Hel", n: 1, then: interrupt}, &watcher{text: "> ", n: 4, then: interrupt}
	err := Chat(t.Context(), Streams{In: in, Out: out, Err: told, InTerminal: true}, ChatOptions{
		URL: h.URL, Gate: "assistant", Client: h.Client(), Now: clock(), Interrupts: interrupts,
	})
	if err != nil || strings.Contains(told.String(), "Error") || out.String() != "Hel\nBye\n" {
		t.Errorf("%v, out %q, told %q", err, out, told)
	}
	<-asked
	<-asked
	const want = `"messages":[{"role":"user","content":"two"},{"role":"assistant","content":"Hel"},{"role":"user","content":"three"}]`
	if last := <-asked; !strings.Contains(last, want) {
		t.Errorf("asked at last %s\nwant %s", last, want)
	}
}

func TestEndpoint(t *testing.T) {
	for text, want := range map[string]string{
		"":                               "http://localhost:3001/v1/chat/completions",
		"https://example.com":            "https://example.com/v1/chat/completions",
		"https://example.com/":           "https://example.com/v1/chat/completions",
		"https://example.com/llm/v1/":    "https://example.com/llm/v1/chat/completions",
		"http://a/v1/chat/completions":   "http://a/v1/chat/completions",
		"localhost:3001":                 "",
		"unix//run/caddy.sock":           "",
		"https://":                       "",
		"ftp://example.com/v1":           "",
		"http://[::1]:3001/v1?x=y#there": "http://[::1]:3001/v1/chat/completions?x=y#there",
	} {
		if got, err := endpoint(text); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}

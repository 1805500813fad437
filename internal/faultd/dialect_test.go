package faultd

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// said joins the words of an answer of any dialect: the members text and content that are strings.
func said(t *testing.T, d Dialect, body string) string {
	t.Helper()
	var out strings.Builder
	for line := range strings.Lines(strings.ReplaceAll(body, "\r\n", "\n")) {
		line = strings.TrimSpace(strings.TrimPrefix(line, "data: "))
		if line == "" || line == "[DONE]" || strings.HasPrefix(line, "event: ") {
			continue
		}
		dec := jsontext.NewDecoder(strings.NewReader(line))
		var name string
		for {
			tok, err := dec.ReadToken()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v in %s", d, err, line)
			}
			isName := false
			if kind, n := dec.StackIndex(dec.StackDepth()); kind == '{' && n%2 == 1 {
				name, isName = strings.Clone(tok.String()), true
			}
			if !isName && tok.Kind() == '"' && (name == "text" || name == "content") && tok.String() != "text" {
				out.WriteString(tok.String())
			}
		}
	}
	return out.String()
}

// Every dialect says all its words, streamed and whole, and is recognised by its paths.
func TestDialects(t *testing.T) {
	for _, d := range Dialects {
		t.Run(string(d), func(t *testing.T) {
			s := New(t, Options{})
			s.On("m", Script{Healthy(100)}, Script{Healthy(100)}, Script{SSE(), Open(), Say(1, 3), FailEvent(503)},
				Script{FailCode(429, "spent")})
			c := client(t, s, false)
			streamed, plain := paths[d], paths[d]
			if d == Google {
				streamed = "/v1beta/models/m:streamGenerateContent?alt=sse"
			}
			g := ask(t, c, s.URL+streamed, `{"model":"m","stream":true}`, io.Discard)
			if err := CheckWords(said(t, d, g.body), 100); err != nil || g.header.Get("Content-Type") != "text/event-stream" {
				t.Errorf("%v in %s", err, g.body)
			}
			g = ask(t, c, s.URL+plain, `{"model":"m"}`, io.Discard)
			if err := CheckWords(said(t, d, g.body), 100); err != nil || g.header.Get("Content-Type") != "application/json" {
				t.Errorf("%v in %s", err, g.body)
			}
			if g = ask(t, c, s.URL+streamed, `{"model":"m"}`, io.Discard); !strings.Contains(g.body, ErrorText) || g.err == nil {
				t.Errorf("%v, %s", g.err, g.body)
			}
			g = ask(t, c, s.URL+plain, `{"model":"m","model":"m"}`, io.Discard)
			if g.status != 429 || !jsontext.Value(g.body).IsValid() || strings.Contains(g.body, "spent") == (d == Cohere) {
				t.Errorf("status %d, %s", g.status, g.body)
			}
			for i, e := range s.Entries("") {
				if e.Dialect != d || e.Model != "m" || e.Script != i || e.Stream != (i == 0 || i == 2 && d == Google) {
					t.Errorf("request %d was taken for %s, model %q, stream %v", i, e.Dialect, e.Model, e.Stream)
				}
			}
			for _, status := range []int{400, 401, 402, 403, 404, 413, 429, 500, 503, 504, 529} {
				if b := d.Error(status, "", `a "quoted" word`); !jsontext.Value(b).IsValid() {
					t.Errorf("%d: %s", status, b)
				}
			}
		})
	}
}

// The usage of a stream is its words, in each dialect's place for it.
func TestUsage(t *testing.T) {
	want := map[Dialect]string{
		OpenAI: `"completion_tokens":7,`, Anthropic: `"output_tokens":7}`, Google: `"candidatesTokenCount":7,`, Cohere: `"output_tokens":7}`,
	}
	for d, usage := range want {
		e := d.Stream("m", 7)
		if !bytes.Contains(bytes.Join(append(e.Finish, e.Usage...), nil), []byte(usage)) || !bytes.Contains(d.Whole("m", 7), []byte(usage[:len(usage)-1])) {
			t.Errorf("%s: no %s in %s", d, usage, e.Bytes())
		}
		var v struct{ Model string }
		if json.Unmarshal(d.Whole(`a "b"`, 1), &v) != nil {
			t.Errorf("%s: %s", d, d.Whole(`a "b"`, 1))
		}
	}
}

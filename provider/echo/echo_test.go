package echo

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/layergateway/layergateway/internal/recorded"
)

var clock = func() time.Time { return time.Unix(1_700_000_000, 0) }

func post(ctx context.Context, t *testing.T, tr *Transport, body string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://echo/chat/completions", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

func read(t *testing.T, resp *http.Response) []byte {
	t.Helper()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		request, text, finish, usage string
		chunks                       int // with words
	}{
		"words":          {`"messages":[{"role":"user","content":"one two  three\nfour"}]`, "one two  three\nfour", "stop", `"prompt_tokens":4,"completion_tokens":4,"total_tokens":8`, 4},
		"last user":      {`"messages":[{"role":"system","content":"be kind"},{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"c"},{"role":"assistant","content":"d"}]`, "c", "stop", `"prompt_tokens":6,"completion_tokens":1,"total_tokens":7`, 1},
		"parts":          {`"messages":[{"role":"user","content":[{"type":"text","text":"a "},{"type":"image_url","image_url":{"url":"x"}},{"type":"text","text":"\"b\" é 😀"}]}]`, "a \"b\" é 😀", "stop", `"prompt_tokens":4,"completion_tokens":4,"total_tokens":8`, 4},
		"limit":          {`"max_tokens":2,"messages":[{"role":"user","content":"a b c"}]`, "a b ", "length", `"prompt_tokens":3,"completion_tokens":2,"total_tokens":5`, 2},
		"newer limit":    {`"max_completion_tokens":1,"messages":[{"role":"user","content":"a b c"}]`, "a ", "length", `"prompt_tokens":3,"completion_tokens":1,"total_tokens":4`, 1},
		"limit is equal": {`"max_tokens":3,"messages":[{"role":"user","content":"a b c"}]`, "a b c", "stop", `"prompt_tokens":3,"completion_tokens":3,"total_tokens":6`, 3},
		"no user":        {`"messages":[{"role":"system","content":"x"}]`, "", "stop", `"prompt_tokens":1,"completion_tokens":0,"total_tokens":1`, 0},
	} {
		t.Run(name, func(t *testing.T) {
			tr := &Transport{Now: clock}
			resp := post(t.Context(), t, tr, `{"model":"m\"",`+c.request+`}`)
			body := read(t, resp)
			whole, err := recorded.Read(body)
			if err != nil || resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "application/json" {
				t.Fatal(resp.Status, err)
			}
			resp = post(t.Context(), t, tr, `{"model":"m\"","stream":true,`+c.request+`}`)
			events := read(t, resp)
			stream, err := recorded.Assemble(events)
			if err != nil || resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
				t.Fatal(resp.Status, err)
			}
			for how, s := range map[string]recorded.Seen{"whole": whole, "stream": stream} {
				if s.Text != c.text || s.Finish != c.finish || s.Model != `m"` || !strings.HasPrefix(s.ID, "chatcmpl-") {
					t.Errorf("%s: %+v", how, s)
				}
			}
			if !stream.Done {
				t.Error("no [DONE]")
			}
			for how, b := range map[string][]byte{"whole": body, "stream": events} {
				if !strings.Contains(string(b), c.usage) {
					t.Errorf("%s: no %s in %s", how, c.usage, b)
				}
			}
			if n := strings.Count(string(events), "data: "); n != c.chunks+4 {
				t.Errorf("%d events for %d words", n, c.chunks)
			}
		})
	}
}

func TestRefuses(t *testing.T) {
	for _, body := range []string{"", "x", `{"messages":7}`, `{"max_tokens":"a"}`} {
		resp := post(t.Context(), t, &Transport{Now: clock}, body)
		if b := read(t, resp); resp.StatusCode != http.StatusBadRequest || !strings.Contains(string(b), `{"error":{"message":`) {
			t.Errorf("%q: %s %s", body, resp.Status, b)
		}
	}
}

const three = `{"stream":true,"messages":[{"role":"user","content":"a b c"}]}`

func TestDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		read(t, post(t.Context(), t, &Transport{Now: clock, Delay: time.Second}, three))
		// Role, three words, finish, usage, [DONE].
		if took := time.Since(start); took != 7*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func TestCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		resp := post(ctx, t, &Transport{Now: clock, Delay: time.Second}, three)
		time.AfterFunc(2500*time.Millisecond, cancel)
		start := time.Now()
		b, err := io.ReadAll(resp.Body)
		if !errors.Is(err, context.Canceled) || strings.Count(string(b), "data: ") != 2 {
			t.Errorf("%q, %v", b, err)
		}
		if took := time.Since(start); took != 2500*time.Millisecond {
			t.Errorf("took %v", took)
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	resp := post(ctx, t, &Transport{Now: clock}, three)
	cancel()
	if _, err := io.ReadAll(resp.Body); !errors.Is(err, context.Canceled) {
		t.Errorf("without delay: %v", err)
	}
}

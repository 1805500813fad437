package upstream

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

var bodies = map[string]string{
	"openai":    `{"model":"gpt-4o","messages":[{"role":"user","content":"PROMPT"}]STREAM}`,
	"anthropic": `{"model":"claude-sonnet-4-5","max_tokens":2000,"messages":[{"role":"user","content":"PROMPT"}]STREAM}`,
	"google":    `{"contents":[{"parts":[{"text":"PROMPT"}]}]}`,
}

func bodyOf(provider, prompt string, stream bool) string {
	more := ""
	if stream {
		more = `,"stream":true`
	}
	return strings.NewReplacer("PROMPT", prompt, "STREAM", more).Replace(bodies[provider])
}

// TestOrderedErrors orders each kind of error of each provider.
func TestOrderedErrors(t *testing.T) {
	rows := []struct {
		provider, prompt string
		status           int
		after            string // Retry-After
		within           string
	}{
		{"openai", "[[status=429,retry-after=2]]", 429, "2", `"code": "rate_limit_exceeded"`},
		{"openai", "[[status=429,code=insufficient_quota]]", 429, "", `"type": "insufficient_quota"`},
		{"openai", "[[status=500]]", 500, "", `"type": "server_error"`},
		{"openai", "[[status=502,html]]", 502, "", "<h1>Bad Gateway</h1>"},
		{"openai", "[[status=401]]", 401, "", `"code": "invalid_api_key"`},
		{"openai", "[[status=400,code=context_length_exceeded]]", 400, "", `"code": "context_length_exceeded"`},
		{"anthropic", "[[status=429,retry-after=2]]", 429, "2", `"type":"rate_limit_error"`},
		{"anthropic", "[[status=529]]", 529, "", `"type":"overloaded_error"`},
		{"anthropic", "[[on=openai,status=500]][[on=anthropic,status=402]]", 402, "", `"type":"billing_error"`},
		{"google", "[[status=429,retry-after=34.4]]", 429, "", `"retryDelay": "34.4s"`},
		{"google", "[[status=503]]", 503, "", `"status": "UNAVAILABLE"`},
		{"google", "[[on=openai,status=500]]", 200, "", "You said: "},
	}
	_, url := start(t)
	for _, row := range rows {
		w, got := post(t, url, row.provider, "gemini-2.0-flash", false, bodyOf(row.provider, row.prompt, false), nil)
		if w.StatusCode != row.status || w.Header.Get("Retry-After") != row.after || !strings.Contains(got, row.within) {
			t.Errorf("%s %s: %d %v %s", row.provider, row.prompt, w.StatusCode, w.Header, got)
		}
	}
}

// TestTimes lets a fault strike twice, for its own tag and provider alone.
func TestTimes(t *testing.T) {
	_, url := start(t)
	var got []int
	for _, tag := range []string{"a", "a", "a", "b"} {
		w, _ := post(t, url, "openai", "", false, bodyOf("openai", "[[status=503,times=2,tag="+tag+"]]", false), nil)
		got = append(got, w.StatusCode)
	}
	if diff := cmp.Diff([]int{503, 503, 200, 503}, got); diff != "" {
		t.Error(diff)
	}
}

// TestBrokenStreams orders a cut and an error event in each dialect's stream.
func TestBrokenStreams(t *testing.T) {
	_, url := start(t)
	tails := map[string]string{
		"openai": `data: {"error":{"message":"The server had an error`, "anthropic": "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"",
		"google": `data: {"error":{"code":503`,
	}
	for provider, tail := range tails {
		whole := func(prompt string) string {
			w, got := post(t, url, provider, "gemini-2.0-flash", true, bodyOf(provider, prompt, true), nil)
			if w.StatusCode != http.StatusOK {
				t.Errorf("%s: %d", provider, w.StatusCode)
			}
			return got
		}
		for prompt, words := range map[string]string{"[[chunks=9,cut=2]]": "w1 w2", "[[chunks=9,error-event=3]]": "w1 w2 w3"} {
			got := whole(prompt)
			if strings.Contains(prompt, "error") {
				i := strings.Index(got, tail)
				if i < 0 {
					t.Fatalf("%s: no error event in %s", provider, got)
				}
				got = got[:i]
			}
			heard := hear(t, provider, true, strings.TrimSuffix(got, "event: error\n"))
			if heard.text != words || heard.finish != "" || strings.Contains(got, "[DONE]") {
				t.Errorf("%s %s: %+v", provider, prompt, heard)
			}
		}
		if got := whole("[[error-event]]"); !strings.HasPrefix(got, tail) {
			t.Errorf("%s: the error is not first in %s", provider, got)
		}
		if got := whole("[[cut=0]]"); got != "" {
			t.Errorf("%s: %q before the cut", provider, got)
		}
	}
}

// TestCutDocument closes the connection in the middle of an answer that is no stream.
func TestCutDocument(t *testing.T) {
	s, url := start(t)
	w, got := post(t, url, "openai", "", false, bodyOf("openai", "hello [[cut,tag=x]]", false), nil)
	if w.ContentLength <= int64(len(got)) || len(got) == 0 {
		t.Errorf("%d of %d bytes", len(got), w.ContentLength)
	}
	if e := s.Journal().Entries()[0]; e.Outcome != Cut || e.Tag != "x" {
		t.Errorf("journal: %+v", e)
	}
}

// TestCancelled takes the client away in mid-stream, in front of a silent answer, and in a silent stream.
func TestCancelled(t *testing.T) {
	for prompt, stream := range map[string]bool{
		"[[chunks=100000,tag=mid]]": true, "[[hang,tag=hang]]": false, "[[stall=1,tag=stall,chunks=5]]": true, "[[stall,tag=silent]]": false,
	} {
		for provider := range bodies {
			t.Run(provider+prompt, func(t *testing.T) {
				s, url := start(t)
				ctx, cancel := context.WithCancel(t.Context())
				r, err := http.NewRequestWithContext(ctx, http.MethodPost, url+opPath(provider, "gemini-2.0-flash", stream), strings.NewReader(bodyOf(provider, prompt, stream)))
				if err != nil {
					t.Fatal(err)
				}
				credentials(r.Header, provider)
				gone := make(chan struct{})
				go func() {
					defer close(gone)
					w, err := http.DefaultClient.Do(r)
					if err == nil {
						_, _ = io.ReadFull(w.Body, make([]byte, 64))
						cancel()
						_ = w.Body.Close()
					}
				}()
				if _, err := s.Journal().Wait(t.Context(), 1, func(e Entry) bool { return e.Outcome == Running || e.Outcome == Cancelled }); err != nil {
					t.Fatal(err)
				}
				if !stream {
					cancel()
				}
				e, err := s.Journal().Wait(t.Context(), 1, func(e Entry) bool { return e.Outcome == Cancelled })
				if err != nil || e[0].Tag == "" {
					t.Errorf("%+v, %v", e, err)
				}
				cancel()
				<-gone
			})
		}
	}
}

// TestSlow counts the time of a paced stream by a clock that does not tick.
func TestSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		w := &recorder{header: http.Header{}}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/openai/v1/chat/completions", strings.NewReader(bodyOf("openai", "[[chunks=10,slow=50,delay=200]]", true)))
		if err != nil {
			t.Fatal(err)
		}
		credentials(r.Header, "openai")
		New().ServeHTTP(w, r)
		if took := time.Since(begin); took != 700*time.Millisecond || !strings.HasSuffix(w.body.String(), "[DONE]\n\n") {
			t.Errorf("%v for %s", took, w.body.String())
		}
	})
}

type recorder struct {
	header http.Header
	body   strings.Builder
}

func (w *recorder) Header() http.Header         { return w.header }
func (w *recorder) Write(b []byte) (int, error) { return w.body.Write(b) }
func (w *recorder) WriteHeader(int)             {}
func (w *recorder) Flush()                      {}

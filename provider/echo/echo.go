// Package echo is a provider inside the gateway: it answers with what the user
// said last, streamed word by word, and costs nothing. It is for trying a
// gateway out without a key or a network, and for tests.
package echo

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"github.com/layergateway/layergateway/openai"
)

// Transport answers OpenAI's chat completion requests in memory: it stands
// where another provider has its network.
type Transport struct {
	// Delay is the pause before each event of a stream; a word is an event.
	Delay time.Duration
	// Now is the clock.
	Now func() time.Time
}

type request struct {
	Model               string           `json:"model"`
	Messages            []openai.Message `json:"messages"`
	Stream              bool             `json:"stream"`
	MaxTokens           *int             `json:"max_tokens"`
	MaxCompletionTokens *int             `json:"max_completion_tokens"`
}

// RoundTrip implements http.RoundTripper.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	_ = r.Body.Close() // it has been read to its end
	if err != nil {
		return nil, fmt.Errorf("echo: read request: %w", err)
	}
	var req request
	if err := json.Unmarshal(body, &req); err != nil {
		e := openai.Invalid("invalid_type", "", "the request is not a chat completion request")
		return respond(r, e.Status, "application/json", bytes.NewReader(e.AppendJSON(nil))), nil //nolint:nilerr // it is the answer
	}
	a := t.answer(&req)
	if req.Stream {
		return respond(r, http.StatusOK, "text/event-stream", &stream{ctx: r.Context(), delay: t.Delay, next: a.events()}), nil
	}
	return respond(r, http.StatusOK, "application/json", bytes.NewReader(a.whole())), nil
}

func respond(r *http.Request, status int, contentType string, body io.Reader) *http.Response {
	return &http.Response{
		StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {contentType}}, Body: io.NopCloser(body), ContentLength: -1, Request: r,
	}
}

type answer struct {
	head   string // the members id, created and model
	words  []string
	finish string
	usage  string
}

// answer says the last user message again; a word is a token.
func (t *Transport) answer(req *request) *answer {
	a := &answer{finish: openai.FinishStop}
	prompt := 0
	said := ""
	for _, m := range req.Messages {
		text := m.Content.Text()
		prompt += len(strings.Fields(text))
		if m.Role == "user" {
			said = text
		}
	}
	if said != "" {
		a.words = strings.SplitAfter(said, " ")
	}
	for _, limit := range []*int{req.MaxCompletionTokens, req.MaxTokens} {
		if limit != nil && *limit >= 0 && *limit < len(a.words) {
			a.words, a.finish = a.words[:*limit], openai.FinishLength
		}
	}
	a.head = fmt.Sprintf(`"id":"chatcmpl-%s","created":%d,"model":%s`,
		uuid.NewString(), t.Now().Unix(), openai.AppendString(nil, req.Model))
	a.usage = fmt.Sprintf(`{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d,"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}}`,
		prompt, len(a.words), prompt+len(a.words))
	return a
}

func (a *answer) whole() []byte {
	return fmt.Appendf(nil, `{%s,"object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":%s,"refusal":null},"logprobs":null,"finish_reason":"%s"}],"usage":%s}`,
		a.head, openai.AppendString(nil, strings.Join(a.words, "")), a.finish, a.usage)
}

func (a *answer) events() [][]byte {
	chunk := func(choices, usage string) []byte {
		return fmt.Appendf(nil, "data: {%s,\"object\":\"chat.completion.chunk\",\"choices\":[%s],\"usage\":%s}\n\n", a.head, choices, usage)
	}
	delta := func(d, finish string) []byte {
		return chunk(`{"index":0,"delta":`+d+`,"logprobs":null,"finish_reason":`+finish+`}`, "null")
	}
	list := [][]byte{delta(`{"role":"assistant","content":""}`, "null")}
	for _, w := range a.words {
		list = append(list, delta(fmt.Sprintf(`{"content":%s}`, openai.AppendString(nil, w)), "null"))
	}
	return append(list, delta("{}", `"`+a.finish+`"`), chunk("", a.usage), []byte("data: [DONE]\n\n"))
}

// stream gives one event a read, a pause before each.
type stream struct {
	ctx   context.Context
	delay time.Duration
	next  [][]byte
	rest  []byte
}

func (s *stream) Read(p []byte) (int, error) {
	if len(s.rest) == 0 {
		if len(s.next) == 0 {
			return 0, io.EOF
		}
		if err := s.pause(); err != nil {
			return 0, err
		}
		s.rest, s.next = s.next[0], s.next[1:]
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

func (s *stream) pause() error {
	if s.delay <= 0 {
		return s.ctx.Err()
	}
	select {
	case <-s.ctx.Done():
		return s.ctx.Err()
	case <-time.After(s.delay):
		return nil
	}
}

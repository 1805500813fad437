// Package compat speaks to OpenAI and to every server that speaks OpenAI's
// format. Requests and answers are edited as raw JSON, so that what nobody here
// knows goes through both ways.
//
// Wire format: https://github.com/openai/openai-openapi.
package compat

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/provider"
	"github.com/layergateway/layergateway/sse"
)

// Options are what distinguishes one OpenAI-shaped server from another.
type Options struct {
	Organization string // OpenAI-Organization
	Project      string // OpenAI-Project
	// Strict is OpenAI itself: it refuses members of messages that it doesn't
	// know, so that reasoning state of other providers is left out, and its
	// newer models take max_completion_tokens alone, where other servers may
	// only know max_tokens.
	Strict bool
	// Server is one of the table; nil is OpenAI if Strict, else any server.
	Server *Server
	// APIVersion is Azure's api-version. Dates are its classic deployments.
	APIVersion string
}

// New gives the constructor of the dialect's chats.
func New(o Options) func() provider.Chat {
	switch {
	case o.Server != nil:
	case o.Strict:
		o.Server = &openAI
	default:
		o.Server = &anyServer
	}
	h := o.Server.habits()
	return func() provider.Chat { return &chat{options: o, mend: mend{habits: h}} }
}

// chat passes one chat completion through.
type chat struct {
	options Options
	mend    mend
	dropped []string
	reader  openai.ChunkReader
	usage   []byte // the newest usage object
	service string // the service tier named beside it
	done    bool
	choices choiceSet // seen so far
}

// choiceSet holds choice indices; an answer has at most 128.
type choiceSet [2]uint64

func (s *choiceSet) add(i int) { s[i>>6&1] |= 1 << (i & 63) }

func (s *choiceSet) has(i int) bool { return s[i>>6&1]&(1<<(i&63)) != 0 }

// Request implements provider.Chat.
func (c *chat) Request(ctx context.Context, call *provider.Call) (*http.Request, error) {
	s := c.mend.habits
	edits := call.Edits.Clone()
	var err error
	if c.dropped, err = s.params(call.Request, edits, call.Model); err != nil {
		return nil, err
	}
	edits.Set("model", openai.AppendString(nil, call.Model))
	switch {
	case s.NoStreamOptions:
		edits.Delete("stream_options")
	case call.Stream:
		// Usage is asked for whether the client wants to see it or not.
		options, _ := call.Request.Field("stream_options")
		edits.Set("stream_options", openai.SetMember(options, "include_usage", []byte("true")))
	}
	members, err := s.messages(ctx, call, edits)
	if err != nil {
		return nil, err
	}
	c.dropped = append(c.dropped, members...)
	body, lost, err := call.Body(edits)
	if err != nil {
		return nil, err
	}
	c.dropped = append(c.dropped, lost...)
	address, err := endpoint(call, c.options.APIVersion)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, body.Open())
	if err != nil {
		return nil, fmt.Errorf("build request: %w", err)
	}
	req.ContentLength = body.Len()
	req.GetBody = func() (io.ReadCloser, error) { return body.Open(), nil }
	h := req.Header
	h.Set("Content-Type", "application/json")
	s.authorize(h, call.Key)
	if c.options.Organization != "" {
		h.Set("OpenAI-Organization", c.options.Organization)
	}
	if c.options.Project != "" {
		h.Set("OpenAI-Project", c.options.Project)
	}
	return req, nil
}

// Dropped implements provider.Chat.
func (c *chat) Dropped() []string { return c.dropped }

// Whole implements provider.Chat.
func (c *chat) Whole(body []byte, a openai.Answer) error {
	c.mend.whole = true
	answer, err := openai.ReadCompletion(body)
	if err != nil {
		return err
	}
	if c.mend.concerns(&answer.Notes) {
		if body, err = c.mend.answer(body); err != nil {
			return err
		}
		if answer, err = openai.ReadCompletion(body); err != nil {
			return err
		}
	}
	answer.Native = c.mend.native
	c.usage, c.service, c.done = answer.Usage, tierOf(answer.Tier), true
	if err := c.failure(answer.Error); err != nil {
		return err
	}
	return a.RawCompletion(answer)
}

// Event implements provider.Chat.
func (c *chat) Event(ev sse.Event, a openai.Answer) error {
	data := bytes.TrimSpace(ev.Data)
	if string(data) == "[DONE]" {
		c.done = true
		return nil
	}
	if c.done || len(data) == 0 {
		return nil
	}
	chunk, err := c.read(data)
	switch {
	case err == nil && chunk == nil:
		return nil
	case string(ev.Name) == "error" && (err != nil || chunk.Error == nil):
		return c.failure(data)
	case err != nil && ev.Cut:
		return nil // End judges what came before it
	case err != nil:
		return err
	}
	if chunk.Usage.Kind() == '{' {
		c.usage, c.service = append(c.usage[:0], chunk.Usage...), tierOf(chunk.Tier)
	}
	if err := c.failure(chunk.Error); err != nil {
		return err
	}
	if !chunk.Listed() {
		// Some servers send an error as they do with a status: its members on top.
		if e, err := readError(0, data); err == nil {
			return c.mend.judge(e, data)
		}
	}
	for i, finished := range chunk.Choices() {
		c.choices.add(i)
		if finished {
			c.mend.finished.add(i)
		}
	}
	return a.RawChunk(chunk)
}

// read reads a chunk, mended where it needs to be; nil is one that says nothing.
func (c *chat) read(data []byte) (*openai.Chunk, error) {
	c.mend.native = ""
	if !c.mend.late() { // else it may be none that could be read as it is
		chunk, err := c.reader.Read(data)
		if err != nil || !c.mend.concerns(&chunk.Notes) {
			return chunk, err
		}
	}
	mended, err := c.mend.answer(data)
	if err != nil || mended == nil {
		return nil, err
	}
	chunk, err := c.reader.Read(mended)
	if err != nil {
		return nil, err
	}
	chunk.Native = c.mend.native
	return chunk, nil
}

// failure is what an answer whose status said 200 holds in place of an answer,
// if it does: an error object, or a finish reason that is none.
func (c *chat) failure(object jsontext.Value) error {
	switch {
	case object != nil:
		return c.mend.judge(errorIn(object), object)
	case c.mend.failure != nil:
		return c.mend.failure
	}
	return nil
}

// End implements provider.Chat. An answer that is finished is whole even if the
// server forgot its [DONE].
func (c *chat) End(openai.Answer) error {
	if c.done || c.choices != (choiceSet{}) && c.choices == c.mend.finished {
		return nil
	}
	return io.ErrUnexpectedEOF
}

// Done implements provider.Chat.
func (c *chat) Done() bool { return c.done }

// Usage implements provider.Chat.
func (c *chat) Usage() cost.Usage { return parseUsage(c.usage, c.service) }

// Error implements provider.Chat.
func (c *chat) Error(status int, h http.Header, body []byte) *provider.Error {
	e, err := readError(status, body)
	if err != nil {
		e = provider.PlainError(status, h, body)
	}
	e.RetryAfter = provider.RetryAfter(h)
	return c.mend.judge(e, body)
}

var errNoError = errors.New("the body is not an error object")

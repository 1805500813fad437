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
}

// New gives the constructor of the dialect's chats.
func New(o Options) func() provider.Chat {
	return func() provider.Chat { return &chat{options: o} }
}

// chat passes one chat completion through.
type chat struct {
	options  Options
	reader   openai.ChunkReader
	usage    []byte // the newest usage object
	done     bool
	choices  choiceSet // seen so far
	finished choiceSet // with a finish_reason
}

// choiceSet holds choice indices; an answer has at most 128.
type choiceSet [2]uint64

func (s *choiceSet) add(i int) { s[i>>6&1] |= 1 << (i & 63) }

// Request implements provider.Chat.
func (c *chat) Request(ctx context.Context, call *provider.Call) (*http.Request, error) {
	edits := call.Edits.Clone()
	edits.Set("model", openai.AppendString(nil, call.Model))
	if call.Stream {
		// Usage is asked for whether the client wants to see it or not.
		options, _ := call.Request.Field("stream_options")
		edits.Set("stream_options", openai.SetMember(options, "include_usage", []byte("true")))
	}
	if c.options.Strict {
		call.Request.DropMessageMembers(edits, "reasoning_content", "reasoning_details", "extra_content", "tool_plan")
	} else if _, given := call.Request.Field("max_completion_tokens"); !given {
		// The gate's own limit; the client's goes up by the name it has.
		edits.Rename("max_completion_tokens", "max_tokens")
	}
	body := call.Request.Append(nil, edits)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, call.Provider.BaseURL+"/chat/completions", bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("build request: %w", err)
	}
	h := req.Header
	h.Set("Content-Type", "application/json")
	if call.Key != "" {
		h.Set("Authorization", "Bearer "+call.Key)
	}
	if c.options.Organization != "" {
		h.Set("OpenAI-Organization", c.options.Organization)
	}
	if c.options.Project != "" {
		h.Set("OpenAI-Project", c.options.Project)
	}
	return req, nil
}

// Dropped implements provider.Chat: every parameter goes up.
func (c *chat) Dropped() []string { return nil }

// Whole implements provider.Chat.
func (c *chat) Whole(body []byte, a openai.Answer) error {
	answer, err := openai.ReadCompletion(body)
	if err != nil {
		return err
	}
	if answer.Error != nil {
		return errorIn(answer.Error)
	}
	c.usage, c.done = answer.Usage, true
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
	chunk, err := c.reader.Read(data)
	switch {
	case err == nil && chunk.Error != nil:
		return errorIn(chunk.Error)
	case string(ev.Name) == "error":
		return errorIn(data)
	case err != nil && ev.Cut:
		return nil // End judges what came before it
	case err != nil:
		return err
	}
	if chunk.Usage.Kind() == '{' {
		c.usage = append(c.usage[:0], chunk.Usage...)
	}
	for i, finished := range chunk.Choices() {
		c.choices.add(i)
		if finished {
			c.finished.add(i)
		}
	}
	return a.RawChunk(chunk)
}

// End implements provider.Chat. An answer that is finished is whole even if the
// server forgot its [DONE].
func (c *chat) End(openai.Answer) error {
	if c.done || c.choices != (choiceSet{}) && c.choices == c.finished {
		return nil
	}
	return io.ErrUnexpectedEOF
}

// Done implements provider.Chat.
func (c *chat) Done() bool { return c.done }

// Usage implements provider.Chat.
func (c *chat) Usage() cost.Usage { return parseUsage(c.usage) }

// Error implements provider.Chat.
func (c *chat) Error(status int, h http.Header, body []byte) *provider.Error {
	e, err := readError(status, body)
	if err != nil {
		return provider.PlainError(status, h, body)
	}
	e.RetryAfter = provider.RetryAfter(h)
	return e
}

var errNoError = errors.New("the body is not an error object")

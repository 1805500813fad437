// Package anthropic translates chat completions to Anthropic's Messages API and
// back.
//
// Wire format: https://platform.claude.com/docs/en/api/messages and the types of
// github.com/anthropics/anthropic-sdk-go.
package anthropic

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/provider"
	"github.com/layergateway/layergateway/provider/claude"
	"github.com/layergateway/layergateway/sse"
)

// Options are what an operator sets of the protocol.
type Options struct {
	Version string   // anthropic-version, default: 2023-06-01
	Beta    []string // anthropic-beta
	// Now is the clock: Anthropic's answers don't say when they were made.
	// Default: time.Now.
	Now func() time.Time
}

const (
	defaultVersion = "2023-06-01"
	filesBeta      = "files-api-2025-04-14" // for files that are named by their id
)

// New gives the constructor of the dialect's chats.
func New(o Options) func() provider.Chat {
	if o.Version == "" {
		o.Version = defaultVersion
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return func() provider.Chat { return &chat{options: o} }
}

// chat is one attempt.
type chat struct {
	options Options
	dropped []string
	answer  answer
}

// Request implements provider.Chat.
func (c *chat) Request(ctx context.Context, call *provider.Call) (*http.Request, error) {
	in, err := openai.DecodeChat(call.Request, call.Edits)
	if err != nil {
		return nil, err
	}
	t := translation{in: in, generation: claude.Of(call.Model)}
	t.body = body{Model: call.Model, Stream: call.Stream}
	if err := t.run(); err != nil {
		return nil, err
	}
	c.answer.model, c.answer.schemaTool = call.Model, t.schemaTool
	for _, name := range call.Request.Asked(call.Edits) {
		if _, ok := Carried[name]; !ok {
			c.dropped = append(c.dropped, name)
		}
	}
	c.dropped = append(c.dropped, t.dropped...)

	b, err := json.Marshal(&t.body)
	if err != nil {
		return nil, fmt.Errorf("write request: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, call.Provider.BaseURL+"/messages", bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("build request: %w", err)
	}
	c.setHeader(req.Header, call, t.files)
	return req, nil
}

func (c *chat) setHeader(h http.Header, call *provider.Call, files bool) {
	h.Set("Content-Type", "application/json")
	if call.Stream {
		h.Set("Accept", sse.ContentType)
	}
	h.Set("Anthropic-Version", c.options.Version)
	beta := c.options.Beta
	if files && !slices.Contains(beta, filesBeta) {
		beta = append(slices.Clone(beta), filesBeta)
	}
	if len(beta) > 0 {
		h.Set("Anthropic-Beta", strings.Join(beta, ","))
	}
	if call.Key != "" {
		h.Set("X-Api-Key", call.Key)
	}
}

// Dropped implements provider.Chat.
func (c *chat) Dropped() []string { return c.dropped }

// End implements provider.Chat. The finish reason waits for it, since a stream
// may go on with a further message, see answer.start.
func (c *chat) End(a openai.Answer) error {
	if !c.answer.done {
		return io.ErrUnexpectedEOF
	}
	c.answer.finish(a)
	return nil
}

// Done implements provider.Chat.
func (c *chat) Done() bool { return c.answer.done }

// Usage implements provider.Chat.
func (c *chat) Usage() cost.Usage { return c.answer.usage.tokens() }

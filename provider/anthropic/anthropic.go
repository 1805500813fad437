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
	// Platform is the service that is called. Default: Anthropic's own.
	Platform *Platform
	// Now is the clock: Anthropic's answers don't say when they were made.
	// Default: time.Now.
	Now func() time.Time
}

// Platform is a service of another maker's that serves the Messages API.
type Platform struct {
	// Version is the body's anthropic_version, in place of the header.
	Version string
	// Address gives the URL of the method that a call wants, which says what
	// model it is in place of the body, and adds the credential to h. It is asked
	// once the request is known to be fit to be sent.
	Address func(ctx context.Context, c *provider.Call, h http.Header) (url string, err error)
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
	t := translation{in: in, generation: claude.Of(call.Model), platform: c.options.Platform}
	t.body = body{Model: call.Model, Stream: call.Stream}
	if t.platform != nil {
		t.body.Version, t.body.Model = t.platform.Version, ""
	}
	if err := t.run(); err != nil {
		return nil, err
	}
	c.answer.model, c.answer.schemaTool = call.Model, t.schemaTool
	for _, name := range call.Request.Asked(call.Edits) {
		if _, ok := Carried[name]; !ok {
			c.dropped = append(c.dropped, name)
		}
	}
	c.dropped = append(c.dropped, t.dropped.Names()...)

	b, err := json.Marshal(&t.body)
	if err != nil {
		return nil, fmt.Errorf("write request: %w", err)
	}
	b, lost, err := call.Extend(b)
	if err != nil {
		return nil, err
	}
	c.dropped = append(c.dropped, lost...)
	h := c.header(call, t.files)
	address, err := c.address(ctx, call, h)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("build request: %w", err)
	}
	req.Header = h
	return req, nil
}

// address gives the URL, and adds to h what goes with it.
func (c *chat) address(ctx context.Context, call *provider.Call, h http.Header) (string, error) {
	if p := c.options.Platform; p != nil {
		return p.Address(ctx, call, h)
	}
	h.Set("Anthropic-Version", c.options.Version)
	if call.Key != "" {
		h.Set("X-Api-Key", call.Key)
	}
	return call.Provider.BaseURL + "/messages", nil
}

func (c *chat) header(call *provider.Call, files bool) http.Header {
	h := http.Header{"Content-Type": {"application/json"}}
	if call.Stream {
		h.Set("Accept", sse.ContentType)
	}
	beta := c.options.Beta
	if files && !slices.Contains(beta, filesBeta) {
		beta = append(slices.Clone(beta), filesBeta)
	}
	if len(beta) > 0 {
		h.Set("Anthropic-Beta", strings.Join(beta, ","))
	}
	return h
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

// Package bedrock translates chat completions to the Converse operations of AWS
// Bedrock and back, for the models of all makers that are served there.
//
// Wire format:
// https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
// and API_runtime_ConverseStream.html.
package bedrock

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/provider"
)

// Options are the credentials of a provider that has no API key, and its clock.
type Options struct {
	AccessKeyID     string
	SecretAccessKey string
	SessionToken    string // of temporary credentials
	Region          string // that requests are signed for, such as eu-central-1
	// Now is the clock: signatures hold for minutes, and Bedrock's answers don't
	// say when they were made. Default: time.Now.
	Now func() time.Time
}

// New gives the constructor of the dialect's chats.
func New(o Options) func() provider.Chat {
	if o.Now == nil {
		o.Now = time.Now
	}
	return func() provider.Chat {
		return &chat{options: o, answer: answer{now: o.Now, blocks: map[int]*openBlock{}}}
	}
}

// chat is one attempt.
type chat struct {
	options Options
	dropped []string
	answer  answer
}

// contentType of a stream's frames.
const contentType = "application/vnd.amazon.eventstream"

// Request implements provider.Chat.
func (c *chat) Request(ctx context.Context, call *provider.Call) (*http.Request, error) {
	in, err := openai.DecodeChat(call.Request, call.Edits)
	if err != nil {
		return nil, err
	}
	if err := call.Inline(ctx, in); err != nil {
		return nil, err
	}
	t := translation{in: in, model: modelOf(call.Model)}
	if call.Request.Has(call.Edits, "metadata") {
		t.metadata, _ = call.Request.Field("metadata")
	}
	if err := t.run(); err != nil {
		return nil, err
	}
	c.answer.name, c.answer.model, c.answer.schemaTool = call.Model, t.model, t.schemaTool
	for _, name := range call.Request.Asked(call.Edits) {
		if _, ok := Carried[name]; !ok {
			c.dropped = append(c.dropped, name)
		}
	}
	c.dropped = append(c.dropped, t.dropped.Names()...)

	body, err := json.Marshal(&t.body, json.Deterministic(true))
	if err != nil {
		return nil, fmt.Errorf("write request: %w", err)
	}
	body, lost, err := call.Extend(body)
	if err != nil {
		return nil, err
	}
	c.dropped = append(c.dropped, lost...)
	at, err := endpoint(call)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, at, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("build request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	if call.Stream {
		req.Header.Set("Accept", contentType)
	}
	return req, c.authorize(ctx, req, call, body)
}

// endpoint is the URL of the operation. The model, which may be an ARN with
// colons and slashes, is one segment of its path; all but letters, digits and
// -._~ is escaped, as the signature has it.
func endpoint(call *provider.Call) (string, error) {
	segment := strings.ReplaceAll(url.QueryEscape(call.Model), "+", "%20")
	if strings.Trim(segment, ".") == "" {
		return "", openai.Invalid("invalid_value", "model", "'model' is no name of a model: %q", call.Model)
	}
	operation := "/converse"
	if call.Stream {
		operation = "/converse-stream"
	}
	return call.Provider.BaseURL + "/model/" + segment + operation, nil
}

// Dropped implements provider.Chat.
func (c *chat) Dropped() []string { return c.dropped }

// End implements provider.Chat. An answer that has stopped is whole, also if the
// usage that should follow it has not come.
func (c *chat) End(openai.Answer) error {
	if !c.answer.stopped {
		return io.ErrUnexpectedEOF
	}
	return nil
}

// Done implements provider.Chat: the usage comes behind the stop.
func (c *chat) Done() bool { return c.answer.stopped && c.answer.metered }

// Usage implements provider.Chat.
func (c *chat) Usage() cost.Usage { return c.answer.usage.tokens() }

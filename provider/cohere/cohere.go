// Package cohere speaks Cohere's v2 chat protocol.
//
// Wire format: https://docs.cohere.com/reference/chat and
// https://docs.cohere.com/reference/chat-stream.
package cohere

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/provider"
)

// New makes the translation of one attempt.
func New() provider.Chat { return &chat{now: time.Now} }

// chat is the state of one attempt.
type chat struct {
	now     func() time.Time
	model   string // as it was asked for: answers don't name it
	dropped []string

	answer
}

// Request implements provider.Chat.
func (c *chat) Request(ctx context.Context, call *provider.Call) (*http.Request, error) {
	asked, err := openai.DecodeChat(call.Request, call.Edits)
	if err != nil {
		return nil, err
	}
	t := translation{in: asked, body: request{Model: call.Model, Stream: call.Stream}}
	if err := t.run(); err != nil {
		return nil, err
	}
	c.model = call.Model
	c.dropped = append(withoutEquivalent(call.Request.Asked(call.Edits)), t.dropped.Names()...)

	body, err := json.Marshal(&t.body, json.Deterministic(true))
	if err != nil {
		return nil, fmt.Errorf("write cohere request: %w", err)
	}
	body, lost, err := call.Extend(body)
	if err != nil {
		return nil, err
	}
	c.dropped = append(c.dropped, lost...)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, call.Provider.BaseURL+"/chat", bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("build request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	if call.Stream {
		req.Header.Set("Accept", "text/event-stream")
	}
	if call.Key != "" {
		req.Header.Set("Authorization", "Bearer "+call.Key)
	}
	return req, nil
}

// Dropped implements provider.Chat.
func (c *chat) Dropped() []string { return c.dropped }

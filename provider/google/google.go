// Package google speaks Gemini's generateContent protocol, as the Gemini API
// (generativelanguage.googleapis.com, v1beta) serves it.
//
// Wire format: https://ai.google.dev/api/generate-content.
package google

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/provider"
)

// New makes the translation of one attempt with the Gemini API.
func New() provider.Chat { return &chat{now: time.Now} }

// chat is the state of one attempt.
type chat struct {
	now     func() time.Time
	model   string // as it was asked for
	dropped []string

	answer
}

// Request implements provider.Chat.
func (c *chat) Request(ctx context.Context, call *provider.Call) (*http.Request, error) {
	asked, err := openai.DecodeChat(call.Request, call.Edits)
	if err != nil {
		return nil, err
	}
	t := newTranslation(asked, call.Model)
	if err := t.translate(); err != nil {
		return nil, err
	}
	c.model = call.Model
	c.dropped = append(withoutEquivalent(call.Request, call.Edits), t.dropped...)

	body, err := json.Marshal(&t.body, json.Deterministic(true))
	if err != nil {
		return nil, fmt.Errorf("write gemini request: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint(call.Provider.BaseURL, call.Model, call.Stream), bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("build request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	if call.Stream {
		req.Header.Set("Accept", "text/event-stream")
	}
	// Never as the query parameter that Google takes too: URLs end up in logs.
	if call.Key != "" {
		req.Header.Set("X-Goog-Api-Key", call.Key)
	}
	return req, nil
}

// endpoint is the URL of a model's method. The model is one path segment, and
// can't hold the colon in front of the method either.
func endpoint(base, model string, stream bool) string {
	segment := strings.ReplaceAll(url.PathEscape(strings.TrimPrefix(model, "models/")), ":", "%3A")
	if stream {
		return base + "/models/" + segment + ":streamGenerateContent?alt=sse"
	}
	return base + "/models/" + segment + ":generateContent"
}

// Dropped implements provider.Chat.
func (c *chat) Dropped() []string { return c.dropped }

// Package google speaks Gemini's generateContent protocol, as the Gemini API
// (generativelanguage.googleapis.com, v1beta) serves it, and Vertex AI.
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
func New() provider.Chat { return &chat{service: geminiAPI(), now: time.Now} }

// chat is the state of one attempt.
type chat struct {
	service *service
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
	t := newTranslation(c.service, asked, call)
	if err := t.translate(); err != nil {
		return nil, err
	}
	c.model = call.Model
	c.dropped = append(c.service.withoutEquivalent(call.Request, call.Edits), t.dropped.Names()...)

	body, err := json.Marshal(&t.body, json.Deterministic(true))
	if err != nil {
		return nil, fmt.Errorf("write gemini request: %w", err)
	}
	body, lost, err := call.Extend(body)
	if err != nil {
		return nil, err
	}
	c.dropped = append(c.dropped, lost...)
	h := http.Header{"Content-Type": {"application/json"}}
	if call.Stream {
		h.Set("Accept", "text/event-stream")
	}
	if t.tier != "" && c.service.tierHeader != "" {
		h.Set(c.service.tierHeader, t.tier)
	}
	address, err := c.service.address(ctx, call, h)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("build request: %w", err)
	}
	req.Header = h
	return req, nil
}

// geminiAddress is where the Gemini API has a model's method.
func geminiAddress(_ context.Context, call *provider.Call, h http.Header) (string, error) {
	// Never as the query parameter that Google takes too: URLs end up in logs.
	if call.Key != "" {
		h.Set("X-Goog-Api-Key", call.Key)
	}
	return call.Provider.BaseURL + "/models/" + Method(strings.TrimPrefix(call.Model, "models/"), call.Stream), nil
}

// Method is the end of the URL of a model's method. The model is one path
// segment, and can't hold the colon in front of the method either.
func Method(model string, stream bool) string {
	segment := strings.ReplaceAll(url.PathEscape(model), ":", "%3A")
	if stream {
		return segment + ":streamGenerateContent?alt=sse"
	}
	return segment + ":generateContent"
}

// Dropped implements provider.Chat.
func (c *chat) Dropped() []string { return c.dropped }

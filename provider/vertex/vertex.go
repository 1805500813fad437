// Package vertex speaks to the models of Google Cloud's Vertex AI: Gemini in
// Gemini's own protocol, and Claude in Anthropic's.
//
// Where they are: https://docs.cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference
// and https://platform.claude.com/docs/en/build-with-claude/claude-on-vertex-ai.
package vertex

import (
	"context"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/provider"
	"github.com/layergateway/layergateway/provider/anthropic"
	"github.com/layergateway/layergateway/provider/google"
)

// claudeVersion is the anthropic_version that Vertex AI takes.
const claudeVersion = "vertex-2023-10-16"

// Options say in whose name models are called.
type Options struct {
	// Project is the Google Cloud project. Without one URLs name neither project
	// nor location, which is the express mode of API keys.
	Project string
	// Location is the project's, such as europe-west1, eu or global. Default:
	// global.
	Location string
	// Credentials is the path of a file with credentials, such as a service
	// account's key. Default: the machine's own, which are Google's application
	// default credentials. Calls that have a key of their own use that.
	Credentials string
	// Now is the clock: Claude's answers don't say when they were made. Default:
	// time.Now.
	Now func() time.Time
}

// New gives the constructor of the dialect's chats, which have their access
// tokens in common. Nothing is read or fetched before a chat needs a token.
func New(o Options) func() provider.Chat {
	if o.Location == "" {
		o.Location = globalLocation
	}
	t := &tokens{file: o.Credentials}
	return func() provider.Chat {
		c := &chat{options: o, tokens: t}
		c.Chat = google.NewVertex(c.address)()
		return c
	}
}

// chat is one attempt.
type chat struct {
	provider.Chat // of the protocol that the model speaks

	options Options
	tokens  *tokens
	model   model
}

// Request implements provider.Chat.
func (c *chat) Request(ctx context.Context, call *provider.Call) (*http.Request, error) {
	c.model = modelOf(call.Model)
	if c.model.isClaude() {
		platform := &anthropic.Platform{Version: claudeVersion, Address: c.address}
		c.Chat = anthropic.New(anthropic.Options{Now: c.options.Now, Platform: platform})()
	}
	bare := *call
	bare.Model = c.model.name
	return c.Chat.Request(ctx, &bare)
}

// Error implements provider.Chat. In front of Claude stand Google's own servers,
// which have Google's errors.
func (c *chat) Error(status int, h http.Header, body []byte) *provider.Error {
	if c.model.isClaude() && !isClaudeError(body) {
		return google.NewVertex(c.address)().Error(status, h, body)
	}
	return c.Chat.Error(status, h, body)
}

func isClaudeError(body []byte) bool {
	var e struct {
		Type string `json:"type"`
	}
	err := json.Unmarshal(body, &e, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	return err == nil && e.Type == "error"
}

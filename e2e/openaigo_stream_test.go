package e2e

import (
	"context"
	"errors"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"github.com/layergateway/layergateway/internal/upstream"
)

// chunks reads a whole stream.
func (b bench) chunks(req openai.ChatCompletionNewParams) []openai.ChatCompletionChunk {
	b.Helper()
	client := openai.NewClient(option.WithBaseURL(baseURL), option.WithAPIKey(b.key), option.WithMaxRetries(0))
	events := client.Chat.Completions.NewStreaming(b.Context(), req)
	var all []openai.ChatCompletionChunk
	for events.Next() {
		all = append(all, events.Current())
	}
	if err := errors.Join(events.Err(), events.Close()); err != nil || len(all) == 0 {
		b.Fatalf("%d chunks, %v", len(all), err)
	}
	return all
}

func usageAsked(b bench, _ bool) {
	req := b.request("good day")
	req.StreamOptions.IncludeUsage = openai.Bool(true)
	all := b.chunks(req)
	last := all[len(all)-1]
	b.equal("choices of the last chunk", 0, len(last.Choices))
	b.billed(last.Usage)
	b.priced(last.Usage)
	for _, c := range all[:len(all)-1] {
		if c.JSON.Usage.Raw() != "null" || len(c.Choices) != 1 {
			b.Errorf("not a chunk with usage null and one choice: %s", c.RawJSON())
		}
	}
}

func usageNotAsked(b bench, _ bool) {
	for _, c := range b.chunks(b.request("good day")) {
		if c.JSON.Usage.Valid() || len(c.Choices) != 1 {
			b.Errorf("not a chunk without usage: %s", c.RawJSON())
		}
		ended := c.Choices[0].FinishReason != ""
		if _, ok := c.JSON.ExtraFields["layer"]; ok != ended {
			b.Errorf("layer stands in the chunk that ends, and there alone: %s", c.RawJSON())
		}
	}
	if asked(b.T, b.tag, upstream.Answered, 1)[0].Usage.Output == 0 {
		b.Error("the provider counted nothing")
	}
}

// abort goes away after the first word, which the provider has to notice.
func abort(b bench, _ bool) {
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	client := openai.NewClient(option.WithBaseURL(baseURL), option.WithAPIKey(b.key), option.WithMaxRetries(0))
	events := client.Chat.Completions.NewStreaming(ctx, b.request("[[chunks=100000,slow=5]]"))
	for events.Next() {
		if c := events.Current(); len(c.Choices) > 0 && c.Choices[0].Delta.Content != "" {
			break
		}
	}
	cancel()
	_ = events.Close()
	entry := asked(b.T, b.tag, upstream.Cancelled, 1)[0]
	if entry.Chunks == 0 {
		b.Errorf("cancelled before the first chunk: %+v", entry)
	}
}

// broken loses the provider in mid-stream: the client is told, and keeps what it has.
func broken(b bench, _ bool) {
	for _, order := range []string{"cut=3", "error-event=3"} {
		answer, _, err := b.send(b.Context(), b.request("[[chunks=9,"+order+"]]"), true)
		if err == nil {
			b.Errorf("%s: no error", order)
		}
		if len(answer.Choices) != 1 || answer.Choices[0].Message.Content != "w1 w2 w3" {
			b.Errorf("%s: the client has %+v", order, answer.Choices)
		}
	}
	b.equal("requests upstream", 2, len(ofTag(b.tag)))
}

package provider

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/layergateway/layergateway/openai"
)

// Bounds of what is fetched for one request.
const (
	maxInline  = 32 << 20 // bytes
	maxFetches = 32
)

// Inline puts the bytes of images and files in place of their addresses, for a
// dialect whose provider takes none. The error is an *openai.Error for the
// parameter.
func (c *Call) Inline(ctx context.Context, chat *openai.Chat) error {
	left := budget{bytes: maxInline, fetches: maxFetches}
	for i := range chat.Messages {
		for j := range chat.Messages[i].Content {
			part := &chat.Messages[i].Content[j]
			where := fmt.Sprintf("messages[%d].content[%d]", i, j)
			if part.Type == "image_url" && part.ImageURL != nil {
				if err := c.inline(ctx, &part.ImageURL.URL, &part.ImageURL.URL, where+".image_url.url", &left); err != nil {
					return err
				}
			}
			if part.Type == "file" && part.File != nil && part.File.FileData == "" {
				if err := c.inline(ctx, &part.File.FileURL, &part.File.FileData, where+".file.file_url", &left); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// budget is what may still be fetched.
type budget struct{ bytes, fetches int }

// inline fetches the address at from, if there is one, and writes a data URL to
// to.
func (c *Call) inline(ctx context.Context, from, to *string, param string, left *budget) error {
	if *from == "" || strings.HasPrefix(*from, "data:") {
		return nil
	}
	if c.Provider.Fetch == nil {
		return openai.Invalid("invalid_image_url", param, "'%s' is an address, but the provider takes bytes alone: send a data URL", param)
	}
	if left.fetches--; left.fetches < 0 {
		return openai.Invalid("invalid_image_url", param, "'%s' can't be fetched: the request names more than %d addresses", param, maxFetches)
	}
	content, err := c.Provider.Fetch.Get(ctx, *from, param)
	if err != nil {
		return err
	}
	if left.bytes -= len(content.Data); left.bytes < 0 {
		return openai.Invalid("invalid_image_url", param, "'%s' can't be fetched: all that the request names is more than %d MiB", param, maxInline>>20)
	}
	*to = "data:" + content.Type + ";base64," + base64.StdEncoding.EncodeToString(content.Data)
	return nil
}

package compat

import (
	"context"
	"encoding/base64"
	"strings"

	"github.com/layergateway/layergateway/fetch"
	"github.com/layergateway/layergateway/openai"
)

// Bounds of the images that are fetched for one request.
const (
	maxInline  = 32 << 20 // bytes
	maxFetches = 32
)

// inliner puts the bytes of a request's images in place of their addresses.
type inliner struct {
	ctx  context.Context
	from *fetch.Fetcher // nil: nobody fetches
	left int            // bytes
	done int            // fetches
}

// inline does so for one part of a message, of any type.
func (f *inliner) inline(part *object, param string) error {
	v := part.get("image_url")
	image, err := takeApart(v)
	if err != nil {
		return err
	}
	address := image.text("url")
	if v.Kind() == '"' {
		address = text(v)
	}
	if address == "" || strings.HasPrefix(address, "data:") {
		return nil
	}
	if f.from == nil {
		return openai.Invalid("invalid_image_url", param, "'%s' is an address, but the provider takes bytes alone: send a data URL", param)
	}
	if f.done++; f.done > maxFetches {
		return openai.Invalid("invalid_image_url", param, "'%s' can't be fetched: the request names more than %d addresses", param, maxFetches)
	}
	c, err := f.from.Get(f.ctx, address, param)
	if err != nil {
		return err
	}
	if !strings.HasPrefix(c.Type, "image/") {
		return openai.Invalid("invalid_image_url", param, "'%s' leads to no image", param)
	}
	if f.left -= len(c.Data); f.left < 0 {
		return openai.Invalid("invalid_image_url", param, "'%s' can't be fetched: all images together are larger than %d MiB", param, maxInline>>20)
	}
	image.set("url", quoted("data:"+c.Type+";base64,"+base64.StdEncoding.EncodeToString(c.Data)))
	part.set("image_url", image.bytes())
	return nil
}

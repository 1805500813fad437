package estimate

import (
	"encoding/base64"
	"image"
	_ "image/gif" // what DecodeConfig knows
	_ "image/jpeg"
	_ "image/png"
	"strings"

	"github.com/layergateway/layergateway/openai"
)

// Sizes of images in pixels: what is taken for one that can't be seen, and for
// a large one.
const (
	usual = 1024
	large = 2048
)

// part is what a part of a message takes beside its text.
func part(model string, p *openai.Part) int64 {
	switch {
	case p.ImageURL != nil:
		w, h := pixels(p.ImageURL.URL)
		return imageTokens(model, w, h, p.ImageURL.Detail)
	case p.InputAudio != nil:
		return audio(model, p.InputAudio.Format, int64(len(p.InputAudio.Data)))
	case p.File != nil:
		return document(model, int64(len(p.File.FileData)))
	case p.VideoURL != nil:
		return video(p.VideoURL.URL)
	}
	return 0
}

// imageRule is how OpenAI's models count images: base and tile for each 512
// pixels squared, or patch percent of a token for each 32 pixels squared.
// https://platform.openai.com/docs/guides/images-vision#calculating-costs
type imageRule struct {
	name              string
	base, tile, patch int64
}

// The first whose name a model's begins with counts.
var imageRules = [...]imageRule{
	{"gpt-4o-mini", 2833, 5667, 0},
	{"gpt-4.1-mini", 0, 0, 162},
	{"gpt-4.1-nano", 0, 0, 246},
	{"o4-mini", 0, 0, 172},
	{"gpt-5-mini", 0, 0, 162},
	{"gpt-5-nano", 0, 0, 246},
	{"gpt-5", 70, 140, 0},
	{"o1", 75, 150, 0},
	{"o3", 75, 150, 0},
	{"", 85, 170, 0},
}

// imageTokens is what an image takes. Providers whose rule isn't known are taken
// to count as gpt-4o does.
func imageTokens(model string, w, h int64, detail string) int64 {
	m := baseName(model)
	switch {
	case strings.Contains(m, "claude"):
		// https://docs.claude.com/en/docs/build-with-claude/vision
		w, h = within(w, h, 1568)
		return min(up(w*h, 750), 1600)
	case strings.Contains(m, "gemini-3"):
		return 1120 // https://ai.google.dev/gemini-api/docs/media-resolution
	case strings.Contains(m, "gemini"), strings.Contains(m, "gemma"):
		// https://ai.google.dev/gemini-api/docs/tokens
		if w <= 384 && h <= 384 {
			return 258
		}
		unit := min(max(min(w, h)*2/3, 256), 768)
		return up(w, unit) * up(h, unit) * 258
	}
	for _, r := range imageRules {
		if strings.HasPrefix(m, r.name) {
			return r.tokens(w, h, detail)
		}
	}
	return 0
}

func (r imageRule) tokens(w, h int64, detail string) int64 {
	if r.patch > 0 {
		return min(up(w, 32)*up(h, 32), 1536) * r.patch / 100
	}
	if detail == "low" {
		return r.base
	}
	w, h = within(w, h, 2048)
	if short := min(w, h); short > 768 {
		w, h = w*768/short, h*768/short
	}
	return r.base + up(w, 512)*up(h, 512)*r.tile
}

// within shrinks an image until its longer edge is no more than edge.
func within(w, h, edge int64) (int64, int64) {
	if long := max(w, h); long > edge {
		return max(w*edge/long, 1), max(h*edge/long, 1)
	}
	return w, h
}

// pixels is the size of the image in a data URL, as its beginning tells, or else
// the usual one.
func pixels(url string) (w, h int64) {
	_, data, ok := strings.Cut(url[:min(len(url), 1<<20)], ";base64,")
	if !ok {
		return usual, usual
	}
	c, _, err := image.DecodeConfig(base64.NewDecoder(base64.StdEncoding, strings.NewReader(data)))
	if err != nil || c.Width <= 0 || c.Height <= 0 {
		return usual, usual
	}
	return min(int64(c.Width), 1<<16), min(int64(c.Height), 1<<16)
}

// audio is what so much base64 takes.
func audio(model, format string, size int64) int64 {
	return audioTokens(model, audioSeconds(format, size))
}

// audioSeconds is how long so much base64 lasts.
func audioSeconds(format string, size int64) int64 {
	perSecond := int64(16_000) // mp3 of 128 kbit/s
	if format == "wav" || format == "pcm16" {
		perSecond = 48_000 // 24 kHz, 16 bits
	}
	return up(size/4*3, perSecond)
}

// audioTokens: Gemini has 32 tokens a second, OpenAI 10.
func audioTokens(model string, seconds int64) int64 {
	if strings.Contains(baseName(model), "gemini") {
		return seconds * 32
	}
	return seconds * 10
}

// document is what so much base64 takes.
func document(model string, size int64) int64 { return documentTokens(model, documentPages(size)) }

// documentPages takes 50 kB for a page. Without data it is one page.
func documentPages(size int64) int64 { return max(up(size/4*3, 50_000), 1) }

// documentTokens: Gemini has 258 tokens a page, Claude 1,500 to 3,000.
func documentTokens(model string, pages int64) int64 {
	if strings.Contains(baseName(model), "gemini") {
		return pages * 258
	}
	return pages * 2000
}

// video has 258 tokens a second for its pictures and 32 for its sound, as Gemini
// counts; a second has about 250 kB. One elsewhere is taken to last a minute.
func video(url string) int64 {
	seconds := int64(60)
	if strings.HasPrefix(url, "data:") {
		seconds = up(int64(len(url))/4*3, 250_000)
	}
	return seconds * (258 + 32)
}

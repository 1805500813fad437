package estimate

import (
	"bytes"
	"strings"

	"github.com/layergateway/layergateway/openai"
)

// What a message and its call of a tool take beside their texts, and the
// beginning of the answer, as OpenAI's cookbook counts.
const (
	perMessage = 4
	perCall    = 8
	perTool    = 8
	perAnswer  = 3
)

// Input estimates a request's input tokens, with the edits made, as the model
// named as its provider does counts them: messages, definitions of tools, the
// form asked for, and what images, audio and documents usually take. It takes
// milliseconds, and no more than some tens of them whatever the request is.
func Input(req *openai.Request, edits *openai.Edits, model string) int64 {
	chat, err := openai.DecodeChat(req, edits)
	if err != nil {
		// It was good enough for a provider all the same.
		return Upper(req, model)
	}
	var text strings.Builder
	tokens := int64(perAnswer)
	for i := range chat.Messages {
		m := &chat.Messages[i]
		tokens += perMessage
		for _, s := range []string{m.Name, m.Refusal, m.ReasoningContent, m.ToolPlan} {
			text.WriteString(s)
		}
		for j := range m.Content {
			p := &m.Content[j]
			text.WriteString(p.Text)
			text.WriteString(p.Refusal)
			tokens += part(model, p)
		}
		for _, c := range m.ToolCalls {
			tokens += perCall
			text.WriteString(c.Function.Name)
			text.WriteString(c.Function.Arguments)
		}
		text.WriteByte('\n')
	}
	for _, t := range chat.Tools {
		if t.Function != nil {
			tokens += perTool
			text.WriteString(t.Function.Name + "\n" + t.Function.Description + "\n")
			text.Write(t.Function.Parameters)
		}
	}
	if f := chat.ResponseFormat; f != nil && f.JSONSchema != nil {
		text.Write(f.JSONSchema.Schema)
	}
	return tokens + Text(model, text.String())
}

// Five bytes for two tokens is the least that text usually has: English has
// above four bytes a token, Chinese and Japanese about three, dense code 2.7.
const (
	denseBytes  = 5
	denseTokens = 2
)

// Upper is about the most input tokens that a request can have, told by its
// bytes in less than a microsecond a few kilobytes. It assumes that text has
// at least 2.5 bytes a token, that images are large, and that none of their
// names are hidden behind escapes. Texts made up of rare characters can have
// more: this is for a reservation, not for a bill.
func Upper(req *openai.Request, model string) int64 {
	raw := req.Raw()
	data, media := attached(raw, model)
	// Each image has the word twice: as type and as name.
	images := int64(bytes.Count(raw, []byte(`"image_url"`))+1) / 2
	if images > 0 {
		media += images * imageTokens(model, large, large, "high")
	}
	text := int64(len(raw)) - data
	return up(text*denseTokens*familyOf(model).percent, denseBytes*100) + media
}

// attached finds the base64 within a request, which is no text: its bytes, and
// the tokens of what isn't an image.
func attached(raw []byte, model string) (size, tokens int64) {
	for rest := raw; ; {
		i := bytes.Index(rest, []byte(";base64,"))
		if i < 0 {
			break
		}
		head := rest[max(0, i-64):i]
		rest = rest[i:]
		n := max(0, bytes.IndexByte(rest, '"'))
		if bytes.LastIndex(head, []byte("data:image/")) < 0 {
			tokens += document(model, int64(n))
		}
		size += int64(n)
		rest = rest[max(n, 1):]
	}
	for rest := raw; ; {
		i := bytes.Index(rest, []byte(`"input_audio"`))
		if i < 0 {
			break
		}
		rest = rest[i+len(`"input_audio"`):]
		// {"data":"…","format":"wav"}, in either order; not the type's value.
		j := bytes.Index(rest[:min(64, len(rest))], []byte(`"data"`))
		if j < 0 {
			continue
		}
		value := rest[j+len(`"data"`):]
		from := bytes.IndexByte(value, '"') + 1
		n := max(0, bytes.IndexByte(value[from:], '"'))
		size += int64(n)
		tokens += audio(model, "", int64(n))
		rest = value[from+n:]
	}
	return size, tokens
}

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
// bytes in some hundred nanoseconds. It assumes that text has at least 2.5 bytes
// a token, that images are large, and that none of their names are hidden behind
// escapes. Texts made up of rare characters can have more: this is for a
// reservation, not for a bill.
func Upper(req *openai.Request, model string) int64 {
	raw := req.Raw()
	data, media := attached(raw, model)
	text := int64(len(raw)) - data
	return up(text*denseTokens*familyOf(model).percent, denseBytes*100) + media
}

// attached finds what is no text: how many bytes of base64 there are, and the
// tokens of what they stand for. All names of such parts have an underscore,
// which few other texts have.
func attached(raw []byte, model string) (size, tokens int64) {
	images := int64(0) // each has its name twice: as type and as member
	for at := 0; ; {
		i := bytes.IndexByte(raw[at:], '_')
		if i < 0 {
			break
		}
		i += at
		head, tail := raw[max(0, i-6):i], raw[i+1:min(len(raw), i+7)]
		at = i + 1
		switch {
		case bytes.Equal(head, []byte(`"image`)) && bytes.HasPrefix(tail, []byte(`url"`)):
			images++
			if n, end := value(raw, at, ";base64,"); n > 0 {
				images++ // behind the second name, if this was the first
				size, at = size+n, end
			}
		case bytes.Equal(head, []byte(`"input`)) && bytes.HasPrefix(tail, []byte(`audio"`)):
			if n, end := value(raw, at, `"data"`); n > 0 {
				size, tokens, at = size+n, tokens+audio(model, "", n), end
			}
		case bytes.HasSuffix(head, []byte(`"file`)) && bytes.HasPrefix(tail, []byte(`data"`)):
			n, end := value(raw, at, `"`)
			size, tokens, at = size+n, tokens+document(model, n), end
		}
	}
	if images > 0 {
		tokens += (images + 1) / 2 * imageTokens(model, large, large, "high")
	}
	return size, tokens
}

// value is the length of the text that follows a mark soon behind at, up to its
// closing quote, and where that is. A mark that is a name stands in front of the
// text's opening quote.
func value(raw []byte, at int, mark string) (n int64, end int) {
	const soon = 96
	i := bytes.Index(raw[at:min(len(raw), at+soon)], []byte(mark))
	if i < 0 {
		return 0, at
	}
	from := at + i + len(mark)
	if strings.HasSuffix(mark, `"`) {
		from += bytes.IndexByte(raw[from:], '"') + 1
	}
	length := max(0, bytes.IndexByte(raw[from:], '"'))
	return int64(length), from + length
}

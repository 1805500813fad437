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
		return Measure(req, edits).Upper(model)
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

// Size is what a request's bytes tell of its input tokens, for any model.
type Size struct {
	text    int64 // bytes
	images  int64
	seconds int64 // of audio
	pages   int64 // of documents
}

// Measure takes some hundred nanoseconds. What the edits make longer counts,
// what they leave out does too.
func Measure(req *openai.Request, edits *openai.Edits) Size {
	messages, _ := req.Field("messages")
	s := attached(messages) // elsewhere such names are the client's own, as in a tool's schema, and all is text
	s.text += int64(req.Size() + req.Added(edits))
	return s
}

// Upper is about the most input tokens that the request can have at a model. It
// assumes that text has at least 2.5 bytes a token, that images are large, and
// that none of their names are hidden behind escapes. Texts made up of rare
// characters can have more: this is for a reservation, not for a bill.
func (s Size) Upper(model string) int64 {
	tokens := up(s.text*denseTokens*familyOf(model).percent, denseBytes*100)
	if s.images > 0 {
		tokens += s.images * imageTokens(model, large, large, "high")
	}
	if s.seconds > 0 {
		tokens += audioTokens(model, s.seconds)
	}
	if s.pages > 0 {
		tokens += documentTokens(model, s.pages)
	}
	return tokens
}

// attached finds what is no text in messages: what it stands for, and its base64 as bytes
// that text has less. All names of such parts have an underscore, which few
// other texts have.
func attached(raw []byte) (s Size) {
	names := int64(0) // each image has its name twice: as type and as member
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
			names++
			if n, end := value(raw, at, ";base64,"); n > 0 {
				names++ // behind the second name, if this was the first
				s.text, at = s.text-n, end
			}
		case bytes.Equal(head, []byte(`"input`)) && bytes.HasPrefix(tail, []byte(`audio"`)):
			if n, end := value(raw, at, `"data"`); n > 0 {
				s.text, s.seconds, at = s.text-n, s.seconds+audioSeconds("", n), end
			}
		case bytes.HasSuffix(head, []byte(`"file`)) && bytes.HasPrefix(tail, []byte(`data"`)):
			n, end := value(raw, at, `"`)
			s.text, s.pages, at = s.text-n, s.pages+documentPages(n), end
		}
	}
	s.images = (names + 1) / 2
	return s
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

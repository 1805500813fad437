package google

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/openai"
)

// choice is one candidate of an answer so far.
type choice struct {
	index     int
	finish    string // Gemini's own word, the newest
	calls     int
	ids       []string // of the calls
	open      *openCall
	signature string // of the answer's text
	images    int

	text                offsets
	grounding, citation jsontext.Value
}

// openCall is a function call whose arguments come in pieces.
type openCall struct {
	index int
	args  node
}

func (x *choice) candidate(c *candidate, a openai.Answer) error {
	for i := range c.Content.Parts {
		if err := x.part(&c.Content.Parts[i], a); err != nil {
			return err
		}
	}
	if c.LogprobsResult != nil {
		if v := c.LogprobsResult.openai(); v != nil {
			a.Logprobs(x.index, v)
		}
	}
	// Each of these tells all of it again where it comes more than once.
	if c.GroundingMetadata.Kind() == '{' {
		x.grounding = c.GroundingMetadata
	}
	if c.CitationMetadata.Kind() == '{' {
		x.citation = c.CitationMetadata
	}
	if c.FinishReason != "" {
		x.finish = c.FinishReason
	}
	return nil
}

func (x *choice) part(p *answerPart, a openai.Answer) error {
	if p.FunctionCall != nil {
		return x.call(p.FunctionCall, p.ThoughtSignature, a)
	}
	if p.ofTool() {
		return nil
	}
	switch {
	case p.InlineData != nil:
		// Images among the thoughts are drafts.
		if !p.Thought && strings.HasPrefix(p.InlineData.MIMEType, "image/") {
			a.Member(x.index, "images", x.image(p))
		}
		return nil
	case p.Thought:
		if p.Text != "" {
			a.Reasoning(x.index, p.Text)
		}
	case p.Text != "":
		a.Text(x.index, p.Text)
		x.text.add(p.Text)
	}
	if p.ThoughtSignature != "" {
		x.signature = p.ThoughtSignature
	}
	return nil
}

// image makes an entry of the message's images, as OpenRouter has them. The
// index lets a client put together those that come in several chunks.
func (x *choice) image(p *answerPart) jsontext.Value {
	b := fmt.Appendf(nil, `[{"index":%d,"type":"image_url","image_url":{"url":`, x.images)
	x.images++
	b = openai.AppendString(b, "data:"+p.InlineData.MIMEType+";base64,"+p.InlineData.Data)
	b = append(b, '}')
	if p.ThoughtSignature != "" {
		b = append(append(b, `,"extra_content":`...), extraContent(p.ThoughtSignature)...)
	}
	return append(b, "}]"...)
}

// extraContent carries a signature the way Google's own OpenAI endpoint does.
func extraContent(signature string) jsontext.Value {
	b := openai.AppendString([]byte(`{"google":{"thought_signature":`), signature)
	return append(b, "}}"...)
}

// call takes a function call, or a piece of one. The call's name goes out at
// once, its arguments when they are complete.
func (x *choice) call(p *calledPart, signature string, a openai.Answer) error {
	if p.Name != "" || x.open == nil {
		if p.Name == "" {
			if p.Args == nil && len(p.PartialArgs) == 0 {
				return nil // the end of a call that has ended already
			}
			return errors.New("a function call has no name")
		}
		x.close(a)
		var extra jsontext.Value
		if signature != "" {
			extra = extraContent(signature)
		}
		x.calls++
		x.open = &openCall{index: a.ToolCall(x.index, x.newID(p.ID), p.Name, extra)}
	}
	if p.Args.Kind() == '{' {
		if err := p.Args.Compact(jsontext.AllowDuplicateNames(true)); err != nil {
			return malformed(err)
		}
		x.open.args = node{raw: p.Args}
	}
	for i := range p.PartialArgs {
		if err := x.open.args.apply(&p.PartialArgs[i]); err != nil {
			return err
		}
	}
	if !p.WillContinue {
		x.close(a)
	}
	return nil
}

// newID keeps the id that Gemini gave, if it is one of its own; empty asks for
// a new one.
func (x *choice) newID(id string) string {
	if id == "" || slices.Contains(x.ids, id) {
		return ""
	}
	x.ids = append(x.ids, id)
	return id
}

// close says the arguments of the call that is open.
func (x *choice) close(a openai.Answer) {
	if x.open == nil {
		return
	}
	a.Arguments(x.index, x.open.index, string(x.open.args.object()))
	x.open = nil
}

// end says what had to wait for the end of the answer.
func (x *choice) end(a openai.Answer) {
	x.close(a)
	if v := x.annotations(); v != nil {
		a.Member(x.index, "annotations", v)
	}
	if x.signature != "" {
		a.Member(x.index, "extra_content", extraContent(x.signature))
	}
	a.Finish(x.index, reason(x.finish, x.calls > 0), x.finish)
}

package google

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/sse"
)

// maxCandidates bounds the candidates of an answer; Gemini gives at most 8.
const maxCandidates = 128

// answer is what is known of an answer so far.
type answer struct {
	named   bool
	blocked string // why the prompt was refused
	choices []*choice
	usage   usageMetadata
	ended   bool
}

// Whole implements provider.Chat. The body is one response, or the array of a
// stream's responses that streamGenerateContent gives without alt=sse.
func (c *chat) Whole(body []byte, a openai.Answer) error {
	if err := c.take(body, a); err != nil {
		return err
	}
	err := c.End(a)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the answer has no candidate that is finished")
	}
	return err
}

// Event implements provider.Chat.
func (c *chat) Event(ev sse.Event, a openai.Answer) error {
	if len(bytes.TrimSpace(ev.Data)) == 0 {
		return nil
	}
	return c.take(ev.Data, a)
}

// take reads one response, or an array of them.
func (c *chat) take(data []byte, a openai.Answer) error {
	lenient := jsontext.AllowDuplicateNames(true)
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("[")) {
		var list []response
		if err := json.Unmarshal(data, &list, lenient); err != nil {
			return malformed(err)
		}
		for i := range list {
			if err := c.response(&list[i], a); err != nil {
				return err
			}
		}
		return nil
	}
	var r response
	if err := json.Unmarshal(data, &r, lenient); err != nil {
		return malformed(err)
	}
	return c.response(&r, a)
}

// malformed says that an answer can't be read. The cause stays out of it: its text
// may quote the answer, and broken JSON is not yet a stream that was cut off.
func malformed(err error) error {
	var syntax *jsontext.SyntacticError
	if errors.As(err, &syntax) {
		return fmt.Errorf("not a gemini answer: no JSON from byte %d on", syntax.ByteOffset)
	}
	return errors.New("not a gemini answer: a member has the wrong type")
}

func (c *chat) response(r *response, a openai.Answer) error {
	c.usage.update(&r.UsageMetadata)
	if r.Error.Kind() == '{' {
		return errorIn(r.Error)
	}
	if !c.named {
		c.named = true
		a.Head(c.head(r))
	}
	if f := r.PromptFeedback; f != nil && (f.BlockReason != "" || f.BlockReasonMessage != "") {
		c.blocked = "PROMPT:" + f.BlockReason
		if f.BlockReason == "" {
			c.blocked += "BLOCK_REASON_UNSPECIFIED"
		}
	}
	for i := range r.Candidates {
		x := &r.Candidates[i]
		if x.Index < 0 || x.Index >= maxCandidates {
			return fmt.Errorf("candidate index %d is out of range", x.Index)
		}
		for len(c.choices) <= x.Index {
			c.choices = append(c.choices, &choice{index: len(c.choices)})
		}
		if err := c.choices[x.Index].candidate(x, a); err != nil {
			return err
		}
	}
	return nil
}

func (c *chat) head(r *response) openai.Head {
	h := openai.Head{ID: r.ResponseID, Model: r.ModelVersion, ServiceTier: r.UsageMetadata.tier()}
	if h.ID == "" {
		h.ID = openai.NewCompletionID()
	}
	if h.Model == "" {
		h.Model = c.model
	}
	if created, err := time.Parse(time.RFC3339, r.CreateTime); err == nil {
		h.Created = created.Unix()
	} else {
		h.Created = c.now().Unix()
	}
	return h
}

// Done implements provider.Chat. Gemini's only terminal mark is a finishReason,
// and more text, usage or another reason may follow it.
func (c *chat) Done() bool {
	unfinished := func(x *choice) bool { return x.finish == "" }
	return c.blocked != "" || len(c.choices) > 0 && !slices.ContainsFunc(c.choices, unfinished)
}

// End implements provider.Chat. An answer is whole if each of its candidates had
// a finishReason, of which the last counts, or if the prompt was refused.
func (c *chat) End(a openai.Answer) error {
	if len(c.choices) == 0 && c.blocked == "" {
		return io.ErrUnexpectedEOF
	}
	for _, x := range c.choices {
		if x.finish == "" && c.blocked == "" {
			return io.ErrUnexpectedEOF
		}
		if failed(x.finish) {
			c.ended = true
			return finishError(x.finish)
		}
	}
	c.ended = true
	if len(c.choices) == 0 {
		a.Finish(0, openai.FinishContentFilter, c.blocked)
		return nil
	}
	for _, x := range c.choices {
		if x.finish == "" {
			x.finish = c.blocked
		}
		x.end(a)
	}
	return nil
}

package openai

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Say lets w hear all that the model wrote: text, thoughts, refusals, names and
// arguments of calls.
func (w *Whole) Say(to Listener) {
	// It only listens.
	say := func(piece []byte) { _, _ = to.Write(piece) }
	if w.raw != nil {
		w.raw.say(say)
	}
	for _, m := range w.choices {
		if m == nil {
			continue
		}
		say(m.text)
		say(m.reasoning)
		say(m.refusal)
		for _, c := range m.calls {
			say([]byte(c.name))
			say(c.arguments)
		}
	}
}

// say walks over the strings of messages, which are what the model wrote but for
// those that name something.
func (c *Completion) say(say func([]byte)) {
	var answer struct {
		Choices []struct {
			Message struct {
				Content, Refusal, Reasoning string
				ReasoningContent            string `json:"reasoning_content"`
				ToolCalls                   []struct {
					Function struct{ Name, Arguments string }
				} `json:"tool_calls"`
			}
		}
	}
	// What has another form than OpenAI's is not heard: this is for an estimate.
	_ = json.Unmarshal(c.Raw, &answer, allowDuplicates, jsontext.AllowInvalidUTF8(true), json.MatchCaseInsensitiveNames(true))
	for i := range answer.Choices {
		m := &answer.Choices[i].Message
		for _, text := range []string{m.Content, m.Refusal, m.Reasoning, m.ReasoningContent} {
			say([]byte(text))
		}
		for _, call := range m.ToolCalls {
			say([]byte(call.Function.Name))
			say([]byte(call.Function.Arguments))
		}
	}
}

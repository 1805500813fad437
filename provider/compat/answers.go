package compat

import (
	"bytes"
	"fmt"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/provider"
)

// mend gives a chunk, or a whole answer, as OpenAI would have written it. What
// no habit concerns comes back as it is.
type mend struct {
	*habits
	whole    bool
	head     []member        // of the first chunk: what its successors must have too
	finished choiceSet       // with a finish_reason
	native   string          // the finish reason that another was put in place of
	failure  *provider.Error // what a finish reason said
	parts    parts           // of the newest
}

// answer mends one; nil is a chunk of which nothing is left.
func (m *mend) answer(raw []byte) ([]byte, error) {
	m.parts.reset()
	top, err := m.parts.takeApart(raw)
	if err != nil || top.get("choices") == nil {
		return raw, err
	}
	var hidden jsontext.Value // usage that is not where it should be
	over, more := false, false
	choices, changed, err := m.parts.each(top.get("choices"), func(_ int, choice *object) error {
		if m.over(choice) {
			over = true
		} else {
			more = true
		}
		if v := choice.get("usage"); m.has(ChoiceUsage) && v.Kind() == '{' {
			hidden = v
		}
		return m.choice(choice)
	})
	if err != nil {
		return nil, err
	}
	top.settle("choices", choices, changed)
	if over && !more {
		top.set("choices", jsontext.Value("[]"))
	}
	if m.has(Unsteady) {
		m.name(&top)
	}
	if m.has(GroqUsage) {
		if groq, err := m.parts.takeApart(top.get("x_groq")); err == nil && groq.get("usage").Kind() == '{' {
			hidden = groq.get("usage")
		}
	}
	usage := top.get("usage")
	if usage.Kind() != '{' {
		usage = hidden
	}
	if usage.Kind() == '{' {
		usage, changed = m.usage(usage)
		top.settle("usage", usage, changed || hidden != nil)
	} else if over && !more && top.get("error") == nil {
		return nil, nil
	}
	return top.bytes(), nil
}

// over reports whether a chunk's choice has finished before and says no more.
func (m *mend) over(choice *object) bool {
	if m.whole || !m.late() {
		return false
	}
	i := 0
	if v := choice.get("index"); v.Kind() == '0' {
		n, err := strconv.ParseUint(string(v), 10, 7)
		if err != nil {
			return false
		}
		i = int(n)
	}
	if !m.finished.has(i) {
		return false
	}
	delta, err := m.parts.takeApart(choice.get("delta"))
	if err != nil {
		return false
	}
	for _, x := range delta.members {
		if string(x.key) != "role" && len(bytes.Trim(x.value, "\"[]{} \t\r\n")) > 0 && x.value.Kind() != 'n' {
			return false
		}
	}
	return true
}

// name gives an answer the members that say what it is: all chunks have those
// of the first.
func (m *mend) name(top *object) {
	if m.head == nil {
		if string(top.get("choices")) == "[]" {
			return // Azure's first has none, and no head either
		}
		m.first(top)
	}
	for _, x := range m.head {
		if !bytes.Equal(top.get(string(x.key)), x.value) {
			top.set(string(x.key), x.value)
		}
	}
}

// first keeps an answer's head, complete.
func (m *mend) first(top *object) {
	object, id, created := "chat.completion.chunk", top.get("id"), top.get("created")
	if m.whole {
		object = "chat.completion"
	}
	if id.Kind() != '"' {
		id = quoted(openai.NewCompletionID())
	}
	if !isTime(created) {
		created = strconv.AppendInt(nil, time.Now().Unix(), 10)
	}
	m.head = append(make([]member, 0, 4), newMember("object", quoted(object)), newMember("id", id.Clone()), newMember("created", created.Clone()))
	if model := top.get("model"); model.Kind() == '"' {
		m.head = append(m.head, newMember("model", model.Clone()))
	}
}

func (m *mend) choice(choice *object) error {
	reason := choice.text("finish_reason")
	if to, ok := m.Finish[reason]; ok {
		choice.set("finish_reason", quoted(to))
		m.native = reason
	}
	if kind, ok := m.Failures[reason]; ok {
		m.failure = &provider.Error{Kind: kind, Code: reason,
			Message: fmt.Sprintf("the provider gave up on its answer: finish_reason %q", reason)}
	}
	for _, name := range []string{"message", "delta"} {
		v := choice.get(name)
		if v.Kind() != '{' {
			continue
		}
		message, err := m.parts.takeApart(v)
		if err == nil {
			err = m.message(&message)
		}
		if err != nil {
			return err
		}
		choice.settle(name, message.bytes(), message.changed)
	}
	return nil
}

func (m *mend) message(message *object) error {
	if m.has(PartContent) && message.get("content").Kind() == '[' {
		said, thought, err := readParts(message.get("content"))
		if err != nil {
			return err
		}
		message.set("content", quoted(said))
		if thought != "" {
			message.set("reasoning_content", quoted(thought))
		}
	}
	if m.has(ReasoningMember) && message.get("reasoning").Kind() == '"' {
		to := "reasoning_content"
		if message.text(to) != "" {
			to = "" // both, which say the same
		} else {
			message.rename(to, "")
		}
		message.rename("reasoning", to)
	}
	if !m.has(BareCalls) {
		return nil
	}
	calls, changed, err := m.parts.each(message.get("tool_calls"), func(_ int, call *object) error { return m.call(call) })
	message.settle("tool_calls", calls, changed)
	return err
}

// readParts reads content that is an array of parts: what is said, and what is
// thought.
func readParts(content jsontext.Value) (said, thought string, err error) {
	type part struct {
		Type     string `json:"type"`
		Text     string `json:"text"`
		Thinking []struct {
			Text string `json:"text"`
		} `json:"thinking"`
	}
	var parts []part
	if err := json.Unmarshal(content, &parts, duplicates); err != nil {
		return "", "", fmt.Errorf("read content: %w", err)
	}
	for _, p := range parts {
		said += p.Text
		for _, t := range p.Thinking {
			thought += t.Text
		}
	}
	return said, thought, nil
}

// call mends a tool call. In a stream its beginning is the stream's to mend.
func (m *mend) call(call *object) error {
	f, err := m.parts.takeApart(call.get("function"))
	if err != nil {
		return err
	}
	if v := f.get("arguments"); v.Kind() == '{' {
		f.set("arguments", quoted(string(v)))
	} else if m.whole && v.Kind() != '"' {
		f.set("arguments", quoted("{}"))
	}
	call.settle("function", f.bytes(), f.changed)
	if !m.whole {
		return nil
	}
	if call.text("type") == "" {
		call.set("type", quoted("function"))
	}
	if call.text("id") == "" {
		call.set("id", quoted(openai.NewCallID()))
	}
	return nil
}

// flatCached are the names of cached tokens outside of prompt_tokens_details.
var flatCached = []string{"cached_tokens", "num_cached_tokens", "prompt_cache_hit_tokens"}

// usage writes a usage object as OpenAI counts.
func (m *mend) usage(raw jsontext.Value) (jsontext.Value, bool) {
	o, err := m.parts.takeApart(raw)
	if err != nil {
		return raw, false
	}
	if m.has(FlatCached) {
		details, err := m.parts.takeApart(o.get("prompt_tokens_details"))
		for _, name := range flatCached {
			if n := countOf(o.get(name)); err == nil && n >= 0 && countOf(details.get("cached_tokens")) < 0 {
				details.set("cached_tokens", strconv.AppendInt(nil, n, 10))
				o.set("prompt_tokens_details", details.bytes())
			}
		}
	}
	if m.has(ReasoningBeside) {
		in, out, all := countOf(o.get("prompt_tokens")), countOf(o.get("completion_tokens")), countOf(o.get("total_tokens"))
		if beside(in, out, all) {
			o.set("completion_tokens", strconv.AppendInt(nil, all-in, 10))
		}
	}
	if m.has(OwnCost) {
		o.rename("cost", "upstream_cost")
	}
	return o.bytes(), o.changed
}

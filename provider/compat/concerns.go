package compat

import (
	"bytes"
	"math"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/internal/rawjson"
	"github.com/layergateway/layergateway/openai"
)

// signs are the traits of which an answer has one, for a habit to concern it.
// Other habits need a look at what it says.
var signs = []struct {
	habit  Answers
	traits openai.Traits
}{
	{ReasoningMember, openai.ReasoningText},
	{PartContent, openai.ContentParts},
	{BareCalls, openai.ArgumentsObject | openai.WholeCalls},
	{GroqUsage, openai.UsageByGroq},
	{ChoiceUsage, openai.UsageInChoice},
}

// mends reports whether the server's answers are mended at all.
func (s *habits) mends() bool { return s.Answers != 0 || len(s.Finish)+len(s.Failures) > 0 }

// late reports whether a chunk may come behind the end of its choice.
func (m *mend) late() bool { return m.has(FinishTwice) && m.finished != (choiceSet{}) }

// concerns reports whether a chunk, or a whole answer, may need mending. Most
// don't, which is found without another look at their bytes.
func (m *mend) concerns(n *openai.Notes) bool {
	switch {
	case !m.mends():
		return false
	case n.Traits&m.traits != 0, m.has(Unsteady) && !m.steady(n):
		return true
	}
	for _, reason := range n.Reasons {
		word := rawjson.Key(reason)
		_, own := m.Finish[string(word)]
		_, failed := m.Failures[string(word)]
		if own || failed {
			return true
		}
	}
	return n.Usage.Kind() == '{' && m.recounts(n.Usage)
}

// steady reports whether a chunk has the head of the first, or a whole answer a
// complete one.
func (m *mend) steady(n *openai.Notes) bool {
	if m.whole {
		return string(n.Head("object")) == `"chat.completion"` && n.Head("id").Kind() == '"' && isTime(n.Head("created"))
	}
	for i := range m.head {
		if !bytes.Equal(n.Head(string(m.head[i].key)), m.head[i].value) {
			return false
		}
	}
	return m.head != nil
}

// isTime reports whether a value says when an answer was made.
func isTime(created jsontext.Value) bool {
	n, err := strconv.ParseFloat(string(created), 64)
	return err == nil && n > 0
}

// recounts reports whether a usage object may need mending.
func (m *mend) recounts(usage jsontext.Value) bool {
	counts := [3]int64{-1, -1, -1} // of inOutAll
	w := rawjson.Of(usage)
	for name := w.Enter().Member(); name != nil; name = w.Member() {
		key, v := rawjson.Key(name), w.Value()
		if m.has(OwnCost) && string(key) == "cost" || m.has(FlatCached) && contains(flatCached, key) {
			return true
		}
		for i, name := range inOutAll {
			if name == string(key) {
				if counts[i] >= 0 {
					return true // twice
				}
				counts[i] = countOf(v)
			}
		}
	}
	return m.has(ReasoningBeside) && beside(counts[0], counts[1], counts[2])
}

// inOutAll are the counts of which the last is more than the others together
// where reasoning is beside them.
var inOutAll = [...]string{"prompt_tokens", "completion_tokens", "total_tokens"}

func beside(in, out, all int64) bool { return in >= 0 && out >= 0 && all > in+out }

// countOf reads a count, -1 if it is none.
func countOf(v jsontext.Value) int64 {
	n, err := strconv.ParseInt(string(v), 10, 64)
	if err != nil || n < 0 || n > math.MaxInt32 {
		return -1
	}
	return n
}

func contains(names []string, key []byte) bool {
	return slices.ContainsFunc(names, func(name string) bool { return name == string(key) })
}

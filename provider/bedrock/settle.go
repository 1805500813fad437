package bedrock

import (
	"slices"
	"strings"
)

// filler stands where Bedrock wants somebody to speak who has nothing to say.
const filler = "."

// settle gives the turns the form that Bedrock and the model take: the user
// begins, documents come with text, tool results with nothing that the model
// does not take beside them, and the assistant does not end in whitespace.
func (t *translation) settle() {
	b := &t.body
	if len(b.Messages) == 0 {
		// There must be a message: instructions alone are what the user says.
		b.Messages, b.System = []turn{{Role: "user", Content: b.System}}, nil
	}
	var turns []turn
	if b.Messages[0].Role == "assistant" {
		turns = append(turns, turn{Role: "user", Content: []block{{Text: filler}}})
	}
	for _, x := range b.Messages {
		if rest := x.Content[x.results:]; x.results > 0 && slices.ContainsFunc(rest, t.model.refusesBeside) {
			turns = append(turns,
				turn{Role: "user", Content: x.Content[:x.results:x.results], results: x.results},
				turn{Role: "assistant", Content: []block{{Text: filler}}})
			x = turn{Role: "user", Content: rest}
		}
		if slices.ContainsFunc(x.Content, isDocument) && !slices.ContainsFunc(x.Content, isText) {
			x.Content = append(x.Content, block{Text: filler})
		}
		turns = append(turns, x)
	}
	b.Messages = turns
	last := &turns[len(turns)-1]
	if end := len(last.Content) - 1; last.Role == "assistant" && end >= 0 {
		// The model goes on with the assistant's words, which must not end in
		// whitespace.
		last.Content[end].Text = strings.TrimRight(last.Content[end].Text, " \t\r\n")
	}
}

// refusesBeside reports whether a block can't be in one turn with tool results.
func (m *model) refusesBeside(b block) bool {
	switch m.beside {
	case onlyResult:
		return true
	case noFiles:
		return b.Document != nil || b.Video != nil
	}
	return false
}

func isDocument(b block) bool { return b.Document != nil }
func isText(b block) bool     { return b.Text != "" }

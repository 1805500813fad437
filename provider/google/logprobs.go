package google

import (
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/openai"
)

// logprobs are the probabilities of an answer's tokens: those that were chosen,
// and for each the likeliest ones.
type logprobs struct {
	TopCandidates []struct {
		Candidates []tokenLogprob `json:"candidates"`
	} `json:"topCandidates"`
	ChosenCandidates []tokenLogprob `json:"chosenCandidates"`
}

type tokenLogprob struct {
	Token          string         `json:"token"`
	LogProbability jsontext.Value `json:"logProbability"` // absent: 0
}

// openai writes OpenAI's logprobs object, nil if there are none.
func (l *logprobs) openai() jsontext.Value {
	if len(l.ChosenCandidates) == 0 {
		return nil
	}
	b := []byte(`{"content":[`)
	for i := range l.ChosenCandidates {
		if i > 0 {
			b = append(b, ',')
		}
		b = l.ChosenCandidates[i].append(b)
		b = append(b, `,"top_logprobs":[`...)
		if i < len(l.TopCandidates) {
			top := l.TopCandidates[i].Candidates
			for j := range top {
				if j > 0 {
					b = append(b, ',')
				}
				b = append(top[j].append(b), '}')
			}
		}
		b = append(b, "]}"...)
	}
	return append(b, `],"refusal":[]}`...)
}

// append writes the token's object but for its closing brace. The bytes are the
// text's: Gemini gives none.
func (t *tokenLogprob) append(b []byte) []byte {
	b = append(b, `{"token":`...)
	b = openai.AppendString(b, t.Token)
	b = append(b, `,"logprob":`...)
	if t.LogProbability.Kind() == '0' {
		b = append(b, t.LogProbability...)
	} else {
		b = append(b, '0')
	}
	b = append(b, `,"bytes":[`...)
	for i := range len(t.Token) {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, int64(t.Token[i]), 10)
	}
	return append(b, ']')
}

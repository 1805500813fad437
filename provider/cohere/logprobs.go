package cohere

import (
	"math"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/openai"
)

// sayLogprobs says log probabilities as OpenAI has them. Cohere gives them piece
// of text by piece of text: a piece of several tokens becomes one entry with
// their joint probability, since nothing says which part of it is whose.
func sayLogprobs(list []logprob, a openai.Answer) {
	var b []byte
	for i := range list {
		joint, ok := list[i].joint()
		if !ok || list[i].Text == "" {
			continue
		}
		if b == nil {
			b = append(b, `{"content":[`...)
		} else {
			b = append(b, ',')
		}
		b = append(b, `{"token":`...)
		b = openai.AppendString(b, list[i].Text)
		b = append(b, `,"logprob":`...)
		b = append(b, joint...)
		b = append(b, `,"bytes":[`...)
		for j, c := range []byte(list[i].Text) {
			if j > 0 {
				b = append(b, ',')
			}
			b = strconv.AppendUint(b, uint64(c), 10)
		}
		b = append(b, `],"top_logprobs":[]}`...)
	}
	if b != nil {
		a.Logprobs(0, append(b, `],"refusal":[]}`...))
	}
}

// joint is the sum of the tokens' log probabilities; one alone keeps its digits.
func (l *logprob) joint() (jsontext.Value, bool) {
	sum := 0.0
	for _, v := range l.Logprobs {
		f, ok := number(v)
		if !ok {
			return nil, false
		}
		sum += f
	}
	switch {
	case len(l.Logprobs) == 1:
		return l.Logprobs[0], true
	case len(l.Logprobs) == 0 || math.IsInf(sum, 0) || math.IsNaN(sum):
		return nil, false
	}
	return strconv.AppendFloat(nil, sum, 'g', -1, 64), true
}

package upstream

import (
	"bytes"
	"errors"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// googleStep is one part of an answer with the output tokens it costs.
type googleStep struct {
	part     jsontext.Value
	tokens   int
	thoughts int
}

// steps are the parts as a stream brings them; not in a stream, the words of a text are one part.
func (x *exchange) googleSteps(sealed bool) []googleStep {
	var steps []googleStep
	if x.answer.thinking != "" && !x.ask.secret {
		steps = append(steps, x.googleText(x.answer.thinking, true)...)
	}
	if s := x.answer.preface + x.answer.text; s != "" {
		steps = append(steps, x.googleText(s, false)...)
	}
	for i, c := range x.answer.calls {
		call := []pair{{"name", c.name}, {"args", c.args}}
		if sealed { // Gemini 3 gives calls an id
			call = append(call, pair{"id", x.id + "call" + strconv.Itoa(i)})
		}
		part := []pair{{"functionCall", document(call...)}}
		if i == 0 && x.answer.thinking != "" {
			part = append(part, pair{"thoughtSignature", seal{x.id, 0, 1}.sign(sealCall(c))})
		}
		steps = append(steps, googleStep{part: document(part...), tokens: 1 + tokens(string(c.args))})
	}
	if sealed && x.answer.calls == nil {
		steps = append(steps, googleStep{part: document(
			pair{"text", ""}, pair{"thoughtSignature", seal{x.id, 0, 1}.sign("text")})})
	}
	return steps
}

func (x *exchange) googleText(s string, thought bool) []googleStep {
	words := []string{s}
	if x.ask.stream {
		words = pieces(s)
	}
	var steps []googleStep
	for _, w := range words {
		part := []pair{{"text", w}}
		step := googleStep{tokens: tokens(w)}
		if thought {
			part = append(part, pair{"thought", true})
			step = googleStep{thoughts: tokens(w)}
		}
		step.part = document(part...)
		steps = append(steps, step)
	}
	return steps
}

func (x *exchange) googleFinish() string {
	switch {
	case x.orders.finish != "":
		return x.orders.finish
	case x.answer.cut:
		return "MAX_TOKENS"
	}
	return "STOP"
}

// response is one whole GenerateContentResponse; without a finish, one of a stream.
func (x *exchange) googleResponse(parts []jsontext.Value, finish string, output, thoughts int) jsontext.Value {
	var candidates []jsontext.Value
	for i := range x.ask.choices {
		candidate := []pair{{"content", document(pair{"parts", parts}, pair{"role", "model"})}}
		if finish != "" {
			candidate = append(candidate, pair{"finishReason", finish})
		}
		candidates = append(candidates, document(append(candidate, pair{"index", i})...))
	}
	u := x.answer.usage
	usage := []pair{{"promptTokenCount", u.Input}}
	if output > 0 {
		usage = append(usage, pair{"candidatesTokenCount", output})
	}
	usage = append(usage, pair{"totalTokenCount", u.Input + output + thoughts},
		pair{"promptTokensDetails", []jsontext.Value{document(pair{"modality", "TEXT"}, pair{"tokenCount", u.Input})}})
	if u.Cached > 0 {
		usage = append(usage, pair{"cachedContentTokenCount", u.Cached})
	}
	if thoughts > 0 {
		usage = append(usage, pair{"thoughtsTokenCount", thoughts})
	}
	return document(pair{"candidates", candidates}, pair{"usageMetadata", document(usage...)},
		pair{"modelVersion", x.ask.model}, pair{"responseId", "resp" + x.id})
}

func (d google) whole(x *exchange) jsontext.Value {
	var parts []jsontext.Value
	for _, s := range x.googleSteps(googleModels[x.ask.model].sealed) {
		parts = append(parts, s.part)
	}
	u := x.answer.usage
	body := x.googleResponse(parts, x.googleFinish(), u.Output-u.Reasoning, u.Reasoning)
	_ = body.Indent(jsontext.WithIndent("  "))
	return append(body, '\n')
}

func (d google) stream(x *exchange) error {
	kind := "text/event-stream"
	if x.ask.array {
		kind = "application/json; charset=UTF-8"
	}
	if err := x.open(kind); err != nil {
		return err
	}
	u := x.answer.usage
	steps := x.googleSteps(googleModels[x.ask.model].sealed)
	output, thoughts := 0, 0
	if x.ask.secret {
		thoughts = u.Reasoning
	}
	for i, s := range steps {
		output, thoughts = output+s.tokens, thoughts+s.thoughts
		finish := ""
		if i == len(steps)-1 {
			finish, output, thoughts = x.googleFinish(), u.Output-u.Reasoning, u.Reasoning
		}
		err := x.chunk(x.googleFrame(i, x.googleResponse([]jsontext.Value{s.part}, finish, output, thoughts)))
		if errors.Is(err, errOrdered) {
			return x.frame(x.googleFrame(i, googleError(d.ordered(&orders{status: 503}))))
		}
		if err != nil {
			return err
		}
	}
	if x.ask.array {
		return x.frame([]byte("]\r\n"))
	}
	return nil
}

// googleFrame is one response on the wire: an event that ends in CRLF, or an element of the array.
func (x *exchange) googleFrame(i int, response jsontext.Value) []byte {
	if !x.ask.array {
		return bytes.Join([][]byte{[]byte("data: "), response, []byte("\r\n\r\n")}, nil)
	}
	if i == 0 {
		return append([]byte("["), response...)
	}
	return append([]byte("\r\n,\r\n"), response...)
}

package faultd

import (
	"slices"
	"strings"
)

// The steps below speak the dialect of the request, so that one script serves all of them.

// events are those of an answer of n words to the request.
func (p *play) events(n int) Events { return p.e.Dialect.Stream(p.e.Model, n) }

// Healthy is an answer of n words without any fault: streamed if the request asks for that, else whole.
func Healthy(n int) Step {
	return func(p *play) error {
		if p.e.Stream {
			return p.steps([]Step{Streamed(n)})
		}
		return p.steps([]Step{Whole(n)})
	}
}

// Whole is a healthy answer as one document, whatever the request asks for.
func Whole(n int) Step {
	return func(p *play) error {
		return p.steps([]Step{Answer(200, "application/json", p.e.Dialect.Whole(p.e.Model, n))})
	}
}

// Streamed is a healthy answer as a stream, whatever the request asks for.
func Streamed(n int) Step {
	return func(p *play) error {
		return p.steps([]Step{SSE(), Open(), Say(1, n), Rest(n), End()})
	}
}

// Open writes what comes before the first word: OpenAI's role chunk, Anthropic's message_start.
func Open() Step {
	return func(p *play) error { return p.steps([]Step{Bytes(p.events(0).Open...)}) }
}

// Say writes the words from first to last, an event each.
func Say(first, last int) Step {
	return func(p *play) error { return p.steps([]Step{Bytes(p.events(last).Words[first-1:]...)}) }
}

// Finish writes the finish reason of an answer of n words, and the usage where the two are one event.
func Finish(n int) Step {
	return func(p *play) error { return p.steps([]Step{Bytes(p.events(n).Finish...)}) }
}

// Usage writes the usage of an answer of n words where it is an event of its own.
func Usage(n int) Step {
	return func(p *play) error { return p.steps([]Step{Bytes(p.events(n).Usage...)}) }
}

// Over writes the dialect's terminal mark, where it has one: [DONE], message_stop.
func Over() Step {
	return func(p *play) error { return p.steps([]Step{Bytes(p.events(0).Done...)}) }
}

// Rest is Finish, Usage and Over. OpenAI's usage comes only if the request asks for it.
func Rest(n int) Step {
	return func(p *play) error {
		e := p.events(n)
		if !strings.Contains(string(p.e.Body), `"include_usage"`) {
			e.Usage = nil
		}
		return p.steps([]Step{Bytes(slices.Concat(e.Finish, e.Usage, e.Done)...)})
	}
}

// Large writes a content event whose text has n bytes.
func Large(n int) Step {
	return func(p *play) error {
		return p.steps([]Step{Bytes(p.e.Dialect.Delta(p.e.Model, strings.Repeat("x", n)))})
	}
}

// Forever says words without an end, until the client is gone.
func Forever() Step {
	return func(p *play) error {
		d, model := p.e.Dialect, p.e.Model
		return p.steps([]Step{Endless(func(i int) []byte { return d.Delta(model, token(i+1)) })})
	}
}

// Fail is an error answer with a status, and [ErrorText] as its message.
func Fail(status int, headers ...string) Step { return FailCode(status, "", headers...) }

// ErrorText is the message of every error that the upstream makes.
const ErrorText = "the upstream's own words"

// FailCode is Fail with the dialect's own code: see [Dialect.Error].
func FailCode(status int, code string, headers ...string) Step {
	return func(p *play) error {
		return p.steps([]Step{Answer(status, "application/json", p.e.Dialect.Error(status, code, ErrorText), headers...)})
	}
}

// FailEvent writes the dialect's error event for a status.
func FailEvent(status int) Step {
	return func(p *play) error { return p.steps([]Step{Bytes(p.e.Dialect.ErrorEvent(status, ErrorText))}) }
}

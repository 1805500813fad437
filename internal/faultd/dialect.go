package faultd

import (
	"bytes"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Dialect is a provider's wire format.
type Dialect string

// The dialects, told by the end of a request's path.
const (
	OpenAI    Dialect = "openai"    // …/chat/completions
	Anthropic Dialect = "anthropic" // …/messages
	Google    Dialect = "google"    // …/models/{model}:generateContent and :streamGenerateContent
	Cohere    Dialect = "cohere"    // …/chat
)

// Dialects are all of them, for tables.
var Dialects = [...]Dialect{OpenAI, Anthropic, Google, Cohere}

// PromptTokens is what every answer says of its prompt; of the completion it says one token a word.
const PromptTokens = 11

// Events are the events of a streamed answer, each ready to be written. Which there are is the dialect's: Google has
// no Open, Usage and Done, and only OpenAI has Usage for itself.
type Events struct {
	Open   [][]byte // what comes before the first word
	Words  [][]byte // one a word
	Finish [][]byte // with the finish reason, and the usage if Usage is empty
	Usage  [][]byte
	Done   [][]byte // [DONE], message_stop
}

// All is the whole stream, piece by piece.
func (e Events) All() [][]byte {
	var all [][]byte
	for _, part := range [][][]byte{e.Open, e.Words, e.Finish, e.Usage, e.Done} {
		all = append(all, part...)
	}
	return all
}

// Bytes is the whole stream.
func (e Events) Bytes() []byte { return bytes.Join(e.All(), nil) }

// speech is what a dialect can say.
type speech interface {
	stream(model string, n int) Events
	// delta is one content event with that text.
	delta(model, text string) []byte
	whole(model, text string, words int) []byte
	// failure is the body of an error with a status; code may change its kind, see [Dialect.Error].
	failure(status int, code, message string) []byte
	failureEvent(status int, message string) []byte
}

func (d Dialect) speech() speech {
	switch d {
	case Anthropic:
		return anthropic{}
	case Google:
		return google{}
	case Cohere:
		return cohere{}
	case OpenAI:
	}
	return openAI{}
}

// Stream is a streamed answer of n numbered words.
func (d Dialect) Stream(model string, n int) Events { return d.speech().stream(model, n) }

// Delta is a content event with that text, however large.
func (d Dialect) Delta(model, text string) []byte { return d.speech().delta(model, text) }

// Whole is an unstreamed answer of n numbered words.
func (d Dialect) Whole(model string, n int) []byte {
	return d.speech().whole(model, WordsText(n), n)
}

// Error is the body of an error. The code is OpenAI's code, Anthropic's type or Google's status, "" for the one that
// the status has; Cohere has none.
func (d Dialect) Error(status int, code, message string) []byte {
	return d.speech().failure(status, code, message)
}

// ErrorEvent is an error in the middle of a stream, as the status would tell it.
func (d Dialect) ErrorEvent(status int, message string) []byte {
	return d.speech().failureEvent(status, message)
}

// read finds dialect, model and stream in a request, whose body may be no JSON.
func (e *Entry) read(body []byte) {
	e.Body = body
	var asked struct {
		Model  string `json:"model"`
		Stream bool   `json:"stream"`
	}
	// What is malformed in other places, or said twice, is still the request of that model.
	_ = json.Unmarshal(body, &asked, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	e.Model, e.Stream = asked.Model, asked.Stream
	path := strings.TrimSuffix(e.Path, "/")
	last := path[strings.LastIndexByte(path, '/')+1:]
	switch {
	case strings.HasSuffix(path, "/chat/completions"):
		e.Dialect = OpenAI
	case last == "messages":
		e.Dialect = Anthropic
	case last == "chat":
		e.Dialect = Cohere
	case strings.Contains(last, ":"):
		colon := strings.LastIndexByte(last, ':')
		e.Dialect = Google
		e.Stream = last[colon+1:] == "streamGenerateContent"
		e.Model = last[:colon]
		if model, err := url.PathUnescape(e.Model); err == nil {
			e.Model = model
		}
	}
}

// event is a server-sent event; without a name it has no event line.
func event(name string, data []byte, end string) []byte {
	var out []byte
	if name != "" {
		out = append(out, "event: "+name+end...)
	}
	out = append(out, "data: "...)
	return append(append(out, data...), end+end...)
}

// quote is s as a JSON string.
func quote(s string) string {
	b, _ := jsontext.AppendQuote(nil, s)
	return string(b)
}

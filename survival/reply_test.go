package survival

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/internal/faultd"
)

// reply is what a client saw of one answer.
type reply struct {
	status int
	header http.Header
	body   []byte
	err    error // of the connection, before the answer's end

	text    string // of the first choice
	choices int    // events with a choice, or the choices of a whole answer
	finish  string
	usages  int // events that have only the usage
	done    bool
	failure *failure // of a body, or of the last event
	wrong   []string // what no answer may have
}

// failure is OpenAI's error object.
type failure struct {
	Message, Type string
	Param, Code   *string
}

// anyCase saves the names of members where they are those of fields.
var anyCase = json.MatchCaseInsensitiveNames(true)

// part is a chunk or a whole completion, as far as tests look at it.
type part struct {
	ID      string
	Object  string
	Created int64
	Model   string
	Choices []struct {
		Delta, Message struct {
			Role, Content string
		}
		FinishReason *string `json:"finish_reason"`
	}
	Usage *struct {
		Prompt     int `json:"prompt_tokens"`
		Completion int `json:"completion_tokens"`
	}
	Error *failure
}

// receive reads an answer to its end. After each word of a stream it calls heard with how many there are.
func receive(resp *http.Response, heard func(int)) *reply {
	r := &reply{status: resp.StatusCode, header: resp.Header}
	var all bytes.Buffer
	body := bufio.NewReaderSize(io.TeeReader(resp.Body, &all), 64<<10)
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		r.stream(body, heard)
	} else {
		_, r.err = io.Copy(io.Discard, body)
		r.whole(all.Bytes())
	}
	r.body = all.Bytes()
	return r
}

func (r *reply) not(format string, args ...any) {
	r.wrong = append(r.wrong, fmt.Sprintf(format, args...))
}

// whole reads a body in one piece.
func (r *reply) whole(body []byte) {
	var p part
	if err := json.Unmarshal(body, &p, anyCase); err != nil {
		r.not("a body that is no JSON: %v: %.200q", err, body)
		return
	}
	if r.failure = p.Error; p.Error != nil {
		r.complete(body)
		return
	}
	if p.Object != "chat.completion" || p.ID == "" || p.Created == 0 {
		r.not("object %q, id %q, created %d", p.Object, p.ID, p.Created)
	}
	if r.choices = len(p.Choices); r.choices > 0 {
		r.text, r.finish = p.Choices[0].Message.Content, deref(p.Choices[0].FinishReason)
	}
}

// complete checks an error object for what OpenAI's clients need.
func (r *reply) complete(object []byte) {
	var v struct{ Error map[string]jsontext.Value }
	if err := json.Unmarshal(object, &v, anyCase); err != nil || len(v.Error) != 4 || r.failure.Message == "" || r.failure.Type == "" {
		r.not("an error object that is not whole: %s", object)
	}
}

// stream reads events as the gateway writes them: one data line each, and comments.
func (r *reply) stream(body *bufio.Reader, heard func(int)) {
	var first part
	var blank bool
	count := 0
	for {
		line, err := body.ReadString('\n')
		if err != nil {
			if !errors.Is(err, io.EOF) {
				r.err = err
			} else if line != "" || !blank {
				r.not("a stream that ends within an event: %.100q", line)
			}
			return
		}
		line = strings.TrimSuffix(line, "\n")
		blank = line == ""
		data, ok := strings.CutPrefix(line, "data: ")
		switch {
		case line == "" || strings.HasPrefix(line, ":"):
			continue
		case !ok:
			r.not("a line that is neither data nor comment: %.100q", line)
			continue
		case r.done || r.failure != nil:
			r.not("an event behind the last one: %.100q", line)
			continue
		case data == "[DONE]":
			r.done = true
			continue
		}
		var p part
		if err := json.Unmarshal([]byte(data), &p, anyCase); err != nil {
			r.not("an event that is no JSON: %v: %.200q", err, data)
			continue
		}
		if r.failure = p.Error; p.Error != nil {
			r.complete([]byte(data))
			continue
		}
		before := len(r.text)
		r.chunk(p, &first)
		if r.text[before:] != "" {
			count++
			heard(count)
		}
	}
}

func (r *reply) chunk(p part, first *part) {
	if first.ID == "" {
		*first = p
	}
	if p.Object != "chat.completion.chunk" || p.ID == "" || p.ID != first.ID || p.Created != first.Created || p.Model != first.Model {
		r.not("a chunk of another answer: %+v, the first was %+v", p, *first)
	}
	if len(p.Choices) == 0 {
		r.usages++
		return
	}
	if r.finish != "" {
		r.not("a choice behind the finish reason")
	}
	c := p.Choices[0]
	if (c.Delta.Role != "") != (r.choices == 0) {
		r.not("role %q in delta %d", c.Delta.Role, r.choices)
	}
	r.choices++
	r.text += c.Delta.Content
	r.finish = deref(c.FinishReason)
}

// code is that of the error, empty if there is none.
func (r *reply) code() string {
	if r.failure == nil {
		return ""
	}
	return deref(r.failure.Code)
}

// check tells what is wrong with an answer that should say n words, and whole if ended.
func (r *reply) check(n int, ended, stream bool) []string {
	wrong := r.wrong
	if r.err != nil {
		wrong = append(wrong, fmt.Sprintf("the connection: %v", r.err))
	}
	if err := faultd.CheckWords(r.text, n); err != nil {
		wrong = append(wrong, err.Error())
	}
	if ended && r.finish != "stop" {
		wrong = append(wrong, fmt.Sprintf("finish reason %q", r.finish))
	}
	if ended && r.failure != nil {
		wrong = append(wrong, fmt.Sprintf("an error: %+v", *r.failure))
	}
	if r.done != (ended && stream) {
		wrong = append(wrong, fmt.Sprintf("[DONE] is %v", r.done))
	}
	return wrong
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

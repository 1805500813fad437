package badclient

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// Reply is what a client saw.
type Reply struct {
	Interim    []string // the status lines in front of the last: "HTTP/1.1 100 Continue"
	StatusLine string
	Status     int // 0 if no answer came
	Header     http.Header
	Trailer    http.Header
	Raw        []byte // every byte of the connection that was read for this answer
	Body       []byte // without chunking
	Chunked    bool
	UntilClose bool // the head told no end of the body
	Whole      bool // the body ended as the head told; with UntilClose, by an orderly end of the connection
	// Closed tells that the server closed the connection behind the answer. It is only looked at where the head
	// announced it, or where no answer came.
	Closed   bool
	Events   []Event
	Comments int  // lines of the event stream that begin with a colon
	Done     bool // the event [DONE] came
	SentBody bool // of a request with Expect: the body was sent
	// FirstByte, of the head, and Took are since the request began to be sent; 0 for never.
	FirstByte, Took time.Duration
	Err             error // how reading ended, if not with the end of the answer
	WriteErr        error // how sending ended, if not with the end of the request

	announced bool // the head said that the connection will be closed
}

// Event is one event of a stream.
type Event struct {
	Name string
	Data string
	At   time.Duration // since the request began to be sent
}

// read reads one answer. It ends early where enough says so after some bytes of the body.
func (r *Reply) read(br *bufio.Reader, raw *bytes.Buffer, method string, begun time.Time, enough func(*Reply) bool) {
	defer func() {
		r.Raw = bytes.Clone(raw.Bytes()[:raw.Len()-br.Buffered()])
		raw.Next(len(r.Raw))
		r.Took = time.Since(begun)
	}()
	req := &http.Request{Method: method}
	var resp *http.Response
	for {
		if _, err := br.Peek(1); err != nil {
			r.Err, r.Closed = err, !errors.Is(err, os.ErrDeadlineExceeded)
			return
		}
		if r.FirstByte == 0 {
			r.FirstByte = time.Since(begun)
		}
		var err error
		//nolint:bodyclose // to close it is to read it to its end, and who leaves early doesn't
		if resp, err = http.ReadResponse(br, req); err != nil {
			r.Err = err
			return
		}
		if resp.StatusCode >= 200 {
			break
		}
		r.Interim = append(r.Interim, resp.Proto+" "+resp.Status)
		if enough != nil && enough(r) {
			return
		}
	}
	r.StatusLine, r.Status, r.Header = resp.Proto+" "+resp.Status, resp.StatusCode, resp.Header
	r.Chunked = len(resp.TransferEncoding) > 0
	r.UntilClose = !r.Chunked && resp.ContentLength < 0
	r.body(resp.Body, begun, enough)
	r.Trailer = resp.Trailer
	r.announced = resp.Close
}

// close looks whether the server closes the connection, if it said so.
func (r *Reply) close(br *bufio.Reader) {
	if r.Whole && r.announced {
		_, err := br.ReadByte()
		r.Closed = err != nil && !errors.Is(err, os.ErrDeadlineExceeded)
	}
}

// body reads until the end, or until there is enough.
func (r *Reply) body(body io.Reader, begun time.Time, enough func(*Reply) bool) {
	buf, parsed := make([]byte, 4096), 0
	stream := strings.HasPrefix(r.Header.Get("Content-Type"), "text/event-stream")
	for {
		n, err := body.Read(buf)
		r.Body = append(r.Body, buf[:n]...)
		for stream {
			end := bytes.Index(r.Body[parsed:], []byte("\n\n"))
			if end < 0 {
				break
			}
			r.event(string(r.Body[parsed:parsed+end]), time.Since(begun))
			parsed += end + 2
			if enough != nil && enough(r) {
				return
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			r.Whole = true
			return
		case err != nil:
			r.Err = err
			return
		case enough != nil && enough(r):
			return
		}
	}
}

// event takes the lines of one event, as a plain client would: LF alone ends a line.
func (r *Reply) event(lines string, at time.Duration) {
	e := Event{At: at}
	var data []string
	for line := range strings.SplitSeq(lines, "\n") {
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch name {
		case "":
			r.Comments++
		case "event":
			e.Name = value
		case "data":
			data = append(data, value)
		}
	}
	if data == nil {
		return
	}
	e.Data = strings.Join(data, "\n")
	r.Done = r.Done || e.Data == "[DONE]"
	r.Events = append(r.Events, e)
}

// Fault is an error as OpenAI's clients read it.
type Fault struct {
	Message string `json:"message"`
	Type    string `json:"type"`
	Param   string `json:"param"`
	Code    string `json:"code"`
}

type answer struct {
	Error   *Fault
	Choices []struct {
		Delta, Message struct{ Content string }
		FinishReason   string `json:"finish_reason"`
	}
}

// answers are the answer's documents: the body, or the events' data.
func (r *Reply) answers() []answer {
	texts := []string{string(r.Body)}
	if r.Events != nil {
		texts = nil
		for _, e := range r.Events {
			texts = append(texts, e.Data)
		}
	}
	var all []answer
	for _, text := range texts {
		var a answer
		if json.Unmarshal([]byte(text), &a, json.MatchCaseInsensitiveNames(true)) == nil {
			all = append(all, a)
		}
	}
	return all
}

// Text is what a chat's answer says, streamed or whole: the content of its first choice.
func (r *Reply) Text() string {
	var b strings.Builder
	for _, a := range r.answers() {
		if len(a.Choices) > 0 {
			b.WriteString(a.Choices[0].Delta.Content + a.Choices[0].Message.Content)
		}
	}
	return b.String()
}

// Finish is the first choice's finish reason, "" if none came.
func (r *Reply) Finish() string {
	finish := ""
	for _, a := range r.answers() {
		if len(a.Choices) > 0 && a.Choices[0].FinishReason != "" {
			finish = a.Choices[0].FinishReason
		}
	}
	return finish
}

// Fault is the error in the body, or in the stream; nil if there is none.
func (r *Reply) Fault() *Fault {
	for _, a := range r.answers() {
		if a.Error != nil {
			return a.Error
		}
	}
	return nil
}

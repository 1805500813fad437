package upstream

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// refusal is an error of a provider, before its dialect gives it a shape.
type refusal struct {
	status     int
	kind       string // OpenAI's and Anthropic's type, Google's status
	message    string
	param      string // OpenAI's; "" is null
	code       string // OpenAI's code, Google's ErrorInfo reason; "" is null or none
	details    []any  // Google's
	retryAfter string // seconds
	html       bool
}

// exchange is one request being answered.
type exchange struct {
	w       http.ResponseWriter
	ctx     context.Context
	journal *Journal
	entry   *Entry
	ask     *ask
	orders  orders
	answer  answer
	id      string // unique among the server's answers, letters and digits
	held    []byte // frames that go out with the next chunk
}

var (
	errCut     = errors.New("the connection is to be closed")
	errOrdered = errors.New("an error event is to follow")
)

// open sends the headers of a stream.
func (x *exchange) open(contentType string) error {
	x.w.Header().Set("Content-Type", contentType)
	x.w.Header().Set("Cache-Control", "no-cache")
	x.w.WriteHeader(http.StatusOK)
	x.journal.change(func() { x.entry.Status = http.StatusOK })
	return http.NewResponseController(x.w).Flush()
}

// hold keeps what comes in front of a chunk until that chunk is sent: what an order puts at the start of a
// stream is then really its start.
func (x *exchange) hold(b []byte) { x.held = append(x.held, b...) }

// frame writes what is no content, and what was held, and flushes it.
func (x *exchange) frame(b []byte) error {
	b = append(x.held, b...)
	x.held = nil
	if _, err := x.w.Write(b); err != nil {
		return err
	}
	return http.NewResponseController(x.w).Flush()
}

// chunk writes a content chunk as the orders want it: late, or never.
func (x *exchange) chunk(b []byte) error {
	switch x.entry.Chunks {
	case x.orders.cut:
		return errCut
	case x.orders.stall:
		<-x.ctx.Done()
		return x.ctx.Err()
	case x.orders.errorEvent:
		if x.entry.Chunks == 0 {
			x.held = nil // the error is the first event
		}
		return errOrdered
	}
	if err := x.wait(x.orders.slow); err != nil {
		return err
	}
	if err := x.frame(b); err != nil {
		return err
	}
	x.journal.change(func() { x.entry.Chunks++ })
	return nil
}

func (x *exchange) wait(d time.Duration) error {
	if d <= 0 {
		return x.ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-x.ctx.Done():
		return x.ctx.Err()
	}
}

// document sends an answer that is no stream.
func (x *exchange) document(body []byte) error {
	x.w.Header().Set("Content-Type", "application/json")
	x.journal.change(func() { x.entry.Status = http.StatusOK })
	if x.orders.cut >= 0 {
		x.w.Header().Set("Content-Length", "1000000")
		if err := x.frame(body[:len(body)/2]); err != nil {
			return err
		}
		return errCut
	}
	_, err := x.w.Write(body)
	return err
}

// pair is one member of a JSON object.
type pair struct {
	name  string
	value any
}

// document is a JSON object with its members in the order given, since the order on the wire is part of what is imitated.
func document(pairs ...pair) jsontext.Value {
	out := []byte{'{'}
	for i, p := range pairs {
		if i > 0 {
			out = append(out, ',')
		}
		out, _ = jsontext.AppendQuote(out, p.name)
		out = append(out, ':')
		v, err := json.Marshal(p.value, json.Deterministic(true))
		if err != nil {
			panic("upstream: " + err.Error()) // a value of this package's own making
		}
		out = append(out, v...)
	}
	return append(out, '}')
}

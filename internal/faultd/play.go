package faultd

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
)

// wire is how an answer leaves: by HTTP/1 or HTTP/2.
type wire interface {
	interim(status int, headers []string) error
	head(status int, headers []string) error
	// body sends bytes of the body, framed as the head said, and returns how many the kernel took.
	body(b []byte) (int, error)
	// end is the end of the body: the last chunk, or END_STREAM.
	end(trailers []string) error
	raw(b []byte) error
	// whole tells whether the body has ended as the head said.
	whole() bool
	resetStream(code uint32) error
	goAway(code uint32) error
	conn() *conn
}

// errOver ends a script whose connection or stream has been ended by a step.
var errOver = errors.New("the script has ended the answer")

// play is one script being played for one request.
type play struct {
	s     *Server
	e     *Entry
	w     wire
	ctx   context.Context // until the client has gone or the server is closed
	gone  context.CancelFunc
	wrote bool // a head or raw bytes
	write func(b []byte) error
}

func newPlay(s *Server, e *Entry, w wire) *play {
	p := &play{s: s, e: e, w: w}
	p.ctx, p.gone = context.WithCancel(s.ctx)
	p.write = p.send
	return p
}

// run plays the request's script. It reports whether the connection may serve another request.
func (p *play) run() (again bool) {
	defer p.gone()
	script, index := p.s.next(p.e.Model)
	p.s.change(func() { p.e.Script = index })
	err := p.steps(script)
	outcome := Done
	switch {
	case p.s.ctx.Err() != nil || (err != nil && p.w.conn().killed.Load()):
		outcome = Aborted
	case errors.Is(err, errOver):
		outcome = Broken
	case err != nil:
		outcome = Cancelled
	case !p.w.whole():
		outcome = Broken
	}
	p.s.change(func() {
		p.e.Outcome, p.e.Ended = outcome, now()
		if outcome == Cancelled && p.e.GoneBy == "" {
			p.e.Gone, p.e.GoneBy = now(), "WRITE"
		}
	})
	return outcome == Done
}

func (p *play) steps(steps []Step) error {
	for _, step := range steps {
		if err := p.ctx.Err(); err != nil {
			return err
		}
		if err := step(p); err != nil {
			return err
		}
	}
	return nil
}

// left notes how the client went, while the script is played.
func (p *play) left(how string) {
	p.s.change(func() {
		if p.e.GoneBy == "" {
			p.e.Gone, p.e.GoneBy = now(), how
		}
	})
	p.gone()
}

func (p *play) head(status int, headers []string) error {
	p.wrote = true
	p.s.change(func() { p.e.Status = status })
	return p.w.head(status, headers)
}

// writeStep is how much is sent before the journal is told, so that it shows where a slow client holds the answer up.
const writeStep = 16 << 10

// send sends bytes of the body, in pieces only for the journal's sake.
func (p *play) send(b []byte) error {
	if !p.wrote {
		if err := p.head(200, []string{"Transfer-Encoding: chunked"}); err != nil {
			return err
		}
	}
	for piece := range slices.Chunk(b, writeStep) {
		if err := p.ctx.Err(); err != nil {
			return err
		}
		n, err := p.w.body(piece)
		p.s.change(func() { p.e.Sent += int64(n) })
		if err != nil {
			return err
		}
	}
	return nil
}

// through plays steps with another way for what they write.
func (p *play) through(write func(b []byte) error, steps []Step) error {
	before := p.write
	p.write = write
	defer func() { p.write = before }()
	return p.steps(steps)
}

// framing finds in headers how the body's end is told.
func framing(headers []string) (length int64, chunked bool) {
	length = -1
	for _, h := range headers {
		name, value := field(h)
		switch strings.ToLower(name) {
		case "content-length":
			if n, err := strconv.ParseInt(value, 10, 64); err == nil {
				length = n
			}
		case "transfer-encoding":
			chunked = strings.EqualFold(value, "chunked")
		}
	}
	return length, chunked
}

// field splits "Name: value".
func field(header string) (name, value string) {
	name, value, _ = strings.Cut(header, ":")
	return name, strings.TrimPrefix(value, " ")
}

package relay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/provider"
	"github.com/layergateway/layergateway/sse"
)

// maxHeld bounds what is held back of a stream before its first content.
const maxHeld = 1 << 20

// errTruncated is an answer that stopped before its end, after its beginning
// had reached the client.
var errTruncated = errors.New("the provider's answer stopped before its end")

// errCut marks a stream that ended before its end.
var errCut = errors.New("the stream was cut off")

// whole reads an answer to its end and sends it in one piece.
func (a *attempt) whole(ctx context.Context, body io.Reader, events bool) error {
	answer := openai.NewWhole()
	var err error
	if events {
		err = a.gather(body, answer)
	} else {
		err = a.readWhole(body, answer)
	}
	if err != nil {
		return a.failure(ctx, err)
	}
	if !a.begin() {
		return errLost
	}
	if !a.chat.Usage().Output.Known() {
		answer.Say(a.heard)
	}
	a.finish(answer.NativeFinish())
	out := answer.Append(nil, a.trailer(answer.Usage()))
	h := a.w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(out)))
	if a.rec.Bill.Status != cost.Unpriced {
		h.Set("X-Layer-Cost", a.rec.Bill.Total.String())
	}
	return a.last(func() error { return a.out.writeWhole(out) })
}

// firstOfAnswer is what an answer may have of memory before it has come: there may
// be many whose providers only say how long they are.
const firstOfAnswer = 64 << 10

func (a *attempt) readWhole(body io.Reader, answer openai.Answer) error {
	data, err := gather(body, make([]byte, 0, min(room(a.said), firstOfAnswer)), maxAnswer)
	if errors.Is(err, errTooLarge) {
		return fmt.Errorf("the answer is larger than %d bytes", maxAnswer)
	}
	if err != nil {
		return err
	}
	return a.chat.Whole(data, answer)
}

// gather reads a stream that nobody asked for.
func (a *attempt) gather(body io.Reader, answer openai.Answer) error {
	events := a.reader(io.LimitReader(body, maxAnswer))
	for {
		ev, err := events.Next()
		if err != nil {
			// An answer that is whole is not lost to a connection that dies
			// behind it.
			if end := a.chat.End(answer); end == nil || errors.Is(err, io.EOF) {
				return end
			}
			return err
		}
		if err := a.chat.Event(ev, answer); err != nil {
			return err
		}
		if a.chat.Done() {
			a.dog.done()
		}
	}
}

// reader reads the stream's events, in the framing of the provider's dialect.
func (a *attempt) reader(body io.Reader) provider.EventReader {
	if f, ok := a.chat.(provider.Framer); ok {
		return f.Events(body)
	}
	return sse.NewReader(body, 0)
}

// finish settles what the answer used once all of it is there.
func (a *attempt) finish(native string) {
	a.rec.NativeFinish = native
	a.bill(nil)
}

// cutShort ends a stream where its budget ends: as one that has become too long.
func (a *attempt) cutShort(s *openai.Stream) error {
	a.rec.Budget = append(a.rec.Budget, "cut")
	s.Cut("length")
	s.End(a.trailer(nil))
	if gone := a.sent(a.out.finish(s.Ready())); gone != nil {
		return gone
	}
	return errBudget
}

// failure is what an answer that broke off means. While the client has seen
// nothing, it is the provider's failure and another target may do better.
func (a *attempt) failure(ctx context.Context, err error) error {
	var known *provider.Error
	if interrupted := a.interrupted(ctx); interrupted != nil {
		err = interrupted
	} else if errors.Is(err, errBudget) || errors.Is(err, errClientGone) {
		return err
	} else if errors.Is(err, errCut) {
		err = &provider.Error{Kind: provider.Failed, Message: errTruncated.Error(), Err: err}
	} else if !errors.As(err, &known) {
		err = garbage(err)
	}
	if errors.As(err, &known) {
		known.Provider = a.provider
	}
	return err
}

// stream relays an answer event by event. Nothing goes out before the first
// content, so that until then another target can take over unseen.
func (a *attempt) stream(ctx context.Context, body io.Reader, events bool) error {
	s := openai.NewStream(a.req.IncludeUsage)
	s.Listen(a.heard)
	err := a.events(ctx, body, events, s)
	if err == nil {
		if !a.begin() {
			return errLost
		}
		a.finish(s.NativeFinish())
		s.End(a.trailer(s.Usage()))
		return a.last(func() error { return a.out.finish(s.Ready()) })
	}
	cut := errors.Is(err, errCut) && ctx.Err() == nil
	err = a.failure(ctx, err)
	if !s.Content() {
		return err
	}
	// Content is content, also if it came with the same read as the failure:
	// how the bytes were cut on their way decides nothing.
	if !a.begin() {
		return errLost
	}
	a.bill(err)
	switch {
	case errors.Is(err, errClientGone):
		return err
	case errors.Is(err, errBudget):
		return a.cutShort(s)
	}
	// The client has the beginning: it is told, and no second model's words
	// follow the first's.
	if cut {
		err = fmt.Errorf("%w: %w", errTruncated, err)
	}
	s.Fail(a.public(err))
	if gone := a.sent(a.out.finish(s.Ready())); gone != nil {
		return gone
	}
	return err
}

// events feeds the stream from the upstream's events, or from its whole answer
// where it gave that instead.
func (a *attempt) events(ctx context.Context, body io.Reader, events bool, s *openai.Stream) error {
	if !events {
		return a.readWhole(body, s)
	}
	r := a.reader(&flushing{src: &bounded{src: body, left: maxAnswer}, flush: func() error { return a.flush(ctx, s) }})
	for {
		ev, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			if err := a.chat.End(s); err != nil {
				return fmt.Errorf("%w: %w", errCut, err)
			}
			return nil
		case errors.Is(err, errClientGone), errors.Is(err, errLost), errors.Is(err, errBudget):
			return err
		case errors.Is(err, errTooLarge):
			return &provider.Error{Kind: provider.Failed, Code: "answer_too_large",
				Message: fmt.Sprintf("the provider's answer is larger than %d bytes", maxAnswer), Err: errTruncated}
		case errors.Is(err, sse.ErrTooLarge):
			return &provider.Error{Kind: provider.Failed, Code: "event_too_large", Message: "an event of the provider's stream is too large", Err: err}
		case err != nil:
			// An answer that is whole is not lost to a connection that dies, or
			// stays open, behind it.
			if (a.r.Context().Err() == nil || a.chat.Done()) && a.chat.End(s) == nil {
				return nil
			}
			return fmt.Errorf("%w: %w", errCut, err)
		}
		if err := a.chat.Event(ev, s); err != nil {
			if ev.Cut {
				err = fmt.Errorf("%w: %w", errCut, err)
			}
			return err
		}
		if !s.Content() && s.Pending() > maxHeld {
			return errors.New("the stream has no content")
		}
		if a.chat.Done() {
			a.dog.done()
		}
	}
}

// errTooLarge is what has no end, or none in sight.
var errTooLarge = errors.New("it is too large")

// bounded fails once more was read of an answer than any has.
type bounded struct {
	src  io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLarge
	}
	n, err := b.src.Read(p)
	b.left -= int64(n)
	return n, err
}

// flushing sends what is ready before it waits for more: one write for all that
// came with one read.
type flushing struct {
	src   io.Reader
	flush func() error
}

func (f *flushing) Read(p []byte) (int, error) {
	if err := f.flush(); err != nil {
		return 0, err
	}
	return f.src.Read(p)
}

func (a *attempt) flush(ctx context.Context, s *openai.Stream) error {
	if !s.Content() {
		return nil
	}
	if !a.begin() {
		return errLost
	}
	if s.Pending() == 0 {
		return nil
	}
	err := a.sent(a.out.write(s.Ready()))
	if err != nil && a.relay.Drain <= 0 {
		return err
	}
	// Without its client it is read on, for what it costs, but no further than
	// it may cost.
	if !a.chat.Done() && !a.afford(ctx) {
		a.cancel(errBudget)
		return errBudget
	}
	return nil
}

// begin commits the answer to this attempt; false if it is another's.
func (a *attempt) begin() bool {
	if a.began {
		return true
	}
	if !a.claim() {
		return false
	}
	a.began = true
	now := a.relay.Now()
	a.try.FirstToken = max(now.Sub(a.start), 1)
	a.rec.FirstToken = max(now.Sub(a.rec.Start), 1)
	a.dog.content()
	a.lease.Heard(a.try.FirstToken)
	a.setHeaders()
	if a.req.Stream {
		a.out.keepalive(a.relay.Keepalive)
	}
	return true
}

// last makes the last write of an answer. Who is gone by then does not get it,
// although the write may not fail for that.
func (a *attempt) last(write func() error) error {
	if a.r.Context().Err() != nil {
		return errClientGone
	}
	return a.sent(write())
}

// sent says what a failed write means: only the client can have caused it.
func (a *attempt) sent(err error) error {
	if err != nil {
		return fmt.Errorf("%w: %w", errClientGone, err)
	}
	return nil
}

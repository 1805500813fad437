package recorded

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/provider"
)

// Played is an answer as it came out of a dialect.
type Played struct {
	Seen
	Native string // the provider's own finish reason
	Usage  cost.Usage
	Err    error // of Whole, Event or End
	Bytes  []byte
	whole  bool // as a completion
}

// Play plays recordings to fresh chats of a dialect and checks what comes out
// against what the index expects: whole answers as a completion and as chunks,
// streams as chunks and as a completion, and streams cut at every byte.
// Recordings of an error status are left to the caller, see Case.CheckError.
func Play(t *testing.T, cases []Case, chat func(Case) provider.Chat) {
	for _, c := range cases {
		t.Run(c.ID, func(t *testing.T) {
			switch {
			case c.Status >= 400:
				c.CheckError(t, chat(c).Error(c.Status, c.Header, c.Body))
			case c.Stream:
				c.Check(t, c.StreamToStream(t, chat(c)))
				c.Check(t, c.StreamToWhole(t, chat(c)))
				if f, ok := chat(c).(provider.Framer); ok {
					CheckFrames(t, f, c.Body)
				} else {
					CheckSplits(t, c.Body)
				}
			default:
				c.Check(t, c.WholeToWhole(t, chat(c)))
				c.Check(t, c.WholeToStream(t, chat(c)))
			}
		})
	}
}

var trailer = openai.Trailer{Cost: []byte("null"), Layer: []byte("{}")}

// WholeToWhole plays a whole answer for a client that asked for one.
func (c *Case) WholeToWhole(t testing.TB, chat provider.Chat) Played {
	t.Helper()
	w := openai.NewWhole()
	p := Played{Err: chat.Whole(c.Body, w)}
	return p.fromWhole(t, chat, w)
}

// WholeToStream plays a whole answer for a client that asked for a stream.
func (c *Case) WholeToStream(t testing.TB, chat provider.Chat) Played {
	t.Helper()
	s := openai.NewStream(true)
	p := Played{Err: chat.Whole(c.Body, s)}
	return p.fromStream(t, chat, s)
}

// StreamToStream plays a stream for a client that asked for one.
func (c *Case) StreamToStream(t testing.TB, chat provider.Chat) Played {
	t.Helper()
	s := openai.NewStream(false)
	p := Played{}
	p.Err = feed(t, c.Body, chat, s, func() { p.Bytes = append(p.Bytes, s.Ready()...) })
	return p.fromStream(t, chat, s)
}

// StreamToWhole plays a stream for a client that asked for a whole answer.
func (c *Case) StreamToWhole(t testing.TB, chat provider.Chat) Played {
	t.Helper()
	w := openai.NewWhole()
	p := Played{Err: feed(t, c.Body, chat, w, func() {})}
	return p.fromWhole(t, chat, w)
}

// feed plays all events. Each is overwritten once it has been played, since it
// is valid only that long.
func feed(t testing.TB, body []byte, chat provider.Chat, a openai.Answer, after func()) error {
	t.Helper()
	var events []Event
	if f, ok := chat.(provider.Framer); ok {
		var err error
		if events, err = readAll(f.Events(bytes.NewReader(body))); err != nil {
			t.Fatalf("read frames: %v", err)
		}
	} else {
		events = mustEvents(t, bytes.NewReader(body))
	}
	for _, e := range events {
		ev := e.SSE()
		err := chat.Event(ev, a)
		for i := range ev.Data {
			ev.Data[i] = '#'
		}
		after()
		if err != nil {
			return err
		}
	}
	return chat.End(a)
}

func (p Played) fromStream(t testing.TB, chat provider.Chat, s *openai.Stream) Played {
	t.Helper()
	if p.Err == nil {
		s.End(trailer)
	} else {
		s.Fail(&openai.Error{Message: "failed", Type: openai.TypeAPI})
	}
	p.Bytes = append(p.Bytes, s.Ready()...)
	p.Native, p.Usage = s.NativeFinish(), chat.Usage()
	seen, err := Assemble(p.Bytes)
	if err != nil {
		t.Errorf("the client's stream: %v", err)
	}
	if p.Seen = seen; seen.Done != (p.Err == nil) {
		t.Errorf("the stream's [DONE] is %v, its error %v", seen.Done, p.Err)
	}
	return p
}

func (p Played) fromWhole(t testing.TB, chat provider.Chat, w *openai.Whole) Played {
	t.Helper()
	p.Bytes, p.whole = w.Append(nil, trailer), true
	p.Native, p.Usage = w.NativeFinish(), chat.Usage()
	if p.Err != nil {
		return p
	}
	seen, err := Read(p.Bytes)
	if err != nil {
		t.Errorf("the client's completion: %v", err)
	}
	p.Seen = seen
	return p
}

// truncated reports whether a stream ended before its terminal mark.
func truncated(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) }

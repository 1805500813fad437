package recorded

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/layergateway/layergateway/provider"
	"github.com/layergateway/layergateway/sse"
)

// OneByte gives b a byte at a time.
func OneByte(b []byte) io.Reader { return iotest.OneByteReader(bytes.NewReader(b)) }

// Split gives b in two reads, cut at i.
func Split(b []byte, i int) io.Reader {
	return io.MultiReader(bytes.NewReader(b[:i]), bytes.NewReader(b[i:]))
}

// Event is a copy of one event of a stream.
type Event struct {
	Name, Data string
	Cut        bool
}

// SSE returns the event as a reader gives it.
func (e Event) SSE() sse.Event {
	return sse.Event{Name: []byte(e.Name), Data: []byte(e.Data), Cut: e.Cut}
}

// Events reads all server-sent events of a stream.
func Events(r io.Reader) ([]Event, error) { return readAll(sse.NewReader(r, 0)) }

// readAll reads all events, in the framing of a dialect.
func readAll(r provider.EventReader) ([]Event, error) {
	var list []Event
	for {
		ev, err := r.Next()
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return list, err
		}
		list = append(list, Event{string(ev.Name), string(ev.Data), ev.Cut})
	}
}

// CheckSplits checks that a stream's events are the same however its bytes
// arrive: one at a time, and cut in two at every position. A cut concerns the
// event it lies in and its neighbours, so each is tried on those alone.
func CheckSplits(t testing.TB, stream []byte) {
	t.Helper()
	want := mustEvents(t, bytes.NewReader(stream))
	sameEvents(t, "one byte at a time", mustEvents(t, OneByte(stream)), want)
	var all []Event
	ends := pieces(stream)
	for i, start := 0, 0; i < len(ends); start, i = ends[i], i+1 {
		all = append(all, mustEvents(t, bytes.NewReader(stream[start:ends[i]]))...)
		window := stream[start:ends[min(i+1, len(ends)-1)]]
		whole := mustEvents(t, bytes.NewReader(window))
		for cut := range window {
			sameEvents(t, "cut in two", mustEvents(t, Split(window, cut)), whole)
		}
	}
	sameEvents(t, "piece by piece", all, want)
}

// CheckFrames is CheckSplits for a dialect with a framing of its own. It tries
// every cut on the whole stream.
func CheckFrames(t testing.TB, f provider.Framer, stream []byte) {
	t.Helper()
	frames := func(r io.Reader) []Event {
		t.Helper()
		list, err := readAll(f.Events(r))
		if err != nil {
			t.Fatalf("read frames: %v", err)
		}
		return list
	}
	want := frames(bytes.NewReader(stream))
	sameEvents(t, "one byte at a time", frames(OneByte(stream)), want)
	for cut := range stream {
		sameEvents(t, "cut in two", frames(Split(stream, cut)), want)
	}
}

// pieces gives the offsets behind every blank line of a stream, and its end.
func pieces(stream []byte) []int {
	var ends []int
	for start := 0; start < len(stream); {
		end := len(stream)
		for _, blank := range []string{"\n\n", "\r\n\r\n", "\r\r"} {
			if i := bytes.Index(stream[start:], []byte(blank)); i >= 0 {
				end = min(end, start+i+len(blank))
			}
		}
		ends = append(ends, end)
		start = end
	}
	return ends
}

func mustEvents(t testing.TB, r io.Reader) []Event {
	t.Helper()
	list, err := Events(r)
	if err != nil {
		t.Fatalf("read events: %v", err)
	}
	return list
}

func sameEvents(t testing.TB, how string, got, want []Event) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d events, want %d", how, len(got), len(want))
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("%s: event %d is %+v, want %+v", how, i, got[i], want[i])
		}
	}
}

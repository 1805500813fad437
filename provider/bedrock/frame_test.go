package bedrock

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"

	"github.com/layergateway/layergateway/sse"
)

// frame makes a frame with the library that Amazon's own clients read them with.
func frame(t testing.TB, payload string, headers ...string) []byte {
	t.Helper()
	m := eventstream.Message{Payload: []byte(payload)}
	for i := 0; i < len(headers); i += 2 {
		m.Headers.Set(headers[i], eventstream.StringValue(headers[i+1]))
	}
	return encodeFrame(t, m)
}

func encodeFrame(t testing.TB, m eventstream.Message) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := eventstream.NewEncoder().Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func eventFrame(t testing.TB, name, payload string) []byte {
	return frame(t, payload, ":event-type", name, ":content-type", "application/json", ":message-type", "event")
}

func exceptionFrame(t testing.TB, name, payload string) []byte {
	return frame(t, payload, ":exception-type", name, ":content-type", "application/json", ":message-type", "exception")
}

// resum gives a frame the checksums that fit it.
func resum(b []byte) []byte {
	binary.BigEndian.PutUint32(b[8:], crc32.ChecksumIEEE(b[:8]))
	binary.BigEndian.PutUint32(b[len(b)-4:], crc32.ChecksumIEEE(b[:len(b)-4]))
	return b
}

func TestFrames(t *testing.T) {
	hello := eventFrame(t, "messageStart", `{"role":"assistant"}`)
	all := eventstream.Message{Payload: []byte("x")}
	for name, v := range map[string]eventstream.Value{
		"true": eventstream.BoolValue(true), "false": eventstream.BoolValue(false), "8": eventstream.Int8Value(1),
		"16": eventstream.Int16Value(1), "32": eventstream.Int32Value(1), "64": eventstream.Int64Value(1),
		"bytes": eventstream.BytesValue("messageStop"), "time": eventstream.TimestampValue{}, "uuid": eventstream.UUIDValue{},
		":event-type": eventstream.StringValue("metadata"),
	} {
		all.Headers.Set(name, v)
	}
	change := func(at int, to byte) []byte {
		b := bytes.Clone(hello)
		b[at] = to
		return b
	}
	const first = "messageStart" + `{"role":"assistant"}` + "\n"
	for name, c := range map[string]struct {
		stream []byte
		want   string // the events' names and payloads
		err    error
	}{
		"empty":             {nil, "", io.EOF},
		"one":               {hello, first, io.EOF},
		"exception":         {exceptionFrame(t, "throttlingException", `{"message":"slow"}`), `exception:throttlingException{"message":"slow"}` + "\n", io.EOF},
		"error":             {frame(t, "", ":message-type", "error", ":error-code", "Broken", ":error-message", `say "x"`), `exception:Broken{"message":"say \"x\""}` + "\n", io.EOF},
		"every header":      {encodeFrame(t, all), "metadatax\n", io.EOF},
		"no headers":        {frame(t, "{}"), "{}\n", io.EOF},
		"cut in a prelude":  {append(bytes.Clone(hello), hello[:5]...), first, io.ErrUnexpectedEOF},
		"cut in a frame":    {append(bytes.Clone(hello), hello[:len(hello)-1]...), first, io.ErrUnexpectedEOF},
		"prelude's sum":     {change(8, hello[8]+1), "", errFrame},
		"frame's sum":       {change(len(hello)-1, hello[len(hello)-1]+1), "", errFrame},
		"payload changed":   {change(len(hello)-6, 'x'), "", errFrame},
		"too short":         {resum(change(3, 15)[:16]), "", errFrame},
		"headers too long":  {resum(change(7, 255)), "", errFrame},
		"header's type":     {resum(change(24, 10)), "", errFrame},
		"header's name cut": {resum(change(12, 255)), "", errFrame},
		"header's text cut": {resum(change(25, 255)), "", errFrame},
		"too large":         {resum(change(0, 1)), "", sse.ErrTooLarge},
		"a web page":        {[]byte("<html>no frames here</html>"), "", errFrame},
	} {
		t.Run(name, func(t *testing.T) {
			for how, r := range map[string]io.Reader{
				"at once":        bytes.NewReader(c.stream),
				"byte by byte":   iotest.OneByteReader(bytes.NewReader(c.stream)),
				"data with EOF":  iotest.DataErrReader(bytes.NewReader(c.stream)),
				"half the bytes": iotest.HalfReader(bytes.NewReader(c.stream)),
			} {
				got, err := readEvents(newFrames(r))
				if got != c.want || !errors.Is(err, c.err) {
					t.Errorf("%s: %q, %v; want %q, %v", how, got, err, c.want, c.err)
				}
			}
		})
	}
}

// readEvents gives all events' names and payloads, a line each.
func readEvents(f *frames) (string, error) {
	var b strings.Builder
	for {
		ev, err := f.Next()
		if err != nil {
			return b.String(), err
		}
		b.Write(ev.Name)
		b.Write(ev.Data)
		b.WriteByte('\n')
	}
}

func TestFramesReadError(t *testing.T) {
	broken := errors.New("connection reset")
	hello := eventFrame(t, "messageStart", "{}")
	f := newFrames(io.MultiReader(bytes.NewReader(hello), bytes.NewReader(hello[:9]), iotest.ErrReader(broken)))
	got, err := readEvents(f)
	if got != "messageStart{}\n" || !errors.Is(err, broken) {
		t.Errorf("%q, %v", got, err)
	}
}

// A frame may be large, and one that only says so takes no memory.
func TestFramesLarge(t *testing.T) {
	large := eventFrame(t, "contentBlockDelta", strings.Repeat("x", 10<<20))
	f := newFrames(io.MultiReader(bytes.NewReader(large), bytes.NewReader(large)))
	for range 2 {
		ev, err := f.Next()
		if err != nil || len(ev.Data) != 10<<20 {
			t.Fatalf("%d bytes, %v", len(ev.Data), err)
		}
	}
	if len(f.buf) > maxFrame {
		t.Errorf("the buffer has %d bytes", len(f.buf))
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := newFrames(bytes.NewReader(large[:100])).Next(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
		t.Errorf("%d bytes for a frame that did not come", n)
	}
}

// FuzzFrames holds the reader against the one of Amazon's own clients: frames
// that both read are the same, and neither reads what the other does not.
func FuzzFrames(f *testing.F) {
	hello := eventFrame(f, "messageStart", `{"role":"assistant"}`)
	f.Add(hello)
	f.Add(append(bytes.Clone(hello), exceptionFrame(f, "validationException", `{}`)...))
	f.Add(hello[:20])
	f.Add(frame(f, ""))
	f.Add([]byte("<html>"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		// What a fuzzer makes seldom has the right sums: mend the first frame's.
		if len(stream) >= minFrame {
			if n := binary.BigEndian.Uint32(stream); n >= minFrame && uint64(n) <= uint64(len(stream)) {
				resum(stream[:n])
			}
		}
		ours, theirs := newFrames(bytes.NewReader(stream)), bytes.NewReader(stream)
		decoder := eventstream.NewDecoder()
		for {
			size := theirs.Len()
			got, err := ours.Next()
			want, wantErr := decoder.Decode(theirs, nil)
			if err != nil {
				if wantErr == nil && !stricter(stream[len(stream)-size:], want) {
					t.Fatalf("%v, but theirs is %+v", err, want)
				}
				return
			}
			if wantErr != nil {
				t.Fatalf("%s %q, but theirs is %v", got.Name, got.Data, wantErr)
			}
			if text(want, ":message-type") == "error" {
				continue
			}
			name := text(want, ":event-type")
			if text(want, ":message-type") == "exception" {
				name = exceptionPrefix + text(want, ":exception-type")
			}
			if string(got.Name) != name || !bytes.Equal(got.Data, want.Payload) {
				t.Fatalf("%q %q, theirs %q %q", got.Name, got.Data, name, want.Payload)
			}
		}
	})
}

// stricter reports whether a frame that their reader takes is one that ours
// refuses rightly: a length that is none, or headers that end within a header.
func stricter(frame []byte, m eventstream.Message) bool {
	total := binary.BigEndian.Uint32(frame)
	headers := binary.BigEndian.Uint32(frame[4:])
	if total < minFrame || headers > total-minFrame {
		return true
	}
	var b bytes.Buffer
	if err := eventstream.EncodeHeaders(&b, m.Headers); err != nil {
		return true
	}
	return b.Len() != int(headers)
}

func text(m eventstream.Message, name string) string {
	v, ok := m.Headers.Get(name).(eventstream.StringValue)
	if !ok {
		return ""
	}
	return string(v)
}

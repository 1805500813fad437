package bedrock

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/go-json-experiment/json"

	"github.com/layergateway/layergateway/provider"
	"github.com/layergateway/layergateway/sse"
)

// A frame of application/vnd.amazon.eventstream, all numbers big-endian:
//
//	4 bytes  length of the whole frame
//	4 bytes  length of the headers
//	4 bytes  CRC-32 of the eight bytes before
//	         headers
//	         payload
//	4 bytes  CRC-32 of everything before
//
// https://docs.aws.amazon.com/AmazonS3/latest/API/RESTSelectObjectAppendix.html,
// the encoding is the same for all services.
const (
	preludeSize = 12
	minFrame    = preludeSize + 4
	maxFrame    = 16 << 20
)

// exceptionPrefix stands in front of the name of an event that is an exception,
// so that no kind of event can be taken for one.
const exceptionPrefix = "exception:"

var errFrame = errors.New("the stream's framing is broken")

// frames reads a stream's frames. What an event holds lies in buf.
type frames struct {
	src  io.Reader
	buf  []byte // unread bytes are buf[r:w]
	r, w int
	err  error
}

// Events implements provider.Framer.
func (c *chat) Events(body io.Reader) provider.EventReader { return newFrames(body) }

func newFrames(src io.Reader) *frames { return &frames{src: src, buf: make([]byte, 4096)} }

// Next implements provider.EventReader.
func (f *frames) Next() (sse.Event, error) {
	for need := preludeSize; ; {
		if have := f.buf[f.r:f.w]; len(have) >= need {
			size, err := frameSize(have)
			if err != nil {
				return sse.Event{}, err
			}
			if len(have) >= size {
				f.r += size
				return event(have[:size])
			}
			need = size
			continue
		}
		if f.err != nil {
			return sse.Event{}, f.end()
		}
		f.fill(need)
	}
}

// end is the error of a stream that has ended: within a frame, it was cut off.
func (f *frames) end() error {
	if errors.Is(f.err, io.EOF) && f.r < f.w {
		return io.ErrUnexpectedEOF
	}
	return f.err
}

// fill reads more of a frame of need bytes. The buffer grows with what has come,
// not with what a length says.
func (f *frames) fill(need int) {
	if f.r > 0 && (f.r == f.w || f.r+need > len(f.buf)) {
		f.w = copy(f.buf, f.buf[f.r:f.w])
		f.r = 0
	}
	if f.w == len(f.buf) {
		grown := make([]byte, 2*len(f.buf))
		copy(grown, f.buf[:f.w])
		f.buf = grown
	}
	n, err := f.src.Read(f.buf[f.w:])
	f.w += n
	f.err = err
}

// frameSize is the length of the frame that b begins with.
func frameSize(b []byte) (int, error) {
	total, headers := binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])
	switch {
	case crc32.ChecksumIEEE(b[:8]) != binary.BigEndian.Uint32(b[8:]):
		return 0, fmt.Errorf("%w: a frame's length has the wrong checksum", errFrame)
	case total > maxFrame:
		return 0, sse.ErrTooLarge
	case total < minFrame || headers > total-minFrame:
		return 0, fmt.Errorf("%w: a frame's length is impossible", errFrame)
	}
	return int(total), nil
}

// event reads a whole frame.
func event(frame []byte) (sse.Event, error) {
	body := frame[:len(frame)-4]
	if crc32.ChecksumIEEE(body) != binary.BigEndian.Uint32(frame[len(body):]) {
		return sse.Event{}, fmt.Errorf("%w: a frame has the wrong checksum", errFrame)
	}
	payload := preludeSize + int(binary.BigEndian.Uint32(frame[4:]))
	h, err := readHeader(body[preludeSize:payload])
	if err != nil {
		return sse.Event{}, err
	}
	ev := sse.Event{Name: h.eventType, Data: body[payload:]}
	switch string(h.messageType) {
	case "exception":
		ev.Name = append([]byte(exceptionPrefix), h.exceptionType...)
	case "error": // an error that the service itself does not know
		ev.Name = append([]byte(exceptionPrefix), h.errorCode...)
		if ev.Data, err = json.Marshal(failure{Message: string(h.errorMessage)}); err != nil {
			return sse.Event{}, fmt.Errorf("%w: %w", errFrame, err)
		}
	}
	return ev, nil
}

// header is what matters of a frame's headers.
type header struct {
	messageType, eventType, exceptionType, errorCode, errorMessage []byte
}

// The types of a header's value.
const (
	typeTrue = iota
	typeFalse
	typeInt8
	typeInt16
	typeInt32
	typeInt64
	typeBytes
	typeString
	typeTimestamp
	typeUUID
)

// sizes of values whose type says how long they are.
var sizes = [...]int{
	typeTrue: 0, typeFalse: 0, typeInt8: 1, typeInt16: 2, typeInt32: 4, typeInt64: 8,
	typeBytes: -1, typeString: -1, typeTimestamp: 8, typeUUID: 16,
}

// readHeader reads headers: for each a byte with the length of its name, the
// name, a byte with the value's type, and the value, in front of which is its
// length in two bytes if it is text or bytes.
func readHeader(b []byte) (header, error) {
	var h header
	for len(b) > 0 {
		name, rest, ok := cut(b[1:], int(b[0]))
		if !ok || len(rest) == 0 || int(rest[0]) >= len(sizes) {
			return h, fmt.Errorf("%w: a frame's headers can't be read", errFrame)
		}
		kind, size := rest[0], sizes[rest[0]]
		rest = rest[1:]
		if size < 0 {
			var n []byte
			if n, rest, ok = cut(rest, 2); ok {
				size = int(binary.BigEndian.Uint16(n))
			}
		}
		var value []byte
		if ok {
			value, b, ok = cut(rest, size)
		}
		if !ok {
			return h, fmt.Errorf("%w: a frame's headers are cut off", errFrame)
		}
		if kind == typeString {
			h.set(string(name), value)
		}
	}
	return h, nil
}

func (h *header) set(name string, value []byte) {
	switch name {
	case ":message-type":
		h.messageType = value
	case ":event-type":
		h.eventType = value
	case ":exception-type":
		h.exceptionType = value
	case ":error-code":
		h.errorCode = value
	case ":error-message":
		h.errorMessage = value
	}
}

func cut(b []byte, n int) (head, rest []byte, ok bool) {
	if n > len(b) {
		return nil, nil, false
	}
	return b[:n], b[n:], true
}

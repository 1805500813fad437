package sse

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
)

type got struct {
	name, data string
	cut        bool
}

func readAll(r *Reader) ([]got, error) {
	var list []got
	for {
		ev, err := r.Next()
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return list, err
		}
		list = append(list, got{string(ev.Name), string(ev.Data), ev.Cut})
	}
}

// oracle reads a whole stream the slow way, line by line as the standard says.
func oracle(stream string) []got {
	stream = strings.TrimPrefix(stream, "\ufeff")
	stream = strings.ReplaceAll(stream, "\r\n", "\n")
	stream = strings.ReplaceAll(stream, "\r", "\n")
	lines := strings.Split(stream, "\n")
	var list []got
	var name string
	var data []string
	for i, line := range lines {
		last := i == len(lines)-1
		if line == "" && !last {
			if data != nil {
				list = append(list, got{name, strings.Join(data, "\n"), false})
			}
			name, data = "", nil
			continue
		}
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "event":
			name = value
		case "data":
			data = append(data, value)
		}
	}
	if data != nil {
		list = append(list, got{name, strings.Join(data, "\n"), true})
	}
	return list
}

func TestReader(t *testing.T) {
	one := []got{{"", "x", false}}
	for name, c := range map[string]struct {
		stream string
		want   []got
	}{
		"D31 LF":               {"data: x\n\n", one},
		"D31 CRLF":             {"data: x\r\n\r\n", one},
		"D31 CR":               {"data: x\r\r", one},
		"mixed ends":           {"data: x\r\n\ndata: y\n\r\ndata: z\r\n\r", []got{{"", "x", false}, {"", "y", false}, {"", "z", false}}},
		"D33 mark":             {"\ufeffdata: x\n\n", one},
		"mark alone":           {"\ufeff", nil},
		"half a mark":          {"\xef\xbb", nil},
		"mark twice":           {"\ufeff\ufeffdata: x\n\n", nil},
		"D33 comments":         {": hello\n:\ndata: x\n: in between\n\n", one},
		"D33 id, retry, other": {"id: 7\nretry: 10\nfoo: bar\ndatax: no\ndata: x\nid\n\n", one},
		"D35 no space":         {"data:x\n\n", one},
		"two spaces":           {"data:  x\n\n", []got{{"", " x", false}}},
		"D35 many lines":       {"data: a\ndata: b\ndata:\ndata\ndata: c\n\n", []got{{"", "a\nb\n\n\nc", false}}},
		"no colon":             {"data\n\n", []got{{"", "", false}}},
		"name":                 {"event: ping\ndata: x\n\ndata: y\n\n", []got{{"ping", "x", false}, {"", "y", false}}},
		"last name counts":     {"event: a\nevent:b\ndata: x\n\n", []got{{"b", "x", false}}},
		"name without data":    {"event: a\n\ndata: x\n\n", one},
		"blank lines":          {"\n\n\r\rdata: x\n\n\n\n", one},
		"colons in data":       {"data: {\"a\":1}\n\n", []got{{"", `{"a":1}`, false}}},
		"cut in a line":        {"data: x\n\ndata: y", []got{{"", "x", false}, {"", "y", true}}},
		"cut behind a line":    {"data: x\n\ndata: y\n", []got{{"", "x", false}, {"", "y", true}}},
		"cut in a field":       {"data: x\n\nevent: a\nda", one},
		"cut in second line":   {"data: a\ndata: b", []got{{"", "a\nb", true}}},
		"empty":                {"", nil},
	} {
		t.Run(name, func(t *testing.T) {
			if want := oracle(c.stream); fmt.Sprint(want) != fmt.Sprint(c.want) {
				t.Fatalf("the oracle says %v, want %v", want, c.want)
			}
			checkSplits(t, c.stream)
		})
	}
}

// checkSplits reads a stream whole, a byte at a time and cut at every position,
// and also truncated at every position.
func checkSplits(t *testing.T, stream string) {
	t.Helper()
	check := func(how string, stream string, r io.Reader) {
		t.Helper()
		list, err := readAll(NewReader(r, 0))
		if want := oracle(stream); err != nil || fmt.Sprint(list) != fmt.Sprint(want) {
			t.Fatalf("%s of %q: %v, %v, want %v", how, stream, list, err, want)
		}
	}
	check("whole", stream, strings.NewReader(stream))
	check("a byte at a time", stream, iotest.OneByteReader(strings.NewReader(stream)))
	check("data with EOF", stream, iotest.DataErrReader(strings.NewReader(stream)))
	for i := range stream {
		check("split", stream, io.MultiReader(strings.NewReader(stream[:i]), strings.NewReader(stream[i:])))
		check("cut off", stream[:i], strings.NewReader(stream[:i]))
	}
}

// An event must come out as soon as its blank line is there, be it a lone CR
// whose LF may never come.
func TestReaderDoesNotWait(t *testing.T) {
	for _, end := range []string{"\n\n", "\r\n\r", "\r\r", "\n\r"} {
		never := iotest.ErrReader(errors.New("read too far"))
		r := NewReader(io.MultiReader(strings.NewReader("data: x"+end), never), 0)
		if ev, err := r.Next(); err != nil || string(ev.Data) != "x" || ev.Cut {
			t.Errorf("%q: %q, %v", end, ev.Data, err)
		}
	}
}

// A read that fails is not the end of the stream, and half an event before it is
// none.
func TestReaderError(t *testing.T) {
	broken := errors.New("connection reset")
	r := NewReader(io.MultiReader(strings.NewReader("data: x\n\ndata: y\n"), iotest.ErrReader(broken)), 0)
	if ev, err := r.Next(); err != nil || string(ev.Data) != "x" {
		t.Fatalf("%q, %v", ev.Data, err)
	}
	for range 2 {
		if ev, err := r.Next(); !errors.Is(err, broken) {
			t.Fatalf("%q, %v", ev.Data, err)
		}
	}
}

func TestReaderLimit(t *testing.T) {
	const most = 10_000
	fits := strings.Repeat("x", most)
	half := strings.Repeat("x", most/2-1)
	for name, c := range map[string]struct {
		stream string
		large  bool
	}{
		"one line":         {"data: " + fits + "\n\n", false},
		"one byte more":    {"data: " + fits + "x\n\n", true},
		"never a line end": {"data: " + strings.Repeat("x", 5*most), true},
		"lines":            {"data: " + half + "\ndata: " + half + "\n\n", false},
		"lines too long":   {"data: " + half + "\ndata: " + half + "\ndata: xxxx\n\n", true},
		"many lines":       {strings.Repeat("data: x\n", most), true},
		"long comment":     {":" + strings.Repeat("x", 2*most), true},
		"many events":      {strings.Repeat("data: "+half+"\n\n", 10), false},
	} {
		for how, src := range map[string]io.Reader{
			"whole":          strings.NewReader(c.stream),
			"byte by byte":   iotest.OneByteReader(strings.NewReader(c.stream)),
			"half at a time": iotest.HalfReader(strings.NewReader(c.stream)),
		} {
			r := NewReader(src, most)
			_, err := readAll(r)
			if errors.Is(err, ErrTooLarge) != c.large {
				t.Errorf("%s, %s: %v", name, how, err)
			}
			if len(r.buf) > most+4096 {
				t.Errorf("%s, %s: the buffer grew to %d", name, how, len(r.buf))
			}
		}
	}
}

// One event of 10 MiB costs its buffer and what that grew from, not copies.
func TestReaderLargeEvent(t *testing.T) {
	const size = 10 << 20
	for name, stream := range map[string]string{
		"one line":  "data: " + strings.Repeat("x", size) + "\n\n",
		"two lines": "data: " + strings.Repeat("x", size/2) + "\ndata: " + strings.Repeat("x", size/2-1) + "\n\n",
	} {
		src := strings.NewReader(stream)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		ev, err := NewReader(src, 0).Next()
		runtime.ReadMemStats(&after)
		if err != nil || len(ev.Data) != size {
			t.Fatalf("%s: %d bytes, %v", name, len(ev.Data), err)
		}
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 33<<20 {
			t.Errorf("%s: %d bytes allocated in all", name, grown)
		}
	}
}

func TestReaderAllocs(t *testing.T) {
	for name, event := range map[string]string{
		"short": "data: {\"a\":1}\n\n",
		"named": "event: message_delta\r\ndata: a\r\ndata: b\r\nid: 1\r\n\r\n",
		"long":  ": ping\n\ndata: " + strings.Repeat("x", 3000) + "\n\n",
	} {
		r := NewReader(&endless{event: event}, 0)
		next := func() {
			if _, err := r.Next(); err != nil {
				t.Fatal(err)
			}
		}
		for range 100 {
			next()
		}
		if n := testing.AllocsPerRun(1000, next); n != 0 {
			t.Errorf("%s: %v allocations an event", name, n)
		}
	}
}

// endless repeats an event.
type endless struct {
	event string
	at    int
}

func (e *endless) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		m := copy(p[n:], e.event[e.at:])
		n += m
		e.at = (e.at + m) % len(e.event)
	}
	return n, nil
}

// FuzzReader compares the reader with the oracle, whatever the sizes of reads.
func FuzzReader(f *testing.F) {
	for _, s := range []string{
		"data: x\n\n", "\ufeffdata: x\r\n\r\nevent: a\rdata\rdata: b\r\r", ": c\n\ndata:x\nid: 1\n\ndata: y",
		"data\n\n", strings.Repeat("data: aaaaaaaaa\r\n", 700) + "\r\n", "data: " + strings.Repeat("x", 9000) + "\rdata\r\rdata: y\n",
	} {
		f.Add(s, uint64(1))
	}
	f.Fuzz(func(t *testing.T, stream string, seed uint64) {
		want := fmt.Sprint(oracle(stream))
		r := &random{rest: []byte(stream), rng: rand.New(rand.NewPCG(seed, 1))}
		if list, err := readAll(NewReader(r, 1<<20)); err != nil || fmt.Sprint(list) != want {
			t.Fatalf("%q gives %v, %v, want %s", stream, list, err, want)
		}
	})
}

// random gives reads of random sizes.
type random struct {
	rest []byte
	rng  *rand.Rand
}

func (r *random) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.rest[:r.rng.IntN(min(len(r.rest), 64))+1])
	r.rest = r.rest[n:]
	return n, nil
}

func BenchmarkReader(b *testing.B) {
	for _, size := range []int{100, 3000, 1 << 20} {
		for name, end := range map[string]string{"LF": "\n", "CR": "\r"} {
			b.Run(fmt.Sprintf("%d/%s", size, name), func(b *testing.B) {
				r := NewReader(&endless{event: "data: " + strings.Repeat("x", size) + end + end}, 0)
				b.ReportAllocs()
				b.SetBytes(int64(size))
				for b.Loop() {
					if ev, err := r.Next(); err != nil || len(ev.Data) != size {
						b.Fatal(len(ev.Data), err)
					}
				}
			})
		}
	}
}

// The search for a line's end, beside the one that the standard library offers.
func BenchmarkLineEnd(b *testing.B) {
	line := append(bytes.Repeat([]byte("x"), 4<<20), '\n')
	for name, find := range map[string]func([]byte) int{
		"lineEnd":  lineEnd,
		"IndexAny": func(b []byte) int { return bytes.IndexAny(b, "\r\n") },
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(line)))
			for b.Loop() {
				if find(line) != len(line)-1 {
					b.Fatal("not found")
				}
			}
		})
	}
}

package openai

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/sse"
)

// said is what a client puts together, by choice.
type said struct {
	text, reasoning string
	calls           string
	finish          string
}

// assemble reads events as strict clients do; each must be valid JSON.
func assemble(events string) (map[int]*said, error) {
	list := map[int]*said{}
	r := sse.NewReader(strings.NewReader(events), 0)
	for done := false; ; {
		ev, err := r.Next()
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil || ev.Cut || done {
			return nil, fmt.Errorf("cut %v, done %v, %w", ev.Cut, done, err)
		}
		if done = string(ev.Data) == "[DONE]"; done {
			continue
		}
		if !stdjson.Valid(ev.Data) {
			return nil, fmt.Errorf("not JSON: %s", ev.Data)
		}
		var c struct {
			Choices []struct {
				Index int `json:"index"`
				Delta struct {
					Content   jsontext.Value `json:"content"`
					Reasoning jsontext.Value `json:"reasoning_content"`
					Calls     jsontext.Value `json:"tool_calls"`
				} `json:"delta"`
				Finish jsontext.Value `json:"finish_reason"`
			} `json:"choices"`
		}
		if err := json.Unmarshal(ev.Data, &c, allowDuplicates); err != nil {
			continue // JSON, but not a chunk that a client could read
		}
		for _, x := range c.Choices {
			if list[x.Index] == nil {
				list[x.Index] = new(said)
			}
			s := list[x.Index]
			s.text += unquoted(x.Delta.Content)
			s.reasoning += unquoted(x.Delta.Reasoning)
			s.finish += unquoted(x.Finish)
			s.calls += arguments(x.Delta.Calls)
		}
	}
}

func unquoted(v jsontext.Value) string {
	b, _ := jsontext.AppendUnquote(nil, v)
	return string(b)
}

func arguments(v jsontext.Value) string {
	var list []struct {
		Function struct {
			Arguments string `json:"arguments"`
		} `json:"function"`
	}
	_ = json.Unmarshal(v, &list, allowDuplicates)
	all := ""
	for _, c := range list {
		all += c.Function.Arguments
	}
	return all
}

// FuzzRelay feeds any chunks, one a line, to a stream and to a whole answer:
// what comes out is valid, and says what came in.
func FuzzRelay(f *testing.F) {
	for _, s := range []string{
		`{"choices":[{"index":0,"delta":{"role":"assistant","content":"Hi"},"finish_reason":null}]}` + "\n" + `{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"a":1}}`,
		`{"cost":1,"layer":2,"usage":{},"choices":[]}` + "\n" + `{"usage":null,"choices":null}` + "\n" + `{"usage":{}}` + "\n{}",
		`{"choices":[{"delta":{"tool_calls":[{},{"index":99999999999,"id":"a"},{"index":-1,"function":{"name":"f","arguments":"x"}},{"id":"a","index":0}]}}]}`,
		`{"choices":[{"delta":{"tool_calls":[{"function":{"name":"f"}},{"function":{}},{"id":null},{"type":"custom"}]}},{"index":127,"delta":{"role":"","tool_calls":null}}]}`,
		`{"choices":[{"delta":null},{"delta":[]},{"finish_reason":""},{"finish_reason":7}]}`,
		`{"choices":[{"index":128}]}`, `{"choices":[null]}`, `{"choices":[{"delta":{"role":7,"role":null}}],"usage":1,"usage":{}}`,
		`{"choices":[{"delta":{"reasoning_content":"a","x":[[1],[2]],"x":[]},"logprobs":{"content":[1]}}]}` + "\n" + `{"choices":[{"delta":{"x":[[3]]},"logprobs":{"content":null}}]}`,
		`{"a":1}{"b":2}`, `{"choices":[]} x`, `[]`, `"x"`, `{`, "{\"a\":\"\xff\"}",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		for _, includeUsage := range []bool{false, true} {
			var chunks ChunkReader
			s, w := NewStream(includeUsage), NewWhole()
			input := ""
			var out []byte
			for line := range bytes.SplitSeq(in, []byte("\n")) {
				data := bytes.ReplaceAll(line, []byte("\t"), []byte("\n"))
				c, err := chunks.Read(data)
				if err != nil {
					continue
				}
				_ = w.RawChunk(c)
				if s.RawChunk(c) == nil {
					input += "data: " + strings.NewReplacer("\n", " ", "\r", " ").Replace(string(data)) + "\n\n"
				}
				out = append(out, s.Ready()...)
			}
			s.End(ours(s.Usage()))
			out = append(out, s.Ready()...)
			want, err := assemble(input)
			if err != nil {
				t.Fatal(err)
			}
			got, err := assemble(string(out))
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			for i, x := range want {
				if got[i] == nil || *got[i] != *x {
					t.Fatalf("choice %d is %+v, want %+v: %s", i, got[i], x, out)
				}
			}
			if whole := w.Append(nil, ours(w.Usage())); !stdjson.Valid(whole) {
				t.Fatalf("not JSON: %s", whole)
			}
		}
	})
}

func TestStreamAllocs(t *testing.T) {
	for name, chunk := range map[string]string{
		"text":          `{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"gpt-4o","service_tier":"default","system_fingerprint":"fp_1","choices":[{"index":0,"delta":{"content":" word"},"logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":"abc"}`,
		"every quirk":   `{"choices":[{"index":0,"delta":{"role":"assistant","content":"x","tool_calls":[{"index":7,"id":"call_a","function":{"name":"f","arguments":"{"}}]},"finish_reason":""}],"usage":{"prompt_tokens":1}}`,
		"two choices":   `{"choices":[{"index":0,"delta":{"content":"x"}},{"index":1,"delta":{"content":"x"}}]}`,
		"a tool's text": `{"choices":[{"index":0,"delta":{"tool_calls":[{"index":7,"function":{"arguments":"{"}}]}}]}`,
	} {
		for _, includeUsage := range []bool{false, true} {
			var chunks ChunkReader
			s := NewStream(includeUsage)
			data := []byte(chunk)
			first, err := chunks.Read([]byte(`{"choices":[{"index":0,"delta":{"tool_calls":[{"index":7,"id":"call_a","function":{"name":"f","arguments":""}}]}}]}`))
			if err != nil {
				t.Fatal(err)
			}
			if err := s.RawChunk(first); err != nil {
				t.Fatal(err)
			}
			relay := func() {
				c, err := chunks.Read(data)
				if err != nil {
					t.Fatal(err)
				}
				if err := s.RawChunk(c); err != nil {
					t.Fatal(err)
				}
				s.Ready()
			}
			relay()
			if n := testing.AllocsPerRun(1000, relay); n != 0 {
				t.Errorf("%s: %v allocations a chunk", name, n)
			}
		}
	}
}

func BenchmarkRawChunk(b *testing.B) {
	for name, text := range map[string]string{"word": " word", "W10 4MB": strings.Repeat("x", 4<<20)} {
		data := fmt.Appendf(nil, `{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"gpt-4o","choices":[{"index":0,"delta":{"content":"%s"},"logprobs":null,"finish_reason":null}],"usage":null}`, text)
		b.Run(name, func(b *testing.B) {
			var chunks ChunkReader
			s := NewStream(false)
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				c, err := chunks.Read(data)
				if err != nil {
					b.Fatal(err)
				}
				if err := s.RawChunk(c); err != nil {
					b.Fatal(err)
				}
				s.Ready()
			}
		})
	}
}

func TestChunkRefuses(t *testing.T) {
	var chunks ChunkReader
	many := strings.Repeat(`{"id":"a%d","function":{"name":"f"}},`, maxCalls+1)
	for i := range maxCalls + 1 {
		many = strings.Replace(many, "%d", fmt.Sprint(i), 1)
	}
	for _, data := range []string{
		"", "[DONE]", "[]", "null", "{", `{"choices":[{"index":-1}]}`, `{"choices":[{"index":128}]}`, `{"choices":[{"index":"0"}]}`,
		`{"choices":[{"index":9223372036854775808}]}`, `{"choices":[1]}`, `{"choices":[{"delta":{"tool_calls":[null]}}]}`,
		`{"choices":[]}{}`, `{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}}]}`,
		`{"choices":[{"delta":{"tool_calls":[` + many[:len(many)-1] + `]}}]}`,
		// Each takes many times its bytes.
		`{"choices":[{}` + strings.Repeat(",{}", maxChoices) + `]}`,
		`{"choices":[{"delta":{"tool_calls":[{"id":"a","function":{"name":"f"}}` + strings.Repeat(`,{"id":"a"}`, maxCalls) + `]}}]}`,
	} {
		c, err := chunks.Read([]byte(data))
		if err == nil {
			err = NewStream(false).RawChunk(c)
		}
		if err == nil {
			t.Errorf("%.80s: no error", data)
		}
	}
}

// D36: an event of 10 MiB is copied once on its way.
func TestRelayLargeEvent(t *testing.T) {
	const size = 10 << 20
	stream := `data: {"choices":[{"index":0,"delta":{"role":"assistant","images":["` + strings.Repeat("x", size) + `"]}}],"usage":null}` + "\n\n"
	var before, after runtime.MemStats
	events := sse.NewReader(strings.NewReader(stream), 0)
	var chunks ChunkReader
	s := NewStream(false)
	runtime.ReadMemStats(&before)
	ev, err := events.Next()
	if err != nil {
		t.Fatal(err)
	}
	c, err := chunks.Read(ev.Data)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.RawChunk(c); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if out := s.Ready(); len(out) < size || !bytes.HasSuffix(out, []byte(`x"]}}]}`+"\n\n")) {
		t.Errorf("%d bytes", len(out))
	}
	// All that was allocated, most of it collected by now: the reader's buffer
	// as it grew, and the event as it goes out.
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 56<<20 {
		t.Errorf("%d bytes allocated", grown)
	}
}

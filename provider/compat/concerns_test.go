package compat

import (
	"bytes"
	"regexp"
	"testing"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/sse"
)

// everyHabit is a server that has all of them.
var everyHabit = Server{
	Answers: anyServer.Answers | OwnCost, Finish: anyServer.Finish, Failures: Lookup("openrouter").Failures,
}

// noHabit is a server that has none.
var noHabit = Server{}

// played is what comes of an answer.
type played struct {
	out, native string
	usage       cost.Usage
	failed      bool
}

// given are ids and times that the gateway makes up.
var given = regexp.MustCompile(`(call_|chatcmpl-)[0-9a-f]{24}|"created":\d{10}`)

// playStream plays a stream's events to a chat.
func playStream(c *chat, events [][]byte) (p played) {
	s := openai.NewStream(true)
	for _, data := range events {
		if p.failed = c.Event(sse.Event{Data: bytes.Clone(data)}, s) != nil; p.failed {
			break
		}
	}
	s.End(openai.Trailer{Usage: s.Usage(), Cost: []byte("null"), Layer: []byte("{}")})
	p.out, p.native, p.usage = given.ReplaceAllString(string(s.Ready()), "$1"), s.NativeFinish(), c.Usage()
	return p
}

// playWhole plays a whole answer.
func playWhole(c *chat, body []byte) (p played) {
	w := openai.NewWhole()
	if p.failed = c.Whole(body, w) != nil; !p.failed {
		out := w.Append(nil, openai.Trailer{Usage: w.Usage(), Cost: []byte("null"), Layer: []byte("{}")})
		p.out, p.native = given.ReplaceAllString(string(out), "$1"), w.NativeFinish()
	}
	p.usage = c.Usage()
	return p
}

// FuzzConcerns takes events, one a line, and finds that those that are not mended,
// because no habit seems to concern them, come out as if they had been.
func FuzzConcerns(f *testing.F) {
	for _, c := range usual {
		f.Add([]byte(c.data))
	}
	const open = chunkHead + `{"index":0,"delta":{"role":"assistant","content":"a"}}]}` + "\n"
	for _, s := range []string{
		// What concerns a habit, by other names, twice, and where it isn't expected.
		open + chunkHead + `{"index":0,"delta":{"re\u0061soning":"hm"}}]}`,
		open + chunkHead + `{"index":0,"delta":{"reasoning":null,"reasoning":"hm"}}]}`,
		open + chunkHead + `{"index":0,"delta":{"reasoning":"hm"},"delta":null}]}`,
		open + chunkHead + `{"index":0,"d\u0065lta":{"reasoning":"hm"}}]}`,
		open + chunkHead + `{"index":0,"message":{"reasoning":"hm"}}]}`,
		open + chunkHead + `{"index":0,"delta":{"content":[{"type":"text","text":"b"}],"content":"c"}}]}`,
		open + chunkHead + `{"index":0,"delta":{"tool_calls":[{"id":"a","function":{"name":"f","\u0061rguments":{"x":1}}}]}}]}`,
		open + chunkHead + `{"index":0,"delta":{"tool_calls":[{"id":"a","function":{"name":"f","arguments":{}},"function":null}],"tool_calls":[]}}]}`,
		open + chunkHead + `{"index":0,"delta":{},"finish_reason":"e\u006fs"}]}`,
		open + chunkHead + `{"index":0,"delta":{},"finish_reason":"eos","finish_reason":"stop"}]}`,
		open + chunkHead + `{"index":0,"delta":{},"finish_reason":"error"}]}`,
		open + chunkHead + `{"index":0,"delta":{},"usage":{"prompt_tokens":1}}],"x_groq":{"usage":{"prompt_tokens":2}}}`,
		open + chunkHead + `{"index":0,"us\u0061ge":{"prompt_tokens":1}}],"x\u005fgroq":{"usage":{"prompt_tokens":2}}}`,
		open + chunkHead + `],"usage":{"cost":1},"usage":null}`,
		open + chunkHead + `],"usage":null,"usage":{"cost":1,"c\u0061ched_tokens":3}}`,
		open + chunkHead + `],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":9}}`,
		open + chunkHead + `],"usage":{"prompt_tokens":"1","prompt_tokens":1,"completion_tokens":2,"total_tokens":3,"total_tokens":9}}`,
		open + `{"id":"j","object":"chat.completion.chunk","created":7,"model":"m","choices":[{"delta":{}}],"x":{"id":"i"}}`,
		open + `{"id":"i","id":"j","object":"chat.completion.chunk","cr\u0065ated":7,"model":"m","choices":[{"delta":{}}]}`,
		open + `{"id" : "i", "object":"chat.completion.chunk","created":7.0,"choices":[]}` + "\n" + `{"error":{"message":"m"}}`,
		wholeHead + `{"message":{"content":"a","reasoning":"hm","tool_calls":[{"function":{"name":"f"}}]},"finish_reason":"end_turn"}],"usage":` + usualUsage + `}`,
		wholeHead + `{"message":{"content":[],"tool_calls":[]},"finish_reason":7}],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":9}}`,
		`{"id":"i","\u006fbject":"chat.completion","created":-7,"created":7,"choices":[{"message":{"content":"a"},"finish_reason":"stop"}]}`,
		`{"id":7,"object":"chat.completion","created":"7","model":"m","choices":[{"mess\u0061ge":{"re\u0061soning":"a"}}],"service_tier":"flex","usage":{}}`,
	} {
		f.Add([]byte(s))
	}
	every, none := everyHabit.habits(), noHabit.habits()
	f.Fuzz(func(t *testing.T, in []byte) {
		if bytes.Contains(in, []byte("127")) {
			return
		}
		events := bytes.Split(in, []byte("\n"))
		fast, slow := &chat{mend: mend{habits: every}}, &chat{mend: mend{habits: every}}
		// As if a choice had ended, behind which all is looked at.
		slow.mend.finished.add(127)
		if got, want := playStream(fast, events), playStream(slow, events); got != want {
			t.Errorf("stream %s:\n%+v, want\n%+v", in, got, want)
		}
		for _, body := range events {
			m := mend{habits: every, whole: true}
			mended, err := m.answer(body)
			if err != nil {
				mended = body // which is none
			}
			got, want := playWhole(&chat{mend: mend{habits: every}}, body), playWhole(&chat{mend: mend{habits: none, native: m.native, failure: m.failure}}, mended)
			if got != want {
				t.Errorf("whole %s:\n%+v, want\n%+v", body, got, want)
			}
		}
	})
}

package openai

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// spoken are answers as a foreign dialect says them.
var spoken = map[string]func(Answer){
	"text": func(a Answer) {
		a.Head(Head{ID: "msg_1", Model: "m\n", Created: 1700000000, ServiceTier: "standard"})
		a.Head(Head{ID: "again"})
		a.Text(0, "Hi \"there\"\n")
		a.Text(0, "")
		a.Text(0, "\u2028😀\xff")
		a.Finish(0, FinishStop, "end_turn")
	},
	"reasoning_and_tools": func(a Answer) {
		a.Head(Head{ID: "msg_1", Model: "m", Created: 1700000000})
		a.Reasoning(0, "so")
		a.Text(0, "Look:")
		i := a.ToolCall(0, "call_1", "f", nil)
		a.Arguments(0, i, `{"a":`)
		a.Arguments(0, i, "")
		a.Arguments(0, i, `1}`)
		j := a.ToolCall(0, "", "g\"", jsontext.Value("{\n\"google\":{}\r\n}"))
		a.Arguments(0, j, "{}")
		a.Arguments(0, i, " ")
		a.Finish(0, FinishToolCalls, "tool_use")
	},
	"members_with_line_breaks": func(a Answer) {
		a.Head(Head{ID: "msg_1", Model: "m", Created: 1700000000})
		a.Member(0, "reasoning_details", jsontext.Value("[\n{\"type\":\"a\"}\r\n]"))
		a.Member(0, "reasoning_details", jsontext.Value(`[[1],[2]]`))
		a.Member(0, "reasoning_details", jsontext.Value(`[]`))
		a.Member(0, "na\nme", jsontext.Value(`"x\ny"`))
		a.Logprobs(0, jsontext.Value("{\"content\":[\n{\"token\":\"a\"}],\"refusal\":null}"))
		a.Logprobs(0, jsontext.Value(`{"content":[{"token":"b"}],"refusal":[]}`))
		a.Finish(0, FinishStop, "STOP")
	},
	"two_choices": func(a Answer) {
		a.Head(Head{ID: "r", Model: "m", Created: 1700000000})
		a.Text(0, "a")
		a.Text(1, "b")
		a.Finish(1, FinishLength, "MAX_TOKENS")
		a.Text(0, "a")
		a.Finish(0, FinishStop, "STOP")
	},
	"refusal": func(a Answer) {
		a.Head(Head{ID: "r", Model: "m", Created: 1700000000})
		a.Refusal(0, "I ")
		a.Refusal(0, "won't")
		a.Finish(0, FinishContentFilter, "refusal")
	},
	"finish_alone": func(a Answer) {
		a.Head(Head{ID: "r", Model: "m", Created: 1700000000})
		a.Finish(0, FinishContentFilter, "SAFETY")
	},
	"nothing":     func(a Answer) { a.Head(Head{ID: "r", Model: "m", Created: 1700000000}) },
	"never_named": func(a Answer) { a.Text(0, "x"); a.Finish(0, FinishStop, "") },
}

var usage = []byte("{\n\"prompt_tokens\":1}")

func TestSpoken(t *testing.T) {
	for name, say := range spoken {
		t.Run(name, func(t *testing.T) {
			for suffix, includeUsage := range map[string]bool{"": false, "_usage": true} {
				s := NewStream(includeUsage)
				say(s)
				s.End(ours(usage))
				out := string(s.Ready())
				if _, err := assemble(out); err != nil {
					t.Error(err)
				}
				compare(t, filepath.Join("testdata", "spoken", name+suffix+".sse"), out)
			}
			w := NewWhole()
			say(w)
			compare(t, filepath.Join("testdata", "spoken", name+".json"), string(w.Append(nil, ours(nil)))+"\n")
		})
	}
}

func TestSpokenState(t *testing.T) {
	s, w := NewStream(false), NewWhole()
	if s.Finished() || w.Finished() || s.Content() || s.Pending() != 0 {
		t.Error("nothing has come")
	}
	for _, a := range []Answer{s, w} {
		a.Head(Head{ID: "r"})
		a.Text(0, "")
		a.Text(2, "x")
		a.Finish(2, FinishStop, "S")
	}
	if !s.Content() || s.Pending() == 0 || !s.Finished() || s.NativeFinish() != "S" || w.NativeFinish() != "S" {
		t.Errorf("%v %v %v %q %q", s.Content(), s.Pending(), s.Finished(), s.NativeFinish(), w.NativeFinish())
	}
	if s.Ready(); s.Pending() != 0 {
		t.Error("what is ready comes once")
	}
	s.Text(0, "y")
	if s.Finished() {
		t.Error("choice 0 goes on")
	}
}

// A failure tells all that came before it, and that it is one.
func TestFail(t *testing.T) {
	for _, includeUsage := range []bool{false, true} {
		s := NewStream(includeUsage)
		spoken["two_choices"](s)
		s.Fail(&Error{Message: "over\nloaded", Type: TypeAPI, Code: "provider_overloaded"})
		out := string(s.Ready())
		const last = "data: {\"error\":{\"message\":\"over\\nloaded\",\"type\":\"api_error\",\"param\":null,\"code\":\"provider_overloaded\"}}\n\n"
		if !strings.HasSuffix(out, last) || strings.Contains(out, "[DONE]") || strings.Contains(out, `"layer"`) {
			t.Errorf("%s", out)
		}
		got, err := assemble(out)
		if err != nil || got[0].text != "aa" || got[0].finish != "stop" || got[1].finish != "length" {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

// seen is a whole answer's message as a client reads it.
type seen struct {
	Content, Reasoning, Refusal string
	Calls                       []ToolCall
	Finish                      string
	Extra                       string
}

func readWhole(t interface {
	Helper()
	Fatalf(string, ...any)
}, b []byte) map[int]seen {
	t.Helper()
	var v struct {
		Choices []struct {
			Index   int `json:"index"`
			Message struct {
				Content   string         `json:"content"`
				Reasoning string         `json:"reasoning_content"`
				Refusal   string         `json:"refusal"`
				Calls     []ToolCall     `json:"tool_calls"`
				Extra     jsontext.Value `json:"x"`
			} `json:"message"`
			Finish string `json:"finish_reason"`
		} `json:"choices"`
	}
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	list := map[int]seen{}
	for _, c := range v.Choices {
		m := c.Message
		_ = m.Extra.Compact() // nil stays so
		list[c.Index] = seen{m.Content, m.Reasoning, m.Refusal, m.Calls, c.Finish, string(m.Extra)}
	}
	return list
}

// TestStreamAndWholeAgree says the same to a whole answer and to a stream,
// whose chunks another gateway gathers, and whose whole answer becomes a stream
// once more.
func TestStreamAndWholeAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, w := NewStream(rapid.Bool().Draw(t, "usage")), NewWhole()
		both := []Answer{s, w}
		for _, a := range both {
			a.Head(Head{ID: "r", Model: "m", Created: 1})
		}
		begun := map[int]int{}
		text := rapid.SampledFrom([]string{"", "a", " ", "\n", `"`, "\u2028", "😀"})
		for range rapid.IntRange(1, 12).Draw(t, "calls") {
			choice := rapid.IntRange(0, 1).Draw(t, "choice")
			what := rapid.IntRange(0, 5).Draw(t, "what")
			v := text.Draw(t, "text")
			begun[choice] += 0 // is there, to be finished
			for _, a := range both {
				switch what {
				case 0:
					a.Text(choice, v)
				case 1:
					a.Reasoning(choice, v)
				case 2:
					a.Refusal(choice, v)
				case 3:
					a.ToolCall(choice, "id"+string(rune('a'+begun[choice])), "f", nil)
				case 4:
					if begun[choice] > 0 {
						a.Arguments(choice, begun[choice]-1, v)
					}
				case 5:
					a.Member(choice, "x", jsontext.Value("[\n1]"))
				}
			}
			if what == 3 {
				begun[choice]++
			}
		}
		for choice := range begun {
			for _, a := range both {
				a.Finish(choice, FinishStop, "S")
			}
		}
		s.End(ours(nil))
		chunks := strings.TrimSuffix(string(s.Ready()), "data: [DONE]\n\n")
		want := readWhole(t, w.Append(nil, ours(nil)))

		gathered := NewWhole()
		if err := feed(chunks, gathered); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, readWhole(t, gathered.Append(nil, ours(nil))), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("the stream says otherwise: %s\n%s", diff, chunks)
		}
		c, err := ReadCompletion(w.Append(nil, ours(nil)))
		if err != nil {
			t.Fatal(err)
		}
		replayed := NewStream(false)
		if err := replayed.RawCompletion(c); err != nil {
			t.Fatal(err)
		}
		replayed.End(ours(nil))
		gathered = NewWhole()
		if err := feed(string(replayed.Ready()), gathered); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, readWhole(t, gathered.Append(nil, ours(nil))), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("the replay says otherwise: %s", diff)
		}
	})
}

func TestCompletion(t *testing.T) {
	for name, c := range map[string]struct{ in, want, native string }{
		"W9": {
			"\n{ \"id\" : \"c\", \"choices\":[ {\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"a\\u0041\",\"audio\":{}},\"finish_reason\":\"stop\"} ],\"usage\":{ \"prompt_tokens\" : 1}, \"x\":12345678901234567890,\"y\":1.0 }\n",
			"{\"id\" : \"c\",\"choices\":[ {\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"a\\u0041\",\"audio\":{}},\"finish_reason\":\"stop\"} ],\"x\":12345678901234567890,\"y\":1.0,\"usage\":{ \"prompt_tokens\" : 1},\"cost\":0.001,\"layer\":{\"gate\":\"g\"}}", "stop",
		},
		"D22":             {`{"choices":[],"usage":{"prompt_tokens":1}}`, `{"choices":[],"usage":{"prompt_tokens":1},"cost":0.001,"layer":{"gate":"g"}}`, ""},
		"no usage":        {`{"choices":[{"finish_reason":null}]}`, `{"choices":[{"finish_reason":null}],"usage":null,"cost":0.001,"layer":{"gate":"g"}}`, ""},
		"another gateway": {`{"cost":1,"choices":[7],"layer":{},"usage":null}`, `{"choices":[7],"usage":null,"cost":0.001,"layer":{"gate":"g"}}`, ""},
	} {
		answer, err := ReadCompletion([]byte(c.in))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		w := NewWhole()
		if err := w.RawCompletion(answer); err != nil {
			t.Fatal(err)
		}
		got := string(w.Append(nil, ours(w.Usage())))
		if got != c.want || w.NativeFinish() != c.native || !w.Finished() {
			t.Errorf("%s: %q\n%s\nwant\n%s", name, w.NativeFinish(), got, c.want)
		}
	}
}

// TestCompletionIsBounded: fields take memory beside the answer's bytes.
func TestCompletionIsBounded(t *testing.T) {
	for n, refused := range map[int]bool{maxFields - 1: false, maxFields: true} {
		if _, err := ReadCompletion([]byte(`{` + strings.Repeat(`"x":0,`, n) + `"choices":[]}`)); (err != nil) != refused {
			t.Errorf("%d and choices: %v", n, err)
		}
	}
}

// D24: a whole answer becomes a stream.
func TestReplay(t *testing.T) {
	for name, c := range map[string]struct {
		in   string
		fail bool
	}{
		"all":  {in: "{\"id\":\"c\",\"object\":\"chat.completion\",\"created\":5,\"model\":\"m\",\"service_tier\":\"flex\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"Hi\",\"refusal\":null,\"reasoning_content\":\"so\",\"annotations\":[\n{\"a\":1.0}],\"x\":null,\"tool_calls\":[{\"id\":\"1\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}},{\"function\":{\"name\":\"g\",\"arguments\":\"\"}}]},\"logprobs\":{\"content\":[\n]},\"finish_reason\":\"tool_calls\"},{\"index\":1,\"message\":{\"content\":null,\"refusal\":\"no\"},\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":1}}"},
		"D22":  {in: `{"id":"c","created":5,"model":"m","choices":[],"usage":{"prompt_tokens":1}}`},
		"far":  {in: `{"choices":[{"index":128}]}`, fail: true},
		"bad":  {in: `{"choices":[{"index":-1}]}`, fail: true},
		"many": {in: `{"choices":[{}` + strings.Repeat(",{}", maxChoices) + `]}`, fail: true},
		"odd":  {in: `{"choices":[{"message":{"content":7}}]}`, fail: true},
	} {
		answer, err := ReadCompletion([]byte(c.in))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		s := NewStream(true)
		if err := s.RawCompletion(answer); (err != nil) != c.fail {
			t.Errorf("%s: %v", name, err)
		}
		if c.fail {
			continue
		}
		s.End(ours(s.Usage()))
		compare(t, filepath.Join("testdata", "replay", name+".sse"), string(s.Ready()))
	}
}

// TestGatherLinear gathers long answers with token probabilities, in a time that
// grows as their length does.
func TestGatherLinear(t *testing.T) {
	var chunks ChunkReader
	w := NewWhole()
	data := []byte(`{"choices":[{"index":0,"delta":{"content":"x","parts":[1]},"logprobs":{"content":[{"token":"x","logprob":-1,"bytes":[120],"top_logprobs":[]}],"refusal":null}}]}`)
	const n = 10_000
	for range n {
		c, err := chunks.Read(data)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.RawChunk(c); err != nil {
			t.Fatal(err)
		}
	}
	out := w.Append(nil, ours(nil))
	if got := strings.Count(string(out), `"token":"x"`); got != n || !jsontext.Value(out).IsValid() {
		t.Errorf("%d of %d", got, n)
	}
}

func TestErrorWrite(t *testing.T) {
	rec := httptest.NewRecorder()
	(&Error{Status: 429, Message: "a\"\n\xff", Type: TypeRateLimit, Param: "p", RetryAfter: 1200 * time.Millisecond, NoRetry: true}).Write(rec)
	const body = `{"error":{"message":"a\"\n` + "\ufffd" + `","type":"rate_limit_error","param":"p","code":null}}`
	want := http.Header{"Content-Type": {"application/json"}, "Content-Length": {strconv.Itoa(len(body))}, "Retry-After": {"2"}, "X-Should-Retry": {"false"}}
	if diff := cmp.Diff(want, rec.Header()); rec.Code != 429 || rec.Body.String() != body || diff != "" {
		t.Errorf("%d %s %s", rec.Code, rec.Body, diff)
	}
}

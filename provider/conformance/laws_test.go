package conformance

import (
	"fmt"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/internal/recorded"
)

// shrunk lets rapid see the failures of helpers that want a testing.TB.
type shrunk struct {
	testing.TB
	r *rapid.T
}

func (s shrunk) Errorf(format string, args ...any) { s.r.Errorf(format, args...) }
func (s shrunk) Fatalf(format string, args ...any) { s.r.Fatalf(format, args...) }

// text is any text, with what is easily broken in it more often.
func text() *rapid.Generator[string] {
	odd := rapid.SampledFrom([]string{"", " ", "\n", "\r\n", "\u2028", "\x00", "😀", "👩‍👩‍👧", "\ufffd", "\ufeff", "data: x\n\n", `"\u0041\`, "</s>", "é", "{}"})
	return rapid.Custom(func(t *rapid.T) string {
		s := ""
		for range rapid.IntRange(0, 4).Draw(t, "pieces") {
			s += odd.Draw(t, "odd") + rapid.String().Draw(t, "text")
		}
		return s
	})
}

func answers() *rapid.Generator[said] {
	return rapid.Custom(func(t *rapid.T) said {
		s := said{text: text().Draw(t, "text"), finish: rapid.SampledFrom([]string{"stop", "length"}).Draw(t, "finish")}
		if s.thinking = text().Draw(t, "thinking"); s.thinking != "" {
			s.signature = "c2lnbmVk"
		}
		for i := range rapid.IntRange(0, 3).Draw(t, "calls") {
			s.finish = "tool_calls"
			args := encode(object{"city": text().Draw(t, "city"), "n": rapid.Int64().Draw(t, "n")})
			if rapid.Bool().Draw(t, "bare") {
				args = []byte("{}")
			}
			s.calls = append(s.calls, call{fmt.Sprintf("call0000%d", i), fmt.Sprintf("tool_%d", i), string(args)})
		}
		count := rapid.Int64Range(0, 1<<40)
		s.input, s.output = count.Draw(t, "input"), count.Draw(t, "output")
		s.cached = rapid.Int64Range(0, s.input).Draw(t, "cached")
		s.reasoning = rapid.Int64Range(0, s.output).Draw(t, "reasoning")
		return s
	})
}

// However an answer is sent and asked for, it says the same and costs the same.
func TestSameAnswer(t *testing.T) {
	price, err := cost.ParsePrice("3", "15", "0.3", "3.75")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range dialects() {
		t.Run(d.name, func(t *testing.T) {
			rapid.Check(t, func(r *rapid.T) {
				tb := shrunk{t, r}
				s := answers().Draw(r, "answer")
				cut := func(text string) (pieces []string) {
					runes := []rune(text)
					for len(runes) > 0 {
						n := rapid.IntRange(1, len(runes)).Draw(r, "piece")
						pieces, runes = append(pieces, string(runes[:n])), runes[n:]
					}
					return pieces
				}
				whole := recorded.Case{Body: d.whole(s)}
				stream := recorded.Case{Body: d.stream(s, cut), Stream: true}
				var bill cost.Bill
				for i, p := range []recorded.Played{
					whole.WholeToWhole(tb, d.chat()), whole.WholeToStream(tb, d.chat()),
					stream.StreamToStream(tb, d.chat()), stream.StreamToWhole(tb, d.chat()),
				} {
					form := []string{"whole to whole", "whole to stream", "stream to stream", "stream to whole"}[i]
					d.check(tb, form, p, s)
					if i == 0 {
						bill = price.Bill(p.Usage)
					} else if got := price.Bill(p.Usage); got != bill {
						tb.Errorf("%s: the bill is %+v, as a whole answer %+v", form, got, bill)
					}
				}
				if bill.Status != cost.Exact || bill.Total < 0 {
					tb.Errorf("the bill is %+v", bill)
				}
			})
		})
	}
}

// check compares what a client has with what was said.
func (d *dialect) check(t testing.TB, form string, p recorded.Played, s said) {
	t.Helper()
	if p.Err != nil {
		t.Fatalf("%s: %v", form, p.Err)
	}
	same := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %s is %q, want %q", form, what, got, want)
		}
	}
	if d.noReasoning {
		s.thinking = ""
	}
	if d.planned && len(s.calls) > 0 {
		plan := ""
		if s.text != "" {
			plan = canonical(string(encode(s.text)))
		}
		same("plan", canonical(p.Members["tool_plan"]), plan)
		s.text = ""
	}
	same("text", p.Text, s.text)
	same("reasoning", p.Reasoning, s.thinking)
	same("finish", p.Finish, s.finish)
	if len(p.Calls) != len(s.calls) {
		t.Fatalf("%s: %d calls, want %d", form, len(p.Calls), len(s.calls))
	}
	for i, c := range s.calls {
		same("id", p.Calls[i].ID, c.id)
		same("name", p.Calls[i].Name, c.name)
		same("arguments", p.Calls[i].Arguments, c.arguments) // digit for digit
	}
	u := p.Usage
	if u.Input != cost.Of(s.input) || u.CachedInput != cost.Of(s.cached) || u.Output != cost.Of(s.output) {
		t.Errorf("%s: usage is %+v, want input %d, cached %d, output %d", form, u, s.input, s.cached, s.output)
	}
	if u.Reasoning.Known() && u.Reasoning != cost.Of(s.reasoning) {
		t.Errorf("%s: reasoning is %d tokens, want %d", form, u.Reasoning.N(), s.reasoning)
	}
}

func canonical(s string) string {
	v := jsontext.Value(s)
	if v.Canonicalize() != nil {
		return s
	}
	return string(v)
}

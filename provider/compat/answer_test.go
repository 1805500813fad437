package compat

import (
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/layergateway/layergateway/openai"
	"github.com/layergateway/layergateway/provider"
	"github.com/layergateway/layergateway/sse"
)

// Errors in a 200: in a whole answer (D21) and in a stream (W7, D29, D30).
func TestErrorIn200(t *testing.T) {
	for name, c := range map[string]struct {
		err    string
		status int
		kind   provider.Kind
	}{
		"D21":          {`{"message":"m","code":429}`, 429, provider.RateLimited},
		"D30":          {`{"message":"m","type":"overloaded_error"}`, 503, provider.Overloaded},
		"server error": {`{"message":"m","type":"server_error","code":null}`, 502, provider.Failed},
		"quota":        {`{"message":"m","code":"insufficient_quota"}`, 429, provider.QuotaSpent},
		"rate":         {`{"message":"m","type":"rate_limit_error"}`, 429, provider.RateLimited},
		"key":          {`{"message":"m","code":"invalid_api_key"}`, 401, provider.Auth},
		"model":        {`{"message":"m","code":"model_not_found"}`, 404, provider.ModelNotFound},
		"invalid":      {`{"message":"m","type":"invalid_request_error"}`, 400, provider.Invalid},
		"odd code":     {`{"message":"m","code":200}`, 502, provider.Failed},
		"string":       {`"m"`, 502, provider.Failed},
	} {
		for how, play := range map[string]func(provider.Chat) error{
			"whole": func(p provider.Chat) error { return p.Whole([]byte(`{"error":`+c.err+`}`), openai.NewWhole()) },
			"event": func(p provider.Chat) error {
				return p.Event(sse.Event{Data: []byte(`{"error":` + c.err + `}`)}, openai.NewStream(true))
			},
			"named event": func(p provider.Chat) error {
				return p.Event(sse.Event{Name: []byte("error"), Data: []byte(c.err)}, openai.NewStream(true))
			},
			"named, nested": func(p provider.Chat) error {
				return p.Event(sse.Event{Name: []byte("error"), Data: []byte(`{"error":` + c.err + `}`)}, openai.NewStream(true))
			},
			"on top": func(p provider.Chat) error {
				data := c.err
				if data[0] != '{' {
					data = `{"message":` + data + `}`
				}
				return p.Event(sse.Event{Data: []byte(data)}, openai.NewStream(true))
			},
			"with choices": func(p provider.Chat) error {
				return p.Event(sse.Event{Data: []byte(`{"choices":[{"index":0,"delta":{},"finish_reason":"error"}],"error":` + c.err + `}`)}, openai.NewStream(true))
			},
		} {
			var e *provider.Error
			if err := play(New(Options{})()); !errors.As(err, &e) {
				t.Errorf("%s, %s: %v", name, how, err)
			} else if e.Status != c.status || e.Kind != c.kind || e.Message != "m" {
				t.Errorf("%s, %s: %+v", name, how, e)
			}
		}
	}
	var e *provider.Error
	if err := New(Options{})().Event(sse.Event{Name: []byte("error"), Data: []byte("boom")}, openai.NewStream(true)); !errors.As(err, &e) || e.Kind != provider.Failed {
		t.Errorf("an error event without JSON: %v", err)
	}
}

func TestEnd(t *testing.T) {
	const (
		text   = `data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}` + "\n\n"
		finish = `data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}` + "\n\n"
		other  = `data: {"choices":[{"index":1,"delta":{"content":"a"},"finish_reason":null}]}` + "\n\n"
		usage  = `data: {"choices":[],"usage":{"prompt_tokens":1}}` + "\n\n"
		done   = "data: [DONE]\n\n"
	)
	for name, c := range map[string]struct {
		stream string
		whole  bool
		done   bool
	}{
		"all":                    {text + finish + usage + done, true, true},
		"D28 no [DONE]":          {text + finish + usage, true, false},
		"no [DONE], no usage":    {text + finish, true, false},
		"finish chunk cut":       {text + strings.TrimRight(finish, "\n"), true, false},
		"[DONE] cut":             {text + finish + "data: [DO", true, false},
		"[DONE] without its end": {text + finish + "data: [DONE]", true, true},
		"[DONE] and spaces":      {text + finish + "data:  [DONE] \n\n", true, true},
		"only [DONE]":            {done, true, true},
		"behind [DONE]":          {text + finish + done + text + "data: rubbish\n\n", true, true},
		"D26 no finish":          {text, false, false},
		"W8 cut in a chunk":      {text + text[:40], false, false},
		"nothing":                {"", false, false},
		"only usage":             {usage, false, false},
		"one choice unfinished":  {text + other + finish, false, false},
		"empty finish":           {strings.Replace(finish, `"stop"`, `""`, 1), false, false},
		"empty events":           {"data:\n\ndata: \n\n" + text + finish, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			chat := New(Options{})()
			s := openai.NewStream(false)
			r := sse.NewReader(strings.NewReader(c.stream), 0)
			for {
				ev, err := r.Next()
				if err != nil {
					break
				}
				if err := chat.Event(ev, s); err != nil {
					t.Fatal(err)
				}
			}
			if err := chat.End(s); (err == nil) != c.whole || err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("end: %v", err)
			}
			if chat.Done() != c.done {
				t.Errorf("done is %v", chat.Done())
			}
		})
	}
}

// D19, D20: what is no answer is no success.
func TestWholeRefuses(t *testing.T) {
	for _, body := range []string{"", " ", "x", "{", `{"choices":[]`, `[]`, `"x"`, `{}`, `{"choices":null}`, `{"choices":{}}`, `{"choices":[]}{}`, "{\"choices\":[\"\xff\"]}"} {
		w := openai.NewWhole()
		if err := New(Options{})().Whole([]byte(body), w); err == nil {
			t.Errorf("%q gives %s", body, w.Append(nil, openai.Trailer{Cost: []byte("null"), Layer: []byte("{}")}))
		}
	}
}

func TestEventAllocs(t *testing.T) {
	chat := New(Options{})()
	s := openai.NewStream(false)
	ev := sse.Event{Data: []byte(`{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"gpt-4o","choices":[{"index":0,"delta":{"content":" word"},"logprobs":null,"finish_reason":null}],"usage":{"prompt_tokens":1}}`)}
	relay := func() {
		if err := chat.Event(ev, s); err != nil {
			t.Fatal(err)
		}
		s.Ready()
	}
	relay()
	if n := testing.AllocsPerRun(1000, relay); n != 0 {
		t.Errorf("%v allocations an event", n)
	}
}

// openaiShaped are the providers of recordings whose format is OpenAI's.
var openaiShaped = []string{"openai", "openai-compatible", "openrouter", "groq", "deepseek", "alibaba", "xai", "cerebras", "moonshot", "perplexity", "ollama"}

// TestPartsServeAgain: an array takes no more memory than its longest element, and elements within elements are whole.
func TestPartsServeAgain(t *testing.T) {
	const item = `{"a":1,"b":[{"c":2},{"d":3,"e":4}]}`
	in := "[" + strings.Repeat(item+",", 999) + item + "]"
	var p parts
	got, changed, err := p.each([]byte(in), func(_ int, o *object) error {
		inner, changed, err := p.each(o.get("b"), func(i int, o *object) error {
			o.set("n", quoted(strconv.Itoa(i)))
			return nil
		})
		o.settle("b", inner, changed)
		o.rename("a", "x")
		return err
	})
	want := strings.ReplaceAll(in, item, `{"x":1,"b":[{"c":2,"n":"0"},{"d":3,"e":4,"n":"1"}]}`)
	if err != nil || !changed || string(got) != want {
		t.Errorf("%v, %v, %.200s", err, changed, got)
	}
	if len(p.members) > 10 || cap(p.members) > 64 || len(p.items) > 0 {
		t.Errorf("it holds %d members of %d, and %d elements", len(p.members), cap(p.members), len(p.items))
	}
}

package openai

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
)

const hi = `"messages":[{"role":"user","content":"hi"}]`

// nested is a value n arrays deep.
func nested(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }

func TestParseChatRefuses(t *testing.T) {
	tools := strings.TrimSuffix(strings.Repeat(`{"type":"function","function":{"name":"f"}},`, 10_000), ",")
	for name, c := range map[string]struct{ body, code, param string }{
		"D54 empty":            {"", "invalid_json", "messages"},
		"D54 blank":            {" \r\n\t", "invalid_json", "messages"},
		"no JSON":              {"hello", "invalid_json", ""},
		"a form":               {"model=x&messages=y", "invalid_json", ""},
		"byte order mark":      {"\ufeff{" + hi + "}", "invalid_json", ""},
		"truncated":            {`{"model":"m","messages":[{"role":"user"`, "invalid_json", ""},
		"truncated name":       {`{"mod`, "invalid_json", ""},
		"truncated escape":     {`{"model":"\u00`, "invalid_json", ""},
		"trailing comma":       {"{" + hi + ",}", "invalid_json", ""},
		"single quotes":        {"{'a':1}", "invalid_json", ""},
		"comment":              {"{" + hi + "/* */}", "invalid_json", ""},
		"NaN":                  {"{" + hi + `,"temperature":NaN}`, "invalid_json", ""},
		"two values":           {"{" + hi + "}{" + hi + "}", "invalid_json", ""},
		"a value and rubbish":  {"{" + hi + "}x", "invalid_json", ""},
		"array":                {"[{" + hi + "}]", "invalid_type", "messages"},
		"string":               {`"messages"`, "invalid_type", "messages"},
		"null body":            {"null", "invalid_type", "messages"},
		"D45 depth":            {"{" + hi + `,"metadata":` + nested(10_001) + "}", "invalid_json", ""},
		"very deep":            {"{" + hi + `,"metadata":` + nested(100_000) + "}", "invalid_json", ""},
		"very deep body":       {nested(100_000), "invalid_json", ""},
		"very deep message":    {`{"messages":` + nested(100_000) + "}", "invalid_json", ""},
		"deep and never ended": {`{"messages":` + strings.Repeat("[", 100_000), "invalid_json", ""},
		"D46 model":            {`{"model":"a",` + hi + `,"model":"b"}`, "invalid_json", "model"},
		"D46 gateId":           {`{"gateId":"a","gateId":"a",` + hi + `}`, "invalid_json", "gateId"},
		"D46 stream":           {`{"stream":true,"stream":false,` + hi + `}`, "invalid_json", "stream"},
		"D46 escaped":          {`{"model":"a","mod\u0065l":"b",` + hi + `}`, "invalid_json", "model"},
		"D46 unknown":          {`{"x\ny":1,"x\ny":1,` + hi + `}`, "invalid_json", "x\ny"},
		"D46 in a message":     {`{"messages":[{"role":"user","content":"a"},{"role":"user","role":"system","content":"hi"}]}`, "invalid_json", "messages[1].role"},
		"D46 in a schema":      {"{" + hi + `,"tools":[{"type":"function","function":{"name":"f","name":"g"}}]}`, "invalid_json", "tools[0].function.name"},
		"D46 long":             {`{"` + strings.Repeat("x", 1000) + `":1,"` + strings.Repeat("x", 1000) + `":1}`, "invalid_json", strings.Repeat("x", 200)},
		"D47 UTF-8":            {"{\"model\":\"a\xff\"," + hi + "}", "invalid_json", ""},
		"D47 UTF-8 in a name":  {"{\"a\xc3\":1," + hi + "}", "invalid_json", ""},
		"D47 surrogate":        {`{"model":"\ud800",` + hi + `}`, "invalid_json", ""},
		"D47 content":          {`{"messages":[{"role":"user","content":"\udc00 x"}]}`, "invalid_json", ""},
		"D47 raw NUL":          {"{\"model\":\"a\x00b\"," + hi + "}", "invalid_json", ""},
		"D47 NUL":              {`{"model":"a\u0000b",` + hi + `}`, "invalid_type", "model"},
		"D76 line break":       {`{"model":"a\r\nX-Evil: 1",` + hi + `}`, "invalid_type", "model"},
		"D76 escape":           {`{"gateId":"a\u001b[31m",` + hi + `}`, "invalid_type", "gateId"},
		"D76 gate_id":          {`{"gate_id":"a\u007f",` + hi + `}`, "invalid_type", "gate_id"},

		"D54 missing":        {`{"model":"m"}`, "missing_field", "messages"},
		"D54 {}":             {"{}", "missing_field", "messages"},
		"D54 null":           {`{"messages":null}`, "missing_field", "messages"},
		"D54 []":             {`{"messages":[ ]}`, "missing_field", "messages"},
		"D54 object":         {`{"messages":{}}`, "invalid_type", "messages"},
		"D54 string":         {`{"messages":"x"}`, "invalid_type", "messages"},
		"number":             {`{"messages":7}`, "invalid_type", "messages"},
		"message null":       {`{"messages":[null]}`, "invalid_type", "messages[0]"},
		"message string":     {`{"messages":[{"role":"user","content":"a"},"hi"]}`, "invalid_type", "messages[1]"},
		"message empty":      {`{"messages":[{}]}`, "missing_field", "messages[0].role"},
		"no role":            {`{"messages":[{"content":"a"}]}`, "missing_field", "messages[0].role"},
		"role null":          {`{"messages":[{"role":null,"content":"a"}]}`, "invalid_type", "messages[0].role"},
		"role number":        {`{"messages":[{"role":1,"content":"a"}]}`, "invalid_type", "messages[0].role"},
		"role unknown":       {`{"messages":[{"role":"robot","content":"a"}]}`, "invalid_type", "messages[0].role"},
		"role in capitals":   {`{"messages":[{"role":"User","content":"a"}]}`, "invalid_type", "messages[0].role"},
		"no content":         {`{"messages":[{"role":"user"}]}`, "missing_field", "messages[0].content"},
		"content null":       {`{"messages":[{"role":"user","content":null}]}`, "missing_field", "messages[0].content"},
		"content number":     {`{"messages":[{"role":"user","content":7}]}`, "invalid_type", "messages[0].content"},
		"content object":     {`{"messages":[{"role":"user","content":{}}]}`, "invalid_type", "messages[0].content"},
		"content []":         {`{"messages":[{"role":"user","content":[ ]}]}`, "missing_field", "messages[0].content"},
		"empty content":      {`{"messages":[{"role":"user","content":""}]}`, "missing_field", "messages[0].content"},
		"empty contents":     {`{"messages":[{"role":"system","content":""},{"role":"user","content":"","refusal":null}]}`, "missing_field", "messages[1].content"},
		"an empty assistant": {`{"messages":[{"role":"assistant","content":null,"tool_calls":null}]}`, "missing_field", "messages[0].content"},

		"temperature":          {`{"temperature":"hot",` + hi + `}`, "invalid_type", "temperature"},
		"stream":               {`{"stream":"yes",` + hi + `}`, "invalid_type", "stream"},
		"stream 1":             {`{"stream":1,` + hi + `}`, "invalid_type", "stream"},
		"max_tokens":           {`{"max_tokens":1.5,` + hi + `}`, "invalid_type", "max_tokens"},
		"max_tokens 1e3":       {`{"max_tokens":1e3,` + hi + `}`, "invalid_type", "max_tokens"},
		"max_tokens string":    {`{"max_completion_tokens":"100",` + hi + `}`, "invalid_type", "max_completion_tokens"},
		"model number":         {`{"model":4,` + hi + `}`, "invalid_type", "model"},
		"gateId object":        {`{"gateId":{},` + hi + `}`, "invalid_type", "gateId"},
		"tools object":         {`{"tools":{},` + hi + `}`, "invalid_type", "tools"},
		"tool_choice array":    {`{"tool_choice":[],` + hi + `}`, "invalid_type", "tool_choice"},
		"response_format text": {`{"response_format":"json",` + hi + `}`, "invalid_type", "response_format"},
		"stop number":          {`{"stop":1,` + hi + `}`, "invalid_type", "stop"},
		"include_usage":        {`{"stream_options":{"include_usage":"yes"},` + hi + `}`, "invalid_type", "stream_options.include_usage"},
		"include_usage hidden": {`{"stream_options":{"include\u005fusage":"yes"},` + hi + `}`, "invalid_type", "stream_options.include_usage"},
		"D44 10,000 tools":     {`{"tools":[` + tools + `],` + hi + `}`, "array_above_max_length", "tools"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := ParseChat([]byte(c.body))
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("%v, %v: want an *Error", r, err)
			}
			if e.Status != 400 || e.Type != "invalid_request_error" || e.Code != c.code || e.Param != c.param {
				t.Errorf("%d %s %s %q (%s), want 400 invalid_request_error %s %q", e.Status, e.Type, e.Code, e.Param, e.Message, c.code, c.param)
			}
			if len(e.Message) > 600 || !strings.Contains(e.Message, strings.SplitN(e.Param, "[", 2)[0]) {
				t.Errorf("message %q", e.Message)
			}
		})
	}
}

func TestParseChatMessages(t *testing.T) {
	for body, want := range map[string]string{
		"{":                                     "it ends too early",
		"{\"model\":\"a\xff\"}":                 "invalid UTF-8 at byte",
		`{"model":"\ud800"}`:                    "a lone surrogate escape at byte",
		`{"a":` + nested(10_001) + "}":          "nested too deep at byte",
		`{"secret prompt":tru}`:                 "syntax error at byte 20",
		`{"model":1,"messages":[],"a":1,"a":2}`: "'a' twice",
	} {
		_, err := ParseChat([]byte(body))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%.40s: %v, want %q", body, err, want)
		}
	}
}

// goodRequests are of every shape that OpenAI takes.
var goodRequests = []string{
	`{` + hi + `}`,
	" \n{ \"model\" : \"m\" ,\r\n" + hi + "\t} \n",
	`{"mod\u0065l":"m",` + hi + `}`,
	`{"model":null,"stream":null,"temperature":null,"tools":null,"stream_options":null,` + hi + `}`,
	`{"stream":true,"stream_options":{"include_usage":true,"include_obfuscation":false},` + hi + `}`,
	`{"messages":[{"role":"system","content":""},{"role":"user","content":"hi"}]}`,
	`{"messages":[{"role":"developer","content":"be good"},{"role":"user","name":"bob","content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AA=="}}]}]}`,
	`{"messages":[{"role":"user","content":"x"},{"role":"assistant","content":null,"tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"1","content":""}]}`,
	`{"messages":[{"role":"user","content":"x"},{"role":"assistant","tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"1","content":[{"type":"text","text":"r"}]}]}`,
	`{"messages":[{"role":"assistant","content":null,"function_call":{"name":"f","arguments":"{}"}},{"role":"function","name":"f","content":null}]}`,
	`{"messages":[{"role":"assistant","content":null,"audio":{"id":"a"}},{"content":"say it again","role":"user"}]}`,
	`{"messages":[{"role":"assistant","content":"","reasoning_content":"so"}]}`,
	`{"metadata":{"n":12345678901234567890,"f":1.0,"e":1E400},"logit_bias":{"50256":-100},"seed":-1,"n":1,"stop":["a"],` + hi + `}`,
	`{"max_tokens":10,"max_completion_tokens":12,"temperature":1,"top_p":1e-1,"stop":"x","user":"\u0000",` + hi + `}`,
	`{"tool_choice":"auto","tools":[],"modalities":["text","audio"],"audio":{"voice":"alloy","format":"mp3"},"prediction":{"type":"content","content":"x"},` + hi + `}`,
	`{"tool_choice":{"type":"function","function":{"name":"f"}},"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}],` + hi + `}`,
	`{"x_unknown":{"a":[1,2,{"b":null}]},"layer":{"a":1},"gateId":"g","gate_id":"g",` + hi + `}`,
	`{"response_format":{"type":"json_schema","json_schema":{"name":"a","schema":{"type":"object"},"strict":true}},"reasoning_effort":"minimal","verbosity":"low","service_tier":"flex","store":false,` + hi + `}`,
	`{"a":` + nested(9000) + `,` + hi + `}`,
	`{"messages":[{"role":"user","content":"\ud83d\ude00 é` + "\u2028" + `"}]}`,
}

func TestParseChatAccepts(t *testing.T) {
	for _, body := range goodRequests {
		keep := bytes.Clone([]byte(body))
		r, err := ParseChat([]byte(body))
		if err != nil {
			t.Errorf("%.100s: %v", body, err)
			continue
		}
		if !bytes.Equal(r.Raw(), keep) {
			t.Errorf("%.100s: the body was changed to %s", body, r.Raw())
		}
	}
}

func TestParseChatFields(t *testing.T) {
	r, err := ParseChat([]byte(goodRequests[4]))
	if err != nil || !r.Stream || !r.IncludeUsage {
		t.Errorf("stream %v, usage %v, %v", r.Stream, r.IncludeUsage, err)
	}
	if r, err = ParseChat([]byte(goodRequests[3])); err != nil || r.Stream || r.IncludeUsage {
		t.Errorf("stream %v, usage %v, %v", r.Stream, r.IncludeUsage, err)
	}
	if r, err = ParseChat([]byte(goodRequests[2])); err != nil {
		t.Fatal(err)
	}
	if s, ok := r.String("model"); s != "m" || !ok {
		t.Errorf("a model whose name is escaped is %q", s)
	}
	if r, err = ParseChat([]byte(`{"stream_options":{"include\u005fusage":true},"model":"\u0061\/b",` + hi + `}`)); err != nil || !r.IncludeUsage {
		t.Fatalf("include_usage escaped: %v", err)
	}
	if s, _ := r.String("model"); s != "a/b" {
		t.Errorf("model %q", s)
	}
	if _, ok := r.String("messages"); ok {
		t.Error("messages are no string")
	}
}

// manyMessages is a conversation of about size bytes.
func manyMessages(size int) []byte {
	b := []byte(`{"model":"gpt-4o","temperature":0.7,"stream":true,"stream_options":{"include_usage":true},"messages":[`)
	for i := 0; len(b) < size; i++ {
		if i > 0 {
			b = append(b, ',')
		}
		role := [...]string{"user", "assistant"}[i%2]
		b = fmt.Appendf(b, `{"role":"%s","content":"%s"}`, role, strings.Repeat("a word or two, \\\"quoted\\\"\\n", 16))
	}
	return append(b, `],"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"a":{"type":"string"}}}}}]}`...)
}

func TestParseChatAllocs(t *testing.T) {
	allocs := func(size int) float64 {
		body := manyMessages(size)
		return testing.AllocsPerRun(100, func() {
			if _, err := ParseChat(body); err != nil {
				t.Fatal(err)
			}
		})
	}
	// What grows with the list of messages, and little else.
	if small, large := allocs(1000), allocs(200_000); small > 20 || large > small+20 {
		t.Errorf("%v allocations for a small request, %v for a large one", small, large)
	}
}

func BenchmarkParseChat(b *testing.B) {
	for _, size := range []int{1_000, 200_000} {
		body := manyMessages(size)
		b.Run(fmt.Sprintf("%dkB/ParseChat", size/1000), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				if _, err := ParseChat(body); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("%dkB/Append", size/1000), func(b *testing.B) {
			r, err := ParseChat(body)
			if err != nil {
				b.Fatal(err)
			}
			e := new(Edits)
			e.Set("model", []byte(`"m"`))
			var dst []byte
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				dst = r.Append(dst[:0], e)
			}
		})
		b.Run(fmt.Sprintf("%dkB/json.Valid", size/1000), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				if !stdjson.Valid(body) {
					b.Fatal("not valid")
				}
			}
		})
	}
}

// The time for hostile requests must grow as their size does, else this test is
// felt.
func TestParseChatLinear(t *testing.T) {
	var fields, messages strings.Builder
	for i := range 40_000 {
		if i < maxFields-10 {
			fmt.Fprintf(&fields, `"f%d":1,`, i)
		}
		messages.WriteString(`{"role":"user","content":"a"},`)
	}
	for name, body := range map[string]string{
		"fields":   "{" + fields.String() + hi + "}",
		"messages": `{"messages":[` + messages.String() + `{"role":"user","content":"a"}]}`,
	} {
		r, err := ParseChat([]byte(body))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		e := new(Edits)
		e.Set("messages", r.ReplaceSystem([]byte(`{}`))...)
		e.Set("model", []byte(`"m"`))
		r.Append(nil, e)
		r.Present(e)
		r.Asked(e)
	}
}

func FuzzParseChat(f *testing.F) {
	for _, s := range goodRequests {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		keep := bytes.Clone(body)
		r, err := ParseChat(body)
		if !bytes.Equal(body, keep) {
			t.Fatal("the body was changed")
		}
		var own *Error
		if err != nil {
			if !errors.As(err, &own) || own.Status != 400 {
				t.Fatalf("%v", err)
			}
			return
		}
		if !stdjson.Valid(body) {
			t.Fatal("accepted although it is not JSON")
		}
		out := r.Append(nil, new(Edits))
		again, err := ParseChat(out)
		if err != nil {
			t.Fatalf("%s: %v", out, err)
		}
		if twice := again.Append(nil, new(Edits)); !bytes.Equal(out, twice) {
			t.Fatalf("%s becomes %s", out, twice)
		}
		if _, err := DecodeChat(r, new(Edits)); err != nil && !errors.As(err, &own) {
			t.Fatalf("decode: %v", err)
		}
	})
}

// TestNamesAreForgotten: memory for the names of a large request is not kept for the next one.
func TestNamesAreForgotten(t *testing.T) {
	held := func() uint64 {
		runtime.GC() // which leaves pools their newest
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	var body strings.Builder
	body.WriteString(`{"messages":[{"role":"user","content":"hi"}],"metadata":{"a":{"b":{"":0`)
	for i := range 200_000 {
		fmt.Fprintf(&body, `,"name%d":0`, i)
	}
	body.WriteString(`}}}}`)
	large := []byte(body.String())
	before := held()
	if _, err := ParseChat(large); err != nil {
		t.Fatal(err)
	}
	if after := held(); after > before+2<<20 {
		t.Errorf("%d bytes are still held, of %d", after-before, len(large))
	}
	runtime.KeepAlive(large)
}

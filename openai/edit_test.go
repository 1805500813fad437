package openai

import (
	"bytes"
	stdjson "encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func parse(t testing.TB, body string) *Request {
	t.Helper()
	r, err := ParseChat([]byte(body))
	if err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return r
}

func TestAppend(t *testing.T) {
	const odd = `"x":{ "n" : 12345678901234567890,"f":1.0 , "e":"\u0041\/é" },` + hi
	for name, c := range map[string]struct {
		in, want string
		edit     func(*Request, *Edits)
	}{
		"nothing":         {"\n{ " + odd + " , \"b\" :\t1 }\n", `{` + odd + `,"b" :	1}`, func(*Request, *Edits) {}},
		"gateway's own":   {`{"gateId":"g",` + odd + `,"gate_id":"g","l\u0061yer":{}}`, `{` + odd + `}`, func(*Request, *Edits) {}},
		"set in place":    {`{"model" : "a",` + odd + `}`, `{"model" : "b",` + odd + `}`, func(_ *Request, e *Edits) { e.Set("model", []byte(`"b"`)) }},
		"set, escaped":    {`{"mod\u0065l":"a",` + odd + `}`, `{"mod\u0065l":"b",` + odd + `}`, func(_ *Request, e *Edits) { e.Set("model", []byte(`"b"`)) }},
		"set what is not": {`{` + odd + `}`, `{` + odd + `,"model":"b","n":2}`, func(_ *Request, e *Edits) { e.Set("model", []byte(`"b"`)); e.Set("n", []byte("2")) }},
		"set twice":       {`{` + odd + `}`, `{` + odd + `,"n":3}`, func(_ *Request, e *Edits) { e.Set("n", []byte("2")); e.Set("n", []byte("3")) }},
		"delete":          {`{"n":1,` + odd + `,"user":"u"}`, `{` + odd + `}`, func(_ *Request, e *Edits) { e.Delete("n"); e.Delete("user"); e.Delete("seed") }},
		"rename": {`{` + odd + `}`, `{` + odd + `,"max_tokens":2}`, func(_ *Request, e *Edits) {
			e.Set("max_completion_tokens", []byte("2"))
			e.Rename("max_completion_tokens", "max_tokens")
		}},
		"prepend": {`{"messages" : [ {"role":"user","content":"hi"} ]}`, `{"messages" : [{"role":"system"}, {"role":"user","content":"hi"} ]}`,
			func(r *Request, e *Edits) { e.Set("messages", r.PrependMessage([]byte(`{"role":"system"}`))...) }},
		"replace": {`{"messages":[ {"role":"system","content":"a"},{"content":"b","role":"developer"} , {"role":"user", "content":"hi"},{"role":"system","content":"c"} ]}`, `{"messages":[{"role":"system"},{"role":"user", "content":"hi"}]}`,
			func(r *Request, e *Edits) { e.Set("messages", r.ReplaceSystem([]byte(`{"role":"system"}`))...) }},
		"replace all": {`{"messages":[{"role":"system","content":"a"}]}`, `{"messages":[{"role":"system"}]}`,
			func(r *Request, e *Edits) { e.Set("messages", r.ReplaceSystem([]byte(`{"role":"system"}`))...) }},
		"drop after prepend": {`{"messages":[{"role":"assistant","x":1,"content":"a","tool_calls":[{"x":[1],"id":"1"},{"id":"2"}]}]}`,
			`{"messages":[{"role":"system","content":"x"},{"role":"assistant","content":"a","tool_calls":[{"id":"1"},{"id":"2"}]}]}`,
			func(r *Request, e *Edits) {
				e.Set("messages", r.PrependMessage([]byte(`{"role":"system","content":"x"}`))...)
				r.DropMessageMembers(e, "x")
			}},
		"drop nothing": {`{"messages" : [ {"role":"user","content":"\"x\""} ]}`, `{"messages" : [ {"role":"user","content":"\"x\""} ]}`,
			func(r *Request, e *Edits) { r.DropMessageMembers(e, "x", "y") }},
	} {
		t.Run(name, func(t *testing.T) {
			r := parse(t, c.in)
			e := new(Edits)
			c.edit(r, e)
			got := string(r.Append(nil, e))
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if again := string(r.Append([]byte("x"), e.Clone())); again != "x"+got {
				t.Errorf("written twice: %s", again)
			}
		})
	}
}

// TestDropReadsOnce: lists of calls within calls cost what one list does.
func TestDropReadsOnce(t *testing.T) {
	const calls = `[{"x":1,"function":{"x":2},"tool_calls":[{"x":3}]}]`
	r, err := ParseChat([]byte(`{"messages":[{"role":"assistant","tool_calls":` + calls + `}]}`))
	if err != nil {
		t.Fatal(err)
	}
	e := new(Edits)
	r.DropMessageMembers(e, "x")
	if got, want := string(r.Append(nil, e)), `{"messages":[{"role":"assistant","tool_calls":[{"function":{"x":2},"tool_calls":[{"x":3}]}]}]}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := string(DropMembers([]byte(`{"x":1,"tool_calls":`+calls+`}`), "x")); got != `{"tool_calls":`+calls+`}` {
		t.Errorf("of one object: %s", got)
	}
}

func TestCloneGrowsAlone(t *testing.T) {
	r := parse(t, "{"+hi+"}")
	e := new(Edits)
	e.Set("n", []byte("1"))
	a, b := e.Clone(), e.Clone()
	a.Set("model", []byte(`"a"`))
	a.Set("n", []byte("2"))
	b.Set("model", []byte(`"b"`))
	b.Rename("n", "m")
	for want, e := range map[string]*Edits{`,"n":1}`: e, `,"n":2,"model":"a"}`: a, `,"m":1,"model":"b"}`: b} {
		if got := string(r.Append(nil, e)); got != "{"+hi+want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestHasAndPresent(t *testing.T) {
	r := parse(t, `{"n":1,"seed":null,"gateId":"g","user":"u",`+hi+`}`)
	e := new(Edits)
	e.Delete("user")
	e.Set("top_p", []byte("1"))
	for name, want := range map[string]bool{"n": true, "seed": false, "user": false, "top_p": true, "stop": false} {
		if r.Has(e, name) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
	if got := r.Present(e); !slices.Equal(got, []string{"n", "messages", "top_p"}) {
		t.Errorf("present: %v", got)
	}
}

func TestHasSystem(t *testing.T) {
	for body, want := range map[string]bool{
		`{` + hi + `}`: false,
		`{"messages":[{"role":"user","content":"a"},{"content":"b","role":"system"}]}`: true,
		`{"messages":[{"role":"developer","content":"b"}]}`:                            true,
	} {
		if parse(t, body).HasSystem() != want {
			t.Errorf("%s: %v", body, !want)
		}
	}
}

func TestMembers(t *testing.T) {
	for in, want := range map[string]string{
		``: `{"a":1}`, `null`: `{"a":1}`, `{}`: `{"a":1}`, `{"a":2}`: `{"a":1}`, `{ "b" : 1.0 , "\u0061":2, "c":[ ] }`: `{"b" : 1.0,"c":[ ],"a":1}`,
	} {
		if got := string(SetMember([]byte(in), "a", []byte("1"))); got != want {
			t.Errorf("set in %q: %s", in, got)
		}
	}
	for in, want := range map[string]string{
		`{}`: `{}`, `{"a":1}`: `{}`, `{ "x" : 1.0 , "a":2, "y":{"a":1},"b":3 }`: `{"x" : 1.0,"y":{"a":1}}`, `{"a":1,"a":2,"x":1,"x":2}`: `{"x":1,"x":2}`, `7`: `{}`, `{`: `{}`,
	} {
		if got := string(DropMembers([]byte(in), "a", "b")); got != want {
			t.Errorf("drop in %q: %s", in, got)
		}
	}
}

// TestAppendMeans compares edits on bytes with edits on a map.
func TestAppendMeans(t *testing.T) {
	names := []string{"model", "n", "seed", "user", "gateId", "layer", "x_y", "é", `q"`, "top_p"}
	values := map[string][]string{
		"model": {`"a"`}, "n": {"1", "2"}, "seed": {"null", "7"}, "user": {`"u"`, `"\u00e9"`}, "gateId": {`"g"`}, "layer": {"{}", "1"},
		"x_y": {"1.0", "[ 1 ]", `{"a":{}}`}, "é": {"1"}, `q"`: {"true"}, "top_p": {"0.10"},
	}
	rapid.Check(t, func(t *rapid.T) {
		body := "{" + hi
		want := map[string]string{"messages": hi[len(`"messages":`):]}
		for _, name := range rapid.SliceOfDistinct(rapid.SampledFrom(names), rapid.ID).Draw(t, "fields") {
			v := rapid.SampledFrom(values[name]).Draw(t, "value")
			quoted := string(AppendString(nil, name))
			if rapid.Bool().Draw(t, "escaped") && name[0] < 0x80 {
				quoted = fmt.Sprintf(`"\u%04x`, name[0]) + string(AppendString(nil, name[1:])[1:])
			}
			body += rapid.SampledFrom([]string{",", " , "}).Draw(t, "space") + quoted + rapid.SampledFrom([]string{":", " :\n"}).Draw(t, "space") + v
			want[name] = v
		}
		r, err := ParseChat([]byte(body + "}"))
		if err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		e := new(Edits)
		for range rapid.IntRange(0, 6).Draw(t, "edits") {
			name := rapid.SampledFrom([]string{"model", "n", "seed", "x_y", "q\""}).Draw(t, "name")
			if rapid.Bool().Draw(t, "delete") {
				e.Delete(name)
				delete(want, name)
				continue
			}
			v := values[name][0]
			e.Set(name, []byte(v[:1]), []byte(v[1:]))
			want[name] = v
		}
		delete(want, "gateId")
		delete(want, "layer")
		out := r.Append(nil, e)
		var got map[string]stdjson.RawMessage
		if err := stdjson.Unmarshal(out, &got); err != nil {
			t.Fatalf("%s: %v", out, err)
		}
		seen := map[string]string{}
		for name, v := range got {
			seen[name] = string(v)
		}
		if !reflect.DeepEqual(seen, want) {
			t.Fatalf("%s\nmeans %v\nwant  %v", out, seen, want)
		}
		again, err := ParseChat(out)
		if err != nil {
			t.Fatalf("%s: %v", out, err)
		}
		if twice := again.Append(nil, e); !bytes.Equal(twice, out) {
			t.Fatalf("%s becomes %s", out, twice)
		}
		if strings.Contains(string(out), "gateId") {
			t.Fatalf("the gateway's own: %s", out)
		}
	})
}

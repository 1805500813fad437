package rawjson

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

// values are JSON, and not, of every kind.
var values = []string{
	"", " ", "x", "null", "nul", "nulll", "true", "tru", "false", "falsey", "0", "-0", "01", "-", "1.", "1.5", ".5", "1e", "1E+", "1e-07", "+1", "1.5e3",
	`""`, `"`, `"a`, `"a"`, `"abcdefg"`, `"abcdefgh"`, `"abcdefghi"`, `"abcdefg\"`, `"abcdefg\""`, `"\`, `"\"`, `"\\"`, `"\\\"`, `"\a"`, `"\b\f\n\r\t\/\\\""`,
	`"\u0041"`, `"\u004"`, `"\u00zz"`, `"\uD83D\uDE00"`, `"\ud83d"`, `"\ude00"`, `"\ud83d\ud83d"`, `"\ud83dx12345"`, `"\ud83d\`, `"\ud83d\u00e9"`,
	"\"\x00\"", "\"\x1f\"", "\"\x7f\"", "\"1234567\x1f90\"", "\"é\"", "\"\xff\"", "\"\xc3\"", "\"\xed\xa0\x80\"", "\"1234567\xff\"", "\"\U0001f600 �\"",
	"{}", "{ }", "{", "}", "{,}", `{"a"}`, `{"a":}`, `{"a":1,}`, `{"a":1 "b":2}`, `{"a":1]`, `{"a":1}`, ` { "a" : 1 , "b" : [ ] } `, `{"a":1,"a":2}`, `{1:2}`, `{"a",1}`, `{"a"::1}`, `{"\u0061":{}}`, "{\"\xff\":1}", "{\t\"a\"\r:\n1}", "{\v}",
	"[]", "[ ]", "[", "]", "[,]", "[1,]", "[1 2]", "[1}", "[1,2]", `[[],{},"",0,null,[[1]]]`, "[1:2]", "[\x00]", "[1]]", "[1] 2", "[[1]", "{}{}",
}

func deep(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }

// same compares a walk with jsontext: what is valid, how far it goes, and what
// each member and element is.
func same(t *testing.T, data []byte) {
	t.Helper()
	dec := jsontext.NewDecoder(strings.NewReader(string(data)), jsontext.AllowDuplicateNames(true))
	want, err := dec.ReadValue()
	w := Of(data)
	got := w.Value()
	if w.Failed() != (err != nil) || string(got) != string(want) {
		t.Fatalf("%q: %q, failed is %v; want %q, %v", data, got, w.Failed(), want, err)
	}
	if err != nil {
		if w.Value() != nil || w.Member() != nil || w.Element() || w.Kind() != 0 {
			t.Fatalf("%q: the failed walk goes on", data)
		}
		if errors.Is(Error(data), errWalk) {
			t.Fatalf("%q: nobody says that %v", data, err)
		}
		return
	}
	if w.At != int(dec.InputOffset()) {
		t.Fatalf("%q: ends at %d, want %d", data, w.At, dec.InputOffset())
	}
	inner(t, got)
}

// inner compares what is in an object, or an array.
func inner(t *testing.T, v jsontext.Value) {
	t.Helper()
	dec := jsontext.NewDecoder(strings.NewReader(string(v)), jsontext.AllowDuplicateNames(true))
	w := Of(v)
	next := func(what string, got []byte, end int) {
		want, err := dec.ReadValue()
		if err != nil || string(got) != string(want) || end != int(dec.InputOffset()) {
			t.Fatalf("%q: %s %q, up to %d; want %q, up to %d, %v", v, what, got, end, want, dec.InputOffset(), err)
		}
	}
	switch v.Kind() {
	case '{':
		_, _ = dec.ReadToken()
		for name := w.Enter().Member(); name != nil; name = w.Member() {
			next("name", name, w.NameAt+len(name))
			if key, err := jsontext.AppendUnquote(nil, name); err != nil || string(Key(name)) != string(key) {
				t.Fatalf("%q: %s says %q, want %q", v, name, Key(name), key)
			}
			kind, value := w.Kind(), w.Value()
			next("value", value, w.At)
			if kind != value[0] {
				t.Fatalf("%q: kind %q of %s", v, kind, value)
			}
		}
	case '[':
		_, _ = dec.ReadToken()
		for more := w.Enter().Element(); more; more = w.Element() {
			next("element", w.Value(), w.At)
		}
	default:
		return
	}
	if end, err := dec.ReadToken(); err != nil || w.Failed() || w.At != int(dec.InputOffset()) {
		t.Fatalf("%q: ends at %d, failed is %v; want %v at %d", v, w.At, w.Failed(), end, dec.InputOffset())
	}
}

func TestWalk(t *testing.T) {
	for _, v := range values {
		same(t, []byte(v))
		// Within others, so that each also ends where eight bytes do.
		for n := range 9 {
			same(t, fmt.Appendf(nil, `{"%s":[%s,%s]}`, strings.Repeat("x", n), v, v))
		}
	}
	for _, n := range []int{maxDepth - 1, maxDepth, maxDepth + 1} {
		same(t, []byte(deep(n)))
		same(t, []byte(strings.Repeat(`{"a":`, n)+"1"+strings.Repeat("}", n)))
	}
}

// Every byte, at every place of a string and outside of one.
func TestBytes(t *testing.T) {
	for c := range 256 {
		for n := range 10 {
			s := strings.Repeat("x", n) + string([]byte{byte(c)})
			same(t, []byte(`"`+s+`yyyyyyyyy"`))
			same(t, []byte(`"`+s+`"`))
			same(t, []byte(`"\`+s+`"`))
			same(t, []byte(`["`+strings.Repeat("x", n)+`"`+string([]byte{byte(c)})+`]`))
		}
	}
}

func FuzzWalk(f *testing.F) {
	for _, v := range values {
		f.Add([]byte(v))
	}
	f.Fuzz(same)
}

func BenchmarkWalk(b *testing.B) {
	for name, s := range map[string]string{
		"plain":   strings.Repeat("twenty bytes of text", 5000),
		"escapes": strings.Repeat(`twenty bytes, \"so\"\n`, 5000),
		"runes":   strings.Repeat("zwölf Wörter für Äpfel", 5000),
	} {
		data := []byte(`{"id":"chatcmpl-1","created":1700000000,"content":"` + s + `"}`)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if w := Of(data); w.Value() == nil {
					b.Fatal("not valid")
				}
			}
		})
	}
}

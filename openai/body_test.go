package openai

import (
	"bytes"
	"io"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

// TestBody: in pieces it is what Append writes, however it is read, and as often as it is.
func TestBody(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, err := ParseChat([]byte(`{ "model":"a", "messages":[ {"role":"user","content":"hi"} ] ,"user":"u" , "n":1,"gateId":"x"}`))
		if err != nil {
			t.Fatal(err)
		}
		e := new(Edits)
		for _, name := range rapid.SliceOfN(rapid.SampledFrom([]string{"model", "messages", "user", "n", "new", "gateId"}), 0, 4).Draw(t, "edits") {
			var parts [][]byte
			for _, text := range rapid.SliceOfN(rapid.SampledFrom([]string{"", "1", "null", "[]"}), 0, 2).Draw(t, "parts") {
				parts = append(parts, []byte(text))
			}
			e.Set(name, parts...)
		}
		want := r.Append(nil, e)
		body := r.Body(e)
		if !bytes.Equal(body.Bytes(), want) || body.Len() != int64(len(want)) || !bytes.Equal(BodyOf(want).Bytes(), want) {
			t.Fatalf("%s, want %s", body.Bytes(), want)
		}
		for range 2 {
			if err := iotest.TestReader(body.Open(), want); err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(iotest.OneByteReader(body.Open())); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%s, %v", got, err)
			}
		}
	})
}

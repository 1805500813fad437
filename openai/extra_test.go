package openai

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestMerge(t *testing.T) {
	for _, test := range []struct {
		obj, more, want string
		taken           []string
	}{
		{`{}`, `{}`, `{}`, nil},
		{`{"a":1.0}`, `{}`, `{"a":1.0}`, nil},
		{`{}`, `{"b":[2]}`, `{"b":[2]}`, nil},
		{`{"a":1.0,"g":{"x":1}}`, `{"g":{"y":{"z":20.00}},"b":null}`, `{"a":1.0,"g":{"x":1,"y":{"z":20.00}},"b":null}`, nil},
		{`{"a":1,"g":{"x":1}}`, `{"a":2,"g":{"x":2,"y":3}}`, `{"a":1,"g":{"x":1,"y":3}}`, []string{"a", "g.x"}},
		{`{"g":[1]}`, `{"g":{"x":2}}`, `{"g":[1]}`, []string{"g"}},
	} {
		got, taken, err := Merge([]byte(test.obj), []byte(test.more))
		if err != nil || string(got) != test.want || !slices.Equal(taken, test.taken) {
			t.Errorf("%s and %s: %s, %v, %v", test.obj, test.more, got, taken, err)
		}
	}
}

// TestMergeEnds: no nesting makes a merge read all of a long object for each of its levels.
func TestMergeEnds(t *testing.T) {
	nested := func(levels int, inner string) []byte {
		return []byte(strings.Repeat(`{"a":`, levels) + inner + strings.Repeat("}", levels))
	}
	got, taken, err := Merge(nested(maxMerge-1, `{"b":1}`), nested(maxMerge-1, `{"c":2}`))
	if want := nested(maxMerge-1, `{"b":1,"c":2}`); err != nil || !bytes.Equal(got, want) || taken != nil {
		t.Errorf("%s, %v, %v", got, taken, err)
	}
	deep := nested(maxMerge, `{"b":1}`)
	got, taken, err = Merge(deep, nested(maxMerge, `{"c":2}`))
	if err != nil || !bytes.Equal(got, deep) || len(taken) != 1 || taken[0] != strings.TrimSuffix(strings.Repeat("a.", maxMerge), ".") {
		t.Errorf("deeper: %s, %v, %v", got, taken, err)
	}
}

func TestExtra(t *testing.T) {
	const msgs = `"messages":[{"role":"user","content":"hi"}]`
	for body, want := range map[string]string{
		`{` + msgs + `}`:                                         "",
		`{"extra_body":null,` + msgs + `}`:                       "",
		`{"extra_body":{"google":{"x":1}},` + msgs + `}`:         "",
		`{"extra_body":{"anthropic":null},` + msgs + `}`:         "",
		`{"extra_body":{"anthropic":{"top_k": 5}},` + msgs + `}`: `{"top_k": 5}`,
	} {
		r, err := ParseChat([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		got, err := r.Extra(new(Edits), "anthropic")
		if err != nil || string(got) != want {
			t.Errorf("%s: %s, %v", body, got, err)
		}
		if out := string(r.Append(nil, new(Edits))); out != `{`+msgs+`}` {
			t.Errorf("it goes on: %s", out)
		}
	}
	r, err := ParseChat([]byte(`{"extra_body":{"anthropic":5},` + msgs + `}`))
	if err != nil {
		t.Fatal(err)
	}
	var e *Error
	if _, err := r.Extra(new(Edits), "anthropic"); !errors.As(err, &e) || e.Param != "extra_body.anthropic" {
		t.Errorf("got %v", err)
	}
}

func TestNames(t *testing.T) {
	for v, want := range map[string]bool{
		`{"a":{"b":[{"temperature":1}]}}`:       true,
		`{"temperature":1}`:                     true,
		`{"a":"temperature"}`:                   false,
		`["temperature",{"a":["temperature"]}]`: false,
		`{}`:                                    false,
	} {
		if got := Names([]byte(v), "x", "temperature"); got != want {
			t.Errorf("%s: %v", v, got)
		}
	}
}

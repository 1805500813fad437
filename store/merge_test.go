package store

import "testing"

func TestPatched(t *testing.T) {
	for _, test := range []struct {
		doc, patch, want string
		version          int64
	}{
		{`{}`, `{}`, `{}`, 0},
		{`{"a":1,"b":2.50}`, `{"a":null,"c":1e3,"version":7}`, `{"b":2.50,"c":1e3}`, 7},
		{`{"a":{"x":1,"y":2}}`, `{"a":{"x":null,"z":{"q":null}}}`, `{"a":{"y":2,"z":{}}}`, 0},
		{`{"a":[1,2]}`, `{"a":{"x":1}}`, `{"a":{"x":1}}`, 0},
		{`{"a":{"x":1}}`, `{"a":[null]}`, `{"a":[null]}`, 0},
		{`{"responseFormatSchema":{"x":1}}`, `{"responseFormatSchema":{"y":null}}`, `{"responseFormatSchema":{"y":null}}`, 0},
		{`{"a":1}`, `[]`, "", 0},
		{`{"a":1}`, `null`, "", 0},
		{`{"a":1}`, `{"a":1,"a":2}`, "", 0},
		{`{"a":1}`, `{"version":"x"}`, "", 0},
	} {
		got, version, err := patched([]byte(test.doc), []byte(test.patch))
		if string(got) != test.want || version != test.version || (err != nil) != (test.want == "") {
			t.Errorf("%s patched with %s: %s %d %v", test.doc, test.patch, got, version, err)
		}
	}
}

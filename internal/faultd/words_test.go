package faultd

import "testing"

func TestCheckWords(t *testing.T) {
	tests := []struct {
		text string
		n    int
		want string
	}{
		{"", 0, ""},
		{"w0001 w0002 w0003", 3, ""},
		{"w0001 w0002", 3, "words: ends with 2 of 3"},
		{"w0001 w0003", 3, "words: lost [2]"},
		{"w0001 w0002 w0002 w0003", 3, "words: doubled [2]"},
		{"w0001 w0003 w0002", 3, "words: too early [3]"},
		{"w0001 w00 w0003", 3, `words: lost [2]; no words: ["w00"]`},
		{"w0002 w0003 w0001 w0003", 3, "words: doubled [3]; too early [2 3]"},
		{"w0001  w0002", 2, "the words are right, the spaces between them are not"},
		{"w0012", 12, "words: lost [1 2 3 4 5 6 7 8] and 3 more"},
	}
	for _, tt := range tests {
		got := ""
		if err := CheckWords(tt.text, tt.n); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%q: %q, want %q", tt.text, got, tt.want)
		}
	}
	if err := CheckWords(WordsText(12345), 12345); err != nil {
		t.Error(err)
	}
}

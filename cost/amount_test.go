package cost

import (
	"encoding/json"
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestParseAmount(t *testing.T) {
	tests := []struct {
		in   string
		want Amount
		text string
	}{
		{"0", 0, "0"},
		{"-0", 0, "0"},
		{"5", 5e12, "5"},
		{"0.00123", 1_230_000_000, "0.00123"},
		{"00.50", 500_000_000_000, "0.5"},
		{"-1.25", -1_250_000_000_000, "-1.25"},
		{"0.000000000001", 1, "0.000000000001"},
		{"1e-12", 1, "0.000000000001"},
		{"12E+2", 1200e12, "1200"},
		{"0.0000000000010", 1, "0.000000000001"},
		{"0e99", 0, "0"},
		{"9223372.036854775807", math.MaxInt64, "9223372.036854775807"},
		{"-9223372.036854775808", math.MinInt64, "-9223372.036854775808"},
	}
	for _, tt := range tests {
		got, err := ParseAmount(tt.in)
		if err != nil || got != tt.want {
			t.Errorf("ParseAmount(%q) = %d, %v; want %d", tt.in, got, err, tt.want)
		}
		if got.String() != tt.text {
			t.Errorf("%q prints as %s, want %s", tt.in, got, tt.text)
		}
	}
	for _, in := range []string{
		"", "-", ".5", "5.", "+1", "1,5", "$1", "0x1", "1e", "1e1.5", "1 ", "NaN", "null", `"1"`,
		"0.0000000000001", "1e-13", "1e-999999",
		"9223372.036854775808", "-9223372.036854775809", "1e7", "1e999999", "1e99999999999999999999",
	} {
		if got, err := ParseAmount(in); err == nil {
			t.Errorf("ParseAmount(%q) = %s, want an error", in, got)
		}
	}
}

func TestAmountRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := Amount(rapid.Int64().Draw(t, "amount"))
		if back, err := ParseAmount(a.String()); err != nil || back != a {
			t.Fatalf("%d prints as %s, which is %d, %v", a, a, back, err)
		}
		b, err := json.Marshal(a)
		if err != nil || string(b) != a.String() {
			t.Fatalf("%s is %s in JSON, %v", a, b, err)
		}
		var back Amount
		if err := json.Unmarshal(b, &back); err != nil || back != a {
			t.Fatalf("%s reads as %s, %v", b, back, err)
		}
	})
}

func TestParseRateRounds(t *testing.T) {
	for in, want := range map[string]rate{
		"0.08333333333333334": 83_333,
		"0.0000005":           1,
		"0.00000049":          0,
		"0.00000005":          0,
		"0.0999999999":        100_000,
		"9e-7":                1,
	} {
		if got, err := parseRate(in); err != nil || got != want {
			t.Errorf("parseRate(%q) = %d, %v; want %d", in, got, err, want)
		}
	}
}

func TestAmountStaysInRange(t *testing.T) {
	for _, tt := range []struct{ got, want Amount }{
		{Amount(math.MaxInt64).Add(1), math.MaxInt64},
		{Amount(math.MinInt64).Add(-1), math.MinInt64},
		{Amount(3).Add(-5), -2},
		{Amount(math.MaxInt64).times(2), math.MaxInt64},
		{Amount(1 << 40).times(1 << 40), math.MaxInt64},
		{Amount(3).times(7), 21},
		{Amount(math.MaxInt64).scale(math.MaxInt64, 1), math.MaxInt64},
		{Amount(300_000).scale(6_000_000, 3_000_000), 600_000},
	} {
		if tt.got != tt.want {
			t.Errorf("got %d, want %d", tt.got, tt.want)
		}
	}
}

func TestTokens(t *testing.T) {
	for _, tt := range []struct {
		tokens Tokens
		known  bool
		n, or  int64
	}{
		{Tokens{}, false, 0, 7},
		{Of(0), true, 0, 0},
		{Of(12), true, 12, 12},
		{Of(-1), false, 0, 7},
		{Of(math.MaxInt64), true, math.MaxInt64, math.MaxInt64},
	} {
		if tt.tokens.Known() != tt.known || tt.tokens.N() != tt.n || tt.tokens.Or(7) != tt.or {
			t.Errorf("%v: known %t, N %d, Or(7) %d; want %t, %d, %d", tt.tokens,
				tt.tokens.Known(), tt.tokens.N(), tt.tokens.Or(7), tt.known, tt.n, tt.or)
		}
	}
	if Of(0) == (Tokens{}) {
		t.Error("0 compares equal to unknown")
	}
}

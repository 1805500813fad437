// Package cost knows what tokens cost: prices, what an answer used, and the bill
// of both. Money is integers.
package cost

import (
	"fmt"
	"math"
	"math/bits"
	"strconv"
)

// Amount is an exact sum of US dollars in picodollars (1e-12 USD), so at most
// about 9.2 million dollars either way. Sums and products that would pass that
// stay at the limit instead of wrapping around; Add is the sum that does so.
//
// As JSON it is a number of dollars with all its digits and no exponent.
type Amount int64

// amountScale is the number of decimal places of an Amount in dollars.
const amountScale = 12

// ParseAmount reads decimal dollars: "5", "-0.25", "1e-7". A number finer than
// a picodollar, or beyond an Amount's range, is an error.
func ParseAmount(s string) (Amount, error) {
	n, exact, err := parseDecimal(s, amountScale)
	if err != nil {
		return 0, err
	}
	if !exact {
		return 0, fmt.Errorf("%q is finer than a picodollar (0.%012d): drop the last digits", s, 1)
	}
	return Amount(n), nil
}

// Add is a + b, kept within an Amount's range.
func (a Amount) Add(b Amount) Amount {
	sum := a + b
	switch {
	case b > 0 && sum < a:
		return math.MaxInt64
	case b < 0 && sum > a:
		return math.MinInt64
	}
	return sum
}

// times is n tokens at the rate a, both not negative, kept within range.
func (a Amount) times(n int64) Amount {
	hi, lo := bits.Mul64(uint64(a), uint64(n))
	if hi != 0 || lo > math.MaxInt64 {
		return math.MaxInt64
	}
	return Amount(lo)
}

// scale is a * num / den rounded down, all not negative and den not 0.
func (a Amount) scale(num, den Amount) Amount {
	hi, lo := bits.Mul64(uint64(a), uint64(num))
	if hi >= uint64(den) {
		return math.MaxInt64
	}
	q, _ := bits.Div64(hi, lo, uint64(den))
	return Amount(min(q, math.MaxInt64))
}

// String is the shortest decimal of the same value, never with an exponent:
// "0.00123", "-12", "0".
func (a Amount) String() string {
	return string(a.AppendJSON(make([]byte, 0, 24)))
}

// AppendJSON appends the digits of String, which are a JSON number, to b.
func (a Amount) AppendJSON(b []byte) []byte {
	u := uint64(a)
	if a < 0 {
		b = append(b, '-')
		u = -u
	}
	const unit = 1_000_000_000_000
	b = strconv.AppendUint(b, u/unit, 10)
	frac := u % unit
	if frac == 0 {
		return b
	}
	b = append(b, '.')
	for place := uint64(unit / 10); frac > 0; place /= 10 {
		b = append(b, byte('0'+frac/place))
		frac %= place
	}
	return b
}

// MarshalJSON writes a number of dollars.
func (a Amount) MarshalJSON() ([]byte, error) {
	return a.AppendJSON(nil), nil
}

// UnmarshalJSON reads a number of dollars, as ParseAmount does. A null is an
// error: no amount is not an amount of 0.
func (a *Amount) UnmarshalJSON(b []byte) error {
	v, err := ParseAmount(string(b))
	if err != nil {
		return fmt.Errorf("amount: %w", err)
	}
	*a = v
	return nil
}

package cost

import (
	"fmt"
	"strconv"
	"strings"
)

// parseDecimal reads a decimal number, with or without an exponent, as an
// integer of 10^-scale. Digits beyond that round half away from zero, and
// exact tells whether any were lost. It never goes through a float.
func parseDecimal(s string, scale int) (n int64, exact bool, err error) {
	bad := func(why string) (int64, bool, error) {
		return 0, false, fmt.Errorf("%q %s", s, why)
	}
	mantissa, negative := strings.CutPrefix(s, "-")
	exponent := 0
	if i := strings.IndexAny(mantissa, "eE"); i >= 0 {
		// Atoi alone bounds the exponent: one that overflows is an error.
		if exponent, err = strconv.Atoi(mantissa[i+1:]); err != nil || exponent > 1e6 || exponent < -1e6 {
			return bad("is not a decimal number")
		}
		mantissa = mantissa[:i]
	}
	whole, frac, point := strings.Cut(mantissa, ".")
	if whole == "" || (point && frac == "") || !isDigits(whole) || !isDigits(frac) {
		return bad("is not a decimal number")
	}
	digits := strings.TrimLeft(whole+frac, "0")
	if digits == "" {
		return 0, true, nil
	}

	// The value is digits * 10^shift, in units of 10^-scale.
	shift := exponent - len(frac) + scale
	kept, lost := digits, ""
	if shift < 0 {
		cut := max(len(digits)+shift, 0)
		kept, lost = digits[:cut], digits[cut:]
	} else if len(digits)+shift > 19 {
		return bad("is too large")
	} else {
		kept += strings.Repeat("0", shift)
	}
	if negative {
		kept = "-" + kept
	}
	if kept == "" || kept == "-" {
		kept += "0"
	}
	if n, err = strconv.ParseInt(kept, 10, 64); err != nil {
		return bad("is too large")
	}
	// A cut that passed all digits has zeros in front of what was lost.
	if lost != "" && len(digits)+shift >= 0 && lost[0] >= '5' {
		switch {
		case !negative && n+1 > n:
			n++
		case negative && n-1 < n:
			n--
		default:
			return bad("is too large")
		}
	}
	return n, strings.Trim(lost, "0") == "", nil
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

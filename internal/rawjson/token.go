package rawjson

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// The ends of tokens: offsets behind them, and -1 for what is none.

// stringEnd is where the string ends that begins with the quote at start.
func stringEnd(b []byte, start int) int {
	for at := start + 1; at < len(b); {
		if at+8 <= len(b) {
			found := special(binary.LittleEndian.Uint64(b[at:]))
			if found == 0 {
				at += 8
				continue
			}
			at += bits.TrailingZeros64(found) / 8
		}
		switch c := b[at]; {
		case c == '"':
			return at + 1
		case c < ' ':
			return -1
		case c == '\\':
			n := escape(b[at:])
			if n == 0 {
				return -1
			}
			at += n
		case c < utf8.RuneSelf:
			at++
		default:
			r, n := utf8.DecodeRune(b[at:])
			if r == utf8.RuneError && n == 1 {
				return -1
			}
			at += n
		}
	}
	return -1
}

// special marks the first of eight bytes that ends a string, begins an escape or
// a rune of several bytes, or is a control character: its high bit is the lowest
// that is 1. Without one there is none.
func special(x uint64) uint64 {
	const each, high = 0x0101010101010101, 0x8080808080808080
	quote, slash := x^each*'"', x^each*'\\'
	// Where n is subtracted from each byte, the first that is below n is also the
	// first whose high bit becomes 1, as far as it was 0 in all.
	return (x | (x - each*' ') | (quote - each) | (slash - each)) & high
}

// escape is the length of the escape that b begins with, 0 if it is none.
func escape(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
	default:
		return 0
	}
	const low, behind = 0xdc00, 0xe000
	switch r := hex(b); {
	case r < 0, r >= low && r < behind:
		return 0
	case r < 0xd800 || r >= behind:
		return 6
	}
	// Half a rune: the other half must follow.
	if r := hex(b[6:]); r < low || r >= behind {
		return 0
	}
	return 12
}

// hex is the number in an escape of the form \u0123, -1 if b begins with none.
func hex(b []byte) (n int) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return -1
	}
	for _, c := range b[2:6] {
		switch {
		case '0' <= c && c <= '9':
			n = n<<4 | int(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			n = n<<4 | int(c|0x20-'a'+10)
		default:
			return -1
		}
	}
	return n
}

// numberEnd is where the number ends that begins at start.
func numberEnd(b []byte, start int) int {
	at := start
	if at < len(b) && b[at] == '-' {
		at++
	}
	if at < len(b) && b[at] == '0' {
		at++
	} else if at = digits(b, at); at < 0 {
		return -1
	}
	if at < len(b) && b[at] == '.' {
		if at = digits(b, at+1); at < 0 {
			return -1
		}
	}
	if at < len(b) && b[at]|0x20 == 'e' {
		if at++; at < len(b) && (b[at] == '+' || b[at] == '-') {
			at++
		}
		at = digits(b, at)
	}
	return at
}

// digits is where the digits end of which there must be one at start.
func digits(b []byte, start int) int {
	at := start
	for at < len(b) && '0' <= b[at] && b[at] <= '9' {
		at++
	}
	if at == start {
		return -1
	}
	return at
}

// wordEnd is where the word ends that must be at start.
func wordEnd(b []byte, start int, word string) int {
	if end := start + len(word); end <= len(b) && string(b[start:end]) == word {
		return end
	}
	return -1
}

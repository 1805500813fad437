package limit

import (
	"math"
	"net/http"
	"strconv"
	"time"
)

// Meter is where a window stands.
type Meter struct {
	Limit     int64 // 0: there is no such window
	Remaining int64
	// Reset is how long it takes until nothing of the window is used any more.
	Reset time.Duration
}

// Meters are the windows with the least left, of requests and of tokens.
type Meters struct {
	Requests, Tokens Meter
}

// SetHeaders sets OpenAI's x-ratelimit headers for the windows there are.
func (m Meters) SetHeaders(h http.Header) {
	m.Requests.setHeaders(h, "X-Ratelimit-Limit-Requests", "X-Ratelimit-Remaining-Requests", "X-Ratelimit-Reset-Requests")
	m.Tokens.setHeaders(h, "X-Ratelimit-Limit-Tokens", "X-Ratelimit-Remaining-Tokens", "X-Ratelimit-Reset-Tokens")
}

// setHeaders sets one window's by their names in canonical form. They share
// their memory, since each answer has them.
func (m Meter) setHeaders(h http.Header, limit, remaining, reset string) {
	if m.Limit == 0 {
		return
	}
	until := m.Reset
	if until > time.Second {
		until = time.Duration(math.Ceil(until.Seconds())) * time.Second
	} else {
		until = until.Round(time.Millisecond)
	}
	b := strconv.AppendInt(make([]byte, 0, 64), m.Limit, 10)
	first := len(b)
	b = strconv.AppendInt(b, m.Remaining, 10)
	second := len(b)
	text := string(append(b, until.String()...))
	values := []string{text[:first], text[first:second], text[second:]}
	h[limit], h[remaining], h[reset] = values[0:1:1], values[1:2:2], values[2:3:3]
}

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
	m.Requests.setHeaders(h, "Requests")
	m.Tokens.setHeaders(h, "Tokens")
}

func (m Meter) setHeaders(h http.Header, what string) {
	if m.Limit == 0 {
		return
	}
	h.Set("X-Ratelimit-Limit-"+what, strconv.FormatInt(m.Limit, 10))
	h.Set("X-Ratelimit-Remaining-"+what, strconv.FormatInt(m.Remaining, 10))
	reset := m.Reset
	if reset > time.Second {
		reset = time.Duration(math.Ceil(reset.Seconds())) * time.Second
	} else {
		reset = reset.Round(time.Millisecond)
	}
	h.Set("X-Ratelimit-Reset-"+what, reset.String())
}

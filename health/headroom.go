package health

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Headroom is what a provider says that it still takes before a limit of its own.
type Headroom struct {
	What      string // what is counted, such as "requests" or "input-tokens"
	Remaining int64
	Limit     int64     // 0 if it wasn't told
	Reset     time.Time // when there is all of it again; zero if it wasn't told
}

// Bounds of what is kept of a provider's words.
const (
	maxHeadroom = 8
	maxWhat     = 32
)

// HeadroomIn reads the headers of an answer, as OpenAI, the servers that speak its
// format and Anthropic write them: x-ratelimit-remaining-requests,
// anthropic-ratelimit-requests-remaining and those beside them.
func HeadroomIn(header http.Header, now time.Time) []Headroom {
	var list []Headroom
	for name := range header {
		var what, limit, reset string
		if tail, ok := strings.CutPrefix(name, "X-Ratelimit-Remaining"); ok {
			what, limit, reset = tail, "X-Ratelimit-Limit"+tail, "X-Ratelimit-Reset"+tail
		} else if tail, ok := strings.CutPrefix(name, "Anthropic-Ratelimit-"); ok {
			if what, ok = strings.CutSuffix(tail, "-Remaining"); !ok {
				continue
			}
			limit, reset = "Anthropic-Ratelimit-"+what+"-Limit", "Anthropic-Ratelimit-"+what+"-Reset"
		} else {
			continue
		}
		h := Headroom{What: cmp.Or(strings.ToLower(strings.Trim(what, "-")), "requests")}
		var err error
		if h.Remaining, err = strconv.ParseInt(header.Get(name), 10, 64); err != nil || len(h.What) > maxWhat {
			continue
		}
		h.Limit, _ = strconv.ParseInt(header.Get(limit), 10, 64) // 0 is unknown
		h.Reset = resetAt(header.Get(reset), now)
		list = append(list, h)
	}
	slices.SortFunc(list, func(a, b Headroom) int { return strings.Compare(a.What, b.What) })
	return list[:min(len(list), maxHeadroom)]
}

// resetAt is the moment that a provider names: as a time, or as a time span or
// seconds from now. It is zero for what is none of these.
func resetAt(text string, now time.Time) time.Time {
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(d)
	}
	const aYear = 365 * 24 * 60 * 60
	switch n, err := strconv.ParseFloat(text, 64); {
	case err != nil || !(n >= 0 && n <= 1e13):
		return time.Time{}
	case n > 1e11: // of Unix's milliseconds
		return time.UnixMilli(int64(n))
	case n > aYear:
		return time.Unix(int64(n), 0)
	default:
		return now.Add(time.Duration(n * float64(time.Second)))
	}
}

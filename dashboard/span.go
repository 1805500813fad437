package dashboard

import (
	"net/url"
	"time"
)

const day = 24 * time.Hour

// span is the time that a page is about, as the URL has it.
type span struct {
	Name     string // of ranges, or "custom"
	From, To time.Time
	// Step is how much time one point of a chart is of: whole hours, or whole days if From is a midnight.
	Step time.Duration
}

type namedRange struct {
	Name, Label string
	length      time.Duration
}

var ranges = []namedRange{
	{"24h", "24 hours", day}, {"7d", "7 days", 7 * day}, {"30d", "30 days", 30 * day}, {"90d", "90 days", 90 * day},
	{"365d", "1 year", 365 * day},
}

// spanOf reads range, or from and to. What can't be read is the default: a page is better than an error about a link.
func spanOf(q url.Values, now time.Time) span {
	now = now.UTC()
	if from, ok := parseTime(q.Get("from")); ok {
		to, ok := parseTime(q.Get("to"))
		if !ok || !to.After(from) {
			to = now
		}
		if to.After(from) {
			return stepped(span{Name: custom, From: from, To: to})
		}
	}
	chosen := ranges[1]
	for _, r := range ranges {
		if r.Name == q.Get("range") {
			chosen = r
		}
	}
	return stepped(span{Name: chosen.Name, From: now.Add(-chosen.length), To: now})
}

// stepped chooses the step, and moves the beginning to where one begins.
func stepped(s span) span {
	switch length := s.To.Sub(s.From); {
	case length <= 2*day:
		s.Step = time.Hour
	case length <= 14*day:
		s.Step = 6 * time.Hour
	case length <= 120*day:
		s.Step = day
	default:
		s.Step = max(7*day, (length / 60).Truncate(day))
	}
	if from := s.From.Truncate(min(s.Step, day)); from.Before(s.From) {
		s.From = from.Add(min(s.Step, day))
	}
	if s.Name == custom && s.Step >= day && s.To.After(s.To.Truncate(day)) {
		s.To = s.To.Truncate(day).Add(day) // sums by day have no other end
	}
	return s
}

const custom = "custom"

// before is the time of the same length that came before.
func (s span) before() span {
	return span{Name: s.Name, From: s.From.Add(-s.To.Sub(s.From)), To: s.From, Step: s.Step}
}

// days reports whether each step is of whole days.
func (s span) days() bool { return s.Step >= day }

// steps are the beginnings of all steps.
func (s span) steps() []time.Time {
	seconds := int64(s.Step / time.Second)
	at := time.Unix(s.From.Unix()/seconds*seconds, 0).UTC()
	var list []time.Time
	for ; at.Before(s.To); at = at.Add(s.Step) {
		list = append(list, at)
	}
	return list
}

// parseTime reads a date, a time as forms have it, or one in RFC 3339; all in UTC unless it says otherwise.
func parseTime(text string) (time.Time, bool) {
	for _, layout := range []string{time.DateOnly, "2006-01-02T15:04", "2006-01-02T15:04:05", time.RFC3339} {
		if at, err := time.Parse(layout, text); err == nil && at.Year() >= 1970 && at.Year() < 2200 {
			return at.UTC(), true
		}
	}
	return time.Time{}, false
}

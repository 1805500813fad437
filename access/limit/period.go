package limit

import (
	"fmt"
	"time"
)

// Period is how long a budget lasts, until it begins anew.
type Period string

// The periods there are. Weeks begin on Mondays.
const (
	Daily   Period = "daily"
	Weekly  Period = "weekly"
	Monthly Period = "monthly"
	Total   Period = "total" // never begins anew
)

// ParsePeriod reads a period by its name.
func ParsePeriod(s string) (Period, error) {
	switch p := Period(s); p {
	case Daily, Weekly, Monthly, Total:
		return p, nil
	}
	return "", fmt.Errorf("%q is no period: use daily, weekly, monthly or total", s)
}

// Bounds are the start of the period that t is in, and of the next one; both are
// zero for Total. A nil loc is UTC.
func (p Period) Bounds(t time.Time, loc *time.Location) (start, end time.Time) {
	if loc == nil {
		loc = time.UTC
	}
	y, m, d := t.In(loc).Date()
	day := func(m time.Month, d int) time.Time { return midnight(y, m, d, loc) }
	switch p {
	case Daily:
		return day(m, d), day(m, d+1)
	case Weekly:
		d -= (int(t.In(loc).Weekday()) + 6) % 7
		return day(m, d), day(m, d+7)
	case Monthly:
		return day(m, 1), day(m+1, 1)
	default:
		return time.Time{}, time.Time{}
	}
}

// midnight is when a day begins somewhere. Where clocks are set forward at
// midnight it begins at one o'clock: there time.Date may give eleven of the day
// before.
func midnight(y int, m time.Month, d int, loc *time.Location) time.Time {
	t := time.Date(y, m, d, 0, 0, 0, 0, loc)
	_, offset := t.Zone()
	wall := t.Unix() + int64(offset)
	skipped := time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() - wall
	return t.Add(time.Duration(max(0, skipped)) * time.Second)
}

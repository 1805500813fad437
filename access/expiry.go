package access

import (
	"fmt"
	"time"
)

// ParseExpiry reads when a key stops working: a date, which begins at midnight
// UTC, or a time; "" is never, the zero time.
func ParseExpiry(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is neither a date such as 2027-01-01 nor a time such as 2027-01-01T12:00:00Z", text)
}

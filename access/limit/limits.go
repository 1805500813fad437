// Package limit holds keys and gates to their limits: requests and tokens in a
// time, and money in a period. The limits are the caller's configuration; a
// Store has what was used of them, in this process's memory or in a Redis that
// several instances share.
package limit

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/layergateway/layergateway/cost"
)

// Rate allows Count requests, or tokens, in any stretch of time as long as
// Window.
type Rate struct {
	Count  int64
	Window time.Duration
}

// String is the rate as a configuration has it: "600 1m".
func (r Rate) String() string { return fmt.Sprintf("%d %s", r.Count, short(r.Window)) }

// short writes a duration without the zeros at its end: "1m", not "1m0s".
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}

// Limits are what a key, a gate, or a key at a gate is held to.
type Limits struct {
	// Requests are the windows that count requests. Default: none.
	Requests []Rate
	// Tokens are the windows that count tokens. Default: none.
	Tokens []Rate
	// Budgets bound what is spent; at most one of each period and time zone.
	// Default: none.
	Budgets []Budget
}

// Empty reports whether there is nothing to be held to.
func (l *Limits) Empty() bool {
	return len(l.Requests)+len(l.Tokens)+len(l.Budgets) == 0
}

// Window lengths within which the sliding windows are exact to what clients can
// see, and state is worth keeping.
const (
	minWindow = time.Second
	maxWindow = 366 * 24 * time.Hour
	// maxCount keeps counts exact in Redis, whose scripts count in floating point.
	maxCount = 1 << 53
)

// Validate says what is wrong with the limits.
func (l *Limits) Validate() error {
	if err := validRates("rate_limit", l.Requests); err != nil {
		return err
	}
	if err := validRates("token_limit", l.Tokens); err != nil {
		return err
	}
	seen := make(map[string]bool, len(l.Budgets))
	for i := range l.Budgets {
		b := &l.Budgets[i]
		if err := b.validate(); err != nil {
			return err
		}
		if seen[b.span()] {
			return fmt.Errorf("budget: two of the same period (%s): give one of them, with thresholds", b.Period)
		}
		seen[b.span()] = true
	}
	return nil
}

func validRates(name string, rates []Rate) error {
	seen := make(map[time.Duration]bool, len(rates))
	for _, r := range rates {
		switch {
		case r.Count < 1 || r.Count > maxCount:
			return fmt.Errorf("%s %s: the count must be between 1 and %d", name, r, int64(maxCount))
		case r.Window < minWindow || r.Window > maxWindow:
			return fmt.Errorf("%s %s: the window must be between %s and %s; for longer ones there are budgets",
				name, r, short(minWindow), short(maxWindow))
		case seen[r.Window]:
			return fmt.Errorf("%s %s: this window has a limit already: give the lower one alone", name, r)
		}
		seen[r.Window] = true
	}
	return nil
}

// Budget bounds the money spent in a period.
type Budget struct {
	// Amount is what may be spent in a period. Required.
	Amount cost.Amount
	// Period is how long the amount must last. Required.
	Period Period
	// Location is the time zone in which periods begin. Default: nil, UTC.
	Location *time.Location
	// AlertOnly reports spending and never refuses a request. Default: false.
	AlertOnly bool
	// Thresholds are the percentages of the amount whose crossing is reported.
	// Default: nil, 80 and 100; an empty list reports none.
	Thresholds []int
	// AllowUnpriced lets models without a price pass, which count as free.
	// Default: false, they are refused unless the budget is AlertOnly.
	AllowUnpriced bool
}

func (b *Budget) validate() error {
	if b.Amount <= 0 {
		return fmt.Errorf("budget %s %s: the amount must be greater than 0", b.Amount, b.Period)
	}
	if _, err := ParsePeriod(string(b.Period)); err != nil {
		return fmt.Errorf("budget: %w", err)
	}
	for _, t := range b.Thresholds {
		if t < 1 || t > 1000 {
			return errors.New("budget: thresholds are percentages of the amount, from 1 to 1000")
		}
	}
	return nil
}

var defaultThresholds = []int{80, 100}

func (b *Budget) thresholds() []int {
	if b.Thresholds == nil {
		return defaultThresholds
	}
	return b.Thresholds
}

// at is the amount at which a percentage of the budget is reached.
func (b *Budget) at(percent int) cost.Amount {
	whole, rest := b.Amount/100, b.Amount%100
	p := cost.Amount(percent)
	const most = cost.Amount(1<<63 - 1)
	if whole > (most-99*p)/p {
		return most
	}
	return whole*p + (rest*p+99)/100
}

// span names the kind of period, so that a budget's usage is found again
// whatever its amount has become.
func (b *Budget) span() string {
	if b.Location == nil || b.Location == time.UTC || b.Period == Total {
		return string(b.Period)
	}
	return string(b.Period) + " " + b.Location.String()
}

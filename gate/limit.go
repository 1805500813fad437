package gate

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // so that a time zone means the same on a machine that has none

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Bounds of limits. A count stays exact as a float, which is what scripts in a store of limits count with.
const (
	maxCount      = 1 << 53
	minWindow     = time.Second
	maxWindow     = 366 * 24 * time.Hour
	maxWindows    = 8
	maxThresholds = 16
	maxPercent    = 1000
)

// The periods of a budget.
const (
	Daily   = "daily"
	Weekly  = "weekly" // from Monday
	Monthly = "monthly"
	Total   = "total" // never begins anew
)

var (
	periods      = []string{Daily, Weekly, Monthly, Total}
	enforcements = []string{"block", "alert_only"}
)

// Limits are the bounds on what goes through a gate, or comes with a client's key. Nil is no bound.
type Limits struct {
	Requests []Limit // each with another window, ascending
	Tokens   []Limit // as Requests
	Budget   *Budget
}

// Limit is a count of requests or tokens, at least 1, within a window of at least a second.
type Limit struct {
	Count  int64
	Window time.Duration
}

// Budget is what may be spent in a period.
type Budget struct {
	Amount        int64  // picodollars (1e-12 US dollars), at least 1
	Period        string // Daily, Weekly, Monthly or Total
	Location      *time.Location
	AlertOnly     bool  // requests go on beyond it
	AllowUnpriced bool  // models of unknown price may be asked
	Thresholds    []int // percent of Amount at which to alert, ascending, from 1 to 1000; empty is none, never nil
}

// zoneCost is about what a time zone takes, in bytes.
const zoneCost = 4500

// size is what the budget takes, in bytes, beside what was written.
func (b *Budget) size() int64 {
	if b == nil || b.Location == time.UTC {
		return 0
	}
	return zoneCost
}

// LimitsConfig is Limits as they are written, on a gate and on a client's key alike.
type LimitsConfig struct {
	// The most requests in a time: {"count","window"}, or a list of them, such as [{"count":600,"window":"1m"}].
	// Default: no limit.
	RateLimit LimitList `json:"rateLimit,omitzero"`

	// The most tokens in a time, those of requests and answers: as rateLimit. Default: no limit.
	TokenLimit LimitList `json:"tokenLimit,omitzero"`

	// The most US dollars to spend in a period, as a number or a text, such as 12.50. Default: no limit.
	SpendingLimit Dollars `json:"spendingLimit,omitzero"`

	// The period of spendingLimit: daily, weekly (from Monday), monthly, or total, which never begins anew. It means
	// nothing without spendingLimit. Default: monthly.
	SpendingLimitPeriod string `json:"spendingLimitPeriod,omitzero"`

	// What happens beyond spendingLimit: block, alert_only. It means nothing without spendingLimit. Default: block.
	SpendingEnforcement string `json:"spendingEnforcement,omitzero"`

	// Where the period's days begin at midnight: a name of the time zone database, such as Europe/Berlin. Default: UTC.
	SpendingTimezone string `json:"spendingTimezone,omitzero"`

	// Whether models of unknown price may be asked in spite of a spendingLimit that blocks; they count as free.
	// Default: false.
	SpendingAllowUnpriced bool `json:"spendingAllowUnpriced,omitzero"`

	// The percentages of spendingLimit at which there is an alert, from 1 to 1000; an empty list is none.
	// Default: [80,100].
	SpendingThresholds []int `json:"spendingThresholds,omitzero"`
}

// LimitList is one limit or several: in JSON {"count","window"}, or a list of them.
type LimitList []LimitConfig

// LimitConfig is one limit as it is written.
type LimitConfig struct {
	// How many, at least 1. Required.
	Count Number `json:"count"`
	// In which time, such as "1m", from a second to 366 days. Required.
	Window Duration `json:"window"`
}

// UnmarshalJSON takes one limit, a list, or null.
func (l *LimitList) UnmarshalJSON(data []byte) error {
	*l = nil
	switch jsontext.Value(data).Kind() {
	case 'n':
		return nil
	case '{':
		*l = make(LimitList, 1)
		return json.Unmarshal(data, &(*l)[0], json.RejectUnknownMembers(true))
	case '[':
		return json.Unmarshal(data, (*[]LimitConfig)(l), json.RejectUnknownMembers(true))
	}
	return errors.New(`must be {"count","window"}, or a list of them`)
}

// MarshalJSON gives the shorter form where it says all.
func (l LimitList) MarshalJSON() ([]byte, error) {
	if len(l) == 1 {
		return json.Marshal(l[0])
	}
	return json.Marshal([]LimitConfig(l))
}

// Dollars is an amount of US dollars with the digits with which it was written; "" is unset.
type Dollars string

// UnmarshalJSON takes a number, a text, as exports have it, or null.
func (d *Dollars) UnmarshalJSON(data []byte) error {
	*d = ""
	switch jsontext.Value(data).Kind() {
	case 'n':
		return nil
	case '"':
		var text string
		if err := json.Unmarshal(data, &text); err != nil {
			return err
		}
		*d = Dollars(text)
		if text == "" {
			return errors.New("must be US dollars such as 12.50, not empty")
		}
		return nil
	}
	return (*Number)(d).UnmarshalJSON(data)
}

// MarshalJSON gives the digits back: as a number, but as a text where programs that read numbers as floats, as Caddy does
// with its configuration, would lose some.
func (d Dollars) MarshalJSON() ([]byte, error) {
	const exact = 15 // significant digits that a float keeps
	if d != "" && len(d) > exact {
		return json.Marshal(string(d))
	}
	return Number(d).MarshalJSON()
}

// picodollars is the exact amount.
func (d Dollars) picodollars() (int64, error) {
	const places, most = 12, 19 // decimal places, and digits of an int64
	mantissa, power, _ := strings.Cut(strings.ToLower(string(d)), "e")
	exponent, err := strconv.ParseInt(cmp.Or(power, "0"), 10, 32)
	if err != nil || Number(d).check() != nil {
		return 0, fmt.Errorf("must be US dollars such as 12.50, not %s", quote(string(d)))
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	zeros := places - len(fraction) + int(exponent) // to be put behind the digits
	for zeros < 0 && strings.HasSuffix(digits, "0") {
		digits, zeros = digits[:len(digits)-1], zeros+1
	}
	switch {
	case digits == "" || digits[0] == '-':
		return 0, fmt.Errorf("must be more than 0 US dollars, not %s", clip(string(d)))
	case zeros < 0:
		return 0, fmt.Errorf("must be US dollars with at most %d digits after the point, not %s", places, clip(string(d)))
	case len(digits)+zeros <= most:
		n, err := strconv.ParseInt(digits+strings.Repeat("0", zeros), 10, 64)
		if err == nil {
			return n, nil
		}
	}
	return 0, fmt.Errorf("must be at most 9223372 US dollars, not %s", clip(string(d)))
}

// Limits reads and checks what is written. The error is FieldErrors, joined.
func (c *LimitsConfig) Limits() (Limits, error) {
	var errs []error
	note := func(err error, path ...string) {
		if err != nil {
			errs = append(errs, mistake(err, path...))
		}
	}
	limits := Limits{
		Requests: c.RateLimit.compile("rateLimit", note),
		Tokens:   c.TokenLimit.compile("tokenLimit", note),
		Budget:   c.budget(note),
	}
	if err := errors.Join(errs...); err != nil {
		return Limits{}, err
	}
	return limits, nil
}

func (l LimitList) compile(field string, note func(err error, path ...string)) []Limit {
	if len(l) > maxWindows {
		note(fmt.Errorf("lists %d limits: %d are the most", len(l), maxWindows), field)
		return nil
	}
	var limits []Limit
	for i, one := range l {
		place := func(name string) []string {
			if len(l) == 1 {
				return []string{field, name}
			}
			return []string{field, strconv.Itoa(i), name}
		}
		count, err := one.Count.whole(1, maxCount, 0)
		if one.Count == "" {
			err = errors.New("is missing: say how many")
		}
		note(err, place("count")...)
		window := time.Duration(one.Window)
		switch {
		case window == 0:
			note(errors.New(`is missing: say in which time, such as "1m"`), place("window")...)
		case window < minWindow || window > maxWindow:
			note(fmt.Errorf("must be from %v to %v, not %v", minWindow, maxWindow, window), place("window")...)
		case slices.ContainsFunc(limits, func(l Limit) bool { return l.Window == window }):
			note(fmt.Errorf("%v has a limit already", window), place("window")...)
		}
		limits = append(limits, Limit{count, window})
	}
	slices.SortFunc(limits, func(a, b Limit) int { return cmp.Compare(a.Window, b.Window) })
	return limits
}

func (c *LimitsConfig) budget(note func(err error, path ...string)) *Budget {
	note(oneOf(c.SpendingLimitPeriod, periods), "spendingLimitPeriod")
	note(oneOf(c.SpendingEnforcement, enforcements), "spendingEnforcement")
	if c.SpendingLimit == "" {
		// Layer's exports give period and enforcement with each gate. The rest only somebody writes who counts on it.
		for _, of := range []struct {
			field string
			given bool
		}{{"spendingTimezone", c.SpendingTimezone != ""}, {"spendingAllowUnpriced", c.SpendingAllowUnpriced},
			{"spendingThresholds", c.SpendingThresholds != nil}} {
			if of.given {
				note(errors.New("means nothing without spendingLimit: add that, or remove it"), of.field)
			}
		}
		return nil
	}
	b := &Budget{
		Period:        cmp.Or(c.SpendingLimitPeriod, Monthly),
		AlertOnly:     c.SpendingEnforcement == "alert_only",
		AllowUnpriced: c.SpendingAllowUnpriced,
		Thresholds:    []int{80, 100},
	}
	var err error
	b.Amount, err = c.SpendingLimit.picodollars()
	note(err, "spendingLimit")
	if b.Location, err = time.LoadLocation(c.SpendingTimezone); err != nil || c.SpendingTimezone == "Local" {
		note(fmt.Errorf("unknown time zone %s: it can be a name such as UTC or Europe/Berlin", quote(c.SpendingTimezone)), "spendingTimezone")
	}
	if c.SpendingThresholds == nil {
		return b
	}
	b.Thresholds = append([]int{}, c.SpendingThresholds...)
	slices.Sort(b.Thresholds)
	b.Thresholds = slices.Compact(b.Thresholds)
	if n := len(b.Thresholds); n > maxThresholds {
		note(fmt.Errorf("lists %d percentages: %d are the most", n, maxThresholds), "spendingThresholds")
	}
	for i, percent := range c.SpendingThresholds {
		if percent < 1 || percent > maxPercent {
			note(fmt.Errorf("must be from 1 to %d percent, not %d", maxPercent, percent), "spendingThresholds", strconv.Itoa(i))
		}
	}
	return b
}

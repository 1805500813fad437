package limit

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/layergateway/layergateway/cost"
)

func TestValidate(t *testing.T) {
	for name, one := range map[string]struct {
		limits Limits
		want   string // of the error; empty is none
	}{
		"none":               {Limits{}, ""},
		"all":                {Limits{perMinute(1), []Rate{{1, time.Second}, {2, time.Hour}}, []Budget{{Amount: 1, Period: Daily}, {Amount: 2, Period: Total}}}, ""},
		"no requests":        {Limits{Requests: perMinute(0)}, "rate_limit 0 1m: the count must be"},
		"too many tokens":    {Limits{Tokens: perMinute(1<<53 + 1)}, "token_limit"},
		"short window":       {Limits{Requests: []Rate{{1, time.Millisecond}}}, "the window must be between 1s and"},
		"long window":        {Limits{Requests: []Rate{{1, 367 * 24 * time.Hour}}}, "for longer ones there are budgets"},
		"one window twice":   {Limits{Tokens: []Rate{{1, time.Minute}, {2, time.Minute}}}, "token_limit 2 1m: this window has a limit already"},
		"no amount":          {Limits{Budgets: []Budget{{Period: Daily}}}, "the amount must be greater than 0"},
		"no period":          {Limits{Budgets: []Budget{{Amount: 1}}}, `"" is no period: use daily, weekly, monthly or total`},
		"one period twice":   {Limits{Budgets: []Budget{{Amount: 1, Period: Daily}, {Amount: 2, Period: Daily, Location: time.UTC, AlertOnly: true}}}, "two of the same period (daily)"},
		"threshold of 0":     {Limits{Budgets: []Budget{{Amount: 1, Period: Daily, Thresholds: []int{0}}}}, "from 1 to 1000"},
		"threshold of 1001":  {Limits{Budgets: []Budget{{Amount: 1, Period: Daily, Thresholds: []int{1001}}}}, "from 1 to 1000"},
		"two zones of a day": {Limits{Budgets: []Budget{{Amount: 1, Period: Daily}, {Amount: 2, Period: Daily, Location: time.FixedZone("X", 3600)}}}, ""},
	} {
		_, err := ForKey("1", "web", &one.limits)
		switch {
		case one.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case one.want != "" && (err == nil || !strings.Contains(err.Error(), one.want) || !strings.HasPrefix(err.Error(), `key "web": `)):
			t.Errorf("%s: %v, want %s", name, err, one.want)
		}
	}
	if s, err := ForGate("1", "g", nil); err != nil || s.Budgeted() {
		t.Errorf("no limits: %v", err)
	}
}

func TestUsageIsFoundByWhoeverHasIt(t *testing.T) {
	l := Limits{Requests: perMinute(1), Tokens: perMinute(1), Budgets: []Budget{{Amount: 1, Period: Daily}, {Amount: 1, Period: Weekly}}}
	seen := map[string]string{}
	for _, ids := range [][2]string{{"a", ""}, {"", "a"}, {"a", "a"}, {"aa", ""}, {`a"`, `"a`}, {`a""`, "a"}} {
		s, err := newSubject(Subject{KeyID: ids[0], GateID: ids[1], Name: ids[0] + "|" + ids[1]}, &l)
		if err != nil {
			t.Fatal(err)
		}
		usages := []string{s.rates[0].usage, s.rates[1].usage, s.budgets[0].usage, s.budgets[1].usage}
		for _, u := range usages {
			if other, ok := seen[u]; ok {
				t.Errorf("%s and %s share %s", other, s.Name, u)
			}
			seen[u] = s.Name
		}
	}
}

func TestThresholdAmounts(t *testing.T) {
	for _, one := range []struct {
		amount  cost.Amount
		percent int
		want    cost.Amount
	}{
		{100, 80, 80}, {1, 80, 1}, {99, 50, 50}, {10 * dollar, 100, 10 * dollar}, {3, 200, 6},
		{math.MaxInt64, 100, math.MaxInt64}, {math.MaxInt64, 1000, math.MaxInt64}, {math.MaxInt64 / 2, 1000, math.MaxInt64},
		{9_000_000 * dollar, 80, 7_200_000 * dollar},
	} {
		b := Budget{Amount: one.amount}
		if got := b.at(one.percent); got != one.want {
			t.Errorf("%d%% of %d: %d, want %d", one.percent, one.amount, got, one.want)
		}
	}
}

// TestPeriodsMeet: wherever and however clocks are changed, each moment is in its
// period, and periods of days have no gaps between them.
func TestPeriodsMeet(t *testing.T) {
	for name, year := range map[string]int{
		"America/Santiago": 2024, "America/Havana": 2024, "Atlantic/Azores": 2024, "Asia/Beirut": 2024, "Pacific/Apia": 2011,
		"Australia/Lord_Howe": 2024, "Europe/Berlin": 2024,
	} {
		loc, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range []Period{Daily, Weekly, Monthly} {
			var last time.Time
			for at := time.Date(year, 1, 1, 0, 30, 0, 0, time.UTC); at.Year() == year; at = at.Add(30 * time.Minute) {
				start, end := p.Bounds(at, loc)
				if at.Before(start) || !at.Before(end) {
					t.Fatalf("%s in %s: %v is not from %v to %v", p, name, at.In(loc), start, end)
				}
				if !last.IsZero() && !at.Before(last) && !start.Equal(last) {
					t.Errorf("%s in %s: one period ends at %v, the next begins at %v", p, name, last, start)
				}
				last = end
			}
		}
	}
}

func TestPeriodBounds(t *testing.T) {
	zone := func(name string) *time.Location {
		loc, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		return loc
	}
	for _, one := range []struct {
		period     Period
		loc        *time.Location
		at         string
		start, end string
	}{
		{Daily, nil, "2026-03-10T12:00:00Z", "2026-03-10T00:00:00Z", "2026-03-11T00:00:00Z"},
		{Daily, nil, "2026-03-10T00:00:00Z", "2026-03-10T00:00:00Z", "2026-03-11T00:00:00Z"},
		{Weekly, nil, "2026-03-09T00:00:00Z", "2026-03-09T00:00:00Z", "2026-03-16T00:00:00Z"},
		{Weekly, nil, "2026-03-08T23:59:59Z", "2026-03-02T00:00:00Z", "2026-03-09T00:00:00Z"},
		{Weekly, nil, "2026-01-01T00:00:00Z", "2025-12-29T00:00:00Z", "2026-01-05T00:00:00Z"},
		{Monthly, nil, "2026-12-31T23:59:59Z", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"},
		{Monthly, zone("Asia/Tokyo"), "2026-02-28T15:00:00Z", "2026-02-28T15:00:00Z", "2026-03-31T15:00:00Z"},
		{Daily, zone("America/New_York"), "2026-03-08T12:00:00Z", "2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z"},
		{Daily, zone("America/New_York"), "2026-11-01T12:00:00Z", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z"},
		// Clocks are set forward at midnight.
		{Daily, zone("America/Santiago"), "2024-09-08T04:30:00Z", "2024-09-08T04:00:00Z", "2024-09-09T03:00:00Z"},
		{Daily, zone("America/Santiago"), "2024-09-08T03:30:00Z", "2024-09-07T04:00:00Z", "2024-09-08T04:00:00Z"},
		{Daily, zone("Asia/Beirut"), "2024-03-31T12:00:00Z", "2024-03-30T22:00:00Z", "2024-03-31T21:00:00Z"},
		{Weekly, zone("Atlantic/Azores"), "2024-03-31T12:00:00Z", "2024-03-25T01:00:00Z", "2024-04-01T00:00:00Z"},
	} {
		at, err := time.Parse(time.RFC3339, one.at)
		if err != nil {
			t.Fatal(err)
		}
		start, end := one.period.Bounds(at, one.loc)
		if s, e := start.UTC().Format(time.RFC3339), end.UTC().Format(time.RFC3339); s != one.start || e != one.end {
			t.Errorf("%s at %s in %v: %s to %s, want %s to %s", one.period, one.at, one.loc, s, e, one.start, one.end)
		}
	}
	if start, end := Total.Bounds(noon, nil); !start.IsZero() || !end.IsZero() {
		t.Errorf("total has bounds: %v, %v", start, end)
	}
}

package gate

import (
	"fmt"
	"math"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var sameZone = cmp.Comparer(func(a, b *time.Location) bool { return a.String() == b.String() })

func TestLimits(t *testing.T) {
	monthly := func(change func(*Budget)) Limits {
		b := &Budget{Amount: 10e12, Period: Monthly, Location: time.UTC, Thresholds: []int{80, 100}}
		change(b)
		return Limits{Budget: b}
	}
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for members, want := range map[string]Limits{
		``: {},
		`"rateLimit":null,"tokenLimit":[],"spendingLimit":null,"spendingThresholds":null,"spendingTimezone":null,"spendingAllowUnpriced":null`: {},
		`"spendingLimitPeriod":"daily","spendingEnforcement":"alert_only"`:                                                                     {},
		`"rateLimit":{"count":600,"window":"1m"}`:                                                                                              {Requests: []Limit{{600, time.Minute}}},
		`"tokenLimit":[{"window":"24h","count":1},{"count":9007199254740992,"window":"1s"}]`: {
			Tokens: []Limit{{1 << 53, time.Second}, {1, 24 * time.Hour}}},
		`"spendingLimit":10`:                                       monthly(func(*Budget) {}),
		`"spendingLimit":"10.00"`:                                  monthly(func(*Budget) {}), // as exports write decimals
		`"spendingLimit":10,"spendingLimitPeriod":"total"`:         monthly(func(b *Budget) { b.Period = Total }),
		`"spendingLimit":10,"spendingLimitPeriod":"weekly"`:        monthly(func(b *Budget) { b.Period = Weekly }),
		`"spendingLimit":10,"spendingEnforcement":"block"`:         monthly(func(*Budget) {}),
		`"spendingLimit":10,"spendingEnforcement":"alert_only"`:    monthly(func(b *Budget) { b.AlertOnly = true }),
		`"spendingLimit":10,"spendingTimezone":"Europe/Berlin"`:    monthly(func(b *Budget) { b.Location = berlin }),
		`"spendingLimit":10,"spendingAllowUnpriced":true`:          monthly(func(b *Budget) { b.AllowUnpriced = true }),
		`"spendingLimit":10,"spendingThresholds":[]`:               monthly(func(b *Budget) { b.Thresholds = []int{} }),
		`"spendingLimit":10,"spendingThresholds":[100,50,1000,50]`: monthly(func(b *Budget) { b.Thresholds = []int{50, 100, 1000} }),
	} {
		c, err := Decode([]byte(gateWith(members)))
		if err != nil {
			t.Errorf("%s: %v", members, err)
			continue
		}
		g, err := compile(c, "here", split)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, g.Limits, sameZone); diff != "" {
			t.Errorf("%s: %s", members, diff)
		}
	}
}

func TestMistakesInLimits(t *testing.T) {
	nine := strings.Repeat(`{"count":1,"window":"1m"},`, 8) + `{"count":1,"window":"1m"}`
	percents := strings.TrimSuffix(strings.Repeat("%d,", 17), ",")
	numbers := make([]any, 17)
	for i := range numbers {
		numbers[i] = i + 1
	}
	for members, want := range map[string]string{
		`"rateLimit":60`:                                                      `rateLimit: must be {"count","window"}, or a list of them`,
		`"rateLimit":{"count":60,"per":"1m"}`:                                 `rateLimit.per: unknown field`,
		`"rateLimit":{"count":"60","window":"1m"}`:                            `rateLimit.count: must be a number`,
		`"rateLimit":{"count":0,"window":"1m"}`:                               `rateLimit.count: must be a whole number from 1 to 9007199254740992, not 0`,
		`"rateLimit":{"count":9007199254740993,"window":"1m"}`:                `rateLimit.count: must be a whole number from 1 to 9007199254740992, not 9007199254740993`,
		`"rateLimit":{"count":60,"window":60}`:                                `rateLimit.window: must be a duration such as "20s" or "2m"`,
		`"rateLimit":{"count":60,"window":"999ms"}`:                           `rateLimit.window: must be from 1s to 8784h0m0s, not 999ms`,
		`"rateLimit":{"count":60,"window":"8785h"}`:                           `rateLimit.window: must be from 1s to 8784h0m0s, not 8785h0m0s`,
		`"rateLimit":{}`:                                                      "rateLimit.count: is missing: say how many\nrateLimit.window: is missing: say in which time, such as \"1m\"",
		`"tokenLimit":[7]`:                                                    `tokenLimit.0: must be an object`,
		`"tokenLimit":[{"count":1,"window":"1s"},{"window":"2s"}]`:            `tokenLimit.1.count: is missing: say how many`,
		`"tokenLimit":[{"count":1,"window":"60s"},{"count":2,"window":"1m"}]`: `tokenLimit.1.window: 1m0s has a limit already`,
		`"tokenLimit":[` + nine + `]`:                                         `tokenLimit: lists 9 limits: 8 are the most`,
		`"spendingLimit":true`:                                                `spendingLimit: must be a number`,
		`"spendingLimit":""`:                                                  `spendingLimit: must be US dollars such as 12.50, not empty`,
		`"spendingLimit":"10 USD"`:                                            `spendingLimit: must be US dollars such as 12.50, not "10 USD"`,
		`"spendingLimit":0`:                                                   `spendingLimit: must be more than 0 US dollars, not 0`,
		`"spendingLimit":-5`:                                                  `spendingLimit: must be more than 0 US dollars, not -5`,
		`"spendingLimit":1e-13`:                                               `spendingLimit: must be US dollars with at most 12 digits after the point, not 1e-13`,
		`"spendingLimit":9223372.036854775808`:                                `spendingLimit: must be at most 9223372 US dollars, not 9223372.036854775808`,
		`"spendingLimit":1e999999999`:                                         `spendingLimit: must be at most 9223372 US dollars, not 1e999999999`,
		`"spendingLimit":1e9999999999`:                                        `spendingLimit: must be US dollars such as 12.50, not "1e9999999999"`,
		`"spendingLimit":10,"spendingTimezone":"Local"`:                       `spendingTimezone: unknown time zone "Local": it can be a name such as UTC or Europe/Berlin`,
		`"spendingLimit":10,"spendingTimezone":"../etc/passwd"`:               `spendingTimezone: unknown time zone "../etc/passwd": it can be a name such as UTC or Europe/Berlin`,
		`"spendingLimit":10,"spendingThresholds":[80,0]`:                      `spendingThresholds.1: must be from 1 to 1000 percent, not 0`,
		`"spendingLimit":10,"spendingThresholds":[1001]`:                      `spendingThresholds.0: must be from 1 to 1000 percent, not 1001`,
		`"spendingLimit":10,"spendingThresholds":[80.5]`:                      `spendingThresholds.0: must be a whole number`,
		`"spendingLimit":10,"spendingThresholds":80`:                          `spendingThresholds: must be a list`,
		`"spendingLimit":10,"spendingThresholds":[` + fmt.Sprintf(percents, numbers...) + `]`: `spendingThresholds: lists 17 percentages: 16 are the most`,
		`"spendingLimit":10,"spendingAllowUnpriced":1`:                                        `spendingAllowUnpriced: must be true or false`,
		`"spendingThresholds":[80]`:                                                           `spendingThresholds: means nothing without spendingLimit: add that, or remove it`,
		`"spendingTimezone":"UTC","spendingAllowUnpriced":true`: "spendingTimezone: means nothing without spendingLimit: add that, or remove it\n" +
			"spendingAllowUnpriced: means nothing without spendingLimit: add that, or remove it",
		`"spending_limit":10`: `spending_limit: unknown field: write "spendingLimit"`,
	} {
		if _, err := Decode([]byte(gateWith(members))); err == nil || err.Error() != want {
			t.Errorf("%s\ngot  %v\nwant %s", members, err, want)
		}
	}
}

func TestDollars(t *testing.T) {
	for text, want := range map[Dollars]int64{
		"1": 1e12, "0.5": 5e11, "0.000000000001": 1, "1e-12": 1, "0.10e-11": 1, "12.50": 125e11, "1E3": 1e15, "1.5e+2": 15e13,
		"5000000.000000000000": 5e18, "0.0000010000000000000": 1e6, "9223372.036854775807": math.MaxInt64,
	} {
		if got, err := text.picodollars(); err != nil || got != want {
			t.Errorf("%s: %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []Dollars{"", " 1", "1 ", "01", ".5", "5.", "+5", "1_000", "1,5", "0x1", "NaN", "Inf", "-0", "0e9", "-1e-99", "1e", "e1"} {
		if got, err := text.picodollars(); err == nil {
			t.Errorf("%q is taken for %d", text, got)
		}
	}
}

// Whatever number JSON can have: it is read exactly, or it is an error.
func TestDollarsProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`(0|[1-9][0-9]{0,8})(\.[0-9]{1,14})?([eE][+-]?[0-9]{1,2})?`).Draw(t, "text")
		exact, ok := new(big.Rat).SetString(text)
		if !ok {
			t.Fatal("no number")
		}
		exact.Mul(exact, big.NewRat(1e12, 1))
		takes := exact.IsInt() && exact.Sign() > 0 && exact.Num().IsInt64()
		got, err := Dollars(text).picodollars()
		if (err == nil) != takes || takes && got != exact.Num().Int64() {
			t.Fatalf("%s: %d, %v, want %v", text, got, err, exact)
		}
	})
}

// An amount keeps its value in programs that read JSON's numbers as floats, which is what Caddy does with configurations.
func TestDollarsSurviveFloats(t *testing.T) {
	for _, d := range []Dollars{"12.50", "0.1", "1e-12", "999999999.1234", "9223372.036854775807", "1000000.000000000001"} {
		text, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		var loose any
		if err := json.Unmarshal(text, &loose); err != nil {
			t.Fatal(err)
		}
		if text, err = json.Marshal(loose); err != nil {
			t.Fatal(err)
		}
		var back Dollars
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatal(err)
		}
		want, wantErr := d.picodollars()
		got, err := back.picodollars()
		if got != want || (err == nil) != (wantErr == nil) {
			t.Errorf("%s came back as %s: %v", d, back, err)
		}
	}
}

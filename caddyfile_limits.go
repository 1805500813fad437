package layergateway

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/layergateway/layergateway/gate"
)

// limitWords are the subdirectives of limits, which gates and clients' keys have alike. rate_limit and token_limit may
// come again, each time with another window.
//
//	rate_limit  <count> <window>
//	token_limit <count> <window>
//	budget      <dollars> daily|weekly|monthly|total [block|alert_only] {
//		timezone       <name>
//		allow_unpriced
//		thresholds     <percent>...
//	}
func limitWords(c *gate.LimitsConfig) words {
	return words{
		"rate_limit":  limitArgs(c, &c.RateLimit),
		"token_limit": limitArgs(c, &c.TokenLimit),
		"budget":      func(d *caddyfile.Dispenser) error { return parseBudget(d, c) },
	}
}

// limitArgs reads a count and a window.
func limitArgs(c *gate.LimitsConfig, to *gate.LimitList) func(*caddyfile.Dispenser) error {
	return func(d *caddyfile.Dispenser) error {
		word := d.Val()
		args := d.RemainingArgs()
		if len(args) != 2 {
			return d.ArgErr()
		}
		limit := gate.LimitConfig{Count: gate.Number(args[0])}
		if err := parseSpan(d, word, args[1], (*caddy.Duration)(&limit.Window)); err != nil {
			return err
		}
		*to = append(*to, limit)
		return checkLimits(d, word, c)
	}
}

func parseBudget(d *caddyfile.Dispenser, c *gate.LimitsConfig) error {
	args := d.RemainingArgs()
	if len(args) != 2 && len(args) != 3 {
		return d.ArgErr()
	}
	// An unset {$NAME} would otherwise pass for no budget, or for the default.
	if i := slices.Index(args, ""); i >= 0 {
		return d.Errf("budget: argument %d is empty", i+1)
	}
	c.SpendingLimit, c.SpendingLimitPeriod = gate.Dollars(args[0]), args[1]
	if len(args) == 3 {
		c.SpendingEnforcement = args[2]
	}
	if err := checkLimits(d, "budget", c); err != nil {
		return err
	}
	return words{
		"timezone": func(d *caddyfile.Dispenser) error {
			if err := oneArg(&c.SpendingTimezone)(d); err != nil {
				return err
			}
			if c.SpendingTimezone == "" {
				return d.Err("budget: timezone: is empty: give a name such as Europe/Berlin")
			}
			return checkLimits(d, "budget: timezone", c)
		},
		"allow_unpriced": noArgs(&c.SpendingAllowUnpriced),
		"thresholds": func(d *caddyfile.Dispenser) error {
			for d.NextArg() {
				percent, err := strconv.Atoi(d.Val())
				if err != nil {
					return d.Errf("budget: thresholds: %q is not a whole number of percent such as 80", d.Val())
				}
				c.SpendingThresholds = append(c.SpendingThresholds, percent)
			}
			if c.SpendingThresholds == nil {
				return d.ArgErr()
			}
			return checkLimits(d, "budget: thresholds", c)
		},
	}.block(d, "budget")
}

// checkLimits finds a mistake in the word that was just read: what was read before it was right.
func checkLimits(d *caddyfile.Dispenser, word string, c *gate.LimitsConfig) error {
	_, err := c.Limits()
	var field *gate.FieldError
	if !errors.As(err, &field) {
		return err
	}
	part := field.Field[strings.LastIndexByte(field.Field, '.')+1:]
	if part == "count" || part == "window" {
		word += ": " + part
	}
	return d.Errf("%s: %w", word, field.Err)
}

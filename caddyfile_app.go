package layergateway

import (
	"encoding/json"
	"math"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/dustin/go-humanize"
	"go.uber.org/zap"

	"github.com/layergateway/layergateway/access/limit"
	"github.com/layergateway/layergateway/ledger"
)

// parseApp sets up what all sites share, from the global options.
//
//	layer_gateway {
//		ledger sqlite [<file>] | postgres <dsn> | off {
//			retention         <duration>
//			max_size          <size>
//			payloads          [<retention>]
//			redact            <field>...
//		}
//		limits memory | redis <url> {
//			on_store_error refuse|allow
//		}
//		prices        <file|url> [<interval>]
//		alert_webhook <url>
//	}
func parseApp(d *caddyfile.Dispenser, existing any) (any, error) {
	d.Next()
	if existing != nil {
		return nil, d.Errf("the global option %s is given twice", directive)
	}
	if d.NextArg() {
		return nil, d.ArgErr()
	}
	var app App
	err := words{
		"ledger": app.parseLedger,
		"limits": app.parseLimits,
		"prices": app.parsePrices,
		"alert_webhook": func(d *caddyfile.Dispenser) error {
			if err := oneArg(&app.AlertWebhook)(d); err != nil {
				return err
			}
			if err := checkUnlessPlaceholder(app.AlertWebhook, checkWebhook); err != nil {
				return d.WrapErr(err)
			}
			return nil
		},
	}.block(d, "global option")
	if err != nil {
		return nil, err
	}
	return httpcaddyfile.App{Name: directive, Value: caddyconfig.JSON(&app, nil)}, nil
}

func (a *App) parsePrices(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if len(args) != 1 && len(args) != 2 {
		return d.ArgErr()
	}
	a.Prices = args[0]
	if len(args) == 2 {
		if err := parseSpan(d, "prices", args[1], &a.PricesEvery); err != nil {
			return err
		}
	}
	if _, err := (&App{Prices: a.Prices, PricesEvery: a.PricesEvery, log: zap.NewNop()}).source(); err != nil {
		return d.WrapErr(err)
	}
	return nil
}

func (a *App) parseLedger(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	c := new(LedgerConfig)
	a.Ledger = c
	switch {
	case len(args) == 0:
		return d.ArgErr()
	case args[0] == ledgerSQLite && len(args) == 1, args[0] == ledgerOff && len(args) == 1:
	case args[0] == ledgerSQLite && len(args) == 2 && args[1] != "":
		c.Path = args[1]
	case args[0] == ledgerPostgres && len(args) == 2 && args[1] != "":
		c.DSN = args[1]
	default:
		return d.Errf("ledger: give sqlite and perhaps a file, postgres and a connection string, or off")
	}
	c.Type = args[0]
	err := words{
		"retention": durationArg(&c.Retention),
		"max_size":  sizeArg(&c.MaxSize),
		"payloads": func(d *caddyfile.Dispenser) error {
			c.Payloads = true
			if d.CountRemainingArgs() == 0 {
				return nil
			}
			return durationArg(&c.PayloadRetention)(d)
		},
		"redact": someArgs(&c.Redact),
	}.block(d, "ledger", "redact")
	if err != nil {
		return err
	}
	if err = c.check(); err == nil && c.DSN != "" {
		err = checkUnlessPlaceholder(c.DSN, ledger.CheckPostgres)
	}
	if err != nil {
		return d.WrapErr(err)
	}
	return nil
}

// checkUnlessPlaceholder checks what is known already of a value, which is all of it if it has no placeholders.
func checkUnlessPlaceholder(text string, check func(string) error) error {
	if hasPlaceholder(text) {
		return checkPlaceholders(text)
	}
	return check(text)
}

func (a *App) parseLimits(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	c := new(LimitsStore)
	switch {
	case len(args) == 1 && args[0] == "memory":
	case len(args) == 2 && args[0] == "redis" && args[1] != "":
		c.Redis = args[1]
		if err := checkUnlessPlaceholder(c.Redis, limit.CheckURL); err != nil {
			return d.Errf("limits: %w", err)
		}
	default:
		return d.Errf("limits: give memory, or redis and its address")
	}
	a.Limits = c
	return words{
		"on_store_error": func(d *caddyfile.Dispenser) error {
			if err := oneArg(&c.OnStoreError)(d); err != nil {
				return err
			}
			if c.OnStoreError != storeAllow && c.OnStoreError != storeRefuse {
				return d.Errf("on_store_error: %q is neither refuse nor allow", c.OnStoreError)
			}
			return nil
		},
	}.block(d, "limits")
}

// sizeArg is for a subdirective with a size in bytes.
func sizeArg(to *int64) func(*caddyfile.Dispenser) error {
	return func(d *caddyfile.Dispenser) error {
		word, text := d.Val(), ""
		if err := oneArg(&text)(d); err != nil {
			return err
		}
		size, err := humanize.ParseBytes(text)
		if err != nil || size == 0 || size > math.MaxInt64 {
			return d.Errf("%s: %q is not a size such as 32MiB", word, text)
		}
		*to = int64(size)
		return nil
	}
}

// appOf returns what the global options say.
func appOf(h httpcaddyfile.Helper) (*App, error) {
	app := new(App)
	if option, ok := h.Option(directive).(httpcaddyfile.App); ok {
		if err := json.Unmarshal(option.Value, app); err != nil {
			return nil, err
		}
	}
	return app, nil
}

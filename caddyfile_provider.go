package layergateway

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// ParseCaddyfile reads a provider's block: the settings that all types have, and those of one type besides,
// each with what reads the arguments behind it.
//
//	api_key  <key>
//	base_url <url>
//	header   <name> <value>
//	price    <model> <input> <output> [<cached_input> [<cache_write>]]
func (c *ProviderConfig) ParseCaddyfile(d *caddyfile.Dispenser, more map[string]func(*caddyfile.Dispenser) error) error {
	all := words{
		"api_key": func(d *caddyfile.Dispenser) error {
			var key string
			if err := oneArg(&key)(d); err != nil {
				return err
			}
			if err := checkPlaceholders(key); err != nil {
				return d.Errf("api_key: %w", err)
			}
			c.APIKeys = append(c.APIKeys, key)
			return nil
		},
		"base_url": func(d *caddyfile.Dispenser) error {
			if err := oneArg(&c.BaseURL)(d); err != nil {
				return err
			}
			err := checkPlaceholders(c.BaseURL)
			if !hasPlaceholder(c.BaseURL) {
				_, err = baseURL(c.BaseURL)
			}
			if err != nil {
				return d.WrapErr(err)
			}
			return nil
		},
		"header": c.parseHeader,
		"price":  c.parsePrice,
	}
	maps.Copy(all, more)
	return parseType(d, all, "api_key", "header", "price")
}

// parseType reads the block of a provider type, whose name is the next token.
func parseType(d *caddyfile.Dispenser, all words, repeatable ...string) error {
	d.Next()
	kind := d.Val()
	if d.NextArg() {
		return d.ArgErr()
	}
	return all.block(d, "provider "+kind, repeatable...)
}

func (c *ProviderConfig) parseHeader(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if len(args) != 2 {
		return d.ArgErr()
	}
	if err := errors.Join(checkHeader(args[0]), checkPlaceholders(args[1])); err != nil {
		return d.WrapErr(err)
	}
	if c.Headers == nil {
		c.Headers = make(http.Header)
	}
	c.Headers.Add(args[0], args[1])
	return nil
}

func (c *ProviderConfig) parsePrice(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if len(args) < 3 || len(args) > 5 {
		return d.ArgErr()
	}
	model, rates := args[0], append(args[1:], "", "")
	price := &Price{
		Input: json.Number(rates[0]), Output: json.Number(rates[1]),
		CachedInput: json.Number(rates[2]), CacheWrite: json.Number(rates[3]),
	}
	if _, err := price.parse(); err != nil {
		return d.Errf("price of %q: %w", model, err)
	}
	if _, ok := c.Prices[model]; ok {
		return d.Errf("the price of %q is given twice", model)
	}
	if c.Prices == nil {
		c.Prices = make(map[string]*Price)
	}
	c.Prices[model] = price
	return nil
}

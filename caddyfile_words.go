package layergateway

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
)

// words are the subdirectives of a block: what each makes of the tokens behind it.
type words map[string]func(*caddyfile.Dispenser) error

// block reads a block's subdirectives, each of which may come once unless it is repeatable.
func (w words) block(d *caddyfile.Dispenser, scope string, repeatable ...string) error {
	seen := make(map[string]bool)
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		word := d.Val()
		parse, ok := w[word]
		switch {
		case !ok:
			known := slices.Sorted(maps.Keys(w))
			hint := suggest(word, known)
			if hint == "" {
				hint = ": there are " + strings.Join(known, ", ")
			}
			return d.Errf("%s: unknown subdirective %q%s", scope, word, hint)
		case seen[word] && !slices.Contains(repeatable, word):
			return d.Errf("%s: %s is given twice", scope, word)
		}
		seen[word] = true
		if err := parse(d); err != nil {
			return err
		}
	}
	return nil
}

// noArgs is for a subdirective that says all by being there.
func noArgs(to *bool) func(*caddyfile.Dispenser) error {
	return func(d *caddyfile.Dispenser) error {
		if d.NextArg() {
			return d.ArgErr()
		}
		*to = true
		return nil
	}
}

// oneArg is for a subdirective with a single argument.
func oneArg[T ~string](to *T) func(*caddyfile.Dispenser) error {
	return func(d *caddyfile.Dispenser) error {
		args := d.RemainingArgs()
		if len(args) != 1 {
			return d.ArgErr()
		}
		*to = T(args[0])
		return nil
	}
}

// textArg is for a subdirective with a text that is nobody's but a model's or a reader's.
func textArg(to *string) func(*caddyfile.Dispenser) error {
	return func(d *caddyfile.Dispenser) error {
		err := oneArg(to)(d)
		*to = verbatim(*to)
		return err
	}
}

// lengthened are placeholders that Caddy may have made of shorter ones, such as {path}.
var lengthened = regexp.MustCompile(`\{http\.[^{}]*\}`)

// verbatim undoes what Caddy does to all words of a Caddyfile: in a prompt, {path} is what its author wrote.
func verbatim(text string) string {
	return lengthened.ReplaceAllStringFunc(text, func(long string) string {
		return orDefault(httpcaddyfile.WasReplacedPlaceholderShorthand(long), long)
	})
}

// someArgs is for a subdirective that lists.
func someArgs(to *[]string) func(*caddyfile.Dispenser) error {
	return func(d *caddyfile.Dispenser) error {
		args := d.RemainingArgs()
		if len(args) == 0 {
			return d.ArgErr()
		}
		*to = append(*to, args...)
		return nil
	}
}

// durationArg is for a subdirective with a time span.
func durationArg(to *caddy.Duration) func(*caddyfile.Dispenser) error {
	return func(d *caddyfile.Dispenser) error {
		word, text := d.Val(), ""
		if err := oneArg(&text)(d); err != nil {
			return err
		}
		return parseSpan(d, word, text, to)
	}
}

// spanOrOff is for a subdirective with a time span, or off, which is a negative one.
func spanOrOff(to *caddy.Duration) func(*caddyfile.Dispenser) error {
	return func(d *caddyfile.Dispenser) error {
		word, text := d.Val(), ""
		if err := oneArg(&text)(d); err != nil {
			return err
		}
		if text == "off" {
			*to = -1
			return nil
		}
		return parseSpan(d, word, text, to)
	}
}

// parseSpan reads a time span, which is positive.
func parseSpan(d *caddyfile.Dispenser, word, text string, to *caddy.Duration) error {
	span, err := caddy.ParseDuration(text)
	if err != nil || span <= 0 {
		return d.Errf("%s: %q is not a positive duration such as 15s", word, text)
	}
	*to = caddy.Duration(span)
	return nil
}

// at gives an error the file and line of a token that was read before.
func at(token caddyfile.Token, err error) error {
	d := caddyfile.NewDispenser([]caddyfile.Token{token})
	d.Next()
	return d.WrapErr(err)
}

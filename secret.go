package layergateway

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/caddyserver/caddy/v2"
)

// hasPlaceholder reports whether a configured text stands for another one, which is known when the
// configuration is loaded.
func hasPlaceholder(text string) bool {
	found := false
	// Nothing is looked up, so there is no error.
	_, _ = caddy.NewEmptyReplacer().ReplaceFunc(text, func(string, any) (any, error) {
		found = true
		return "", nil
	})
	return found
}

// checkPlaceholders reports placeholders that can't be resolved when the configuration is loaded, without
// looking any up.
func checkPlaceholders(text string) error {
	_, err := caddy.NewEmptyReplacer().ReplaceFunc(text, func(name string, _ any) (any, error) {
		return "", checkPlaceholder(name)
	})
	return err
}

func checkPlaceholder(name string) error {
	if strings.HasPrefix(name, "env.") || strings.HasPrefix(name, "file.") {
		return nil
	}
	return fmt.Errorf("the placeholder {%s} means nothing here: use {env.NAME} or {file./path}", name)
}

// resolve replaces the placeholders {env.NAME} and {file./path} in a configured text. ok is false if one of
// them stands for nothing: then the value is empty as a whole, since what is left of it is not what its
// author meant. Line ends behind a value are not part of it, as editors leave them in files.
func resolve(text string) (value string, ok bool, err error) {
	value, ok = text, true
	if hasPlaceholder(text) {
		value, err = caddy.NewReplacer().ReplaceFunc(text, func(name string, v any) (any, error) {
			s := strings.TrimRight(caddy.ToString(v), "\r\n")
			ok = ok && s != ""
			return s, checkPlaceholder(name)
		})
	}
	switch {
	case err != nil:
		return "", false, err
	case !ok || value == "":
		return "", false, nil
	case strings.ContainsFunc(value, unicode.IsControl):
		// The value is a secret: it can't be shown.
		return "", false, fmt.Errorf("%s contains a line end or another control character", shown(text))
	}
	return value, true, nil
}

// shown is a configured text as errors and logs may show it: placeholders, but no literal secret.
func shown(text string) string {
	if hasPlaceholder(text) {
		return text
	}
	return "the value"
}

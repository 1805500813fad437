package layergateway

import (
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/layergateway/layergateway/access"
	"github.com/layergateway/layergateway/access/limit"
	"github.com/layergateway/layergateway/gate"
)

// hashPrefix marks a key that is configured by its hash.
const hashPrefix = "sha256:"

// APIKey is a key that clients come with, as "Authorization: Bearer <key>". Only its hash is kept.
type APIKey struct {
	// The key: its hash as sha256:<64 hex digits>, a placeholder such as {env.NAME} or {file./path} that is
	// resolved when the configuration is loaded, or the key itself. In the Caddyfile the key itself becomes
	// its hash at once; in JSON it would show wherever the configuration does. Required.
	Key string `json:"key,omitempty"`

	// What the log calls the key. Default: "key_" and the first 8 digits of its hash.
	Name string `json:"name,omitempty"`

	// The names and ids of the gates that the key may use; an empty list is none. Default: all.
	Gates []string `json:"gates,omitempty"`

	// When the key stops working: a date such as 2027-01-01, which begins at midnight UTC, or a time such as
	// 2027-01-01T12:00:00+02:00. Default: never.
	Expires string `json:"expires,omitempty"`

	// How many of the key's requests may run at once, over reloads. Default: no bound.
	MaxConcurrent *MaxConcurrent `json:"max_concurrent,omitempty"`

	gate.LimitsConfig

	// Further limits of the key at single gates, by their names or ids. Default: none.
	AtGates map[string]*gate.LimitsConfig `json:"at_gates,omitempty"`
}

// provisionKeys resolves the clients' keys.
func (g *Gateway) provisionKeys() error {
	keys := make([]*access.Key, len(g.APIKeys))
	for i, k := range g.APIKeys {
		if k == nil {
			return fmt.Errorf("api_keys: number %d is null", i+1)
		}
		key, err := k.resolve()
		if err != nil {
			return fmt.Errorf("api key %s: %w", k.label(i), err)
		}
		for _, ref := range key.Gates {
			if err := g.checkGate("api key "+key.Name, ref); err != nil {
				return err
			}
		}
		if err := g.checkAtGates(key); err != nil {
			return err
		}
		if !hasPlaceholder(k.Key) && !strings.HasPrefix(k.Key, hashPrefix) {
			g.log.Warn("a client key is in the configuration as it is, where many can read it: configure its hash, or a placeholder",
				zap.String("key", key.Name), zap.Stringer("hash", key.Hash))
		}
		if !key.Expires.IsZero() && !time.Now().Before(key.Expires) {
			g.log.Warn("a client key has expired", zap.String("key", key.Name), zap.Time("expires", key.Expires))
		}
		if k.MaxConcurrent != nil {
			slots := hold(&g.held, slotsKey{key.Hash}, new(access.Slots))
			if key.Concurrency, err = k.MaxConcurrent.provision(slots); err != nil {
				return fmt.Errorf("api key %s: %w", k.label(i), err)
			}
		}
		keys[i] = key
	}
	g.configured = keys
	var anonymous *access.Key
	if g.Anonymous {
		anonymous = &access.Key{Name: "anonymous"}
	}
	var err error
	g.keys, err = access.NewKeys(keys, anonymous, time.Now)
	return err
}

// checkAtGates reports gates that a key has limits at and that are not there, and one that has two names there: what is
// used would count twice.
func (g *Gateway) checkAtGates(key *access.Key) error {
	who := fmt.Sprintf("api key %s: at_gates", key.Name)
	names := make(map[string]string, len(key.AtGates))
	for _, ref := range slices.Sorted(maps.Keys(key.AtGates)) {
		if err := g.checkGate(who, ref); err != nil {
			return err
		}
		there, ok := g.relay.Gates.Lookup(ref)
		if !ok {
			continue
		}
		if other := names[there.ID]; other != "" {
			return fmt.Errorf("%s: %q and %q are the same gate: give it one of them", who, other, ref)
		}
		names[there.ID] = ref
	}
	return nil
}

// label names a key in an error about it.
func (k *APIKey) label(i int) string {
	switch {
	case k.Name != "":
		return fmt.Sprintf("%q", k.Name)
	case hasPlaceholder(k.Key):
		return k.Key
	}
	return fmt.Sprintf("number %d", i+1)
}

func (k *APIKey) resolve() (*access.Key, error) {
	text, ok, err := resolve(k.Key)
	if err != nil {
		return nil, err
	}
	if !ok {
		if k.Key == "" {
			return nil, errEmptyKey
		}
		return nil, fmt.Errorf("%s is empty: set it, or remove the key", k.Key)
	}
	key := &access.Key{Name: k.Name}
	if key.Hash, err = access.ParseKey(text); err != nil {
		return nil, err
	}
	if key.Name == "" {
		key.Name = "key_" + hex.EncodeToString(key.Hash[:4])
	}
	if key.Expires, err = access.ParseExpiry(k.Expires); err != nil {
		return nil, fmt.Errorf("expires: %w", err)
	}
	if err := limitKey(key, &k.LimitsConfig, k.AtGates); err != nil {
		return nil, err
	}
	if k.Gates != nil {
		key.Gates = make([]string, len(k.Gates))
	}
	for i, ref := range k.Gates {
		if key.Gates[i], ok = gate.NormalizeRef(ref); !ok {
			return nil, fmt.Errorf("%q is not the name or id of a gate", ref)
		}
	}
	return key, nil
}

// limitKey gives a key what it is held to: its own limits, and those at single gates.
func limitKey(key *access.Key, c *gate.LimitsConfig, atGates map[string]*gate.LimitsConfig) error {
	own, err := c.Limits()
	if err != nil {
		return err
	}
	key.Limits, err = subjectOf(own, func(l *limit.Limits) (*limit.Subject, error) { return limit.ForKey(key.ID(), key.Name, l) })
	if err != nil {
		return err
	}
	for ref, c := range atGates {
		at, ok := gate.NormalizeRef(ref)
		if !ok || c == nil {
			return fmt.Errorf("at_gates: %q is not the name or id of a gate with limits", ref)
		}
		there, err := c.Limits()
		if err != nil {
			return fmt.Errorf("at_gates: %s: %w", ref, err)
		}
		subject := func(gateID string) (*limit.Subject, error) {
			return subjectOf(there, func(l *limit.Limits) (*limit.Subject, error) {
				return limit.ForKeyAtGate(key.ID(), key.Name, gateID, at, l)
			})
		}
		if _, err := subject(at); err != nil {
			return fmt.Errorf("at_gates: %s: %w", ref, err)
		}
		if key.AtGates == nil {
			key.AtGates = make(map[string]*access.AtGate)
		}
		key.AtGates[at] = access.NewAtGate(func(gateID string) *limit.Subject {
			s, _ := subject(gateID) // its limits have been found valid
			return s
		})
	}
	return nil
}

var errEmptyKey = errors.New("the key is empty: give a key, sha256:<hex>, or a placeholder such as {env.NAME}")

// hashedKey is a client key as the Caddyfile's JSON has it: a literal one by its hash alone, so that it shows
// neither in /config/ nor in what Caddy saves of its configuration.
func hashedKey(text string) (string, error) {
	if text == "" {
		return "", errEmptyKey
	}
	if hasPlaceholder(text) {
		return text, checkPlaceholders(text)
	}
	h, err := access.ParseKey(text)
	if err != nil {
		return "", err
	}
	return h.String(), nil
}

package store

import (
	"errors"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"github.com/layergateway/layergateway/access"
	"github.com/layergateway/layergateway/gate"
)

// KeyConfig is what a client key may do, as it is written.
type KeyConfig struct {
	// What logs and pages call the key, unique among the store's: at most 128 bytes without control characters. Required.
	Name string `json:"name"`

	// The names and ids of the gates that the key may use; an empty list is none. Default: all.
	Gates []string `json:"gates,omitzero"`

	// When the key stops working: a date such as 2027-01-01, which begins at midnight UTC, or a time such as
	// 2027-01-01T12:00:00+02:00. Default: never.
	Expires string `json:"expires,omitzero"`

	// How many of the key's requests may run at once. Default: no bound.
	MaxConcurrent *MaxConcurrent `json:"maxConcurrent,omitzero"`

	gate.LimitsConfig

	// Further limits of the key at single gates, by their names or ids. Default: none.
	AtGates map[string]*gate.LimitsConfig `json:"atGates,omitzero"`
}

// MaxConcurrent bounds how many of a key's requests run at once.
type MaxConcurrent struct {
	// How many may run, at least 1. Required.
	Running int `json:"running"`
	// How many more may wait for a place. Default: as many as may run.
	Waiting *int `json:"waiting,omitzero"`
	// How long one waits at most. Default: 10s.
	Wait gate.Duration `json:"wait,omitzero"`
}

const defaultWait = gate.Duration(10 * time.Second)

// Concurrency is the bound of who has these slots; a nil one is none.
func (m *MaxConcurrent) Concurrency(slots *access.Slots) access.Concurrency {
	if m == nil {
		return access.Concurrency{}
	}
	c := access.Concurrency{Slots: slots, Limit: m.Running, Queue: m.Running, Wait: time.Duration(defaultWait)}
	if m.Waiting != nil {
		c.Queue = *m.Waiting
	}
	if m.Wait != 0 {
		c.Wait = time.Duration(m.Wait)
	}
	return c
}

// maxName is the longest name of a key, in bytes.
const maxName = 128

// decodeKey reads a key's configuration and checks all that can be seen without knowing the gates. It leaves references
// to gates in the form in which they are found. The error is FieldErrors, joined.
func decodeKey(data []byte) (*KeyConfig, error) {
	c := new(KeyConfig)
	if err := json.Unmarshal(data, c, json.RejectUnknownMembers(true)); err != nil {
		return nil, gate.DecodeError(err)
	}
	var errs []error
	note := func(field string, err error) {
		if err != nil {
			errs = append(errs, &gate.FieldError{Field: field, Err: err})
		}
	}
	note("name", checkName(c.Name))
	_, err := access.ParseExpiry(c.Expires)
	note("expires", err)
	if m := c.MaxConcurrent; m != nil && (m.Running < 1 || m.Waiting != nil && *m.Waiting < 0 || m.Wait < 0) {
		note("maxConcurrent", errors.New("running must be at least 1, waiting and wait not negative"))
	}
	for i, ref := range c.Gates {
		var ok bool
		if c.Gates[i], ok = gate.NormalizeRef(ref); !ok {
			note("gates", errNoReference)
		}
	}
	if _, err := c.Limits(); err != nil {
		errs = append(errs, err)
	}
	there := make(map[string]*gate.LimitsConfig, len(c.AtGates))
	for ref, limits := range c.AtGates {
		at, ok := gate.NormalizeRef(ref)
		if !ok || limits == nil || there[at] != nil {
			note("atGates", errNoReference)
			continue
		}
		there[at] = limits
		_, err := limits.Limits()
		for _, one := range Fields(err) {
			note("atGates."+ref+"."+one.Field, one.Err)
		}
	}
	if c.AtGates != nil {
		c.AtGates = there
	}
	return c, errors.Join(errs...)
}

var errNoReference = errors.New("must be names or ids of gates, none twice")

func checkName(name string) error {
	switch {
	case name == "":
		return errors.New("is missing: logs and pages call the key by it")
	case len(name) > maxName:
		return errors.New("is longer than 128 bytes")
	case !utf8.ValidString(name), strings.ContainsFunc(name, unicode.IsControl), strings.TrimSpace(name) != name:
		return errors.New("has control characters or surrounding white space")
	}
	return nil
}

// refs are the gates that the key names.
func (c *KeyConfig) refs() []string {
	refs := slices.Clone(c.Gates)
	for ref := range c.AtGates {
		refs = append(refs, ref)
	}
	return refs
}

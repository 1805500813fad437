package store

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/access"
)

// Key is a client key of the store: all but its text, which nobody has but who was told it when it was made.
type Key struct {
	ID string `json:"id"`
	KeyConfig
	Prefix  string    `json:"prefix"`  // the beginning of its text, to recognize it by
	Version int64     `json:"version"` // 1 at first, then grows with each change
	Created time.Time `json:"createdAt"`
	Updated time.Time `json:"updatedAt"`
	Rotated time.Time `json:"rotatedAt,omitzero"`
	Revoked time.Time `json:"revokedAt,omitzero"`
	// PreviousUntil is until when the text before the last rotation works too; zero if it doesn't.
	PreviousUntil time.Time `json:"previousUntil,omitzero"`
	// LastUsed is about when somebody last came with it, to a minute.
	LastUsed time.Time `json:"lastUsedAt,omitzero"`

	Hash     access.Hash `json:"-"`
	Previous access.Hash `json:"-"` // until PreviousUntil
	Live     *Live       `json:"-"` // only of a Snapshot's keys
}

const (
	keyStart = "layer_"
	// shown is how many of a key's random digits are kept to recognize it by.
	shown = 6
	// maxOverlap is how long two texts of a key may work.
	maxOverlap = 31 * 24 * time.Hour
)

// NewKeyText makes a key's text: layer_ and 64 random hexadecimal digits.
func NewKeyText() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // it never fails
	return keyStart + hex.EncodeToString(b[:])
}

// retext gives a key a new text, which it returns.
func (k *Key) retext() string {
	text := NewKeyText()
	k.Hash, k.Prefix = access.HashOf(text), text[:len(keyStart)+shown]
	return text
}

// CreateKey keeps a new key, whose KeyConfig is given as JSON. The text is told this once.
func (s *Store) CreateKey(ctx context.Context, who Who, data []byte) (k *Key, text string, err error) {
	doc, version, err := patched([]byte("{}"), data)
	if err == nil && version != 0 {
		err = wrong(ErrInvalid, "version", "a new key has none: remove it")
	}
	if err != nil {
		return nil, "", err
	}
	k = &Key{ID: newUUID(), Version: 1}
	text = k.retext()
	err = s.change(ctx, who, func(tx *tx) (*Change, error) {
		doc, err := s.configure(ctx, tx, k, doc, nil)
		if err != nil {
			return nil, err
		}
		k.Created, k.Updated = tx.now, tx.now
		err = tx.exec(ctx, `INSERT INTO store_keys (id, name, prefix, hash, doc, version, created, updated)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			k.ID, k.Name, k.Prefix, k.Hash[:], string(doc), k.Version, k.Created.UnixMilli(), k.Updated.UnixMilli())
		if err != nil {
			return nil, err
		}
		return keyChange(Created, nil, k)
	})
	if err != nil {
		return nil, "", err
	}
	return k, text, nil
}

// UpdateKey changes fields of a key's KeyConfig: a merge patch in JSON, in which null clears a field. The version, if
// not 0, must be the key's; the patch may have it too, as "version".
func (s *Store) UpdateKey(ctx context.Context, who Who, id string, version int64, patch []byte) (*Key, error) {
	return s.changeKey(ctx, who, Updated, id, version, func(tx *tx, k *Key) error {
		old, err := json.Marshal(k.KeyConfig, json.Deterministic(true))
		if err != nil {
			return err
		}
		merged, given, err := patched(old, patch)
		if err != nil {
			return err
		}
		if err := checkVersion(k.Version, given); err != nil {
			return err
		}
		doc, err := s.configure(ctx, tx, k, merged, k.refs())
		if err != nil {
			return err
		}
		if string(doc) == string(old) {
			return errUnchanged
		}
		return nil
	})
}

// RotateKey gives a key a new text, which is told this once. The old one works for the overlap, which may be 0 and is at
// most 31 days; one that was older still ends.
func (s *Store) RotateKey(ctx context.Context, who Who, id string, version int64, overlap time.Duration) (k *Key, text string, err error) {
	if overlap < 0 || overlap > maxOverlap {
		return nil, "", wrong(ErrInvalid, "overlap", "must be from 0 to %v", maxOverlap)
	}
	k, err = s.changeKey(ctx, who, Rotated, id, version, func(tx *tx, k *Key) error {
		if !k.Revoked.IsZero() {
			return refuse(ErrRevoked, "key %q has been revoked: make a new one", k.Name)
		}
		k.Previous, k.PreviousUntil = access.Hash{}, time.Time{}
		if overlap > 0 {
			k.Previous, k.PreviousUntil = k.Hash, tx.now.Add(overlap).Truncate(time.Millisecond)
		}
		k.Rotated = tx.now
		text = k.retext()
		return nil
	})
	return k, text, err
}

// RevokeKey ends a key for good; it stays to be seen. One that is revoked already stays as it is.
func (s *Store) RevokeKey(ctx context.Context, who Who, id string, version int64) (*Key, error) {
	return s.changeKey(ctx, who, Revoked, id, version, func(tx *tx, k *Key) error {
		if !k.Revoked.IsZero() {
			return errUnchanged
		}
		k.Revoked = tx.now
		k.Previous, k.PreviousUntil = access.Hash{}, time.Time{}
		return nil
	})
}

// changeKey changes one key by f, which may say errUnchanged.
func (s *Store) changeKey(ctx context.Context, who Who, action, id string, version int64, f func(*tx, *Key) error) (made *Key, err error) {
	err = s.change(ctx, who, func(tx *tx) (*Change, error) {
		old, err := tx.key(ctx, id)
		if err != nil {
			return nil, err
		}
		if err := checkVersion(old.Version, version); err != nil {
			return nil, err
		}
		k := *old
		made = &k
		if err := f(tx, &k); err != nil {
			return nil, err
		}
		k.Version, k.Updated = old.Version+1, tx.now
		if err := tx.writeKey(ctx, &k); err != nil {
			return nil, err
		}
		return keyChange(action, old, &k)
	})
	if err != nil {
		return nil, err
	}
	return made, nil
}

// DeleteKey removes a key: it ends, and only the history and the ledger know of it. The version, if not 0, must be the
// key's.
func (s *Store) DeleteKey(ctx context.Context, who Who, id string, version int64) error {
	return s.change(ctx, who, func(tx *tx) (*Change, error) {
		old, err := tx.key(ctx, id)
		if err != nil {
			return nil, err
		}
		if err := checkVersion(old.Version, version); err != nil {
			return nil, err
		}
		if err := tx.exec(ctx, "DELETE FROM store_keys WHERE id = $1", old.ID); err != nil {
			return nil, err
		}
		return keyChange(Deleted, old, nil)
	})
}

// Keys are all keys of the store, by name.
func (s *Store) Keys(ctx context.Context) (keys []*Key, err error) {
	err = s.read(ctx, func(tx *tx) error {
		var broken []error
		keys, broken, err = tx.keys(ctx)
		s.reportKeys(broken)
		return err
	})
	s.addUse(keys...)
	return keys, err
}

// Served are all keys of the store as they are in force here, by name, and shared: change nothing of them. It asks the
// database for nothing, so that what another instance changed may be missing for a second; and when keys were last used
// is not in them.
func (s *Store) Served(ctx context.Context) ([]*Key, error) {
	if now := s.current.Load(); now != nil {
		return now.Keys, nil
	}
	return s.Keys(ctx)
}

// Key is one key of the store, by its id.
func (s *Store) Key(ctx context.Context, id string) (k *Key, err error) {
	err = s.read(ctx, func(tx *tx) error {
		k, err = tx.key(ctx, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.addUse(k)
	return k, nil
}

// configure gives a key what is written, and returns that as it is kept. known are gates that need not be there: those
// that the key had before, one of which may have been deleted.
func (s *Store) configure(ctx context.Context, tx *tx, k *Key, data []byte, known []string) (jsontext.Value, error) {
	if len(data) > maxDoc {
		return nil, wrong(ErrInvalid, "", "the key has %d bytes: %d are the most", len(data), maxDoc)
	}
	c, err := decodeKey(data)
	if err != nil {
		return nil, invalid(err, "a key")
	}
	for _, ref := range c.refs() {
		if slices.Contains(known, ref) || s.hasGate(ref) {
			continue
		}
		field := "atGates"
		if slices.Contains(c.Gates, ref) {
			field = "gates"
		}
		return nil, wrong(ErrInvalid, field, "there is no gate %q", ref)
	}
	if err := tx.keyTaken(ctx, c.Name, k.ID); err != nil {
		return nil, err
	}
	k.KeyConfig = *c
	return json.Marshal(c, json.Deterministic(true))
}

// hasGate asks the configurations that serve the store; without one, every gate may be there.
func (s *Store) hasGate(ref string) bool {
	consumers := s.attached()
	return len(consumers) == 0 || slices.ContainsFunc(consumers, func(c Consumer) bool { return c.HasGate(ref) })
}

// keyChange is a change of a key as the history has it.
func keyChange(action string, before, after *Key) (*Change, error) {
	c := &Change{What: WhatKey, Action: action}
	for _, of := range []struct {
		key *Key
		to  *jsontext.Value
	}{{before, &c.Before}, {after, &c.After}} {
		if of.key == nil {
			continue
		}
		c.ID, c.Name = of.key.ID, of.key.Name
		data, err := json.Marshal(of.key, json.Deterministic(true))
		if err != nil {
			return nil, err
		}
		*of.to = data
	}
	return c, nil
}

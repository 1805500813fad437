package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"go.uber.org/zap"

	"github.com/layergateway/layergateway/access"
)

const keyColumns = "id, prefix, hash, previous, previous_until, doc, version, created, updated, rotated, revoked, used"

// errKey says that a key's configuration can't be used by this program: another version has made it.
var errKey = errors.New("can't be used by this version")

func scanKey(scan func(...any) error) (*Key, error) {
	k := new(Key)
	var doc string
	var hash, previous []byte
	var created, updated int64
	var until, rotated, revoked, used sql.NullInt64
	err := scan(&k.ID, &k.Prefix, &hash, &previous, &until, &doc, &k.Version, &created, &updated, &rotated, &revoked, &used)
	if err != nil {
		return nil, err
	}
	copy(k.Hash[:], hash)
	copy(k.Previous[:], previous)
	k.Created, k.Updated = time.UnixMilli(created).UTC(), time.UnixMilli(updated).UTC()
	for _, of := range []struct {
		from sql.NullInt64
		to   *time.Time
	}{{until, &k.PreviousUntil}, {rotated, &k.Rotated}, {revoked, &k.Revoked}, {used, &k.LastUsed}} {
		if of.from.Valid {
			*of.to = time.UnixMilli(of.from.Int64).UTC()
		}
	}
	c, err := decodeKey([]byte(doc))
	if err != nil || len(hash) != len(k.Hash) {
		return nil, fmt.Errorf("key %s %w: %w", k.ID, errKey, err)
	}
	k.KeyConfig = *c
	return k, nil
}

// keys are all of them, by name; broken are those that can't be used.
func (tx *tx) keys(ctx context.Context) (keys []*Key, broken []error, err error) {
	rows, err := tx.query(ctx, "SELECT "+keyColumns+" FROM store_keys ORDER BY name")
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	for rows.Next() {
		k, err := scanKey(rows.Scan)
		switch {
		case errors.Is(err, errKey):
			broken = append(broken, err)
		case err != nil:
			return nil, nil, err
		default:
			keys = append(keys, k)
		}
	}
	return keys, broken, rows.Err()
}

func (s *Store) reportKeys(broken []error) {
	for _, err := range broken {
		s.log.Error("a client key of the store is left out", zap.Error(err))
	}
}

func (tx *tx) key(ctx context.Context, id string) (*Key, error) {
	k, err := scanKey(tx.row(ctx, "SELECT "+keyColumns+" FROM store_keys WHERE id = $1", id).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, refuse(ErrNotFound, "there is no such key in the store")
	}
	return k, err
}

// writeKey updates all of a key but when it was used.
func (tx *tx) writeKey(ctx context.Context, k *Key) error {
	doc, err := json.Marshal(&k.KeyConfig, json.Deterministic(true))
	if err != nil {
		return err
	}
	var previous []byte
	if k.Previous != (access.Hash{}) {
		previous = k.Previous[:]
	}
	return tx.exec(ctx, `UPDATE store_keys SET name = $1, prefix = $2, hash = $3, previous = $4, previous_until = $5,
		doc = $6, version = $7, updated = $8, rotated = $9, revoked = $10 WHERE id = $11`,
		k.Name, k.Prefix, k.Hash[:], previous, milli(k.PreviousUntil), string(doc), k.Version, k.Updated.UnixMilli(),
		milli(k.Rotated), milli(k.Revoked), k.ID)
}

func milli(t time.Time) sql.NullInt64 {
	return sql.NullInt64{Int64: t.UnixMilli(), Valid: !t.IsZero()}
}

// keyTaken reports another key of the store with the name.
func (tx *tx) keyTaken(ctx context.Context, name, self string) error {
	var other string
	err := tx.row(ctx, "SELECT id FROM store_keys WHERE name = $1 AND id <> $2", name, self).Scan(&other)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return err
	}
	return wrong(ErrTaken, "name", "%q is already the name of key %s of the store", name, other)
}

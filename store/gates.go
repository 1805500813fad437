package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/gate"
)

// maxDoc is the longest JSON of a gate or key, in bytes.
const maxDoc = 1 << 20

// Gate is a gate of the store.
type Gate struct {
	ID      string // canonical: lower case
	Name    string // "" if it has none
	JSON    jsontext.Value
	Version int64 // 1 at first, then grows with each change
	Created time.Time
	Updated time.Time

	Before jsontext.Value // what JSON was before the update that this is the answer to; nil for all others
}

// MarshalJSON gives the gate in Layer's names, with createdAt, updatedAt and version.
func (g *Gate) MarshalJSON() ([]byte, error) {
	end, err := json.Marshal(struct {
		CreatedAt time.Time `json:"createdAt"`
		UpdatedAt time.Time `json:"updatedAt"`
		Version   int64     `json:"version"`
	}{g.Created, g.Updated, g.Version})
	if err != nil {
		return nil, err
	}
	data := append([]byte(nil), g.JSON[:len(g.JSON)-1]...) // an object that has an id at least
	return append(append(data, ','), end[1:]...), nil
}

// CreateGate keeps a new gate, given as JSON. One without an id is given one.
func (s *Store) CreateGate(ctx context.Context, who Who, data []byte) (*Gate, error) {
	doc, version, err := patched([]byte("{}"), data)
	if err == nil && version != 0 {
		err = wrong(ErrInvalid, "version", "a new gate has none: remove it")
	}
	if err != nil {
		return nil, err
	}
	var known struct {
		ID jsontext.Value `json:"id"`
	}
	if err := json.Unmarshal(doc, &known); err != nil {
		return nil, invalid(gate.DecodeError(err), "a gate")
	}
	if known.ID == nil {
		if doc, err = merge(doc, map[string]jsontext.Value{"id": jsontext.Value(`"` + newUUID() + `"`)}); err != nil {
			return nil, err
		}
	}
	var made *Gate
	err = s.change(ctx, who, func(tx *tx) (*Change, error) {
		made, err = s.gateOf(ctx, tx, doc, "")
		if err != nil {
			return nil, err
		}
		made.Version, made.Created, made.Updated = 1, tx.now, tx.now
		err = tx.exec(ctx, "INSERT INTO store_gates (id, name, doc, version, created, updated) VALUES ($1, $2, $3, $4, $5, $6)",
			made.ID, made.Name, string(made.JSON), made.Version, made.Created.UnixMilli(), made.Updated.UnixMilli())
		return &Change{What: WhatGate, ID: made.ID, Name: made.Name, Action: Created, After: made.JSON}, err
	})
	if err != nil {
		return nil, err
	}
	return made, nil
}

// UpdateGate changes fields of a gate, found by id or name: a merge patch in JSON, in which null clears a field. The
// version, if not 0, must be the gate's; the patch may have it too, as "version".
func (s *Store) UpdateGate(ctx context.Context, who Who, ref string, version int64, patch []byte) (*Gate, error) {
	var made *Gate
	err := s.change(ctx, who, func(tx *tx) (*Change, error) {
		old, err := tx.gate(ctx, ref)
		if err != nil {
			return nil, err
		}
		doc, given, err := patched(old.JSON, patch)
		if err != nil {
			return nil, err
		}
		if err := checkVersion(old.Version, version, given); err != nil {
			return nil, err
		}
		if made, err = s.gateOf(ctx, tx, doc, old.ID); err != nil {
			return nil, err
		}
		made.Version, made.Created, made.Updated, made.Before = old.Version, old.Created, old.Updated, old.JSON
		if string(made.JSON) == string(old.JSON) {
			return nil, nil
		}
		made.Version, made.Updated = old.Version+1, tx.now
		err = tx.exec(ctx, "UPDATE store_gates SET name = $1, doc = $2, version = $3, updated = $4 WHERE id = $5",
			made.Name, string(made.JSON), made.Version, made.Updated.UnixMilli(), made.ID)
		return &Change{What: WhatGate, ID: made.ID, Name: made.Name, Action: Updated, Before: old.JSON, After: made.JSON}, err
	})
	if err != nil {
		return nil, err
	}
	return made, nil
}

// DeleteGate removes a gate, found by id or name. The version, if not 0, must be the gate's.
func (s *Store) DeleteGate(ctx context.Context, who Who, ref string, version int64) error {
	return s.change(ctx, who, func(tx *tx) (*Change, error) {
		old, err := tx.gate(ctx, ref)
		if err != nil {
			return nil, err
		}
		if err := checkVersion(old.Version, version, 0); err != nil {
			return nil, err
		}
		err = tx.exec(ctx, "DELETE FROM store_gates WHERE id = $1", old.ID)
		return &Change{What: WhatGate, ID: old.ID, Name: old.Name, Action: Deleted, Before: old.JSON}, err
	})
}

// Gates are all gates of the store, by name and then id.
func (s *Store) Gates(ctx context.Context) (gates []*Gate, err error) {
	err = s.read(ctx, func(tx *tx) error {
		gates, err = tx.gates(ctx)
		return err
	})
	return gates, err
}

// Gate is one gate of the store, found by id or name.
func (s *Store) Gate(ctx context.Context, ref string) (g *Gate, err error) {
	err = s.read(ctx, func(tx *tx) error {
		g, err = tx.gate(ctx, ref)
		return err
	})
	return g, err
}

// gateOf checks a gate and makes it as it is kept; id is the one that it must have, if any.
func (s *Store) gateOf(ctx context.Context, tx *tx, doc []byte, id string) (*Gate, error) {
	if len(doc) > maxDoc {
		return nil, wrong(ErrInvalid, "", "the gate has %d bytes: %d are the most", len(doc), maxDoc)
	}
	c, err := gate.Decode(doc)
	if err != nil {
		return nil, invalid(err, "a gate")
	}
	c.ID, _ = gate.NormalizeRef(c.ID)
	if id != "" && c.ID != id {
		return nil, wrong(ErrInvalid, "id", "can't be changed: make a new gate")
	}
	c.CreatedAt, c.UpdatedAt, c.DeletedAt = nil, nil, nil // they are the store's to say
	if err := s.checkGate(c); err != nil {
		return nil, err
	}
	if err := tx.gateTaken(ctx, c, id); err != nil {
		return nil, err
	}
	data, err := json.Marshal(c, json.Deterministic(true))
	if err != nil {
		return nil, invalid(gate.DecodeError(err), "a gate")
	}
	return &Gate{ID: c.ID, Name: c.Name, JSON: data}, nil
}

// checkGate asks the configurations that serve the store's gates. One of them must be able to serve this one, and none
// may have another one in its place.
func (s *Store) checkGate(c *gate.Config) error {
	var first error
	served := false
	for _, consumer := range s.attached() {
		err := consumer.CheckGate(c)
		switch {
		case errors.Is(err, gate.ErrTaken):
			return &refusal{ErrTaken, err}
		case err == nil:
			served = true
		case first == nil:
			first = err
		}
	}
	if first != nil && !served {
		return &refusal{ErrInvalid, first}
	}
	return nil
}

// gateTaken reports another gate of the store with the id or the name.
func (tx *tx) gateTaken(ctx context.Context, c *gate.Config, self string) error {
	for _, of := range []struct{ field, value string }{{"id", c.ID}, {"name", c.Name}} {
		var other string
		err := tx.row(ctx, "SELECT id FROM store_gates WHERE "+of.field+" = $1 AND id <> $2", of.value, self).Scan(&other)
		switch {
		case of.value == "" || errors.Is(err, sql.ErrNoRows):
		case err != nil:
			return err
		default:
			return wrong(ErrTaken, of.field, "%q is already the %s of gate %s of the store", of.value, of.field, other)
		}
	}
	return nil
}

func checkVersion(has int64, given ...int64) error {
	for _, version := range given {
		if version != 0 && version != has {
			return refuse(ErrVersion, "it has version %d meanwhile, not %d: read it again", has, version)
		}
	}
	return nil
}

// newUUID is a random one.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

package store

import (
	"context"
	"database/sql"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/layergateway/layergateway/access"
)

// Live is what of a key outlives changes of the store and reloads of configurations.
type Live struct {
	Slots   access.Slots
	LastUse access.LastUse

	written atomic.Int64 // the LastUse that the database has from here
}

// liveOf is a key's; whoever calls it holds reading.
func (s *Store) liveOf(id string) *Live {
	l := s.live[id]
	if l == nil {
		l = new(Live)
		s.live[id] = l
	}
	return l
}

// addUse adds to keys what the database doesn't know yet of their use.
func (s *Store) addUse(keys ...*Key) {
	now := s.current.Load()
	if now == nil {
		return
	}
	byID := make(map[string]*Key, len(keys))
	for _, k := range keys {
		byID[k.ID] = k
	}
	for _, used := range now.Keys {
		k := byID[used.ID]
		if k == nil {
			continue
		}
		if at := used.Live.LastUse.Time(); at.After(k.LastUsed) {
			k.LastUsed = at
		}
	}
}

// writeUsed writes when keys were last used. That is no change of the store: nobody reads it anew for that.
func (s *Store) writeUsed(ctx context.Context) {
	now := s.current.Load()
	if now == nil {
		return
	}
	type use struct {
		key *Key
		at  time.Time
	}
	var uses []use
	for _, k := range now.Keys {
		if at := k.Live.LastUse.Time(); at.UnixMilli() > k.Live.written.Load() {
			uses = append(uses, use{k, at})
		}
	}
	if len(uses) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err := s.db.Write(ctx, func(t *sql.Tx) error {
		tx := &tx{Tx: t, db: s.db}
		for _, u := range uses {
			err := tx.exec(ctx, "UPDATE store_keys SET used = $1 WHERE id = $2 AND (used IS NULL OR used < $1)", u.at.UnixMilli(), u.key.ID)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		s.log.Warn("it is not written when client keys were last used: it is tried again", zap.Error(err))
		return
	}
	for _, u := range uses {
		u.key.Live.written.Store(u.at.UnixMilli())
	}
}

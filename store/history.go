package store

import (
	"context"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Who is through what somebody changes the store.
type Who string

// Who there is.
const (
	ByAdmin     Who = "admin"     // Caddy's admin endpoint
	ByDashboard Who = "dashboard" // the dashboard, its API included
	ByCommand   Who = "command"   // a command in a terminal
)

// What was changed.
const (
	WhatGate = "gate"
	WhatKey  = "key"
)

// What was done to it.
const (
	Created = "created"
	Updated = "updated"
	Rotated = "rotated"
	Revoked = "revoked"
	Deleted = "deleted"
)

// Change is one change of the store.
type Change struct {
	Revision int64     `json:"revision"`
	Time     time.Time `json:"time"`
	Who      Who       `json:"who"`
	What     string    `json:"what"` // WhatGate, WhatKey
	ID       string    `json:"id"`   // the gate's or key's
	Name     string    `json:"name,omitzero"`
	Action   string    `json:"action"` // Created, Updated, Rotated, Revoked, Deleted
	// Before and After are the gate or the key, without secrets; nil where there was or is none.
	Before jsontext.Value `json:"before,omitzero"`
	After  jsontext.Value `json:"after,omitzero"`
}

// HistoryFilter says which changes are asked for.
type HistoryFilter struct {
	What   string // WhatGate, WhatKey; "" is both
	ID     string // of a gate or key; "" is all
	Before int64  // the revision below which to go on; 0 begins with the newest
	Limit  int    // default 100, 1000 at most
}

const (
	defaultHistory = 100
	maxHistory     = 1000
)

// History are changes, the newest first, and whether there are older ones than these.
func (s *Store) History(ctx context.Context, f HistoryFilter) (changes []Change, more bool, err error) {
	if f.Limit <= 0 {
		f.Limit = defaultHistory
	}
	limit := min(f.Limit, maxHistory)
	f.Limit = limit + 1
	err = s.read(ctx, func(tx *tx) error {
		changes, err = tx.history(ctx, f)
		return err
	})
	if len(changes) > limit {
		return changes[:limit], true, err
	}
	return changes, false, err
}

func (tx *tx) history(ctx context.Context, f HistoryFilter) ([]Change, error) {
	query, args := "SELECT revision, time, who, what, id, name, action, earlier, later FROM store_history WHERE 1 = 1", []any{f.Limit}
	where := func(condition string, value any) {
		args = append(args, value)
		query += " AND " + condition + " $" + strconv.Itoa(len(args))
	}
	if f.What != "" {
		where("what =", f.What)
	}
	if f.ID != "" {
		where("id =", f.ID)
	}
	if f.Before != 0 {
		where("revision <", f.Before)
	}
	rows, err := tx.query(ctx, query+" ORDER BY revision DESC LIMIT $1", args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var changes []Change
	for rows.Next() {
		var c Change
		var at int64
		var before, after string
		if err := rows.Scan(&c.Revision, &at, &c.Who, &c.What, &c.ID, &c.Name, &c.Action, &before, &after); err != nil {
			return nil, err
		}
		c.Time = time.UnixMilli(at).UTC()
		if before != "" {
			c.Before = jsontext.Value(before)
		}
		if after != "" {
			c.After = jsontext.Value(after)
		}
		changes = append(changes, c)
	}
	return changes, rows.Err()
}

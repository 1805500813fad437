package ledger

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/layergateway/layergateway/cost"
)

// Spent is what requests cost that began from one time on and before another: of
// a key, of a gate, or of a key at a gate; an empty id is any, a zero time is no
// bound. Rows on their way to the database are in it, and rows without a price
// add nothing.
//
// It is exact for as long as Config.Retention keeps the rows of a window's first
// and last hour; whole hours are known for Config.HourRetention, whole days (UTC)
// for ever. Rows that are left to the journal while the database is away come
// when it is back. Until those are in that a process before has left there, it
// fails with ErrNotReady: who asks once would keep a sum that is too low.
func (l *Ledger) Spent(ctx context.Context, keyID, gateID string, from, to time.Time) (cost.Amount, error) {
	if l == nil {
		return 0, ErrOff
	}
	if !l.adopted.Load() {
		return 0, ErrNotReady
	}
	start, end := bound(from, math.MinInt64), bound(to, math.MaxInt64)
	l.commit.RLock()
	defer l.commit.RUnlock()
	var total cost.Amount
	for _, part := range split(start, end) {
		c := &conditions{}
		if keyID != "" {
			c.add("key_id = %s", keyID)
		}
		if gateID != "" {
			c.add("gate_id = %s", gateID)
		}
		if part.from != math.MinInt64 {
			c.add(part.column+" >= %s", part.from)
		}
		if part.to != math.MaxInt64 {
			c.add(part.column+" < %s", part.to)
		}
		var hi, lo int64
		err := l.db.read.QueryRowContext(ctx, l.db.sql("SELECT CAST(coalesce(sum("+part.hi+"), 0) AS BIGINT), "+
			"CAST(coalesce(sum("+part.lo+"), 0) AS BIGINT) FROM "+part.table+c.where()), c.args...).Scan(&hi, &lo)
		if err != nil {
			return 0, fmt.Errorf("reading what was spent: %w", err)
		}
		total = total.Add(joinCost(hi, lo))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.queue.entries {
		r := &e.row
		at := r.Start.UnixNano()
		amount, priced := r.amount()
		if priced && (keyID == "" || r.KeyID == keyID) && (gateID == "" || r.GateID == gateID) && at >= start && at < end {
			total = total.Add(amount)
		}
	}
	return total, nil
}

// bound is a time in nanoseconds since 1970, or what stands for none.
func bound(t time.Time, none int64) int64 {
	if t.IsZero() {
		return none
	}
	return t.UnixNano()
}

// part is a piece of a time range and where its sum comes from.
type part struct {
	table, column, hi, lo string
	from, to              int64 // as the column has them
}

// split cuts a range into whole days, whole hours beside them, and what is left
// at both ends; those without anything in them are left out.
func split(start, end int64) []part {
	if start >= end {
		return nil
	}
	firstHour, lastHour := ceilBucket(start, hour), floorBucket(end, hour)
	if firstHour >= lastHour {
		return []part{rowsPart(start, end)}
	}
	var parts []part
	add := func(p part) {
		if p.from < p.to {
			parts = append(parts, p)
		}
	}
	if start != math.MinInt64 {
		add(rowsPart(start, firstHour*int64(hour)))
	}
	if end != math.MaxInt64 {
		add(rowsPart(lastHour*int64(hour), end))
	}
	firstDay, lastDay := ceilBucket(start, day), floorBucket(end, day)
	if firstDay >= lastDay {
		add(sumsPart("hours", firstHour, lastHour))
		return parts
	}
	add(sumsPart("days", firstDay, lastDay))
	if start != math.MinInt64 {
		add(sumsPart("hours", firstHour, firstDay*24))
	}
	if end != math.MaxInt64 {
		add(sumsPart("hours", lastDay*24, lastHour))
	}
	return parts
}

func rowsPart(from, to int64) part {
	return part{table: "requests", column: "start", hi: "cost / 1000000000", lo: "cost % 1000000000", from: from, to: to}
}

func sumsPart(table string, from, to int64) part {
	return part{table: table, column: "bucket", hi: "cost_hi", lo: "cost_lo", from: from, to: to}
}

// ceilBucket is the first bucket that begins at or after a time, floorBucket the
// one that a time lies in. No bound stays none.
func ceilBucket(nanos int64, width time.Duration) int64 {
	if nanos == math.MinInt64 {
		return nanos
	}
	return -floorDiv(-nanos, int64(width))
}

func floorBucket(nanos int64, width time.Duration) int64 {
	if nanos == math.MaxInt64 {
		return nanos
	}
	return floorDiv(nanos, int64(width))
}

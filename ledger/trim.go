package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"
)

// trimStep is how many rows are removed at once, so that nobody waits long.
const trimStep = 500

// trim removes what is older than it is to be kept, and of SQLite's database the
// oldest rows if it has become too large.
func (l *Ledger) trim(ctx context.Context) error {
	now := l.config.Now()
	old := []struct {
		table, key, column string
		age                time.Duration
		unit               time.Duration
	}{
		{"payloads", "request_id", "created", l.config.PayloadRetention, 1},
		{"payloads", "request_id", "created", l.config.Retention, 1},
		{"requests", "id", "start", l.config.Retention, 1},
	}
	for _, o := range old {
		if o.age <= 0 {
			continue
		}
		for {
			n, err := l.db.deleteOldest(ctx, o.table, o.key, o.column, now.Add(-o.age).UnixNano())
			if err != nil {
				return err
			}
			if n < trimStep {
				break
			}
		}
	}
	if l.config.HourRetention > 0 {
		if _, err := l.db.deleteHours(ctx, bucket(now.Add(-l.config.HourRetention), hour)); err != nil {
			return err
		}
	}
	if l.config.MaxBytes > 0 && !l.db.postgres {
		return l.shrink(ctx)
	}
	return nil
}

// deleteOldest removes up to trimStep of the rows of before a time.
func (d *database) deleteOldest(ctx context.Context, table, key, column string, before int64) (int64, error) {
	res, err := d.write.ExecContext(ctx, d.sql(fmt.Sprintf(
		"DELETE FROM %[1]s WHERE %[2]s IN (SELECT %[2]s FROM %[1]s WHERE %[3]s < $1 ORDER BY %[3]s LIMIT %[4]d)",
		table, key, column, trimStep)), before)
	if err != nil {
		return 0, fmt.Errorf("removing old rows: %w", err)
	}
	return res.RowsAffected()
}

const (
	// hoursNeeded is how long sums by hour stay in a database that is too large:
	// a monthly budget may begin at any hour of a day.
	hoursNeeded = 40 * day
	// rowsKept of the newest stay, so that sums that fill the database alone do
	// not cost each new row.
	rowsKept = 100
)

// shrink removes SQLite's oldest payloads, then its oldest sums by hour, then its
// oldest rows, until what is in use of its file is no more than it may be.
func (l *Ledger) shrink(ctx context.Context) error {
	size, err := l.db.usedBytes(ctx)
	if err != nil || size <= l.config.MaxBytes {
		return err
	}
	const ever = 1<<63 - 1
	oldHours := bucket(l.config.Now().Add(-hoursNeeded), hour)
	steps := []struct {
		what   string
		remove func() (int64, error)
	}{
		{"payloads", func() (int64, error) { return l.db.deleteOldest(ctx, "payloads", "request_id", "created", ever) }},
		{"hours", func() (int64, error) { return l.db.deleteOldestHour(ctx, oldHours) }},
		{"rows", func() (int64, error) { return l.db.deleteOldestRows(ctx) }},
	}
	gone := []zap.Field{zap.Int64("limit_bytes", l.config.MaxBytes)}
	for _, s := range steps {
		all := int64(0)
		for size > l.config.MaxBytes {
			n, err := s.remove()
			if err != nil {
				return err
			}
			if n == 0 {
				break
			}
			all += n
			if _, err := l.db.write.ExecContext(ctx, "PRAGMA incremental_vacuum"); err != nil {
				return fmt.Errorf("shrinking the ledger: %w", err)
			}
			if size, err = l.db.usedBytes(ctx); err != nil {
				return err
			}
		}
		gone = append(gone, zap.Int64(s.what, all))
	}
	if size > l.config.MaxBytes {
		l.log.Warn("the ledger is above its size limit, since its sums alone are nearly as large: raise max_size", append(gone, zap.Int64("bytes", size))...)
		return nil
	}
	l.log.Warn("the ledger has reached its size limit: what is oldest is gone, sums by day are kept", gone...)
	return nil
}

// deleteHours removes the sums by hour before a bucket.
func (d *database) deleteHours(ctx context.Context, before int64) (deleted int64, err error) {
	for i, old := range []string{"hours WHERE bucket < $1", "hour_totals WHERE " + anyKind + " AND bucket < $1"} {
		res, err := d.write.ExecContext(ctx, d.sql("DELETE FROM "+old), before)
		if err != nil {
			return 0, fmt.Errorf("removing old sums: %w", err)
		}
		if i > 0 { // only what totals were of is counted
			continue
		}
		if deleted, err = res.RowsAffected(); err != nil {
			return 0, fmt.Errorf("removing old sums: %w", err)
		}
	}
	return deleted, nil
}

// deleteOldestHour removes the sums of the oldest hour before a bucket.
func (d *database) deleteOldestHour(ctx context.Context, before int64) (int64, error) {
	var oldest sql.NullInt64
	if err := d.read.QueryRowContext(ctx, "SELECT min(bucket) FROM hours").Scan(&oldest); err != nil {
		return 0, fmt.Errorf("removing old sums: %w", err)
	}
	if !oldest.Valid || oldest.Int64 >= before {
		return 0, nil
	}
	return d.deleteHours(ctx, oldest.Int64+1)
}

// deleteOldestRows removes the oldest rows, but for rowsKept.
func (d *database) deleteOldestRows(ctx context.Context) (int64, error) {
	var start int64
	err := d.read.QueryRowContext(ctx, d.sql("SELECT start FROM requests ORDER BY start DESC LIMIT 1 OFFSET $1"), rowsKept).Scan(&start)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return 0, nil
	case err != nil:
		return 0, fmt.Errorf("removing old rows: %w", err)
	}
	return d.deleteOldest(ctx, "requests", "id", "start", start+1)
}

// usedBytes is how much of SQLite's file is in use.
func (d *database) usedBytes(ctx context.Context) (int64, error) {
	var n int64
	err := d.read.QueryRowContext(ctx, "SELECT (page_count - freelist_count) * page_size "+
		"FROM pragma_page_count, pragma_freelist_count, pragma_page_size").Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("measuring the ledger: %w", err)
	}
	return n, nil
}

package ledger

import (
	"context"
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
		_, err := l.db.write.ExecContext(ctx, l.db.sql("DELETE FROM hours WHERE bucket < $1"),
			bucket(now.Add(-l.config.HourRetention), hour))
		if err != nil {
			return fmt.Errorf("removing old sums: %w", err)
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

// shrink removes SQLite's oldest payloads, then its oldest rows, until what is in
// use of its file is no more than it may be.
func (l *Ledger) shrink(ctx context.Context) error {
	size, err := l.db.usedBytes(ctx)
	if err != nil || size <= l.config.MaxBytes {
		return err
	}
	var rows, payloads int64
	for size > l.config.MaxBytes {
		const ever = 1<<63 - 1
		n, err := l.db.deleteOldest(ctx, "payloads", "request_id", "created", ever)
		if err != nil {
			return err
		}
		payloads += n
		if n == 0 {
			if n, err = l.db.deleteOldest(ctx, "requests", "id", "start", ever); err != nil {
				return err
			}
			rows += n
		}
		if n == 0 {
			break // what is left are sums
		}
		if _, err := l.db.write.ExecContext(ctx, "PRAGMA incremental_vacuum"); err != nil {
			return fmt.Errorf("shrinking the ledger: %w", err)
		}
		if size, err = l.db.usedBytes(ctx); err != nil {
			return err
		}
	}
	l.log.Warn("the ledger has reached its size limit: its oldest rows are gone, their sums are kept",
		zap.Int64("limit_bytes", l.config.MaxBytes), zap.Int64("rows", rows), zap.Int64("payloads", payloads))
	return nil
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

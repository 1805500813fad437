package command

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/layergateway/layergateway/ledger"
)

// Where is where a ledger's database is: a file of SQLite's, or PostgreSQL by its connection string.
type Where struct{ SQLite, Postgres string }

// ParseWhere reads a path or a connection string.
func ParseWhere(text string) Where {
	for _, scheme := range []string{"postgres://", "postgresql://"} {
		if strings.HasPrefix(text, scheme) {
			return Where{Postgres: text}
		}
	}
	if strings.HasPrefix(text, "host=") || strings.Contains(text, " host=") {
		return Where{Postgres: text}
	}
	return Where{SQLite: text}
}

// ErrNoBooks is that there is no ledger where one is looked for.
var ErrNoBooks = errors.New("there is no ledger")

// OpenBooks opens a ledger to read it, beside a gateway that may be writing to it. close must be called.
func OpenBooks(ctx context.Context, where Where) (l *ledger.Ledger, closeBooks func(), err error) {
	if where.Postgres == "" {
		switch info, err := os.Stat(where.SQLite); {
		case errors.Is(err, fs.ErrNotExist):
			return nil, nil, fmt.Errorf("%w at %s: no request has been answered yet, or the gateway runs as another user, whose ledger.db is elsewhere", ErrNoBooks, where.SQLite)
		case err != nil:
			return nil, nil, fmt.Errorf("the ledger: %w", err)
		case !info.Mode().IsRegular():
			return nil, nil, fmt.Errorf("the ledger %s is not a file: name its ledger.db", where.SQLite)
		}
	}
	// A journal of its own, which stays empty: those of gateways are theirs.
	dir, err := os.MkdirTemp("", "layer")
	if err != nil {
		return nil, nil, err
	}
	l, err = ledger.Open(ctx, ledger.Config{Dir: dir, SQLite: where.SQLite, Postgres: where.Postgres})
	if err == nil && l.Err() != nil {
		err = errors.Join(l.Err(), l.Close(ctx))
	}
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("the ledger can't be read, which takes the rights of the gateway's own user: %w", err), os.RemoveAll(dir))
	}
	return l, func() {
		_ = l.Close(context.WithoutCancel(ctx)) // nothing was written
		_ = os.RemoveAll(dir)                   // what is left over is in the system's own folder for it
	}, nil
}

// ParseSince reads the time from which on something is wanted: how long ago, such as 90m, 24h or 7d, a date, which
// begins at midnight UTC, or a time. "" is no bound.
func ParseSince(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, nil
		}
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if d, err := time.ParseDuration(days + "h"); err == nil && d >= 0 && d < 24*365*100*time.Hour/24 {
			return now.Add(-24 * d), nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	return time.Time{}, fmt.Errorf("--since: %q is neither how long ago, such as 24h or 7d, nor a date such as 2027-01-31, nor a time such as 2027-01-31T12:00:00Z", text)
}

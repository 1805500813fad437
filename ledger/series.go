package ledger

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Dimension is what sums are told apart by.
type Dimension string

// The dimensions. ByAll tells nothing apart.
const (
	ByAll      Dimension = ""
	ByGate     Dimension = "gate"
	ByKey      Dimension = "key"
	ByProvider Dimension = "provider"
	ByModel    Dimension = "model" // of a provider
	ByOutcome  Dimension = "outcome"
)

// columns are those that a dimension's id and name are in.
func (d Dimension) columns() (id, name string, err error) {
	switch d {
	case ByAll:
		return "''", "''", nil
	case ByGate:
		return "gate_id", "max(gate)", nil
	case ByKey:
		return "key_id", "max(key)", nil
	case ByProvider, ByOutcome:
		return string(d), "max(" + string(d) + ")", nil
	case ByModel:
		return "provider || '/' || model", "max(model)", nil
	}
	return "", "", fmt.Errorf("there are no sums by %q: use gate, key, provider, model or outcome", string(d))
}

// SeriesQuery says which sums are wanted.
type SeriesQuery struct {
	By Dimension
	// From and To bound the time in which requests began, which is widened to
	// whole hours (UTC), and to whole days if Step is whole days.
	From, To time.Time
	// Step is how much time each sum is of: some hours, or 0 for the whole
	// time. Steps are counted from 1970 (UTC), so days begin at midnight.
	Step time.Duration
	// Origin is how much later than 1970 steps are counted from: days, if the
	// step is some.
	Origin time.Duration
	// Limit is how many sums there may be; more are ErrManySums. 0 is no limit.
	Limit int
	// What is not empty must hold.
	GateID, KeyID, Provider, Model, Outcome string
}

// ErrManySums is that there are more sums than were wanted.
var ErrManySums = errors.New("there are too many sums")

// Point is the sums of one step and one value of a dimension.
type Point struct {
	Time time.Time // when the step begins; zero without steps
	// ID and Name are those of the gate or key; of the rest both are its name,
	// but for a model, whose ID is "provider/model".
	ID, Name string
	Sums
}

// Summary is the sums of a time by a dimension, the largest cost first.
func (l *Ledger) Summary(ctx context.Context, by Dimension, from, to time.Time) ([]Point, error) {
	return l.Series(ctx, SeriesQuery{By: by, From: from, To: to})
}

// Series is the sums of the rows that the database has, in the order of time and
// then with the largest cost first. Steps in which nothing happened are left
// out. It reads no rows, only the sums that are kept of them, so it also knows
// what Config.Retention has removed.
func (l *Ledger) Series(ctx context.Context, q SeriesQuery) ([]Point, error) {
	if l == nil {
		return nil, ErrOff
	}
	id, name, err := q.By.columns()
	if err != nil {
		return nil, err
	}
	if q.Step%hour != 0 || q.Step < 0 {
		return nil, errors.New("the step of a series must be whole hours")
	}
	table, width := "hours", hour
	if q.wholeDays() {
		table, width = "days", day
	}
	step := "0"
	if q.Step > 0 {
		step = fmt.Sprintf("bucket - (bucket - %d) %% %d", q.Origin%q.Step/width, q.Step/width)
	}
	c := q.conditions(width)
	var query strings.Builder
	query.WriteString("SELECT " + step + " AS step, " + id + " AS id, " + name)
	for _, column := range sumColumns() {
		query.WriteString(", CAST(sum(" + column + ") AS BIGINT)")
	}
	query.WriteString(" FROM " + table + c.where() + " GROUP BY 1, 2 ORDER BY 1, " +
		"sum(cost_hi) + sum(cost_lo) / 1000000000 DESC, sum(cost_lo) % 1000000000 DESC, sum(requests) DESC, 2")
	rows, err := l.db.read.QueryContext(ctx, l.db.sql(query.String()), c.args...)
	if err != nil {
		return nil, fmt.Errorf("reading the ledger's sums: %w", err)
	}
	defer rows.Close()
	var points []Point
	for rows.Next() {
		if q.Limit > 0 && len(points) == q.Limit {
			return nil, ErrManySums
		}
		var p Point
		var at int64
		var v sumValues
		into := []any{&at, &p.ID, &p.Name}
		for i := range v {
			into = append(into, &v[i])
		}
		if err := rows.Scan(into...); err != nil {
			return nil, fmt.Errorf("reading the ledger's sums: %w", err)
		}
		if q.Step > 0 {
			p.Time = time.Unix(at*int64(width/time.Second), 0).UTC()
		}
		p.Sums = v.sums()
		points = append(points, p)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading the ledger's sums: %w", err)
	}
	return points, nil
}

// wholeDays tells whether the sums by day have the answer.
func (q *SeriesQuery) wholeDays() bool {
	if q.Step > 0 {
		return q.Step%day == 0
	}
	whole := func(t time.Time) bool {
		return t.IsZero() || t.Truncate(time.Second).Unix()%int64(day/time.Second) == 0
	}
	return whole(q.From) && whole(q.To)
}

func (q *SeriesQuery) conditions(width time.Duration) *conditions {
	c := &conditions{}
	if !q.From.IsZero() {
		c.add("bucket >= %s", bucket(q.From, width))
	}
	if !q.To.IsZero() {
		c.add("bucket < %s", ceilBucket(q.To.UnixNano(), width))
	}
	for _, is := range []struct{ column, value string }{
		{"gate_id", q.GateID}, {"key_id", q.KeyID}, {"provider", q.Provider}, {"model", q.Model}, {"outcome", q.Outcome},
	} {
		if is.value != "" {
			c.add(is.column+" = %s", cleanText(is.value))
		}
	}
	return c
}

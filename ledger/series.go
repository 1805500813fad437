package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
type columns struct{ id, name string }

// columns are those of the tables of all combinations.
func (d Dimension) columns() (columns, error) {
	switch d {
	case ByAll:
		return columns{"''", "''"}, nil
	case ByGate:
		return columns{"gate_id", "max(gate)"}, nil
	case ByKey:
		return columns{"key_id", "max(key)"}, nil
	case ByProvider, ByOutcome:
		return columns{string(d), "max(" + string(d) + ")"}, nil
	case ByModel:
		return columns{"provider || '/' || model", "max(model)"}, nil
	}
	return columns{}, fmt.Errorf("there are no sums by %q: use gate, key, provider, model or outcome", string(d))
}

// totals are those of the tables of totals, and the kind that is of the
// dimension. There is none of outcomes.
func (d Dimension) totals() (kind string, c columns) {
	switch d {
	case ByAll:
		return kindModel, columns{"''", "''"}
	case ByGate:
		return kindGate, columns{"id", "max(name)"}
	case ByKey:
		return kindKey, columns{"id", "max(name)"}
	case ByProvider:
		return kindModel, columns{"id", "max(id)"}
	case ByModel:
		return kindModel, columns{"id || '/' || name", "max(name)"}
	}
	return "", columns{}
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
	from, of, err := q.source()
	if err != nil {
		return nil, err
	}
	if q.Step%hour != 0 || q.Step < 0 {
		return nil, errors.New("the step of a series must be whole hours")
	}
	step := "0"
	if q.Step > 0 {
		step = fmt.Sprintf("bucket - (bucket - %d) %% %d", q.Origin%q.Step/from.width, q.Step/from.width)
	}
	query := "SELECT " + step + " AS step, " + of.id + " AS id, " + of.name + summed() +
		" FROM " + from.table + from.where() + " GROUP BY 1, 2 ORDER BY 1, " +
		"sum(cost_hi) + sum(cost_lo) / 1000000000 DESC, sum(cost_lo) % 1000000000 DESC, sum(requests) DESC, 2"
	var points []Point
	var p Point
	var at int64
	err = l.readSums(ctx, query, from.args, []any{&at, &p.ID, &p.Name}, func(sums Sums) error {
		if q.Limit > 0 && len(points) == q.Limit {
			return ErrManySums
		}
		if q.Step > 0 {
			p.Time = time.Unix(at*int64(from.width/time.Second), 0).UTC()
		}
		p.Sums = sums
		points = append(points, p)
		return nil
	})
	return points, err
}

// readSums reads rows of columns, which end up in into, and sums, which take gets.
func (l *Ledger) readSums(ctx context.Context, query string, args, into []any, take func(Sums) error) error {
	rows, err := l.db.read.QueryContext(ctx, l.db.sql(query), args...)
	if err != nil {
		return fmt.Errorf("reading the ledger's sums: %w", err)
	}
	defer rows.Close()
	var v sumValues
	for i := range v {
		into = append(into, &v[i])
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return fmt.Errorf("reading the ledger's sums: %w", err)
		}
		if err := take(v.sums()); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("reading the ledger's sums: %w", err)
	}
	return nil
}

// summed are the sums of all columns, as readSums reads them.
func summed() string {
	var b strings.Builder
	for _, column := range sumColumns() {
		b.WriteString(", CAST(sum(" + column + ") AS BIGINT)")
	}
	return b.String()
}

// source is where sums are read from.
type source struct {
	table string
	width time.Duration // of a bucket
	*conditions
}

// source is the smallest table that has the answer, and what is wanted of it.
func (q *SeriesQuery) source() (source, columns, error) {
	of, err := q.By.columns()
	if err != nil {
		return source{}, of, err
	}
	if kind, totals := q.By.totals(); kind != "" && !q.narrow() {
		from := q.bounds("hour_totals", "day_totals")
		from.add("kind = %s", kind)
		return from, totals, nil
	}
	return q.combinations(), of, nil
}

// combinations is the table in which nothing is lost of what a query is about.
func (q *SeriesQuery) combinations() source {
	from := q.bounds("hours", "days")
	for _, is := range q.wanted() {
		if is.value != "" {
			from.add(is.column+" = %s", cleanText(is.value))
		}
	}
	return from
}

// bounds are those of the time in one of two tables.
func (q *SeriesQuery) bounds(hours, days string) source {
	from := source{hours, hour, &conditions{}}
	if q.wholeDays() {
		from.table, from.width = days, day
	}
	if !q.From.IsZero() {
		from.add("bucket >= %s", bucket(q.From, from.width))
	}
	if !q.To.IsZero() {
		from.add("bucket < %s", ceilBucket(q.To.UnixNano(), from.width))
	}
	return from
}

// wholeDays tells whether the sums by day have the answer.
func (q *SeriesQuery) wholeDays() bool {
	if q.Step > 0 {
		return q.Step%day == 0
	}
	whole := func(t time.Time) bool { return t.IsZero() || t.Equal(t.Truncate(day)) }
	return whole(q.From) && whole(q.To)
}

type wanted struct{ column, value string }

func (q *SeriesQuery) wanted() []wanted {
	return []wanted{
		{"gate_id", q.GateID}, {"key_id", q.KeyID}, {"provider", q.Provider}, {"model", q.Model}, {"outcome", q.Outcome},
	}
}

// narrow tells whether anything is left out but by time.
func (q *SeriesQuery) narrow() bool {
	return slices.ContainsFunc(q.wanted(), func(w wanted) bool { return w.value != "" })
}

package ledger

import (
	"context"
	"fmt"
	"strings"
)

// Combination is the sums of one key's requests at one gate that one model
// answered.
type Combination struct {
	GateID, Gate, KeyID, Key, Provider, Model string
	Sums
}

// Combinations is what Series knows of a time for all dimensions at once: whoever
// wants several of them reads the sums but once, and adds up what each needs. It
// takes no heed of By and Step.
func (l *Ledger) Combinations(ctx context.Context, q SeriesQuery) ([]Combination, error) {
	if l == nil {
		return nil, ErrOff
	}
	q.Step = 0
	table, width := "hours", hour
	if q.wholeDays() {
		table, width = "days", day
	}
	c := q.conditions(width)
	var query strings.Builder
	query.WriteString("SELECT gate_id, max(gate), key_id, max(key), provider, model")
	for _, column := range sumColumns() {
		query.WriteString(", CAST(sum(" + column + ") AS BIGINT)")
	}
	query.WriteString(" FROM " + table + c.where() + " GROUP BY gate_id, key_id, provider, model")
	rows, err := l.db.read.QueryContext(ctx, l.db.sql(query.String()), c.args...)
	if err != nil {
		return nil, fmt.Errorf("reading the ledger's sums: %w", err)
	}
	defer rows.Close()
	var list []Combination
	for rows.Next() {
		var p Combination
		var v sumValues
		into := []any{&p.GateID, &p.Gate, &p.KeyID, &p.Key, &p.Provider, &p.Model}
		for i := range v {
			into = append(into, &v[i])
		}
		if err := rows.Scan(into...); err != nil {
			return nil, fmt.Errorf("reading the ledger's sums: %w", err)
		}
		p.Sums = v.sums()
		list = append(list, p)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading the ledger's sums: %w", err)
	}
	return list, nil
}

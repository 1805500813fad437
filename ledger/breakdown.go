package ledger

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// Breakdown is what Series knows of a time, by each of gate, key, provider and
// model: whoever wants all of them reads the sums but once. It takes no heed of
// By, Step and Limit.
func (l *Ledger) Breakdown(ctx context.Context, q SeriesQuery) (map[Dimension][]Point, error) {
	if l == nil {
		return nil, ErrOff
	}
	all := map[Dimension][]Point{}
	q.Step = 0
	read := l.readTotals
	if q.narrow() {
		read = l.readCombinations
	}
	for _, part := range q.parts() {
		if err := read(ctx, &part, all); err != nil {
			return nil, err
		}
	}
	for by, points := range all {
		all[by] = Merge(points)
	}
	return all, nil
}

// parts are whole days and the hours beside them: to read a month of hours would
// take long.
func (q *SeriesQuery) parts() []SeriesQuery {
	from, to := q.From.Truncate(day), q.To.Truncate(day)
	if from.Before(q.From) {
		from = from.Add(day)
	}
	if q.From.IsZero() || q.To.IsZero() || !from.Before(to) {
		return []SeriesQuery{*q}
	}
	var parts []SeriesQuery
	for _, t := range [][2]time.Time{{q.From, from}, {from, to}, {to, q.To}} {
		if t[0].Before(t[1]) {
			part := *q
			part.From, part.To = t[0], t[1]
			parts = append(parts, part)
		}
	}
	return parts
}

// totalsQuery is of all kinds of totals.
func (q *SeriesQuery) totalsQuery() (query string, args []any) {
	from := q.bounds("hour_totals", "day_totals")
	from.add(anyKind)
	return "SELECT kind, id, name" + summed() + " FROM " + from.table + from.where() + " GROUP BY kind, id, name", from.args
}

func (l *Ledger) readTotals(ctx context.Context, q *SeriesQuery, all map[Dimension][]Point) error {
	query, args := q.totalsQuery()
	var kind, id, name string
	return l.readSums(ctx, query, args, []any{&kind, &id, &name}, func(sums Sums) error {
		switch kind {
		case kindGate:
			all[ByGate] = append(all[ByGate], Point{ID: id, Name: name, Sums: sums})
		case kindKey:
			all[ByKey] = append(all[ByKey], Point{ID: id, Name: name, Sums: sums})
		case kindModel:
			addModel(all, id, name, &sums)
		}
		return nil
	})
}

func (l *Ledger) readCombinations(ctx context.Context, q *SeriesQuery, all map[Dimension][]Point) error {
	from := q.combinations()
	var gateID, gate, keyID, key, provider, model string
	return l.readSums(ctx, "SELECT gate_id, max(gate), key_id, max(key), provider, model"+summed()+" FROM "+from.table+from.where()+
		" GROUP BY gate_id, key_id, provider, model",
		from.args, []any{&gateID, &gate, &keyID, &key, &provider, &model}, func(sums Sums) error {
			all[ByGate] = append(all[ByGate], Point{ID: gateID, Name: gate, Sums: sums})
			all[ByKey] = append(all[ByKey], Point{ID: keyID, Name: key, Sums: sums})
			addModel(all, provider, model, &sums)
			return nil
		})
}

func addModel(all map[Dimension][]Point, provider, model string, sums *Sums) {
	all[ByModel] = append(all[ByModel], Point{ID: provider + "/" + model, Name: model, Sums: *sums})
	all[ByProvider] = append(all[ByProvider], Point{ID: provider, Name: provider, Sums: *sums})
}

// Merge adds up the points with the same ID, whatever their time; the dearest
// comes first. The time and the name of one are kept.
func Merge(points []Point) []Point {
	var all []Point
	index := make(map[string]int)
	for i := range points {
		p := &points[i]
		at, ok := index[p.ID]
		if !ok {
			index[p.ID] = len(all)
			all = append(all, *p)
			continue
		}
		all[at].Add(&p.Sums)
		all[at].Name = max(all[at].Name, p.Name) // as Series chooses one of several
	}
	slices.SortStableFunc(all, func(a, b Point) int {
		return cmp.Or(cmp.Compare(b.Cost, a.Cost), cmp.Compare(b.Requests, a.Requests))
	})
	return all
}

// Add adds the sums of other rows.
func (s *Sums) Add(more *Sums) {
	s.Requests += more.Requests
	s.Failed += more.Failed
	s.Unpriced += more.Unpriced
	s.Estimated += more.Estimated
	s.Attempts += more.Attempts
	s.Input += more.Input
	s.CachedInput += more.CachedInput
	s.CacheWrite += more.CacheWrite
	s.Output += more.Output
	s.Reasoning += more.Reasoning
	s.Cost = s.Cost.Add(more.Cost)
	s.TotalTime += more.TotalTime
	s.FirstTime += more.FirstTime
	for i := range s.TotalTimes {
		s.TotalTimes[i] += more.TotalTimes[i]
		s.FirstTimes[i] += more.FirstTimes[i]
	}
}

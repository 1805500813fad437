package dashboard

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/ledger"
)

// chart is numbers over time. The page has it as a table, of which a script draws lines.
type chart struct {
	ID, Title string
	Unit      string // "usd", "count", "seconds", "percent"
	Series    []string
	Rows      []chartRow
}

type chartRow struct {
	Time  time.Time
	Cells []cell
}

// cell is one number: as a script reads it, and as people do. Value is empty where nothing is known.
type cell struct{ Value, Text string }

// maxSeries is how many lines a chart has; the rest is one more.
const maxSeries = 5

// charts are those of sums by step and one dimension.
func charts(s span, by ledger.Dimension, points []ledger.Point) []chart {
	steps := s.steps()
	at := make(map[int64]int, len(steps))
	for i, t := range steps {
		at[t.Unix()] = i
	}
	sums := make([]ledger.Sums, len(steps))
	for i := range points {
		if step, ok := at[points[i].Time.Unix()]; ok {
			addSums(&sums[step], &points[i].Sums)
		}
	}
	whole := func(id, title, unit string, names []string, cells func(*ledger.Sums) []cell) chart {
		c := chart{ID: id, Title: title, Unit: unit, Series: names}
		for i, t := range steps {
			c.Rows = append(c.Rows, chartRow{t, cells(&sums[i])})
		}
		return c
	}
	return []chart{
		parted(steps, at, by, points, chart{ID: "spend", Title: "Spend", Unit: "usd"}, moneyCell,
			func(s *ledger.Sums) int64 { return int64(s.Cost) }),
		parted(steps, at, by, points, chart{ID: "requests", Title: "Requests", Unit: "count"}, countCell,
			func(s *ledger.Sums) int64 { return s.Requests }),
		whole("tokens", "Tokens", "count", []string{"input", "output", "from cache"}, func(s *ledger.Sums) []cell {
			return []cell{countCell(s.Input), countCell(s.Output), countCell(s.CachedInput)}
		}),
		whole("errors", "Error rate", "percent", []string{"failed"}, func(s *ledger.Sums) []cell {
			if s.Requests == 0 {
				return []cell{{Text: "–"}}
			}
			return []cell{{strconv.FormatFloat(ratio(s.Failed, s.Requests)*100, 'f', 2, 64), percent(s.Failed, s.Requests)}}
		}),
		whole("latency", "Latency", "seconds", []string{"half below", "95% below"}, func(s *ledger.Sums) []cell {
			return []cell{durCell(s.TotalTimes.Quantile(.5)), durCell(s.TotalTimes.Quantile(.95))}
		}),
		whole("first", "Time to first token", "seconds", []string{"half below", "95% below"}, func(s *ledger.Sums) []cell {
			return []cell{durCell(s.FirstTimes.Quantile(.5)), durCell(s.FirstTimes.Quantile(.95))}
		}),
	}
}

// parted fills a chart with a line for each of the largest, and one for the rest.
func parted(steps []time.Time, at map[int64]int, by ledger.Dimension, points []ledger.Point, c chart, text func(int64) cell, value func(*ledger.Sums) int64) chart {
	totals := make(map[string]int64)
	names := make(map[string]string)
	for i := range points {
		p := &points[i]
		totals[p.ID] += value(&p.Sums)
		names[p.ID] = labelOf(p, by)
	}
	var ids []string
	for id := range totals {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b string) int { return cmp.Or(cmp.Compare(totals[b], totals[a]), cmp.Compare(a, b)) })
	line := make(map[string]int)
	for i, id := range ids {
		line[id] = min(i, maxSeries)
		if i < maxSeries {
			c.Series = append(c.Series, names[id])
		} else if i == maxSeries {
			c.Series = append(c.Series, "all others")
		}
	}
	if len(ids) == 0 {
		c.Series = []string{"all"}
	}
	table := make([][]int64, len(steps))
	for i := range table {
		table[i] = make([]int64, len(c.Series))
	}
	for i := range points {
		if step, ok := at[points[i].Time.Unix()]; ok {
			table[step][line[points[i].ID]] += value(&points[i].Sums)
		}
	}
	for i, t := range steps {
		row := chartRow{Time: t}
		for _, n := range table[i] {
			row.Cells = append(row.Cells, text(n))
		}
		c.Rows = append(c.Rows, row)
	}
	return c
}

func moneyCell(n int64) cell {
	return cell{strconv.FormatFloat(float64(n)/dollar, 'g', -1, 64), money(cost.Amount(n))}
}

func countCell(n int64) cell { return cell{strconv.FormatInt(n, 10), grouped(n)} }

func durCell(d time.Duration) cell {
	if d == 0 {
		return cell{Text: "–"}
	}
	return cell{strconv.FormatFloat(d.Seconds(), 'f', 3, 64), dur(d)}
}

// labelOf is what a value of a dimension is called. Models are called with their provider, as two may have the same.
func labelOf(p *ledger.Point, by ledger.Dimension) string {
	switch {
	case by == ledger.ByModel && p.ID == "/":
		return "none"
	case by == ledger.ByModel:
		return p.ID
	}
	return cmp.Or(p.Name, p.ID, "none")
}

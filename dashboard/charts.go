package dashboard

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/ledger"
)

// chart is numbers over time. The page has it as a table, which a script draws.
type chart struct {
	ID, Title string
	Unit      string // "usd", "count", "seconds", "percent"
	Stacked   bool   // the series are parts of a whole
	Series    []string
	Rows      []chartRow
}

type chartRow struct {
	Time  time.Time
	Day   bool // it is a day, which has no time of day
	Cells []cell
}

// cell is one number: as a script reads it, and as people do. Value is empty where nothing is known.
type cell struct{ Value, Text string }

// maxSeries is how many lines a chart has; the rest is one more.
const maxSeries = 5

// measure makes a number of sums.
type measure func(*ledger.Sums) cell

func spend(s *ledger.Sums) cell    { return moneyCell(s.Cost) }
func asked(s *ledger.Sums) cell    { return countCell(s.Requests) }
func inAndOut(s *ledger.Sums) cell { return countCell(s.Input + s.Output) }
func failed(s *ledger.Sums) cell {
	if s.Requests == 0 {
		return cell{Text: "–"}
	}
	return cell{strconv.FormatFloat(ratio(s.Failed, s.Requests)*100, 'f', 2, 64), percent(s.Failed, s.Requests)}
}

func latency(q float64) measure {
	return func(s *ledger.Sums) cell { return durCell(s.TotalTimes.Quantile(q)) }
}

func firstToken(q float64) measure {
	return func(s *ledger.Sums) cell { return durCell(s.FirstTimes.Quantile(q)) }
}

// charts are those of sums by step and one dimension, or of all together.
func charts(s span, by ledger.Dimension, points []ledger.Point) []chart {
	if by == ledger.ByAll {
		return chartsOfAll(s, points)
	}
	names, sums := parted(s, by, points)
	one := func(id, title, unit string, stacked bool, of measure) chart {
		c := chart{ID: id, Title: title, Unit: unit, Stacked: stacked, Series: names}
		for i, t := range s.steps() {
			row := chartRow{Time: t, Day: s.days()}
			for line := range names {
				row.Cells = append(row.Cells, of(&sums[i][line]))
			}
			c.Rows = append(c.Rows, row)
		}
		return c
	}
	return []chart{
		one("spend", "Spend", "usd", true, spend), one("requests", "Requests", "count", true, asked),
		one("tokens", "Tokens", "count", true, inAndOut), one("errors", "Error rate", "percent", false, failed),
		one("latency", "Latency, p95", "seconds", false, latency(.95)), one("first", "Time to first token, p95", "seconds", false, firstToken(.95)),
	}
}

// chartsOfAll are those of all together, which have room for more than one measure.
func chartsOfAll(s span, points []ledger.Point) []chart {
	_, sums := parted(s, ledger.ByAll, points)
	one := func(id, title, unit string, stacked bool, names []string, of ...measure) chart {
		c := chart{ID: id, Title: title, Unit: unit, Stacked: stacked, Series: names}
		for i, t := range s.steps() {
			row := chartRow{Time: t, Day: s.days()}
			for _, m := range of {
				row.Cells = append(row.Cells, m(&sums[i][0]))
			}
			c.Rows = append(c.Rows, row)
		}
		return c
	}
	quantiles := []string{"p50", "p95"}
	return []chart{
		one("spend", "Spend", "usd", true, []string{"spend"}, spend),
		one("requests", "Requests", "count", true, []string{"answered", "failed"},
			func(s *ledger.Sums) cell { return countCell(s.Requests - s.Failed) }, func(s *ledger.Sums) cell { return countCell(s.Failed) }),
		one("tokens", "Tokens", "count", true, []string{"input", "input from cache", "output"},
			func(s *ledger.Sums) cell { return countCell(max(s.Input-s.CachedInput, 0)) },
			func(s *ledger.Sums) cell { return countCell(s.CachedInput) }, func(s *ledger.Sums) cell { return countCell(s.Output) }),
		one("errors", "Error rate", "percent", false, []string{"failed"}, failed),
		one("latency", "Latency", "seconds", false, quantiles, latency(.5), latency(.95)),
		one("first", "Time to first token", "seconds", false, quantiles, firstToken(.5), firstToken(.95)),
	}
}

// parted adds sums up to one for each step and line. Lines are the largest of a dimension, the same ones in all charts,
// and one for the rest.
func parted(s span, by ledger.Dimension, points []ledger.Point) (names []string, sums [][]ledger.Sums) {
	line := make(map[string]int)
	for i, p := range largest(points) {
		line[p.ID] = min(i, maxSeries)
		if i < maxSeries {
			names = append(names, labelOf(&p, by))
		} else if i == maxSeries {
			names = append(names, "all others")
		}
	}
	if len(names) == 0 {
		names = []string{"none"}
	}
	steps := s.steps()
	at := make(map[int64]int, len(steps))
	sums = make([][]ledger.Sums, len(steps))
	for i, t := range steps {
		at[t.Unix()] = i
		sums[i] = make([]ledger.Sums, len(names))
	}
	for i := range points {
		if step, ok := at[points[i].Time.Unix()]; ok {
			sums[step][line[points[i].ID]].Add(&points[i].Sums)
		}
	}
	return names, sums
}

// largest are the sums of each value of a dimension, by their part in spend and requests together: some cost nothing, and
// some are seldom asked.
func largest(points []ledger.Point) []ledger.Point {
	all := ledger.Merge(points)
	whole := total(all)
	part := func(p *ledger.Point) float64 {
		return ratio(int64(p.Cost), int64(whole.Cost)) + ratio(p.Requests, whole.Requests)
	}
	slices.SortStableFunc(all, func(a, b ledger.Point) int { return cmp.Compare(part(&b), part(&a)) })
	return all
}

func moneyCell(n cost.Amount) cell {
	return cell{strconv.FormatFloat(float64(n)/dollar, 'g', -1, 64), money(n)}
}

func countCell(n int64) cell { return cell{strconv.FormatInt(n, 10), grouped(n)} }

func durCell(d time.Duration) cell {
	if d == 0 {
		return cell{Text: "–"}
	}
	return cell{strconv.FormatFloat(d.Seconds(), 'f', 3, 64), quantile(d)}
}

// labelOf is what a value of a dimension is called. Models are called with their provider, as two may have the same.
func labelOf(p *ledger.Point, by ledger.Dimension) string {
	switch {
	case by == ledger.ByAll:
		return together
	case by == ledger.ByModel && p.ID == "/":
		return "none"
	case by == ledger.ByModel:
		return p.ID
	}
	return cmp.Or(p.Name, p.ID, "none")
}

package dashboard

import (
	"encoding/json"
	"fmt"
	"html"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/ledger"
)

// spendRow is a request of some time ago at a gate, which came to so many dollars and took so long.
func spendRow(id, gate string, ago time.Duration, dollars int64, took time.Duration, outcome string) *ledger.Row {
	return &ledger.Row{
		ID: id, Start: noon.Add(-ago), Gate: gate, GateID: "id-" + gate, Key: "web", KeyID: "key_0a1b2c3d", Provider: "anthropic", Model: "claude-sonnet-4-5",
		Outcome: outcome, Status: 200, Usage: cost.Usage{Input: cost.Of(100), CachedInput: cost.Of(30), Output: cost.Of(10)},
		Bill: cost.Bill{Status: cost.Exact, Total: cost.Amount(dollars * dollar)}, Total: took, FirstToken: took / 2,
	}
}

var (
	tags   = regexp.MustCompile(`<[^>]*>`)
	spaces = regexp.MustCompile(`\s+`)
)

// textOf is what a part of a page says, from one mark to another.
func textOf(t *testing.T, page, from, to string) string {
	t.Helper()
	_, rest, ok := strings.Cut(page, from)
	part, _, end := strings.Cut(rest, to)
	if !ok || !end {
		t.Fatalf("the page has nothing from %s to %s", from, to)
	}
	return strings.TrimSpace(spaces.ReplaceAllString(html.UnescapeString(tags.ReplaceAllString(part, " ")), " "))
}

// The numbers of the overview: what the time came to, what the time before did, and what changed.
func TestOverviewNumbers(t *testing.T) {
	s := newSite(t)
	s.fill(t,
		spendRow("1", "a", time.Hour, 6, 10*time.Second, "ok"), spendRow("2", "a", 2*time.Hour, 2, 10*time.Second, "ok"),
		spendRow("3", "b", 3*time.Hour, 1, 10*time.Second, "timeout"), spendRow("4", "b", 30*time.Hour, 4, 10*time.Second, "ok"),
		spendRow("5", "c", 31*time.Hour, 2, 40*time.Second, "ok"), spendRow("6", "a", 50*time.Hour, 9, 10*time.Second, "ok"),
	)
	page := s.page(t, "/?range=24h&by=gate")
	tiles := textOf(t, page, `id="totals">`, "</section>")
	for _, want := range []string{
		"Spend $9.00 +50.0% before $6.00", "Requests 3 +50.0% before 2", "Tokens 330 +50.0% before 220", "Error rate 33.3% new before 0.0%",
	} {
		if !strings.Contains(tiles, want) {
			t.Errorf("no %q in %s", want, tiles)
		}
	}
	wantAll(t, page, `<span class="change worse">new</span> <span>before 0.0%</span>`, `<span class="change better">−`)
	if got := textOf(t, page, `id="movers">`, "</section>"); !strings.Contains(got, "gate a $0 $8.00 +$8.00") ||
		!strings.Contains(got, "gate b $4.00 $1.00 −$3.00") || !strings.Contains(got, "gate c $2.00 $0 −$2.00") {
		t.Errorf("what changed: %s", got)
	}
	if got := textOf(t, page, `id="by-gate">`, "</section>"); !strings.Contains(got, "a $8.00 2 200 + 20 0.0%") || !strings.Contains(got, "b $1.00 1 100 + 10 100.0%") {
		t.Errorf("gates: %s", got)
	}
}

// What the overview is narrowed to goes by its name, and leads to the requests that it is of.
func TestNarrowed(t *testing.T) {
	s := newSite(t)
	s.fill(t, spendRow("1", "a", time.Hour, 6, time.Second, "ok"), spendRow("2", "b", time.Hour, 2, time.Second, "timeout"),
		spendRow("3", "a", 30*time.Hour, 2, time.Second, "ok"))
	page := s.page(t, "/?range=24h&gate=id-a&key=key_0a1b2c3d")
	if got := textOf(t, page, `id="narrowed">`, "</p>"); got != "Only gate a key web . Its requests Show all" {
		t.Errorf("narrowed: %s", got)
	}
	_, link, _ := strings.Cut(page, `id="its-requests" href="`)
	link, _, _ = strings.Cut(link, `"`)
	page = s.page(t, "/"+html.UnescapeString(link))
	if n := strings.Count(page, "<tr data-id="); n != 1 || !strings.Contains(page, `data-id="1"`) {
		t.Errorf("%s has %d requests", link, n)
	}
	wantAll(t, page, `name="gate" value="a"`, `name="key" value="web"`)
	own := spendRow("4", "a", time.Hour, 6, time.Second, "ok")
	own.Key, own.KeyID = "dashboard", "" // which nobody can come with
	s.fill(t, own)
	if got := textOf(t, s.page(t, "/?range=24h&gate=id-a"), `id="narrowed">`, "</p>"); got != "Only gate a . Its requests Show all" {
		t.Errorf("narrowed to a gate: %s", got)
	}
	wantAll(t, s.page(t, "/?gate=gone"), "gate <code>gone</code>")
}

// What a row of the overview's tables leads to has the row's own numbers.
func TestNarrowedByItsRows(t *testing.T) {
	s := newSite(t)
	for i, provider := range []string{"anthropic", "anthropic", "own", "own/eu", ""} {
		row := spendRow(fmt.Sprint(i), "a", time.Hour, int64(1+i), time.Second, "ok")
		row.Provider = provider
		if provider == "" {
			row.Model, row.Outcome = "", "rejected"
		}
		s.fill(t, row)
	}
	other := spendRow("other", "b", time.Hour, 20, time.Second, "ok")
	other.Model, other.Key, other.KeyID = "claude-haiku-4-5", "app", "key_1"
	s.fill(t, other)
	followed := 0
	row := regexp.MustCompile(`(?s)<tr><th scope="row"><a href="([^"]+)">[^<]+</a></th>\s*<td class="number" title="[^"]*">([^< ]+).*?</td>\s*<td class="number">([^<]+)</td>`)
	for _, m := range row.FindAllStringSubmatch(s.page(t, "/?range=24h"), -1) {
		followed++
		link := html.UnescapeString(m[1])
		tiles := textOf(t, s.page(t, strings.TrimPrefix(link, ".")), `id="totals">`, "</section>")
		if !strings.Contains(tiles, "Spend "+m[2]+" ") || !strings.Contains(tiles, "Requests "+m[3]+" ") {
			t.Errorf("%s: %s, not %s of %s requests", link, tiles, m[2], m[3])
		}
	}
	if followed != 2+4+3+2 { // gates, models, providers, keys
		t.Errorf("%d rows can be followed", followed)
	}
}

// Each chart has what is asked for told apart, and adds up to the whole.
func TestCharts(t *testing.T) {
	s := newSite(t)
	var rows []*ledger.Row
	for i := range 8 {
		rows = append(rows, spendRow(fmt.Sprint(i), fmt.Sprintf("g%d", i), time.Duration(i)*time.Hour, int64(8-i), time.Second, "ok"))
	}
	rows = append(rows, spendRow("free", "free", time.Hour, 0, time.Second, "gateway_error"))
	s.fill(t, rows...)
	q := ledger.SeriesQuery{From: noon.Add(-day), To: noon.Add(time.Hour), Step: time.Hour}
	of := stepped(span{Name: "24h", From: q.From, To: q.To})
	for by, series := range map[ledger.Dimension][]string{
		ledger.ByGate: {"g0", "g1", "g2", "g3", "g4", "all others"}, ledger.ByProvider: {"anthropic"}, ledger.ByKey: {"web"},
		ledger.ByModel: {"anthropic/claude-sonnet-4-5"},
	} {
		q.By = by
		points, err := s.ledger.Series(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range charts(of, by, points) {
			if !slices.Equal(c.Series, series) || len(c.Rows) != 25 {
				t.Errorf("%s by %s: %d rows of %q", c.ID, by, len(c.Rows), c.Series)
			}
			sum := 0.0
			for _, row := range c.Rows {
				for _, cell := range row.Cells {
					var n float64
					if cell.Value != "" && json.Unmarshal([]byte(cell.Value), &n) != nil {
						t.Errorf("%s has %q", c.ID, cell.Value)
					}
					sum += n
				}
			}
			want, ok := map[string]float64{"spend": 36, "requests": 9, "tokens": 9 * 110}[c.ID]
			if ok && sum != want || ok != c.Stacked {
				t.Errorf("%s by %s adds up to %g, want %g", c.ID, by, sum, want)
			}
		}
	}
	page := s.page(t, "/?range=24h&by=all")
	for id, want := range map[string]string{
		"spend": "Time spend", "requests": "Time answered failed", "tokens": "Time input input from cache output", "latency": "Time p50 p95",
	} {
		if got := textOf(t, page, `id="chart-`+id+`"`, "</thead>"); !strings.HasSuffix(got, want) {
			t.Errorf("%s: %s", id, got)
		}
	}
	if csv := s.page(t, "/overview.csv?range=24h&by=all"); !strings.HasPrefix(csv, "time,all_id,all,requests,") || strings.Count(csv, "\n") != 9 {
		t.Errorf("the export of all together: %s", csv)
	}
}

// A key's budget at a single gate is one too, and those of a period are asked for together.
func TestBudgets(t *testing.T) {
	s := newSite(t)
	rows := []*ledger.Row{testRow(1), testRow(2), evilRow()}
	s.fill(t, rows...)
	_, _, err := s.store.CreateKey(t.Context(), "test", []byte(`{"name":"app","atGates":{"assistant":{"spendingLimit":3,"spendingLimitPeriod":"weekly"}},"spendingLimit":7,"maxConcurrent":{"running":4}}`))
	if err != nil {
		t.Fatal(err)
	}
	shown := textOf(t, s.page(t, "/"), `id="budgets">`, "</section>")
	wantAll(t, s.page(t, "/keys"), "4 at once", "$3.00 weekly at assistant")
	for _, want := range []string{"web key", "$0.0120 of $1.00 monthly, 1%", "assistant gate", "of $10.00 daily", "app at assistant key at a gate", "$0 of $3.00 weekly, 0%"} {
		if !strings.Contains(shown, want) {
			t.Errorf("no %q in %s", want, shown)
		}
	}
}

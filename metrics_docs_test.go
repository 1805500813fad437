package layergateway

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// What is registered, by name: its labels.
func registered(t *testing.T) map[string]string {
	t.Helper()
	pattern := regexp.MustCompile(`fqName: "([a-z_]+)".*variableLabels: \{([a-z_,]*)\}`)
	m := newMetrics()
	descs := make(chan *prometheus.Desc, 1000)
	for _, c := range m.collectors(new(App)) {
		c.Describe(descs)
	}
	close(descs)
	names := make(map[string]string)
	for d := range descs {
		found := pattern.FindStringSubmatch(d.String())
		if found == nil {
			t.Fatalf("what is %s?", d)
		}
		names[found[1]] = strings.ReplaceAll(found[2], ",", " ")
	}
	return names
}

// documented reads the tables of docs/metrics.md: name, type, labels.
func documented(t *testing.T) (text string, rows map[string][2]string) {
	t.Helper()
	data, err := os.ReadFile("docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	rows = make(map[string][2]string)
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| ([a-z]+) \\| ([a-z_` ]*) ?\\| .+ \\|$").FindAllStringSubmatch(string(data), -1) {
		if _, twice := rows[row[1]]; twice {
			t.Errorf("%s is there twice", row[1])
		}
		rows[row[1]] = [2]string{row[2], strings.TrimSpace(strings.ReplaceAll(row[3], "`", ""))}
	}
	return string(data), rows
}

// metricNames finds the names of metrics in a text, without what Prometheus adds to a histogram's.
func metricNames(text string) []string {
	var names []string
	for _, name := range regexp.MustCompile(`\blayer_gateway_[a-z_]+`).FindAllString(text, -1) {
		names = append(names, regexp.MustCompile(`_seconds_(bucket|sum|count)$`).ReplaceAllString(name, "_seconds"))
	}
	return names
}

func TestMetricsAreDocumented(t *testing.T) {
	names := registered(t)
	text, rows := documented(t)
	for name, labels := range names {
		if row, ok := rows[name]; !ok {
			t.Errorf("docs/metrics.md lacks %s", name)
		} else if row[1] != labels {
			t.Errorf("docs/metrics.md has %s with the labels %q, want %q", name, row[1], labels)
		}
	}
	for _, name := range metricNames(text) {
		if _, ok := names[name]; !ok {
			t.Errorf("docs/metrics.md has %s, which does not exist", name)
		}
	}
}

func TestDashboardOfGrafana(t *testing.T) {
	data, err := os.ReadFile("docs/grafana.json")
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		UID, Title string
		Inputs     []struct{ Name, PluginID string } `json:"__inputs"`
		Panels     []struct {
			ID          int
			Type, Title string
			GridPos     struct{ X, Y, W, H int }
			Targets     []struct{ Expr, RefID string }
		}
	}
	if err := json.Unmarshal(data, &board); err != nil {
		t.Fatal(err)
	}
	if board.UID == "" || board.Title == "" || len(board.Inputs) != 1 || board.Inputs[0].PluginID != "prometheus" {
		t.Errorf("head: %q %q %v", board.UID, board.Title, board.Inputs)
	}
	names := registered(t)
	ids := make(map[int]string)
	taken := make(map[[2]int]string)
	for _, p := range board.Panels {
		if other, twice := ids[p.ID]; twice || p.ID == 0 {
			t.Errorf("%q has the id of %q", p.Title, other)
		}
		ids[p.ID] = p.Title
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other, twice := taken[[2]int{x, y}]; twice || x > 23 {
					t.Fatalf("%q lies over %q, or beyond the edge", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("%q shows nothing", p.Title)
		}
		for _, target := range p.Targets {
			used := metricNames(target.Expr)
			for _, name := range used {
				labels, ok := names[name]
				if !ok {
					t.Errorf("%q shows %s, which does not exist", p.Title, name)
				}
				checkLabels(t, target.Expr, p.Title, labels)
			}
			if len(used) == 0 || target.RefID == "" {
				t.Errorf("%q: %+v", p.Title, target)
			}
		}
	}
}

// checkLabels looks whether the labels by which a query sums are the metric's.
func checkLabels(t *testing.T, query, where, labels string) {
	t.Helper()
	for _, by := range regexp.MustCompile(`by \(([a-z_, ]+)\)`).FindAllStringSubmatch(query, -1) {
		for label := range strings.SplitSeq(by[1], ",") {
			if label = strings.TrimSpace(label); label != "le" && !slices.Contains(strings.Fields(labels), label) {
				t.Errorf("%q sums by %s, which the metric does not have: %s", where, label, labels)
			}
		}
	}
}

package gate

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
)

func TestFileShapes(t *testing.T) {
	for name, test := range map[string]struct {
		text  string
		gates int
	}{
		"one":             {small(1, "a"), 1},
		"an array":        {" [" + small(1, "a") + ",\n" + small(2, "b") + "]\n", 2},
		"gates":           {`{"gates":[` + small(1, "a") + "," + small(2, "b") + "]}", 2},
		"no gates":        {"[]", 0},
		"no gates either": {`{"gates":[]}`, 0},
		"byte order mark": {"\ufeff" + small(1, "a"), 1},
		"leading lines":   {"\n\n  " + small(1, "a") + "\n", 1},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFile(t)
			f.write(test.text)
			table := f.table(t, Options{})
			if table.Len() != test.gates {
				t.Errorf("%d gates, want %d", table.Len(), test.gates)
			}
			n := 0
			for g := range table.All() {
				n++
				if byID, ok := table.Lookup(g.ID); !ok || byID.Name != g.Name || g.Source != f.path {
					t.Errorf("%+v is not found by its id", g)
				}
			}
			if n != test.gates {
				t.Errorf("All gives %d gates, want %d", n, test.gates)
			}
		})
	}
}

func TestFileMistakes(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"empty":          {" \n", `FILE: the file is empty: write [] for no gates`},
		"text":           {`"gate"`, `FILE:1: holds no gates: write one gate, an array of gates, or {"gates": [...]}`},
		"cut off":        {"[\n" + small(1, "a") + ",", `FILE:2: is not valid JSON: unexpected EOF`},
		"two values":     {small(1, "a") + "\n" + small(2, "b"), `FILE:2: holds more than one JSON value: put the gates into an array`},
		"garbage behind": {small(1, "a") + "\n}", `FILE:2: is not valid JSON: invalid character '}' at start of value`},
		"beside gates":   {`{"gates":[], "version":1}`, `FILE:1: unknown field "version" beside "gates"`},
		"gates twice":    {`{"gates":[],` + "\n" + `"gates":[]}`, `FILE:2: gates: is given twice`},
		"gates is text":  {`{"gates":"x"}`, `FILE:1: gate number 1: gates: unknown field`},
		"not a gate":     {"[" + small(1, "a") + ",\n7]", `FILE:2: gate number 2: must be an object`},
		"a field": {"[" + small(1, "a") + ",\n{\"id\":\"" + numbered(2) + "\",\n\"model\":\"p/m\",\n\"name\":\"b\",\n\"topP\":7}]",
			`FILE:5: gate "b": topP: must be from 0 to 1, not 7`},
		"a field, no name": {"[{\"topP\":\n7,\"model\":\"p/m\",\"id\":\"" + numbered(2) + "\"}]",
			`FILE:1: gate "` + numbered(2) + `": topP: must be from 0 to 1, not 7`},
		"deep down": {"{\"id\":\"" + numbered(1) + "\",\"model\":\"p/m\",\"fallbackModels\":[\"p/n\",\n{\"model\":\"p/o\",\n\"weight\":0}]}",
			`FILE:3: gate "` + numbered(1) + `": fallbackModels.1.weight: must be a whole number from 1 to 1000, not 0`},
		"wrong type":     {"[\n{\"id\":\"" + numbered(1) + "\",\n\"model\":7}]", `FILE:3: gate "` + numbered(1) + `": model: must be text`},
		"given twice":    {"[\n{\"id\":\"" + numbered(1) + "\",\n\"model\":\"p/m\",\n\"model\":\"p/n\"}]", `FILE:4: gate "` + numbered(1) + `": model: is given twice`},
		"missing":        {"[\n{\"name\":\"x\",\"model\":\"p/m\"}]", `FILE:2: gate "x": id: is missing: give the gate a UUID`},
		"unknown":        {"[\n{\"name\":\"x\",\n\"modle\":\"p/m\"}]", `FILE:3: gate "x": modle: unknown field`},
		"no provider":    {strings.Replace(small(1, "a"), "p/m", "nobody/m", 1), `FILE:1: gate "a": model: no provider for "nobody/m": write it as <provider>/<model>`},
		"duplicate id":   {"[" + small(1, "a") + ",\n" + small(1, "b") + "]", `FILE:2: gate "b": id: ` + numbered(1) + ` is already the id of the gate at FILE:1, gate "a"`},
		"duplicate name": {"[" + small(1, "a") + ",\n" + small(2, "a") + "]", `FILE:2: gate "a": name: "a" is already the name of the gate at FILE:1, gate "a"`},
		"duplicate in another form": {"[" + small(10, "a") + ",\n" + strings.Replace(small(10, "b"), numbered(10), "{"+strings.ToUpper(numbered(10))+"}", 1) + "]",
			`FILE:2: gate "b": id: ` + numbered(10) + ` is already the id of the gate at FILE:1, gate "a"`},
		"the id of the configuration's": {small(100, "b"), `FILE:1: gate "b": id: ` + numbered(100) + ` is already the id of the gate at Caddyfile, gate "inline"`},
		"several": {"[{},\n{\"id\":\"" + numbered(1) + "\",\"model\":\"p/m\",\"paused\":1}]",
			"FILE:1: gate number 1: id: is missing: give the gate a UUID\nFILE:1: gate number 1: model: is missing: name it as \"<provider>/<model>\"\n" +
				"FILE:2: gate \"" + numbered(1) + "\": paused: must be true or false"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFile(t)
			f.write(test.text)
			_, err := NewTable(Options{
				Files: []string{f.path}, Resolve: split, InlineSource: "Caddyfile",
				Inline: []*Config{{ID: numbered(100), Name: "inline", Model: "p/m"}},
			})
			if err == nil {
				t.Fatal("no error")
			}
			if got := strings.ReplaceAll(err.Error(), f.path, "FILE"); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestOptionMistakes(t *testing.T) {
	folder := t.TempDir()
	for name, test := range map[string]struct {
		options Options
		want    string
	}{
		"no resolver":       {Options{}, "gate table without a resolver of models"},
		"no such file":      {Options{Files: []string{filepath.Join(folder, "none.json")}}, "no such file"},
		"a folder":          {Options{Files: []string{folder}}, "is not a regular file"},
		"a bad pattern":     {Options{Files: []string{"[a"}}, "syntax error in pattern"},
		"inline":            {Options{Inline: []*Config{{ID: testID, Model: "p/m", TopP: "2"}}}, `config: gate "` + testID + `": topP: must be from 0 to 1, not 2`},
		"inline, no number": {Options{Inline: []*Config{{ID: testID, Name: "x", Model: "p/m", TopP: "hot"}}, InlineSource: "Caddyfile"}, `Caddyfile: gate "x": topP: must be a number, not "hot"`},
	} {
		t.Run(name, func(t *testing.T) {
			if name != "no resolver" {
				test.options.Resolve = split
			}
			if _, err := NewTable(test.options); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestManyMistakesAreCut(t *testing.T) {
	f := newFile(t)
	f.write("[" + strings.Repeat("7,", 99) + "7]")
	_, err := NewTable(Options{Files: []string{f.path}, Resolve: split})
	lines := strings.Split(fmt.Sprint(err), "\n")
	if len(lines) != maxProblems+1 || lines[maxProblems] != "and 80 more mistakes" {
		t.Errorf("got %d lines, the last %q", len(lines), lines[len(lines)-1])
	}
}

func TestFilesOfPatterns(t *testing.T) {
	folder := t.TempDir()
	t.Chdir(folder)
	for _, name := range []string{"b.json", "a.json", "c.txt", ".#a.json", ".hidden"} {
		if err := os.WriteFile(name, []byte("[]"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for patterns, want := range map[string][]string{
		"*.json":                {"a.json", "b.json"},
		"b.json ./*.json":       {"b.json", "a.json"},
		"c.txt *":               {"c.txt", "a.json", "b.json"},
		"none*":                 nil,
		".hidden":               {".hidden"},
		".h*":                   {".hidden"},
		folder + "/[ab].json":   {filepath.Join(folder, "a.json"), filepath.Join(folder, "b.json")},
		"./../*/./nothing*.jsn": nil,
	} {
		states, err := statFiles(strings.Fields(patterns))
		var got []string
		for _, state := range states {
			got = append(got, state.path)
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: got %q, %v; want %q", patterns, got, err, want)
		}
	}
}

// Whatever a file holds, it is refused with a place, or each of its gates can be compiled, and written and read again.
func FuzzFile(f *testing.F) {
	f.Add([]byte("[" + small(1, "a") + ",\n" + gateWith(`"routingStrategy":"round-robin","fallbackModels":["p/m",{"model":"p/n","weight":2}]`) + "]"))
	f.Add([]byte(`{"gates":[` + gateWith(`"timeouts":{"idle":"1s"},"allowOverrides":["topP"],"temperature":1e-1`) + `]}`))
	f.Add([]byte(gateWith(`"responseFormatType":"json_schema","responseFormatSchema":{"schema":{},"strict":true},"costWeight":[1.0]`)))
	f.Add([]byte(`{"id":7,"name":"\ud83d\ude00","id":8`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s := source{name: "file", data: data, lines: true}
		spans, err := s.split()
		if err != nil {
			if !strings.HasPrefix(err.Error(), "file:") {
				t.Fatalf("an error without a place: %v", err)
			}
			return
		}
		o := Options{Resolve: split, Cycles: NewCycles()}
		snap, err := newSnapshot(1, []source{s}, [][]span{spans}, &o)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "file:") {
				t.Fatalf("an error without a place: %v", err)
			}
			return
		}
		for i, e := range snap.entries {
			g, err := snap.compile(uint32(i), &o)
			if err != nil {
				t.Fatal(err)
			}
			if n, ok := snap.find(reference{name: g.Name}); g.Name != "" && (!ok || int(n) != i) || len(g.Order(nil)) == 0 {
				t.Fatalf("gate %d is not usable: %+v", i, g)
			}
			c, err := Decode(data[e.start:e.end])
			if err != nil {
				t.Fatal(err)
			}
			text, err := json.Marshal(c)
			if err != nil {
				t.Fatal(err)
			}
			again, err := Decode(text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c, again); diff != "" {
				t.Fatal(diff)
			}
		}
	})
}

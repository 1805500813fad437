package command

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/layergateway/layergateway/gate"
)

const twoGates = `{"gates": [
	{"id": "11111111-1111-4111-8111-111111111111", "name": "one", "model": "openai/gpt-4o", "fallbackModels": ["groq/m"],
	 "routingStrategy": "fallback", "spendingLimit": 10, "spendingLimitPeriod": "daily", "rateLimit": {"count": 60, "window": "1m"}},
	{"id": "22222222-2222-4222-8222-222222222222", "model": "gpt-4o-mini", "paused": true}
]}`

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestGatesList(t *testing.T) {
	path := write(t, "gates.json", twoGates)
	table, err := gate.NewTable(gate.Options{Files: []string{path}, Resolve: anyModel})
	if err != nil {
		t.Fatal(err)
	}
	defer table.Close()
	var out bytes.Buffer
	if err := GatesList(Streams{Out: &out}, table.All(), false); err != nil {
		t.Fatal(err)
	}
	const want = "NAME        ID                                    STRATEGY  MODELS                 LIMITS                             SOURCE\n" +
		"one         11111111-1111-4111-8111-111111111111  fallback  openai/gpt-4o, groq/m  60 requests in 1m0s, 10 USD daily  gates.json\n" +
		"- (paused)  22222222-2222-4222-8222-222222222222  single    /gpt-4o-mini           -                                  gates.json\n"
	if got := strings.ReplaceAll(out.String(), path, "gates.json"); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	out.Reset()
	if err := GatesList(Streams{Out: &out}, table.All(), true); err != nil {
		t.Fatal(err)
	}
	const asJSON = `{"id":"22222222-2222-4222-8222-222222222222","strategy":"single","models":["/gpt-4o-mini"],"paused":true,"source":"gates.json"}`
	if lines := strings.Split(strings.ReplaceAll(out.String(), path, "gates.json"), "\n"); len(lines) != 3 || lines[1] != asJSON {
		t.Errorf("got %s", out.String())
	}
}

func TestGatesCheck(t *testing.T) {
	good := write(t, "good.json", twoGates)
	bad := write(t, "bad.json", "[\n{\"id\": \"11111111-1111-4111-8111-111111111111\", \"model\": \"a/b\"},\n{\"id\": \"x\",\n\"model\": \"a/b\", \"temperature\": 3}\n]")
	strict := func(model string) (string, string, error) {
		if p, name, _ := strings.Cut(model, "/"); p == "groq" || p == "openai" {
			return p, name, nil
		}
		return "", "", errors.New("unknown model")
	}
	for _, c := range []struct {
		name    string
		files   []string
		resolve gate.Resolver
		out     string
		told    []string // in this order
		code    int
	}{
		{name: "good", files: []string{good}, out: "2 gates, no mistakes\n"},
		{name: "no such model", files: []string{good}, resolve: strict, code: CodeNo, told: []string{"good.json:4: ", "model", "unknown model"}},
		{name: "mistakes", files: []string{bad}, code: CodeNo, told: []string{"bad.json:3: ", "id", "bad.json:4: ", "temperature"}},
		{name: "the same id twice", files: []string{good, write(t, "more.json", `{"id": "11111111-1111-4111-8111-111111111111", "model": "a/b"}`)},
			code: CodeNo, told: []string{"more.json:1: ", "is already the id of"}},
		{name: "no such file", files: []string{"/none.json"}, code: CodeNo, told: []string{"/none.json"}},
		{name: "not JSON", files: []string{write(t, "text.json", "[\n{,\n")}, code: CodeNo, told: []string{"text.json:2"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out, told bytes.Buffer
			err := GatesCheck(Streams{Out: &out, Err: &told}, c.files, c.resolve)
			if code, tell := ExitCode(err); code != c.code || tell || out.String() != c.out {
				t.Errorf("code %d, %v, out %q", code, err, out.String())
			}
			rest := told.String()
			for _, want := range c.told {
				_, after, ok := strings.Cut(rest, want)
				if !ok {
					t.Errorf("no %q in %q", want, told.String())
				}
				rest = after
			}
		})
	}
}

package layergateway

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write what is adapted now into testdata/adapt")

const adaptMark = "\n----------\n"

// adapt turns a Caddyfile into JSON.
func adapt(t *testing.T, text string) ([]byte, error) {
	t.Helper()
	adapted, warnings, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), map[string]any{"filename": "Caddyfile"})
	for _, w := range warnings {
		t.Errorf("warning: %s", w)
	}
	return adapted, err
}

// A file holds a Caddyfile and what it is adapted to, or the end of the error with file and line. What can be
// adapted can be loaded too.
func TestAdapt(t *testing.T) {
	t.Setenv("TEST_CLIENT_KEY", "layer_from_the_environment")
	t.Setenv("TEST_BASE_URL", "http://localhost:11434/v1/")
	files, err := filepath.Glob("testdata/adapt/*.caddyfiletest")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".caddyfiletest"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			input, want, ok := strings.Cut(string(data), adaptMark)
			if !ok {
				t.Fatalf("%s has no line %q", file, strings.TrimSpace(adaptMark))
			}
			input += "\n"
			adapted, err := adapt(t, input)
			if err != nil {
				checkError(t, file, input, want, err)
				return
			}
			var pretty bytes.Buffer
			if err := json.Indent(&pretty, adapted, "", "\t"); err != nil {
				t.Fatal(err)
			}
			pretty.WriteByte('\n')
			if *update && (want == "" || want[0] == '{') {
				writeFile(t, file, input[:len(input)-1]+adaptMark+pretty.String())
				want = pretty.String()
			}
			if diff := cmp.Diff(want, pretty.String()); diff != "" {
				t.Errorf("adapted (-want +got):\n%s", diff)
			}
			var config caddy.Config
			if err := caddy.StrictUnmarshalJSON(adapted, &config); err != nil {
				t.Fatal(err)
			}
			config.Logging = quiet
			if err := caddy.Validate(&config); err != nil {
				t.Errorf("what was adapted can't be loaded: %v", err)
			}
		})
	}
}

// quiet keeps Caddy's log out of the tests' output.
var quiet = &caddy.Logging{Logs: map[string]*caddy.CustomLog{
	"default": {BaseLog: caddy.BaseLog{WriterRaw: json.RawMessage(`{"output": "discard"}`)}},
}}

func checkError(t *testing.T, file, input, want string, err error) {
	t.Helper()
	want = strings.TrimSpace(want)
	if *update && want == "" {
		writeFile(t, file, input[:len(input)-1]+adaptMark+strings.TrimPrefix(err.Error(), "parsing caddyfile tokens for 'layer_gateway': ")+"\n")
		return
	}
	if want == "" || want[0] == '{' || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("error\n\t%v\nwant one that ends in\n\t%s", err, want)
	}
}

func writeFile(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// The site's own handlers come after the gateway, in whatever order they are written.
func TestDirectiveOrder(t *testing.T) {
	adapted, err := adapt(t, ":80 {\n\trespond site\n\tlayer_gateway {\n\t\tanonymous\n\t}\n}\n")
	if err != nil {
		t.Fatal(err)
	}
	gateway, site := bytes.Index(adapted, []byte(directive)), bytes.Index(adapted, []byte("static_response"))
	if gateway < 0 || site < gateway {
		t.Errorf("respond comes before layer_gateway: %s", adapted)
	}
}

func TestExampleIsFormatted(t *testing.T) {
	example, err := os.ReadFile("Caddyfile.example")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(caddyfile.Format(example)), string(example)); diff != "" {
		t.Errorf("caddy fmt would change it (-formatted +as it is):\n%s", diff)
	}
}

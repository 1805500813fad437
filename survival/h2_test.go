package survival

import (
	"encoding/xml"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/layergateway/layergateway/internal/site"
)

const tools = "../tools/go.mod"

// conformance runs h2spec against a path of a server, and returns the cases that it failed.
func conformance(t *testing.T, addr, path string) (map[string]bool, error) {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	report := filepath.Join(t.TempDir(), "report.xml")
	// That cases fail is in the report, and also its exit code.
	out, failure := exec.CommandContext(t.Context(), "go", "tool", "-modfile="+tools, "h2spec",
		"-h", host, "-p", port, "-P", path, "-t", "-k", "-o", "1", "-j", report).CombinedOutput()
	text, err := os.ReadFile(report)
	if err != nil {
		return nil, fmt.Errorf("h2spec: %w, %w\n%s", err, failure, out)
	}
	var result struct {
		Cases []struct {
			Package string  `xml:"package,attr"`
			Class   string  `xml:"classname,attr"`
			Failure *string `xml:"failure"`
			Error   *string `xml:"error"`
		} `xml:"testsuite>testcase"`
	}
	if err := xml.Unmarshal(text, &result); err != nil {
		return nil, fmt.Errorf("h2spec's report: %w", err)
	}
	if len(result.Cases) < 100 {
		return nil, fmt.Errorf("h2spec ran %d cases only\n%s", len(result.Cases), out)
	}
	failed := make(map[string]bool)
	for _, c := range result.Cases {
		if c.Failure != nil || c.Error != nil {
			failed[c.Package+": "+c.Class] = true
		}
	}
	return failed, nil
}

// A site with the gateway takes HTTP/2 as Caddy alone does. Some cases of h2spec pass by chance, with either: what fails
// with the gateway alone is asked again.
func TestHTTP2(t *testing.T) {
	if module, err := os.ReadFile(tools); err != nil || !strings.Contains(string(module), "h2spec") {
		t.Skipf("h2spec is not among the tools (%v): go get -tool -modfile=tools/go.mod github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible", err)
	}
	alone, err := site.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, nil, settings{quiet: true, gateway: "default_gate echo\n", more: fmt.Sprintf("https://%s {\ntls cert.pem key.pem\nrespond \"alone\"\n}\n", alone)})
	w.gateway += "anonymous\n"
	s := site.Start(t, w.config(0))
	at, err := url.Parse(s.TLSURL)
	if err != nil {
		t.Fatal(err)
	}
	paths := []string{"/v1/models", "/v1/chat/completions"}
	theirs := make(map[string]bool) // failed with Caddy alone, at any time
	var ours []map[string]bool      // failed with the gateway, each time, by path
	for range 6 {
		failed := make([]map[string]bool, len(paths))
		var group errgroup.Group
		group.Go(func() error {
			again, err := conformance(t, alone, "/")
			maps.Copy(theirs, again)
			return err
		})
		for i, path := range paths {
			group.Go(func() (err error) {
				failed[i], err = conformance(t, at.Host, path)
				return err
			})
		}
		if err := group.Wait(); err != nil {
			t.Fatal(err)
		}
		if ours == nil {
			ours = failed
			t.Logf("fail: %d of Caddy alone, %d of %s, %d of %s", len(theirs), len(ours[0]), paths[0], len(ours[1]), paths[1])
		}
		left := 0
		for i := range ours {
			maps.DeleteFunc(ours[i], func(name string, _ bool) bool { return theirs[name] || !failed[i][name] })
			left += len(ours[i])
		}
		if left == 0 {
			return
		}
	}
	for i, path := range paths {
		t.Errorf("%s: what Caddy alone does right: %q", path, slices.Sorted(maps.Keys(ours[i])))
	}
}

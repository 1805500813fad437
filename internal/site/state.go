package site

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
)

// Log is all that the process has written to stdout and stderr, before a restart too.
func (s *Site) Log() string {
	s.t.Helper()
	text, err := os.ReadFile(s.path("log"))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

// Lines are the log's lines with a message, such as "request" or "handled request". Numbers are json.Number.
func (s *Site) Lines(msg string) []map[string]any {
	s.t.Helper()
	mark := fmt.Sprintf("%q:%q", "msg", msg)
	var found []map[string]any
	for line := range strings.Lines(s.Log()) {
		if !strings.Contains(line, mark) || !strings.HasSuffix(line, "\n") {
			continue // another, or not written to its end yet
		}
		var entry map[string]any
		decoder := json.NewDecoder(strings.NewReader(line))
		decoder.UseNumber()
		if err := decoder.Decode(&entry); err != nil {
			s.t.Fatalf("log line %q: %v", line, err)
		}
		found = append(found, entry)
	}
	return found
}

// Admin is what Caddy's admin endpoint answers to a GET, for example of /config/ or /debug/pprof/allocs.
func (s *Site) Admin(path string) string {
	s.t.Helper()
	status, text, err := get(s.admin, "http://127.0.0.1"+path)
	if err != nil || status != http.StatusOK {
		s.t.Fatalf("GET %s of the admin endpoint: %d %v %s", path, status, err, text)
	}
	return text
}

func get(client *http.Client, url string) (status int, text string, err error) {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body), err
}

// Metric is the sum of a metric's values over all series whose labels have a text in them, as in
// Metric("layer_gateway_requests_total", `outcome="ok"`).
func (s *Site) Metric(name, labels string) (sum float64) {
	s.t.Helper()
	for line := range strings.Lines(s.Admin("/metrics")) {
		rest, ok := strings.CutPrefix(line, name)
		if !ok || !strings.HasPrefix(rest, "{") && !strings.HasPrefix(rest, " ") || !strings.Contains(rest, labels) {
			continue
		}
		value, err := strconv.ParseFloat(strings.TrimSpace(rest[strings.LastIndexByte(rest, ' '):]), 64)
		if err != nil {
			s.t.Fatalf("metric %q: %v", line, err)
		}
		sum += value
	}
	return sum
}

// Autosave is the path of the configuration that Caddy has saved.
func (s *Site) Autosave() string { return s.path("config/caddy/autosave.json") }

// Stacks are the goroutines of the process, those with the same stack together; nothing if it can't say.
func (s *Site) Stacks() string {
	_, text, err := get(s.admin, "http://127.0.0.1/debug/pprof/goroutine?debug=1")
	if err != nil {
		return ""
	}
	return text
}

// Usage is what a process holds.
type Usage struct {
	Goroutines int
	FDs        int   // open file descriptors
	Heap       int64 // bytes of live objects, after a collection
	RSS        int64 // bytes of memory
}

// Usage measures the process, after a forced collection.
func (s *Site) Usage() Usage {
	s.t.Helper()
	var u Usage
	u.Heap = s.number(s.Admin("/debug/pprof/heap?gc=1&debug=1"), "# HeapAlloc = ")
	u.Goroutines = int(s.number(s.Stacks(), "goroutine profile: total "))
	dir := fmt.Sprintf("/proc/%d", s.process.Process.Pid)
	fds, err := os.ReadDir(dir + "/fd")
	if err != nil {
		s.t.Fatal(err)
	}
	status, err := os.ReadFile(dir + "/status")
	if err != nil {
		s.t.Fatal(err)
	}
	u.FDs, u.RSS = len(fds), s.number(string(status), "VmRSS:")<<10
	return u
}

// number is the number that follows a text.
func (s *Site) number(text, mark string) int64 {
	s.t.Helper()
	_, rest, _ := strings.Cut(text, mark)
	rest = strings.TrimLeft(rest, " \t")
	end := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
	n, err := strconv.ParseInt(rest[:max(end, 0)], 10, 64)
	if err != nil {
		s.t.Fatalf("no number behind %q", mark)
	}
	return n
}

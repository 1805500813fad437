package layergateway

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// site is a whole Caddy in this process, with a site and the admin endpoint on sockets of their own.
type site struct {
	t      *testing.T
	dir    string // short, since sockets' paths must be
	client *http.Client
	admin  *http.Client
	// reloads counts the reloads: behind one, a connection may go unanswered.
	reloads int
}

// start runs a Caddyfile, of which the text is what stands in the block of the site that listens everywhere.
func start(t *testing.T, block string) *site {
	t.Helper()
	s := newSite(t)
	if err := s.reload(block); err != nil {
		t.Fatal(err)
	}
	return s
}

func newSite(t *testing.T) *site {
	t.Helper()
	dir, err := os.MkdirTemp("", "gw") //nolint:usetesting // a socket's path must be short, and t.TempDir's has the test's name
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_DATA_HOME", dir) // the ledger's
	s := &site{t: t, dir: dir}
	s.client, s.admin = s.dial("http"), s.dial("admin")
	t.Cleanup(func() {
		if err := caddy.Stop(); err != nil {
			t.Error(err)
		}
		shared.Range(func(key, _ any) bool {
			t.Errorf("still held after all is stopped: %#v", key)
			return true
		})
		_ = os.RemoveAll(dir) // what is left over is in the system's own folder for it
	})
	return s
}

func (s *site) dial(name string) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", s.path(name))
		},
		// A server that is replaced closes its idle connections, perhaps while a request is on its way there.
		DisableKeepAlives:     true,
		ExpectContinueTimeout: time.Minute,
	}}
}

func (s *site) path(name string) string { return filepath.Join(s.dir, name) }

// write puts a file into the site's folder and returns its path.
func (s *site) write(name, text string) string {
	s.t.Helper()
	path := s.path(name)
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// reload loads another block in place of the one that runs.
func (s *site) reload(block string) error {
	s.t.Helper()
	adapted, err := adapt(s.t, formatted(":80 {\nbind unix/"+s.path("http")+"\n"+block+"\n}\n"))
	if err != nil {
		return err
	}
	s.reloads++
	return s.load(adapted)
}

// load runs a configuration in JSON, with the log in a file.
func (s *site) load(config []byte) error {
	s.t.Helper()
	var all map[string]any
	if err := json.Unmarshal(config, &all); err != nil {
		s.t.Fatal(err)
	}
	all["admin"] = map[string]any{"listen": "unix/" + s.path("admin"), "config": map[string]any{"persist": false}}
	logging, _ := all["logging"].(map[string]any)
	if logging == nil {
		logging = map[string]any{"logs": map[string]any{}}
		all["logging"] = logging
	}
	logging["logs"].(map[string]any)["default"] = map[string]any{
		"level":  "DEBUG",
		"writer": map[string]any{"output": "file", "filename": s.path("log")},
	}
	config, err := json.Marshal(all)
	if err != nil {
		s.t.Fatal(err)
	}
	return caddy.Load(config, true)
}

// log returns all that was logged.
func (s *site) log() string {
	s.t.Helper()
	data, err := os.ReadFile(s.path("log"))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(data)
}

// lines returns the log's lines with a message.
func (s *site) lines(msg string) []map[string]any {
	s.t.Helper()
	var found []map[string]any
	for line := range strings.Lines(s.log()) {
		var entry map[string]any
		decoder := json.NewDecoder(strings.NewReader(line))
		decoder.UseNumber()
		if err := decoder.Decode(&entry); err != nil {
			s.t.Fatalf("log line %q: %v", line, err)
		}
		if entry["msg"] == msg {
			found = append(found, entry)
		}
	}
	return found
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// code is the code of OpenAI's error object.
func (a answer) code() string {
	var body struct {
		Error struct{ Code string }
	}
	if json.Unmarshal([]byte(a.body), &body) != nil {
		return ""
	}
	return body.Error.Code
}

func (s *site) do(client *http.Client, method, url, body string, header ...string) answer {
	s.t.Helper()
	resp := s.open(client, method, url, body, header...)
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(data)}
}

// open sends a request; header is names and values in turn.
func (s *site) open(client *http.Client, method, url, body string, header ...string) *http.Response {
	s.t.Helper()
	if strings.HasPrefix(url, "/") {
		url = "http://gateway.test" + url
	}
	for tries := 1; ; tries++ {
		req, err := http.NewRequestWithContext(s.t.Context(), method, url, strings.NewReader(body))
		if err != nil {
			s.t.Fatal(err)
		}
		for i := 0; i+1 < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		resp, err := client.Do(req)
		if err == nil {
			return resp
		}
		// A connection that the old server takes while a reload stops it is closed
		// unanswered, of plain Caddy too: clients ask again.
		if s.reloads == 0 || !errors.Is(err, io.EOF) || tries == 3 {
			s.t.Fatal(err)
		}
	}
}

// chat asks a gate with the key "k".
func (s *site) chat(gate, prompt string, header ...string) answer {
	s.t.Helper()
	return s.do(s.client, "POST", chatPath, question(gate, prompt, false), append([]string{"Authorization", "Bearer k"}, header...)...)
}

func question(gate, prompt string, stream bool) string {
	text, _ := json.Marshal(prompt) // a text always can be
	return fmt.Sprintf(`{"model": %q, "stream": %t, "messages": [{"role": "user", "content": %s}]}`, gate, stream, text)
}

// metric returns the sum of a metric's values over all labels that have the given text in them.
func (s *site) metric(name, labels string) (sum float64) {
	s.t.Helper()
	text := s.do(s.admin, "GET", "http://127.0.0.1/metrics", "").body
	for line := range strings.Lines(text) {
		rest, ok := strings.CutPrefix(line, name)
		if !ok || !strings.HasPrefix(rest, "{") && !strings.HasPrefix(rest, " ") || !strings.Contains(rest, labels) {
			continue
		}
		var value float64
		if _, err := fmt.Sscan(rest[strings.LastIndexByte(rest, ' '):], &value); err != nil {
			s.t.Fatalf("metric %q: %v", line, err)
		}
		sum += value
	}
	return sum
}

// reading is a stream of chunks that is being read.
type reading struct {
	t    *testing.T
	body io.ReadCloser
	scan *bufio.Scanner
	text strings.Builder
	done bool
}

func (s *site) stream(gate, prompt string) *reading {
	s.t.Helper()
	resp := s.open(s.client, "POST", chatPath, question(gate, prompt, true), "Authorization", "Bearer k")
	if resp.StatusCode != http.StatusOK {
		data, _ := io.ReadAll(resp.Body)
		s.t.Fatalf("stream of %s: %d %s", gate, resp.StatusCode, data)
	}
	return &reading{t: s.t, body: resp.Body, scan: bufio.NewScanner(resp.Body)}
}

// next reads one chunk; false is the stream's end.
func (r *reading) next() bool {
	r.t.Helper()
	for r.scan.Scan() {
		data, ok := bytes.CutPrefix(r.scan.Bytes(), []byte("data: "))
		if !ok {
			continue
		}
		if string(data) == "[DONE]" {
			r.done = true
			continue
		}
		var chunk struct {
			Choices []struct{ Delta struct{ Content string } }
			Error   json.RawMessage
		}
		if err := json.Unmarshal(data, &chunk); err != nil || chunk.Error != nil {
			r.t.Errorf("chunk %s: %v", data, err)
			return false
		}
		for _, c := range chunk.Choices {
			r.text.WriteString(c.Delta.Content)
		}
		return true
	}
	if err := r.scan.Err(); err != nil {
		r.t.Error(err)
	}
	return false
}

// all reads the rest, and returns the whole text.
func (r *reading) all() string {
	r.t.Helper()
	for r.next() {
	}
	if !r.done {
		r.t.Error("the stream ended without [DONE]")
	}
	_ = r.body.Close() // it was read to its end
	return r.text.String()
}

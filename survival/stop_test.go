package survival

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/layergateway/layergateway/internal/faultd"
	"github.com/layergateway/layergateway/internal/site"
)

// opened is a stream of which the fifth word has been read.
type opened struct {
	resp   *http.Response
	reader *bufio.Reader
	head   strings.Builder
}

func open(t *testing.T, client *http.Client, base, gate string) *opened {
	t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, base+"/v1/chat/completions", strings.NewReader(question(gate, true)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer k")
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() }) // if it was not read to its end, the test has failed already
	o := &opened{resp: resp, reader: bufio.NewReader(resp.Body)}
	for !strings.Contains(o.head.String(), faultd.Word(5)) {
		line, err := o.reader.ReadString('\n')
		o.head.WriteString(line)
		if err != nil {
			t.Fatalf("%s: %v after %s", gate, err, o.head.String())
		}
	}
	return o
}

// rest reads on to the end, and returns the whole.
func (o *opened) rest(t *testing.T) string {
	t.Helper()
	rest, err := io.ReadAll(o.reader)
	if err != nil {
		t.Errorf("the stream was cut: %v", err)
	}
	return same([]byte(o.head.String() + string(rest)))
}

// At SIGTERM streams may end within the grace period. Those that don't are told, in an error event and without [DONE].
func TestStop(t *testing.T) {
	const each = 8 // of a dialect, ending in time and not
	w := newWorld(t, map[string]faultd.Script{
		"paced": paced, "short": halted("short"), "long": halted("never"),
	}, settings{global: "grace_period 6s"})
	s := site.Start(t, w.config(0))
	h2, h3 := s.H2(), s.H3()
	want := make(map[string]string)
	for _, d := range dialects {
		want[d] = strings.ReplaceAll(undisturbed(t, s, d+"-paced"), "paced", "short")
	}
	type ending struct {
		dialect string
		stream  *opened
	}
	var short, long []ending
	for i := range each {
		for _, d := range dialects {
			client, base := s.Client(), s.URL
			switch i % 3 {
			case 1:
				client, base = h2, s.TLSURL
			case 2:
				client, base = h3, s.TLSURL
			}
			short = append(short, ending{d, open(t, client, base, d+"-short")})
			long = append(long, ending{d, open(t, client, base, d+"-long")})
		}
	}
	// One begins before a reload: it belongs to a configuration that is gone.
	long = append(long, ending{"openai", open(t, s.Client(), s.URL, "openai-long")})
	if err := s.Reload(w.config(1)); err != nil {
		t.Fatal(err)
	}
	long = append(long, ending{"google", open(t, s.Client(), s.URL, "google-long")})

	s.Signal(syscall.SIGTERM)
	site.Eventually(t, "the stop begins", time.Minute, func() bool { return len(s.Lines("servers shutting down; grace period initiated")) >= 2 })
	w.up.Release("short")
	for _, e := range short {
		if got := e.stream.rest(t); got != want[e.dialect] {
			t.Errorf("%s by %s: ended in time, and differs %s", e.dialect, e.stream.resp.Proto, differ(got, want[e.dialect]))
		}
	}
	// All at once: of HTTP/3, a client has nothing more to read once its connection is closed.
	var ends sync.WaitGroup
	for _, e := range long {
		ends.Go(func() {
			got := e.stream.rest(t)
			_, end, _ := strings.Cut(got, faultd.Word(5))
			if strings.Count(got, `"code":"gateway_stopping"`) != 1 || strings.Contains(got, "[DONE]") || !strings.HasSuffix(end, "}}\n\n") {
				t.Errorf("%s by %s: did not end in time, and ends with %s", e.dialect, e.stream.resp.Proto, end)
			}
		})
	}
	ends.Wait()
	if code := s.Wait(time.Minute); code != 0 {
		t.Errorf("exit code %d", code)
	}
	rows := make(map[any]int)
	for _, line := range s.Lines("request") {
		rows[line["outcome"]]++
	}
	if rows["ok"] != len(short)+len(dialects) || rows["truncated"] != len(long) {
		t.Errorf("outcomes in the log: %v, of %d that ended in time and %d that did not", rows, len(short)+len(dialects), len(long))
	}
	for _, e := range w.up.Entries("long") {
		if e.Outcome == faultd.Running {
			t.Error("a request to the provider outlives the process")
		}
	}
}

// Caddy closes connections of HTTP/3 when the grace period of a reload is over. Streams on them are told before, and no
// others.
func TestReloadGrace(t *testing.T) {
	w := newWorld(t, map[string]faultd.Script{"held": halted("held")}, settings{global: "grace_period 4s"})
	s := site.Start(t, w.config(0))
	one, two, three := open(t, s.Client(), s.URL, "openai-held"), open(t, s.H2(), s.TLSURL, "openai-held"), open(t, s.H3(), s.TLSURL, "openai-held")
	if err := s.Reload(w.config(1)); err != nil {
		t.Fatal(err)
	}
	if got := three.rest(t); strings.Count(got, `"code":"gateway_stopping"`) != 1 || strings.Contains(got, "[DONE]") {
		t.Errorf("by HTTP/3: %s", got)
	}
	w.up.Release("held")
	for _, o := range []*opened{one, two} {
		if got := o.rest(t); !strings.HasSuffix(got, "data: [DONE]\n\n") || strings.Contains(got, `"error"`) {
			t.Errorf("by %s: %s", o.resp.Proto, got)
		}
	}
}

// undisturbed is a stream as it is without anything that happens to it.
func undisturbed(t *testing.T, s *site.Site, gate string) string {
	t.Helper()
	body, err := post(t.Context(), s.Client(), s.URL+"/v1/chat/completions", question(gate, true))
	if err != nil {
		t.Fatalf("%s: %v", gate, err)
	}
	return same(body)
}

// Without streams the process waits for nobody.
func TestStopIdle(t *testing.T) {
	w := newWorld(t, nil, settings{global: "grace_period 10m"})
	s := site.Start(t, w.config(0))
	for _, client := range []*http.Client{s.H2(), s.H3()} {
		if _, err := post(t.Context(), client, s.TLSURL+"/v1/chat/completions", question("echo", true)); err != nil {
			t.Fatal(err)
		}
	}
	s.Signal(syscall.SIGTERM)
	if code := s.Wait(time.Minute); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// A configuration that fails, wherever, leaves the one that runs untouched, and its streams.
func TestBadReload(t *testing.T) {
	taken, err := site.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", taken)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	w := newWorld(t, map[string]faultd.Script{"paced": paced, "held": halted("held")}, settings{})
	s := site.Start(t, w.config(0))
	base := w.rest(t, s)
	var streams []*opened
	for _, d := range dialects {
		streams = append(streams, open(t, s.Client(), s.URL, d+"-held"))
	}
	before := s.Admin("/config/")
	bad := func(gateway, more string) site.Config {
		broken := *w
		broken.gateway, broken.more = gateway, more
		return broken.config(1)
	}
	for _, row := range []struct {
		name, want string
		config     site.Config
	}{
		{"unknown word", "nonsense", bad("nonsense", "")},
		{"unknown provider", "nobody", bad("gate 99999999-0000-4000-8000-000000000000 {\nname lost\nmodel nobody/x\n}\n", "")},
		{"unset client key", "{env.TEST_UNSET}", bad("api_key {env.TEST_UNSET}\n", "")},
		{"port in use", "address already in use", bad("", "http://"+taken+" {\nrespond \"late\"\n}\n")},
	} {
		if err := s.Reload(row.config); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: error %v, want one of %q", row.name, err, row.want)
		}
		if after := s.Admin("/config/"); after != before {
			t.Errorf("%s: the configuration is another", row.name)
		}
		if _, err := post(t.Context(), s.Client(), s.URL+"/v1/chat/completions", question("echo", true)); err != nil {
			t.Errorf("%s: the next request: %v", row.name, err)
		}
	}
	w.up.Release("held")
	for i, d := range dialects {
		want := strings.ReplaceAll(undisturbed(t, s, d+"-paced"), "paced", "held")
		if got := streams[i].rest(t); got != want {
			t.Errorf("%s: differs %s", d, differ(got, want))
		}
	}
	w.settle(t, s, base)
}

// Gates in files change without a reload, and what streams by the old ones goes on.
func TestGatesFile(t *testing.T) {
	w := newWorld(t, map[string]faultd.Script{"held": halted("held")}, settings{})
	s := site.Start(t, w.config(0))
	text := func(name string) string {
		return fmt.Sprintf(`[{"id": "99999999-0000-4000-8000-000000000000", "name": %q, "model": "anthropic/held"}]`, name)
	}
	s.Write("gates.json", text("before"))
	w.gateway = "gates_file gates.json\n"
	if err := s.Reload(w.config(1)); err != nil {
		t.Fatal(err)
	}
	loads := len(s.Lines("received request"))
	stream := open(t, s.Client(), s.URL, "before")
	s.Write("gates.json", text("after"))
	w.up.Release("held")
	site.Eventually(t, "the gate has its new name", time.Minute, func() bool {
		_, err := post(t.Context(), s.Client(), s.URL+"/v1/chat/completions", question("after", true))
		return err == nil
	})
	if got := stream.rest(t); !strings.HasSuffix(got, "data: [DONE]\n\n") || !strings.Contains(got, faultd.Word(words)) {
		t.Errorf("the stream by the gate as it was: %s", got)
	}
	if now := len(s.Lines("received request")); now != loads {
		t.Errorf("%d requests at the admin endpoint", now-loads)
	}
}

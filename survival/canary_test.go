package survival

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/layergateway/layergateway/internal/faultd"
	"github.com/layergateway/layergateway/internal/site"
)

// What must never be where it doesn't belong.
const (
	frontKey  = "layer_c0ffee11c0ffee11c0ffee11c0ffee11c0ffee11c0ffee11c0ffee11c0ffee11"
	tenantKey = "layer_7e4a4700dead0001dead0002dead0003dead0004dead0005dead0006dead0007"
	narrowKey = "layer_4a5505ed0000aaaa1111bbbb2222cccc3333dddd4444eeee5555ffff66667777"
	wrongKey  = "sk-proj-wr0ngk3yc4n4ry8Vq2mT6yB1xZ9pL3nR7cJ5hD0fS4gA"

	secretPrompt     = "prompt-canary-5d1f02aa"
	secretCompletion = "completion-canary-77c3be19"
	secretArguments  = "arguments-canary-9e04d1f7"
	secretResult     = "tool-result-canary-1b7f3c55"
	secretImage      = "image-canary-bytes-40e2a9"
)

// canaries are the secrets by what they are. Of an image, what is sent is its base64.
var canaries = map[string]string{
	"client's key": frontKey, "tenant's key": tenantKey, "narrow key": narrowKey, "wrong key": wrongKey,
	"prompt": secretPrompt, "completion": secretCompletion, "tool arguments": secretArguments, "tool result": secretResult,
	"image": base64.StdEncoding.EncodeToString([]byte(secretImage)), "image's bytes": secretImage,
}

// frontProviderKeys are the providers' keys, by their name and the beginning of their path.
var frontProviderKeys = map[string]string{
	"openai": "sk-openai-canary-3f9d", "google": "AIza-google-canary-8c21", "anthropic": "sk-ant-canary-77b0",
	"vertex": "AIza-vertex-canary-19ae", "bedrock": "ABSK-bedrock-canary-5e6f", "azure": "azure-canary-0d4c",
}

var frontEnv = func() []string {
	env := []string{"CANARY_CLIENT=" + frontKey, "CANARY_TENANT=" + tenantKey, "CANARY_NARROW=" + narrowKey}
	for name, key := range frontProviderKeys {
		canaries["key of "+name] = key
		env = append(env, "CANARY_"+strings.ToUpper(name)+"="+key)
	}
	return env
}()

// bait listens where no request may lead the gateway, and counts who comes.
type bait struct {
	hits      atomic.Int64
	port      string
	listeners []net.Listener
}

func newBait(t *testing.T) *bait {
	t.Helper()
	b := new(bait)
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, b.port, _ = net.SplitHostPort(ln.Addr().String())
	b.listeners = []net.Listener{ln}
	if six, err := new(net.ListenConfig).Listen(t.Context(), "tcp6", "[::1]:"+b.port); err == nil { // not everywhere
		b.listeners = append(b.listeners, six)
	}
	for _, ln := range b.listeners {
		go func() {
			for {
				conn, err := ln.Accept()
				if err != nil {
					return
				}
				b.hits.Add(1)
				_ = conn.Close()
			}
		}()
		t.Cleanup(func() { _ = ln.Close() })
	}
	return b
}

// TestClients plays all rows against one process. What they do runs side by side; what came of it is judged then.
func TestClients(t *testing.T) {
	callers := callersOf(slices.Concat(goneRows, streamRows, bodyRows, httpRows, gateRows, overloadRows, secureRequestRows, secureAnswerRows, secureNameRows, secureURLRows()))
	f := startFront(t, callers)
	for _, name := range []string{"tenants", "second", "third"} {
		f.up.On(name, faultd.Script{faultd.Healthy(3)})
	}
	begun := time.Now()
	actAll(callers)
	t.Logf("%d rows took %v", len(callers), time.Since(begun))

	total := 0
	for _, c := range callers {
		total += c.row.want.nameless
		for _, n := range c.row.want.outcomes() {
			total += n
		}
	}
	b := f.readFront(t, total)
	for _, c := range callers {
		t.Run(c.row.id, func(t *testing.T) { c.judge(t, b) })
	}
	t.Run("every request upstream", func(t *testing.T) { checkUpstream(t, f) })
	t.Run("D41 memory", func(t *testing.T) { checkSlowMemory(t, f) })
	t.Run("D50 bomb memory", func(t *testing.T) { checkBombMemory(t, f) })
	t.Run("D71 a thousand requests", func(t *testing.T) { askMuch(t, f) })
	t.Run("D74 empty keys", func(t *testing.T) { checkEmptyKeys(t, f) })
	t.Run("canaries", func(t *testing.T) { checkCanaries(t, f) })
	t.Run("process", func(t *testing.T) { checkProcess(t, f) })
}

// actAll lets all rows do what they do, not all at once.
func actAll(callers []*caller) {
	room := make(chan struct{}, 24)
	var wg sync.WaitGroup
	for _, c := range callers {
		room <- struct{}{}
		wg.Go(func() {
			defer func() { <-room }()
			do := c.row.act
			if do == nil {
				do = askPlain
			}
			c.reply = do(c)
		})
	}
	wg.Wait()
}

// checkProcess sees that nothing is left over.
func checkProcess(t *testing.T, f *front) {
	var now site.Usage
	site.Eventually(t, "goroutines and descriptors are back to what they were", time.Minute, func() bool {
		f.up.CloseConns()
		now = f.site.Usage()
		return now.Goroutines <= f.base.Goroutines+8 && now.FDs <= f.base.FDs+4
	})
	t.Logf("at first %+v, at last %+v", f.base, now)
}

// checkCanaries looks for the secrets wherever something is written or shown.
func checkCanaries(t *testing.T, f *front) {
	var sent strings.Builder // they must have been there to be lost
	for _, e := range f.up.Entries("") {
		fmt.Fprint(&sent, e.Header, string(e.Body))
	}
	for what, secret := range canaries {
		clients := strings.HasSuffix(what, " key") || strings.HasSuffix(what, "'s key")
		if !clients && what != "image's bytes" && !strings.Contains(sent.String(), secret) {
			t.Errorf("the %s was never sent", what)
		}
	}
	places := map[string][]byte{}
	for _, path := range []string{"/config/", "/metrics", "/debug/pprof/goroutine?debug=2", "/debug/pprof/heap?debug=1", "/debug/pprof/allocs?debug=1", "/debug/pprof/cmdline", "/debug/vars"} {
		places["admin "+path] = []byte(f.site.Admin(path))
	}
	if n := strings.Count(f.site.Log(), `"msg":"handled request"`); n < 1000 {
		t.Errorf("the access log has %d lines only", n)
	}
	err := filepath.WalkDir(f.site.Dir(), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		places["file "+strings.TrimPrefix(path, f.site.Dir())], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, must := range []string{"file /log", "file /config/caddy/autosave.json"} {
		if len(places[must]) == 0 {
			t.Errorf("%s is empty", must)
		}
	}
	for id, text := range f.seen {
		places["client of "+id] = text
	}
	for where, text := range places {
		for what, secret := range canaries {
			if strings.HasPrefix(where, "client of") && what == "completion" {
				continue // it is the client's own
			}
			if i := bytes.Index(text, []byte(secret)); i >= 0 {
				t.Errorf("%s: has the %s: …%q…", where, what, text[max(0, i-200):min(len(text), i+100)])
			}
			if short := secret[:min(len(secret), 12)]; what == "wrong key" && bytes.Contains(text, []byte(short)) {
				t.Errorf("%s: has the beginning of the %s", where, what)
			}
		}
	}
	t.Logf("%d places", len(places))
}

// checkUpstream sees that nothing but the allowed went up, each provider's key to it alone.
func checkUpstream(t *testing.T, f *front) {
	allowed := []string{"Accept", "Accept-Encoding", "Content-Length", "Content-Type", "User-Agent", "Anthropic-Version"}
	for _, e := range f.up.Entries("") {
		whose, _, _ := strings.Cut(strings.TrimPrefix(e.Path, "/"), "/")
		key, known := frontProviderKeys[whose]
		if !known || e.Host != f.up.Addr {
			t.Errorf("request %s at host %s", e.Path, e.Host)
		}
		credentials := 0
		for name, values := range e.Header {
			switch name {
			case "Authorization", "X-Goog-Api-Key", "X-Api-Key", "Api-Key":
				if credentials++; len(values) != 1 || strings.TrimPrefix(values[0], "Bearer ") != key {
					t.Errorf("%s: %s is not the provider's own", e.Path, name)
				}
			default:
				if !slices.Contains(allowed, name) {
					t.Errorf("%s: the header %s went up: %q", e.Path, name, values)
				}
			}
		}
		if credentials != 1 {
			t.Errorf("%s: %d credentials", e.Path, credentials)
		}
		if all := fmt.Sprint(e.Path, e.Query, e.Header, string(e.Body)); strings.Contains(all, frontKey) || strings.Contains(all, tenantKey) || strings.Contains(e.Query, "key=") {
			t.Errorf("%s?%s: a key went up", e.Path, e.Query)
		}
	}
	if n := f.bait.hits.Load(); n > 0 {
		t.Errorf("the gateway was led to the bait %d times", n)
	}
}

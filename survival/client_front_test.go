package survival

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/layergateway/layergateway/internal/faultd"
	"github.com/layergateway/layergateway/internal/faultd/badclient"
	"github.com/layergateway/layergateway/internal/site"
)

// clientPatience is how long a row waits for what happens at once.
const clientPatience = 20 * time.Second

const frontPath = "/v1/chat/completions"

// clientRow is what a client does to the gateway, and what must come of it. Each has a gate of its own, whose name is
// made of its id, and a model of the same name.
type clientRow struct {
	id      string
	gate    string          // more words of its gate
	to      string          // its provider, up if unsaid
	scripts []faultd.Script // what the upstream does
	act     func(c *caller) badclient.Reply
	want    clientWant
	check   func(t *testing.T, c *caller, r *badclient.Reply)
}

// clientWant is what the five views must show: the client, the upstream's journal, the log, the metrics. The process is
// looked at once all rows are over.
type clientWant struct {
	status      int    // 0: the client has left, or no answer came
	code, param string // of the error
	words       int    // of the text
	end         string // the outcome of its one line in the log; "" is no line
	ends        map[string]int
	asked, left int // requests at the upstream, and those that were left there
	nameless    int // lines of requests that name no gate, and whose id nobody saw
}

func (w clientWant) outcomes() map[string]int {
	switch {
	case w.ends != nil:
		return w.ends
	case w.end == "":
		return map[string]int{}
	}
	return map[string]int{w.end: 1}
}

// front is the gateway with all rows' gates.
type front struct {
	site *site.Site
	up   *faultd.Server
	// Where the rows' handler listens: open as it is in Caddyfile.example, with its log; tight with little room and
	// time, and tightTLS by HTTP/2 and 3; busy for two requests at once.
	open, tight, tightTLS, busy string
	bait                        *bait
	base                        site.Usage

	mu   sync.Mutex
	seen map[string][]byte // all that clients saw, by row
}

// caller is a row under way.
type caller struct {
	*front
	row  *clientRow
	name string // of gate and model

	mu       sync.Mutex
	problems []string
	ids      []string // of requests that were answered
	reply    badclient.Reply
}

// problem notes what is wrong, from any goroutine.
func (c *caller) problem(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.problems = append(c.problems, fmt.Sprintf(format, args...))
}

func (c *caller) noProblem(err error) {
	if err != nil {
		c.problem("%v", err)
	}
}

// saw keeps what the client saw.
func (c *caller) saw(r badclient.Reply) badclient.Reply {
	text := fmt.Appendf(nil, "%s %v %s", r.Raw, r.Header, r.Body)
	c.front.mu.Lock()
	c.seen[c.row.id] = append(c.seen[c.row.id], text...)
	c.front.mu.Unlock()
	if id := r.Header.Get("X-Layer-Request-Id"); id != "" {
		c.mu.Lock()
		c.ids = append(c.ids, id)
		c.mu.Unlock()
	}
	return r
}

func (c *caller) client() badclient.Client { return badclient.Client{Addr: c.open} }

func (c *caller) do(req badclient.Request) badclient.Reply { return c.saw(c.client().Do(req)) }

// body is a request to the row's gate with more fields in front of its messages, such as "stream":true.
func (c *caller) body(fields ...string) string {
	fields = append([]string{fmt.Sprintf(`"model":%q`, c.name)}, fields...)
	return chatBody(fields...)
}

func chatBody(fields ...string) string {
	return "{" + strings.Join(append(fields, `"messages":[{"role":"user","content":"`+secretPrompt+`"}]}`), ",")
}

func (c *caller) post(fields ...string) badclient.Request {
	return badclient.Post(frontPath, frontKey, c.body(fields...))
}

// bare is a request with the body as it is.
func bare(body string, headers ...string) func(c *caller) badclient.Reply {
	return func(c *caller) badclient.Reply { return c.do(badclient.Post(frontPath, frontKey, body, headers...)) }
}

func askPlain(c *caller) badclient.Reply  { return c.do(c.post()) }
func askStream(c *caller) badclient.Reply { return c.do(c.post(`"stream":true`)) }

// wellSaid is an upstream without a fault.
func wellSaid(words int) []faultd.Script { return []faultd.Script{{faultd.Healthy(words)}} }

// readFront is what the gateway has written, once it has a line for each request.
func (f *front) readFront(t *testing.T, want int) *books {
	t.Helper()
	for end := time.Now().Add(clientPatience); strings.Count(f.site.Log(), `"msg":"request"`) < want; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Errorf("the log has fewer than %d requests", want)
			break
		}
	}
	return readBooks(t, &venue{up: f.up, site: f.site})
}

// judge compares the views of one row.
func (c *caller) judge(t *testing.T, b *books) {
	want, r := c.row.want, &c.reply
	for _, p := range c.problems {
		t.Error(p)
	}
	if r.Status != want.status {
		t.Errorf("client: status %d (%v), want %d: %.500s", r.Status, r.Err, want.status, r.Body)
	}
	if fault := r.Fault(); want.code != "" {
		if fault == nil || fault.Code != want.code || fault.Param != want.param || fault.Message == "" || fault.Type == "" {
			t.Errorf("client: error %+v, want %s of %q", fault, want.code, want.param)
		}
		if id := r.Header.Get("X-Layer-Request-Id"); id == "" || id != r.Header.Get("X-Request-Id") {
			t.Errorf("client: the error has the request id %q", id)
		}
	} else if fault != nil {
		t.Errorf("client: error %+v", fault)
	}
	if want.words > 0 {
		if err := faultd.CheckWords(r.Text(), want.words); err != nil {
			t.Errorf("client: %v", err)
		}
	}
	asked := c.up.Entries(c.name)
	left := 0
	for _, e := range asked {
		if e.Outcome == faultd.Cancelled {
			left++
		}
	}
	if len(asked) != want.asked || left != want.left {
		t.Errorf("upstream: %d requests, %d of them left, want %d and %d", len(asked), left, want.asked, want.left)
	}
	ends, byGate := map[string]int{}, map[string]int{}
	for _, lines := range b.lines {
		for _, l := range lines {
			own := l.Gate == c.name
			if own {
				byGate[l.Outcome]++
			}
			if own || slices.Contains(c.ids, l.RequestID) {
				ends[l.Outcome]++
				if l.RequestID == r.Header.Get("X-Layer-Request-Id") && l.Status != r.Status && l.Outcome != "client_gone" {
					t.Errorf("log: status %d, the client saw %d", l.Status, r.Status)
				}
			}
		}
	}
	if !maps.Equal(ends, want.outcomes()) {
		t.Errorf("log: outcomes %v, want %v", ends, want.outcomes())
	}
	if counted := count(b.outcomes[c.name], "outcome"); counted != inOrder(byGate) {
		t.Errorf("metrics: outcomes %s, the log has %s", counted, inOrder(byGate))
	}
	if c.row.check != nil {
		c.row.check(t, c, r)
	}
}

// allowedHeaders are what an answer's header may have, beside X-Layer-….
var allowedHeaders = []string{"Allow", "Cache-Control", "Connection", "Content-Length", "Content-Type", "Date", "Retry-After", "Server", "Www-Authenticate",
	"X-Accel-Buffering", "X-Request-Id", "X-Should-Retry"}

func checkAnswerHeader(t *testing.T, _ *caller, r *badclient.Reply) {
	t.Helper()
	for name := range r.Header {
		if !slices.Contains(allowedHeaders, name) && !strings.HasPrefix(name, "X-Layer-") {
			t.Errorf("client: the answer has the header %s", name)
		}
	}
	if r.Header.Get("Server") != "Caddy" || len(r.Trailer) > 0 {
		t.Errorf("client: header %v, trailer %v", r.Header, r.Trailer)
	}
	if r.Header.Get("Connection") == "upgrade" || r.Status == http.StatusSwitchingProtocols {
		t.Errorf("client: the upstream's hop reached the client: %v", r.Header)
	}
}

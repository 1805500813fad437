package upstream

import (
	"cmp"
	"context"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Outcomes of a request, as its [Entry] names them.
const (
	Running   = "running"   // not answered yet, or in mid-stream
	Answered  = "answered"  // to the end, an ordered error event included
	Refused   = "refused"   // with an error status
	Cancelled = "cancelled" // the client was gone before the end
	Cut       = "cut"       // the connection was closed by order
)

// Usage is what the fake billed, in tokens. Input holds everything that was read, the cached part and the
// part written to a cache too; Output everything that was written, Reasoning included.
type Usage struct {
	Input      int `json:"input"`
	Cached     int `json:"cached"`
	CacheWrite int `json:"cache_write"`
	Output     int `json:"output"`
	Reasoning  int `json:"reasoning"`
}

// Entry is one request as a provider saw it.
type Entry struct {
	Seq      int            `json:"seq"` // from 1, in order of arrival
	Provider string         `json:"provider"`
	Tag      string         `json:"tag,omitempty"` // of the directive tag
	Method   string         `json:"method"`
	Path     string         `json:"path"`
	Query    string         `json:"query,omitempty"`
	Header   http.Header    `json:"header"`
	Body     jsontext.Value `json:"body,omitempty"` // as it came; a JSON string if it is not JSON
	Model    string         `json:"model,omitempty"`
	Stream   bool           `json:"stream"`
	Status   int            `json:"status,omitempty"`
	Refusal  string         `json:"refusal,omitempty"` // the message of the error
	Chunks   int            `json:"chunks"`            // content chunks written
	Usage    Usage          `json:"usage"`
	Outcome  string         `json:"outcome"`
}

// Journal is what a [Server] was asked, in order of arrival.
type Journal struct {
	mu      sync.Mutex
	entries []*Entry
	changed chan struct{} // closed and renewed at each change
}

func newJournal() *Journal { return &Journal{changed: make(chan struct{})} }

// Entries returns a copy of what was asked since the start or the last Clear.
func (j *Journal) Entries() []Entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	all := make([]Entry, len(j.entries))
	for i, e := range j.entries {
		all[i] = *e
	}
	return all
}

// Clear forgets all entries. Requests that still run are not written down again.
func (j *Journal) Clear() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.entries = nil
}

// Wait returns the first n entries that fit, as soon as there are so many, or ctx's error.
func (j *Journal) Wait(ctx context.Context, n int, fits func(Entry) bool) ([]Entry, error) {
	for {
		j.mu.Lock()
		changed := j.changed
		var found []Entry
		for _, e := range j.entries {
			if len(found) < n && fits(*e) {
				found = append(found, *e)
			}
		}
		j.mu.Unlock()
		if len(found) == n {
			return found, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// tagOrder finds the directive tag in a body, so that requests that are refused have it too.
var tagOrder = regexp.MustCompile(`[\[,]tag=([A-Za-z0-9_.:-]+)`)

func (j *Journal) open(provider string, r *http.Request, body []byte) *Entry {
	e := &Entry{
		Provider: provider, Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery,
		Header: r.Header.Clone(), Outcome: Running,
	}
	if m := tagOrder.FindAllSubmatch(body, -1); m != nil {
		e.Tag = string(m[len(m)-1][1])
	}
	if jsontext.Value(body).IsValid() {
		e.Body = slices.Clone(body)
	} else if text, err := json.Marshal(string(body), jsontext.AllowInvalidUTF8(true)); err == nil {
		e.Body = text
	}
	j.change(func() {
		j.entries = append(j.entries, e)
		e.Seq = len(j.entries)
	})
	return e
}

// change makes f's change to entries, and wakes who waits.
func (j *Journal) change(f func()) {
	j.mu.Lock()
	defer j.mu.Unlock()
	f()
	close(j.changed)
	j.changed = make(chan struct{})
}

// ServeHTTP gives the entries as {"entries":[…]} for GET, and clears them for DELETE. The query may narrow
// them to a tag, and wait for an outcome: ?tag=x&wait=cancelled&count=2 answers as soon as two entries have
// it (count is 1 if unsaid).
func (j *Journal) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	tagged := func(e Entry) bool { return !q.Has("tag") || e.Tag == q.Get("tag") }
	switch r.Method {
	case http.MethodDelete:
		j.Clear()
		w.WriteHeader(http.StatusNoContent)
	case http.MethodGet:
		if q.Has("wait") {
			n, err := strconv.Atoi(cmp.Or(q.Get("count"), "1"))
			if err != nil {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			if _, err := j.Wait(r.Context(), n, func(e Entry) bool { return tagged(e) && e.Outcome == q.Get("wait") }); err != nil {
				return
			}
		}
		found := slices.DeleteFunc(j.Entries(), func(e Entry) bool { return !tagged(e) })
		w.Header().Set("Content-Type", "application/json")
		_ = json.MarshalWrite(w, map[string][]Entry{"entries": found})
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

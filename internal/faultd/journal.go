package faultd

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Outcome is what became of a request.
type Outcome string

// The outcomes.
const (
	Running   Outcome = "running"
	Done      Outcome = "done"      // the script was played and the answer ended as its framing says
	Broken    Outcome = "broken"    // the script broke the answer off
	Cancelled Outcome = "cancelled" // the client closed, reset or cancelled before the script was done
	Aborted   Outcome = "aborted"   // the server itself was closed meanwhile
)

// Entry is one request.
type Entry struct {
	Seq     int       // from 1, in the order of arrival
	Conn    int       // the Seq of its ConnEntry
	Time    time.Time // when its head had been read
	Proto   string    // HTTP/1.1, HTTP/1.0 or HTTP/2.0
	Method  string
	Path    string // as on the wire, still escaped, without the query
	Query   string
	Host    string
	Header  http.Header
	Body    []byte
	Dialect Dialect // "" if the path is of none
	Model   string  // of the path or the body; "" if neither names one
	Stream  bool    // the request asks for a stream
	Script  int     // the index of the script it got; -1 without one
	Status  int     // the last status sent; 0 before
	Sent    int64   // bytes of the answer's body that the kernel took, after compression and before chunking
	Outcome Outcome
	Ended   time.Time // when the script ended
	// Gone is when the client's side was seen closed, zero if it was not, and GoneBy how: FIN, RST, RST_STREAM,
	// GOAWAY or WRITE (only a write failed).
	Gone   time.Time
	GoneBy string
}

// ConnEntry is one connection.
type ConnEntry struct {
	Seq       int
	Opened    time.Time
	Closed    time.Time // zero while it is open
	Handshake string    // why TLS failed
	Requests  int
}

// Journal is what a [Server] was asked. The filters take "" for all models.
type Journal struct {
	mu      sync.Mutex
	entries []*Entry
	conns   []*ConnEntry
	came    int           // requests so far
	opened  int           // connections so far
	changed chan struct{} // closed and renewed at each change
}

func newJournal() *Journal { return &Journal{changed: make(chan struct{})} }

func now() time.Time { return time.Now() }

// change makes f's change to entries, and wakes who waits.
func (j *Journal) change(f func()) {
	j.mu.Lock()
	defer j.mu.Unlock()
	f()
	close(j.changed)
	j.changed = make(chan struct{})
}

func (j *Journal) connected() *ConnEntry {
	c := &ConnEntry{Opened: now()}
	j.change(func() {
		j.conns = append(j.conns, c)
		j.opened++
		c.Seq = j.opened
	})
	return c
}

func (j *Journal) arrived(e *Entry, c *ConnEntry) {
	j.change(func() {
		j.entries = append(j.entries, e)
		c.Requests++
		j.came++
		e.Seq, e.Conn = j.came, c.Seq
	})
}

// Entries gives copies of the requests for a model, in the order of arrival.
func (j *Journal) Entries(model string) []Entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.find(func(e Entry) bool { return model == "" || e.Model == model })
}

func (j *Journal) find(fits func(Entry) bool) []Entry {
	var all []Entry
	for _, e := range j.entries {
		if fits(*e) {
			all = append(all, *e)
		}
	}
	return all
}

// Conns gives copies of the connections, in the order of arrival.
func (j *Journal) Conns() []ConnEntry {
	j.mu.Lock()
	defer j.mu.Unlock()
	all := make([]ConnEntry, len(j.conns))
	for i, c := range j.conns {
		all[i] = *c
	}
	return all
}

// Forget drops the requests that have ended and the connections that are closed, so that a long run doesn't fill the
// memory with them. The counting goes on.
func (j *Journal) Forget() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.entries = slices.DeleteFunc(j.entries, func(e *Entry) bool { return e.Outcome != Running })
	j.conns = slices.DeleteFunc(j.conns, func(c *ConnEntry) bool { return !c.Closed.IsZero() })
}

// OpenConns is how many connections are open.
func (j *Journal) OpenConns() int {
	return len(slices.DeleteFunc(j.Conns(), func(c ConnEntry) bool { return !c.Closed.IsZero() }))
}

// Wait returns the entries that fit as soon as there are n of them. The error says what was there instead.
func (j *Journal) Wait(n int, timeout time.Duration, fits func(Entry) bool) ([]Entry, error) {
	t := time.NewTimer(timeout)
	defer t.Stop()
	for {
		j.mu.Lock()
		found, changed := j.find(fits), j.changed
		j.mu.Unlock()
		if len(found) >= n {
			return found, nil
		}
		select {
		case <-changed:
		case <-t.C:
			return found, fmt.Errorf("%d of %d requests after %v; the journal: %s", len(found), n, timeout, j)
		}
	}
}

// waitOne is the first entry of a model that fits.
func (j *Journal) waitOne(model string, timeout time.Duration, fits func(Entry) bool) (Entry, error) {
	found, err := j.Wait(1, timeout, func(e Entry) bool { return (model == "" || e.Model == model) && fits(e) })
	if err != nil {
		return Entry{}, err
	}
	return found[0], nil
}

// WaitCancelled waits for a request of the model that the client left.
func (j *Journal) WaitCancelled(model string, timeout time.Duration) (Entry, error) {
	return j.waitOne(model, timeout, func(e Entry) bool { return e.Outcome == Cancelled })
}

// WaitArrived waits for a request of the model.
func (j *Journal) WaitArrived(model string, timeout time.Duration) (Entry, error) {
	return j.waitOne(model, timeout, func(Entry) bool { return true })
}

// WaitSent waits until at least n bytes of an answer's body were sent.
func (j *Journal) WaitSent(model string, n int64, timeout time.Duration) (Entry, error) {
	return j.waitOne(model, timeout, func(e Entry) bool { return e.Sent >= n })
}

// WaitEnded waits until n requests of the model have come and none of its requests runs.
func (j *Journal) WaitEnded(model string, n int, timeout time.Duration) ([]Entry, error) {
	var all []Entry
	// The wait is for one entry that fits, of which there is one when all have ended.
	_, err := j.Wait(n, timeout, func(e Entry) bool {
		return (model == "" || e.Model == model) && e.Outcome != Running && !j.running(model)
	})
	if err == nil {
		all = j.Entries(model)
	}
	return all, err
}

// running tells, under the lock, whether a request of the model still runs.
func (j *Journal) running(model string) bool {
	return slices.ContainsFunc(j.entries, func(e *Entry) bool {
		return (model == "" || e.Model == model) && e.Outcome == Running
	})
}

// String is the journal in short, without bodies and headers, for the messages of failed tests.
func (j *Journal) String() string {
	all := j.Entries("")
	if len(all) == 0 {
		return "no request"
	}
	var out []byte
	for i, e := range all {
		if i > 0 {
			out = append(out, "; "...)
		}
		out = fmt.Appendf(out, "#%d %s %s model %q script %d status %d sent %d %s", e.Seq, e.Method, e.Path, e.Model, e.Script,
			e.Status, e.Sent, e.Outcome)
		if e.GoneBy != "" {
			out = append(out, " gone by "+e.GoneBy...)
		}
	}
	return string(out)
}

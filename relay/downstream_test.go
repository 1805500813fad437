package relay

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/layergateway/layergateway/access"
)

// impatient is a connection that ends once a deadline passes, whether or not
// somebody writes, as a stream of HTTP/2 does; each piece takes its client a while
// to read.
type impatient struct {
	*httptest.ResponseRecorder
	reads time.Duration // what it takes to read 256 KiB
	until time.Time     // zero: no deadline
	ended bool
}

func (w *impatient) SetWriteDeadline(at time.Time) error {
	w.look()
	w.until = at
	return nil
}

func (w *impatient) look() {
	w.ended = w.ended || !w.until.IsZero() && !time.Now().Before(w.until)
}

func (w *impatient) Write(b []byte) (int, error) {
	time.Sleep(time.Duration(int64(w.reads) * int64(len(b)) >> 18))
	if w.look(); w.ended {
		return 0, os.ErrDeadlineExceeded
	}
	return w.ResponseRecorder.Write(b)
}

// TestStall: the time of a write ends a client that reads nothing, and none that
// reads slowly or has nothing to read.
func TestStall(t *testing.T) {
	list := strings.SplitAfter(goodStream, "\n\n")
	silence := func() io.Reader {
		return io.MultiReader(strings.NewReader(list[0]+list[1]), pause(85*time.Second), strings.NewReader(strings.Join(list[2:], "")))
	}
	// The last write before the silence has the deadline of one before it.
	afterWords := func() io.Reader {
		words := []io.Reader{strings.NewReader(list[0] + list[1])}
		for range 7 {
			words = append(words, pause(time.Second), strings.NewReader(list[1]))
		}
		return io.MultiReader(append(words, pause(85*time.Second), strings.NewReader(strings.Join(list[2:], "")))...)
	}
	large := strings.Replace(good, "hello", strings.Repeat("hello", 1<<20), 1)
	const sse = "text/event-stream"
	for _, test := range []struct {
		name      string
		body      string
		a         answer
		keepalive time.Duration
		reads     time.Duration
		outcome   Outcome
	}{
		{"silence without comments", hiStream, answer{typ: sse, read: silence()}, 0, 0, OK},
		{"silence with comments", hiStream, answer{typ: sse, read: silence()}, 15 * time.Second, 0, OK},
		{"silence behind words, with comments", hiStream, answer{typ: sse, read: afterWords()}, 52 * time.Second, 0, OK},
		{"silence behind words, with rarer comments", hiStream, answer{typ: sse, read: afterWords()}, 53 * time.Second, 0, OK},
		{"silence with rare comments", hiStream, answer{typ: sse, read: silence()}, 80 * time.Second, 0, OK},
		{"reads slowly", hi, answer{body: large}, 0, 40 * time.Second, OK},
		{"reads slowly what was one event", hiStream, answer{body: large}, 0, 40 * time.Second, OK},
		{"reads nothing", hi, answer{body: large}, 0, time.Hour, ClientGone},
		{"reads nothing of a stream", hiStream, answer{body: large}, 0, time.Hour, ClientGone},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := setup(t, &upstream{answers: []answer{test.a}}, nil, gateJSON(``))
				defer r.Gates.Close()
				r.StallTimeout, r.Keepalive = time.Minute, test.keepalive
				w := &impatient{ResponseRecorder: httptest.NewRecorder(), reads: test.reads}
				rec := NewRecord(r.Now())
				r.Chat(w, httptest.NewRequest(http.MethodPost, "/v1/chat/completions", strings.NewReader(test.body)), &access.Key{Name: "k"}, rec)
				if rec.Outcome != test.outcome || w.ended != (test.outcome == ClientGone) {
					t.Errorf("%s, ended %v", rec.Outcome, w.ended)
				}
				if test.outcome == OK && !w.until.IsZero() {
					t.Error("the connection's next answer has this one's deadline")
				}
			})
		})
	}
}

// TestStallInTheMiddle: a client that reads nothing is no failure of the provider's,
// also where the server does not take it for gone.
func TestStallInTheMiddle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		list := strings.SplitAfter(goodStream, "\n\n")
		parts := []io.Reader{strings.NewReader(list[0] + list[1])}
		for _, event := range list[2:] {
			parts = append(parts, pause(time.Second), strings.NewReader(event))
		}
		r := setup(t, &upstream{answers: []answer{{typ: "text/event-stream", read: io.MultiReader(parts...)}}}, nil, gateJSON(``))
		defer r.Gates.Close()
		r.StallTimeout = time.Minute
		w := &impatient{ResponseRecorder: httptest.NewRecorder(), reads: 100 * time.Hour}
		rec := NewRecord(r.Now())
		r.Chat(w, httptest.NewRequest(http.MethodPost, "/v1/chat/completions", strings.NewReader(hiStream)), &access.Key{Name: "k"}, rec)
		if rec.Outcome != ClientGone || rec.Tries[0].Failed {
			t.Errorf("%s, and the attempt failed: %v", rec.Outcome, rec.Tries[0].Failed)
		}
		for _, s := range r.Providers["a"].Health.Snapshot([]string{"sk-secret-a"}) {
			if s.Failures > 0 {
				t.Errorf("the provider has failed: %+v", s)
			}
		}
	})
}

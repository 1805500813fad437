package cost

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// priceList has n models at one provider; the first costs input.
func priceList(n, input int) string {
	var b strings.Builder
	b.WriteString(`{"acme":{"models":{`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `"m-%d":{"cost":{"input":%d,"output":2}}`, i, input)
	}
	return b.String() + "}}}"
}

// listServer answers as a server of price lists does, without a network.
type listServer struct {
	mu     sync.Mutex
	status int
	body   string
	etag   string
	err    error
	asked  []string // the If-None-Match of each request
}

func (s *listServer) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, r.Header.Get("If-None-Match"))
	if s.err != nil {
		return nil, s.err
	}
	resp := &http.Response{StatusCode: s.status, Header: http.Header{}, Request: r, Body: io.NopCloser(strings.NewReader(s.body))}
	if s.etag != "" {
		resp.Header.Set("ETag", s.etag)
		if s.etag == r.Header.Get("If-None-Match") {
			resp.StatusCode, resp.Body = http.StatusNotModified, http.NoBody
		}
	}
	return resp, nil
}

// answer sets the answer from now on.
func (s *listServer) answer(status int, body, etag string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status, s.body, s.etag, s.err = status, body, etag, nil
}

// questions are those since it was last called.
func (s *listServer) questions() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := s.asked
	s.asked = nil
	return asked
}

// watch is a source with what it reported.
type watch struct {
	*Source
	mu      sync.Mutex
	changes int
	errs    []string
}

func newWatch(t *testing.T, o SourceOptions) *watch {
	t.Helper()
	w := new(watch)
	o.OnChange = func(*Catalog) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.changes++
	}
	o.OnError = func(err error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.errs = append(w.errs, err.Error())
	}
	var err error
	if w.Source, err = NewSource(o); err != nil {
		t.Fatal(err)
	}
	return w
}

// expect checks the price of m-0, and what was reported since it was last called.
func (w *watch) expect(t *testing.T, what, price string, changes int, errs ...string) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	got := "none"
	if p, ok := w.Catalog().Price("acme", "m-0", day); ok {
		got = perMillion(p)
	}
	if got != price || w.changes != changes || len(w.errs) != len(errs) {
		t.Fatalf("%s: price %s, %d changes, errors %q; want %s, %d, %q", what, got, w.changes, w.errs, price, changes, errs)
	}
	for i := range errs {
		if !strings.Contains(w.errs[i], errs[i]) {
			t.Fatalf("%s: error %q doesn't say %q", what, w.errs[i], errs[i])
		}
	}
	w.changes, w.errs = 0, nil
}

// wait lets time pass, and whatever it brings about happen.
func wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestSourceURL(t *testing.T) {
	keep := filepath.Join(t.TempDir(), "made", "kept.json")
	synctest.Test(t, func(t *testing.T) {
		server := &listServer{err: errors.New("no route")}
		w := newWatch(t, SourceOptions{URL: "https://prices.example/api.json?token=secret", Client: &http.Client{Transport: server}, Keep: keep})
		w.expect(t, "before the start", "none", 0)
		if _, ok := w.Age(); ok || w.Version() != Builtin().Version() || server.questions() != nil {
			t.Error("something was read before the start")
		}
		w.Start()
		defer w.Stop()
		synctest.Wait()
		w.expect(t, "not reachable", "none", 0, "prices of prices.example: no route")
		wait(10 * time.Minute)
		if n := len(server.questions()); n < 3 || n > 5 {
			t.Errorf("asked %d times in ten minutes of failures", n)
		}
		w.expect(t, "the same mistake again", "none", 0)

		server.answer(200, priceList(10, 1), `"one"`)
		wait(time.Hour)
		w.expect(t, "the first list", "1 2", 1)
		if !strings.HasPrefix(w.Version(), Builtin().Version()+"+prices.example@") {
			t.Error(w.Version())
		}
		server.questions()
		wait(10 * time.Hour)
		synctest.Wait()
		if asked := server.questions(); len(asked) < 9 || len(asked) > 12 || slices.Contains(asked, "") {
			t.Errorf("asked with %q in ten hours", asked)
		}
		w.expect(t, "nothing new", "1 2", 0)
		if age, ok := w.Age(); !ok || age > 66*time.Minute {
			t.Errorf("age %v", age)
		}

		for _, bad := range []struct {
			status int
			body   string
			want   string
		}{
			{200, priceList(4, 3), "only 4 models"},
			{200, `{"acme":`, "price file"},
			{200, `{}`, "only 0 models"},
			{200, `<html>`, "models.dev"},
			{500, priceList(10, 3), "answered 500"},
			{200, strings.Repeat(" ", maxList+1), "larger than"},
		} {
			server.answer(bad.status, bad.body, `"bad"`)
			wait(66 * time.Minute)
			w.expect(t, bad.want, "1 2", 0, bad.want)
		}
		if age, _ := w.Age(); age < 6*time.Hour {
			t.Errorf("age %v, but nothing good came", age)
		}
		server.answer(200, priceList(5, 4), "")
		wait(66 * time.Minute)
		w.expect(t, "half of the models is enough", "4 2", 1)
		w.Stop()
		server.answer(200, priceList(5, 5), "")
		server.questions()
		wait(5 * time.Hour)
		w.expect(t, "stopped", "4 2", 0)
		if server.questions() != nil {
			t.Error("asked after the stop")
		}
	})

	// The kept copy is there at once, also without the server.
	info, err := os.Stat(keep)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatal(info, err)
	}
	if err := os.Chtimes(keep, time.Time{}, time.Now().Add(-3*time.Hour)); err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &listServer{err: errors.New("no route")}}
	w := newWatch(t, SourceOptions{URL: "https://prices.example/api.json", Client: client, Keep: keep})
	w.expect(t, "kept", "4 2", 0)
	if age, ok := w.Age(); !ok || age < 3*time.Hour || age > 4*time.Hour {
		t.Errorf("age %v", age)
	}
	w.Stop() // never started
	if err := os.WriteFile(keep, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	w = newWatch(t, SourceOptions{URL: "https://prices.example/api.json", Client: client, Keep: keep})
	w.expect(t, "a broken copy", "none", 0, "the kept copy "+keep)
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(keep), ".prices-*")); left != nil {
		t.Errorf("left behind: %q", left)
	}
}

// Nothing is unchanged for who has nothing.
func TestSourceUnasked304(t *testing.T) {
	w := newWatch(t, SourceOptions{URL: "https://prices.example/x", Client: &http.Client{Transport: &listServer{status: 304}}})
	if err := w.ask(t.Context()); err == nil || !strings.Contains(err.Error(), "answered 304") {
		t.Error(err)
	}
}

func TestSourceCannotKeep(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	keep := filepath.Join(file, "kept.json")
	synctest.Test(t, func(t *testing.T) {
		server := &listServer{status: 200, body: priceList(1, 7)}
		w := newWatch(t, SourceOptions{URL: "https://prices.example/x", Client: &http.Client{Transport: server}, Keep: keep})
		w.Start()
		defer w.Stop()
		synctest.Wait()
		w.expect(t, "the list is used all the same", "7 2", 1, "the kept copy", "keep a copy")
	})
}

// A server that never answers is given up, and holds up no stop.
func TestSourceOfSilentServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatch(t, SourceOptions{URL: "https://prices.example/x", Client: &http.Client{Transport: silent{}}})
		w.Start()
		wait(askTimeout + time.Second)
		w.expect(t, "silence", "none", 0, "deadline")
		wait(2 * time.Minute)
		w.Stop()
		w.expect(t, "stopped in silence", "none", 0)
	})
}

type silent struct{}

func (silent) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestSourceFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "prices.json")
	synctest.Test(t, func(t *testing.T) {
		// The file's times are those of the bubble's clock.
		write := func(text string) {
			t.Helper()
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(path, time.Time{}, time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		poll := func() { wait(time.Second) }
		write(priceList(10, 1))
		w := newWatch(t, SourceOptions{File: path, Every: time.Second})
		w.Start()
		defer w.Stop()
		w.expect(t, "read at once", "1 2", 0)
		if !strings.Contains(w.Version(), "+prices.json@") {
			t.Error(w.Version())
		}
		poll()
		w.expect(t, "no change", "1 2", 0)
		if age, _ := w.Age(); age != time.Second {
			t.Errorf("age %v", age)
		}
		// The same length and time as before.
		before := time.Now()
		write(priceList(10, 2))
		poll()
		w.expect(t, "an edit", "2 2", 1)
		write(priceList(10, 3))
		if err := os.Chtimes(path, time.Time{}, before); err != nil {
			t.Fatal(err)
		}
		poll()
		w.expect(t, "an edit soon after, within a tick of the file's clock", "3 2", 1)
		poll()
		write(`{`)
		poll()
		w.expect(t, "a bad edit", "3 2", 0, path)
		poll()
		w.expect(t, "told once", "3 2", 0)
		write(priceList(10, 3))
		poll()
		w.expect(t, "taken back", "3 2", 0)
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		poll()
		poll()
		w.expect(t, "gone", "3 2", 0, "no such file")
		write(priceList(1, 4))
		poll()
		w.expect(t, "a shorter one", "4 2", 1)
	})
}

func TestNewSourceRefuses(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.json")
	if err := os.WriteFile(bad, []byte("[]"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, o := range map[string]SourceOptions{
		"a file or a URL":        {},
		"or a URL":               {File: bad, URL: "https://x"},
		"needs an HTTP client":   {URL: "https://x"},
		"has no host":            {URL: "/x", Client: http.DefaultClient},
		"no such file":           {File: bad + ".not"},
		bad:                      {File: bad},
		"interval is negative":   {File: bad, Every: -1},
		"at least 1s":            {File: bad, Every: time.Millisecond},
		"such as https://models": {URL: "::", Client: http.DefaultClient},
	} {
		if _, err := NewSource(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %s", o, err, want)
		}
	}
}

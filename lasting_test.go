package layergateway

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// What nobody holds any more still serves requests that come a little later, and is closed once when the last of them
// has ended, however many come and go.
func TestLasting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		closed := 0
		l := &lasting[string]{value: "v", close: func(string) error { closed++; return nil }}
		request := func() (done func()) {
			t.Helper()
			v, done, err := l.use()
			if v != "v" || err != nil || closed > 0 {
				t.Fatalf("%q, %v, closed %d times", v, err, closed)
			}
			return done
		}
		request()()
		if err := l.Destruct(); err != nil {
			t.Fatal(err)
		}
		request()()
		first, second := request(), request()
		sleepPast(linger)
		request()()
		first()
		second()
		second()
		if closed != 1 {
			t.Errorf("closed %d times", closed)
		}
		if v, _, err := l.use(); !errors.Is(err, errLeft) {
			t.Errorf("after it was closed: %q, %v", v, err)
		}
	})
}

// What nobody uses is closed without another request.
func TestLastingIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		closed := 0
		l := &lasting[string]{close: func(string) error { closed++; return nil }}
		if err := l.Destruct(); err != nil {
			t.Fatal(err)
		}
		sleepPast(linger)
		if closed != 1 {
			t.Errorf("closed %d times", closed)
		}
	})
}

// sleepPast waits, in a bubble, until timers of this length have run.
func sleepPast(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

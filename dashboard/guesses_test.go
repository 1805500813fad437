package dashboard

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/layergateway/layergateway/access"
	"github.com/layergateway/layergateway/store"
)

// Who tries keys out has to wait, and who is logged in or comes from elsewhere does not.
func TestWrongKeysWait(t *testing.T) {
	s := newSite(t)
	now := noon
	s.o.Now = func() time.Time { return now }
	from := func(address string) func(*http.Request) {
		return func(r *http.Request) { r.RemoteAddr = address }
	}
	login := func(key, address string) *httptest.ResponseRecorder {
		return s.do(t, http.MethodPost, "/login", strings.NewReader(url.Values{"key": {key}, "back": {"keys"}}.Encode()), bare, from(address))
	}
	cookie := login(adminKey, "192.0.2.1:1").Result().Cookies()[0]
	for i := range guessBurst {
		if w := login("wrong", "192.0.2.1:1"); w.Code != http.StatusUnauthorized {
			t.Fatalf("wrong key %d: %d", i+1, w.Code)
		}
	}
	for _, key := range []string{"wrong", adminKey} {
		w := login(key, "192.0.2.1:2")
		if w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") != "10" || len(w.Result().Cookies()) != 0 {
			t.Errorf("one more, %s: %d %v", key, w.Code, w.Header())
		}
		wantAll(t, w.Body.String(), "Too many wrong admin keys", "try again in 10 s", `value="keys"`)
	}
	in := func(r *http.Request) { r.AddCookie(cookie) }
	if w := s.do(t, http.MethodGet, "/keys", nil, bare, in, from("192.0.2.1:1")); w.Code != http.StatusOK {
		t.Errorf("who is logged in: %d", w.Code)
	}
	if w := s.do(t, http.MethodGet, "/keys", nil, from("192.0.2.1:1")); w.Code != http.StatusOK {
		t.Errorf("a program with the key: %d", w.Code)
	}
	if w := login(adminKey, "192.0.2.2:1"); w.Code != http.StatusSeeOther {
		t.Errorf("from elsewhere: %d", w.Code)
	}
	now = now.Add(guessInterval)
	if w := login(adminKey, "192.0.2.1:1"); w.Code != http.StatusSeeOther {
		t.Errorf("after the wait: %d", w.Code)
	}

	// Programs, of which an IPv6 network is one.
	for i := range guessBurst {
		s.do(t, http.MethodGet, "/", nil, header("Authorization", "Bearer wrong"), from(fmt.Sprintf("[2001:db8::%x]:1", i)))
	}
	for path, want := range map[string]string{"/api/v1/gates": `"code":"rate_limit_exceeded"`, "/keys": "Too many wrong admin keys"} {
		w := s.do(t, http.MethodGet, path, nil, from("[2001:db8::ffff]:1"))
		if w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") != "10" || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d %v %s", path, w.Code, w.Header(), w.Body)
		}
	}
	if w := s.do(t, http.MethodGet, "/keys", nil, from("[2001:db8:0:1::1]:1")); w.Code != http.StatusOK {
		t.Errorf("another network: %d", w.Code)
	}
}

// Where all visitors seem to come from one place, who tries keys out keeps nobody out who has a key that nobody guesses;
// and he learns nothing sooner.
func TestRandomKeyNeedsNoWait(t *testing.T) {
	s := newSite(t)
	s.door.Client = func(*http.Request) string { return "" } // as on a Unix socket
	key := store.NewKeyText()
	hash := access.HashOf(key)
	s.door.Admin = &hash
	login := func(key string) int {
		return s.do(t, http.MethodPost, "/login", strings.NewReader("key="+key), bare).Code
	}
	program := func(key string) int {
		return s.do(t, http.MethodGet, "/keys", nil, header("Authorization", "Bearer "+key)).Code
	}
	for range guessBurst {
		login("wrong")
		program("wrong")
	}
	for _, wrong := range []string{"wrong", key[:len(key)-1], key[:len(key)-2], "x" + key, store.NewKeyText()} {
		if login(wrong) != http.StatusTooManyRequests || program(wrong) != http.StatusTooManyRequests {
			t.Errorf("%s has not to wait", wrong)
		}
	}
	if got := login(key); got != http.StatusSeeOther {
		t.Errorf("the login: %d", got)
	}
	if got := program(key); got != http.StatusOK {
		t.Errorf("a program: %d", got)
	}
}

func TestGuessersAreBounded(t *testing.T) {
	var g guesses
	at := func(i int) guesser {
		return guesser{from: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 32)}
	}
	for range guessBurst {
		g.wrong(at(0), noon)
	}
	for i := range 2 * maxGuessers {
		g.wrong(at(i+1), noon)
	}
	if len(g.free) != maxGuessers || g.wait(at(0), noon) == 0 {
		t.Errorf("%d are known, the worst waits %s", len(g.free), g.wait(at(0), noon))
	}
	g.wrong(at(1<<20), noon.Add(time.Hour))
	if len(g.free) != 1 {
		t.Errorf("%d are known when they have waited", len(g.free))
	}
}

func TestCookieIsSecure(t *testing.T) {
	s := newSite(t)
	for name, change := range map[string]func(*http.Request){
		"TLS": func(r *http.Request) { r.TLS = new(tls.ConnectionState) }, "TLS in front": header("X-Forwarded-Proto", "https"),
		"": func(*http.Request) {},
	} {
		w := s.do(t, http.MethodPost, "/login", strings.NewReader("key="+adminKey), bare, change)
		if c := w.Result().Cookies()[0]; c.Secure != (name != "") {
			t.Errorf("%s: secure is %v", name, c.Secure)
		}
	}
}

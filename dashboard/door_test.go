package dashboard

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/layergateway/layergateway/access"
)

func bare(r *http.Request) { r.Header.Del("Authorization") }

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func host(name string) func(*http.Request) { return func(r *http.Request) { r.Host = name } }

func TestDoor(t *testing.T) {
	s := newSite(t)
	s.fill(t, testRow(1))
	all := []func(*http.Request){}
	for _, row := range []struct {
		name, method, path string
		change             []func(*http.Request)
		want               int
	}{
		{"bearer", "GET", "/", all, 200},
		{"no login", "GET", "/", append(all, bare), 401},
		{"D72 no login, payload", "GET", "/requests/" + testRow(1).ID, append(all, bare), 401},
		{"no login, no such page", "GET", "/requests/none", append(all, bare), 401},
		{"no login, rows", "GET", "/requests.csv", append(all, bare), 401},
		{"no login, live", "GET", "/requests/live", append(all, bare), 401},
		{"no login, chat", "POST", "/gates/" + gateID + "/chat", append(all, bare), 401},
		{"no login, new key", "POST", "/keys", append(all, bare), 401},
		{"no login, API", "GET", "/api/v1/gates", append(all, bare), 401},
		{"wrong key", "GET", "/", append(all, header("Authorization", "Bearer layer_wrong")), 401},
		{"empty key", "GET", "/", append(all, header("Authorization", "Bearer ")), 401},
		{"the hash is not the key", "GET", "/", append(all, header("Authorization", "Bearer "+s.door.Admin.String())), 401},
		{"wrong cookie", "GET", "/", append(all, bare, header("Cookie", cookieName+"=00")), 401},
		{"API", "GET", "/api/v1/gates", all, 200},
		{"D70 foreign host", "GET", "/", append(all, host("evil.example")), 403},
		{"D70 foreign host without login", "GET", "/", append(all, bare, host("evil.example")), 403},
		{"D70 foreign host, assets", "GET", "/assets/app.js", append(all, host("evil.example")), 403},
		{"foreign host that begins like ours", "GET", "/", append(all, host("localhost.evil.example:3001")), 403},
		{"named host", "GET", "/", append(all, host("gateway.example")), 200},
		{"address", "GET", "/", append(all, host("192.0.2.1:3001")), 200},
		{"address of six", "GET", "/", append(all, host("[2001:db8::1]:3001")), 200},
		{"D70 foreign origin", "GET", "/", append(all, header("Origin", "https://evil.example")), 403},
		{"D70 foreign origin, change", "POST", "/keys", append(all, header("Origin", "https://evil.example")), 403},
		{"D70 origin null", "POST", "/keys", append(all, header("Origin", "null")), 403},
		{"cross-site form", "POST", "/logout", append(all, header("Sec-Fetch-Site", "cross-site")), 403},
		{"form of the same host, another port", "POST", "/logout", append(all, header("Sec-Fetch-Site", "same-site")), 403},
		{"own form", "POST", "/logout", append(all, header("Sec-Fetch-Site", "same-origin"), header("Origin", "http://localhost:3001")), 303},
		{"change by GET", "GET", "/keys/x/revoke", all, 404},
		{"chat by GET", "GET", "/gates/" + gateID + "/chat", all, 404},
		{"asset", "GET", "/assets/uPlot.LICENSE", append(all, bare), 200},
		{"no asset", "GET", "/assets/../dashboard.go", append(all, bare), 404},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := s.do(t, row.method, row.path, strings.NewReader(""), row.change...)
			if w.Code != row.want {
				t.Errorf("%d, want %d: %s", w.Code, row.want, w.Body)
			}
			for _, name := range []string{"Content-Security-Policy", "X-Content-Type-Options", "X-Frame-Options", "Referrer-Policy"} {
				if w.Header().Get(name) == "" {
					t.Errorf("the answer has no %s", name)
				}
			}
			if w.Code == 401 && strings.Contains(w.Body.String(), "claude") {
				t.Error("the answer tells what is inside")
			}
		})
	}
	if len(s.asked) != 0 {
		t.Errorf("the playground has asked: %v", s.asked)
	}
}

// A browser comes in with the key, is led where it wanted to go and nowhere else, and is out when it says so, when its
// time is over, or when the key is another one.
func TestLogin(t *testing.T) {
	s := newSite(t)
	login := func(key, back string) *http.Response {
		form := url.Values{"key": {key}, "back": {back}}
		return s.do(t, http.MethodPost, "/login", strings.NewReader(form.Encode()), bare).Result()
	}
	refused := login("wrong", "")
	refused.Body.Close()
	if refused.StatusCode != http.StatusUnauthorized || len(refused.Cookies()) != 0 {
		t.Errorf("a wrong key: %d %v", refused.StatusCode, refused.Cookies())
	}
	for back, want := range map[string]string{
		"": "./", "requests?gate=a": "./requests?gate=a", "//evil.example/keys": "./", "https://evil.example": "./",
		"javascript:alert(1)": "./", "\\evil.example": "./", "../../keys": "./", "keys/../../../x": "./", "elsewhere": "./",
	} {
		res := login(adminKey, back)
		res.Body.Close()
		if got := res.Header.Get("Location"); res.StatusCode != http.StatusSeeOther || got != want {
			t.Errorf("back to %q: %d to %q, want %q", back, res.StatusCode, got, want)
		}
	}
	open := func() *http.Cookie {
		res := login(adminKey, "")
		res.Body.Close()
		c := res.Cookies()[0]
		if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "" || strings.Contains(c.Value, adminKey) {
			t.Errorf("cookie: %v", c)
		}
		return c
	}
	with := func(c *http.Cookie) int {
		return s.do(t, http.MethodGet, "/keys", nil, bare, func(r *http.Request) { r.AddCookie(c) }).Code
	}
	first, second := open(), open()
	if with(first) != 200 || with(second) != 200 {
		t.Error("a login does not let in")
	}
	again := s.do(t, http.MethodGet, "/login", nil, bare, func(r *http.Request) { r.AddCookie(first) })
	if to := again.Header().Get("Location"); again.Code != http.StatusSeeOther || to != "./" {
		t.Errorf("the login's page for who is in: %d to %q", again.Code, to)
	}
	s.do(t, http.MethodPost, "/logout", nil, bare, func(r *http.Request) { r.AddCookie(first) })
	if with(first) != 401 || with(second) != 200 {
		t.Error("a logout ends another session than its own")
	}
	if s.door.Sessions.valid(second.Value, *s.door.Admin, noon.Add(sessionTime)) {
		t.Error("a session does not end")
	}
	other := access.HashOf("another admin key")
	s.door.Admin = &other
	if with(second) != 401 {
		t.Error("a session outlives its key")
	}
}

// A program is answered in its own language wherever it is turned away, and is led nowhere: the mount is not known here.
func TestProgramsAreToldInJSON(t *testing.T) {
	s := newSite(t)
	for _, row := range []struct {
		path   string
		change func(*http.Request)
		want   int
	}{
		{"/api/v1/gates", header("Origin", "https://evil.example"), 403}, {"/api/v1/gates", host("evil.example"), 403},
		{"/api/v1/gates", bare, 401}, {"/api", bare, 401},
	} {
		w := s.do(t, http.MethodGet, row.path, nil, row.change)
		if w.Code != row.want || w.Header().Get("Content-Type") != "application/json" || !strings.HasPrefix(w.Body.String(), `{"error":`) {
			t.Errorf("%s: %d %s", row.path, w.Code, w.Body)
		}
	}
	if w := s.get(t, "/api"); w.Code != http.StatusOK || w.Header().Get("Location") != "" {
		t.Errorf("/api: %d to %q", w.Code, w.Header().Get("Location"))
	}
}

func TestSessionsAreBounded(t *testing.T) {
	var s Sessions
	admin := access.HashOf(adminKey)
	first := s.begin(admin, noon)
	for i := range maxSessions {
		s.begin(admin, noon.Add(time.Duration(i+1)*time.Second))
	}
	if len(s.open) != maxSessions || s.valid(first, admin, noon) {
		t.Errorf("%d sessions, the first still there: %v", len(s.open), s.valid(first, admin, noon))
	}
}

package dashboard

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/layergateway/layergateway/access"
	"github.com/layergateway/layergateway/openai"
)

// Door decides who may see the pages.
type Door struct {
	// Admin is the hash of the key that lets in; nil lets in everybody, because somebody else stands in front.
	Admin *access.Hash
	// Sessions are those of browsers that came with the key. They outlive a reload. Required with Admin.
	Sessions *Sessions
	// Named reports whether the configuration names the host of a request. Required.
	Named func(*http.Request) bool
}

const (
	cookieName  = "layer_dashboard"
	sessionTime = 12 * time.Hour
	maxSessions = 1000
	maxForm     = 64 << 10
)

var crossOrigin = http.NewCrossOriginProtection()

// check refuses what a stranger's page makes a browser send: one under a name of its own that points here, and one that
// sends forms and scripts across.
func (d *Door) check(r *http.Request) error {
	if !isAddress(r.Host) && !d.Named(r) {
		return errors.New("this host name is not one of the site's: open the dashboard by an IP address, by localhost, or by a name that the Caddyfile gives the site")
	}
	if err := crossOrigin.Check(r); err != nil {
		return errors.New("the request comes from another site")
	}
	if origin := r.Header.Get("Origin"); origin != "" && r.Header.Get("Sec-Fetch-Site") != "same-origin" {
		if u, err := url.Parse(origin); err != nil || !strings.EqualFold(u.Host, r.Host) {
			return errors.New("the request comes from another site")
		}
	}
	return nil
}

// isAddress reports whether a host is one that no stranger can make point here.
func isAddress(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.Trim(host, "[]"))
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || net.ParseIP(host) != nil
}

// admits reports whether the request comes with the key, or from a browser that did.
func (d *Door) admits(r *http.Request, now time.Time) bool {
	if d.Admin == nil {
		return true
	}
	if scheme, key, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "bearer") {
		return d.fits(strings.TrimSpace(key))
	}
	cookie, err := r.Cookie(cookieName)
	return err == nil && d.Sessions.valid(cookie.Value, *d.Admin, now)
}

func (d *Door) fits(key string) bool {
	hash := access.HashOf(key)
	return subtle.ConstantTimeCompare(hash[:], d.Admin[:]) == 1
}

// Sessions are the browsers that are logged in. The zero value is ready; it is safe for concurrent use.
type Sessions struct {
	mu   sync.Mutex
	open map[[sha256.Size]byte]session // by the hash of what the cookie has
}

type session struct {
	admin access.Hash // the key that it was opened with: another one ends it
	until time.Time
}

// begin opens a session and returns its cookie's value.
func (s *Sessions) begin(admin access.Hash, now time.Time) string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // it never fails
	token := hex.EncodeToString(b[:])
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		s.open = make(map[[sha256.Size]byte]session)
	}
	var oldest [sha256.Size]byte
	for id, other := range s.open {
		if !now.Before(other.until) {
			delete(s.open, id)
		} else if first, ok := s.open[oldest]; !ok || other.until.Before(first.until) {
			oldest = id
		}
	}
	if len(s.open) >= maxSessions {
		delete(s.open, oldest)
	}
	s.open[sha256.Sum256([]byte(token))] = session{admin, now.Add(sessionTime)}
	return token
}

func (s *Sessions) valid(token string, admin access.Hash, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.open[sha256.Sum256([]byte(token))]
	return ok && now.Before(found.until) && found.admin == admin
}

func (s *Sessions) end(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, sha256.Sum256([]byte(token)))
}

// turnAway asks a person for the key, and tells a program that it lacks it.
func (h *Handler) turnAway(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("WWW-Authenticate", "Bearer")
	if strings.HasPrefix(r.URL.Path, "/api/") {
		(&openai.Error{
			Status: http.StatusUnauthorized, Type: openai.TypeInvalidRequest, Code: "invalid_api_key",
			Message: "this needs the dashboard's admin_key, as Authorization: Bearer <key>",
		}).Write(w)
		return
	}
	back := ""
	if r.Method == http.MethodGet {
		back = strings.TrimPrefix(r.URL.RequestURI(), "/")
	}
	h.loginForm(w, r, back, "")
}

type loginPage struct{ Back, Problem string }

func (h *Handler) loginForm(w http.ResponseWriter, r *http.Request, back, problem string) {
	h.render(w, r, http.StatusUnauthorized, "login", "Log in", loginPage{back, problem})
}

// login opens a session for who knows the key.
func (h *Handler) login(w http.ResponseWriter, r *http.Request) {
	if h.o.Door.Admin == nil {
		redirect(w, "./")
		return
	}
	if r.Method != http.MethodPost {
		h.loginForm(w, r, "", "")
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	back := r.PostFormValue("back")
	if !h.o.Door.fits(r.PostFormValue("key")) {
		h.o.Log.Warn("somebody tried to log in with a wrong admin_key", zap.String("remote", r.RemoteAddr))
		h.loginForm(w, r, back, "This is not the admin key.")
		return
	}
	// Without a path the cookie is for where the dashboard is mounted.
	http.SetCookie(w, &http.Cookie{
		Name: cookieName, Value: h.o.Door.Sessions.begin(*h.o.Door.Admin, h.o.Now()),
		MaxAge: int(sessionTime / time.Second), HttpOnly: true, Secure: r.TLS != nil, SameSite: http.SameSiteStrictMode,
	})
	redirect(w, inside(back))
}

func (h *Handler) logout(w http.ResponseWriter, r *http.Request) {
	if cookie, err := r.Cookie(cookieName); err == nil && h.o.Door.Admin != nil {
		h.o.Door.Sessions.end(cookie.Value)
	}
	http.SetCookie(w, &http.Cookie{Name: cookieName, MaxAge: -1, HttpOnly: true, Secure: r.TLS != nil, SameSite: http.SameSiteStrictMode})
	redirect(w, "./")
}

// inside is where to go after the login: one of the pages, whatever the form says.
func inside(back string) string {
	u, err := url.Parse(back)
	if err != nil || u.Scheme != "" || u.Host != "" || u.Opaque != "" || back == "" || !Serves(u.Path) ||
		strings.ContainsAny(back, "\\\r\n") || strings.HasPrefix(back, "/") || strings.Contains(u.Path, "..") {
		return "./"
	}
	return "./" + back
}

// redirect goes to another page after a form. The place is relative to the one that the browser sees, of which the
// mount's prefix is not known here.
func redirect(w http.ResponseWriter, to string) {
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusSeeOther)
}
